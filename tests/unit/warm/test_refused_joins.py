"""What `warm` says where OMERO lets nobody in, and never the key that OMERO quotes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omero_ms_thumbnail.ice.types import UserException
from tests.unit.omero.refusals import IN_A_CALL, NOT_NOW, UNKNOWN, cannot_read, saying, throwing
from tests.unit.warm.conftest import SESSION_KEY, Bench


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (UNKNOWN[0], "the session key is not known, or its session has ended"),
        (NOT_NOW[2], "Exception thrown while checking password"),
        (NOT_NOW[6], "nothing against its key"),
        (NOT_NOW[8], "try again later"),
    ],
)
def test_each_refusal_is_named(bench: Bench, refusal: Callable[[str], UserException], said: str) -> None:
    # that no secret is in what it prints is asserted wherever it is run
    with saying(bench.omero.omero, refusal):
        ended = bench.run("Image:101")
    assert ended.returncode != 0
    assert said in ended.stdout + ended.stderr


@pytest.mark.parametrize("operation", ["projection", "getThumbnail"])
@pytest.mark.parametrize("thrown", [IN_A_CALL[0], cannot_read])
def test_what_omero_throws_to_one_who_is_in_is_not_quoted(
    bench: Bench, operation: str, thrown: Callable[[str], UserException]
) -> None:
    image = bench.omero.readable("researcher")[0]
    with throwing(bench.omero.omero, operation, lambda: thrown(SESSION_KEY)):
        ended = bench.run(f"Image:{image}")
    assert ended.returncode != 0
