"""What `check` says where OMERO lets nobody in: what it means, and never the key that OMERO quotes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omero_ms_thumbnail.ice.types import UserException
from tests.unit.check.site import SESSION_KEY, Site
from tests.unit.omero.refusals import IN_A_CALL, NOT_NOW, UNKNOWN, cannot_read, saying, throwing


@pytest.mark.parametrize(
    ("refusal", "code", "found"),
    [
        (UNKNOWN[0], "omero-session-ended", "does not know this session"),
        (NOT_NOW[0], "omero-behind-router", "not the OMERO.server behind it"),
        (NOT_NOW[2], "omero-behind-router", "Exception thrown while checking password"),
        (NOT_NOW[6], "omero-not-let-in", "nothing against its key"),
        (NOT_NOW[7], "omero-behind-router", "is starting"),
        (NOT_NOW[8], "omero-behind-router", "try again later"),
    ],
)
def test_each_refusal_is_named(site: Site, refusal: Callable[[str], UserException], code: str, found: str) -> None:
    # that no secret is in what it prints is asserted wherever it is run
    with saying(site.omero.omero, refusal):
        checked = site.check()
    assert checked.failed == [code]
    assert found in checked.step("join")["found"]


@pytest.mark.parametrize("operation", ["getEventContext", "projection", "getThumbnail"])
@pytest.mark.parametrize("thrown", [IN_A_CALL[0], cannot_read])
def test_what_omero_throws_to_one_who_is_in_is_not_quoted(
    site: Site, operation: str, thrown: Callable[[str], UserException]
) -> None:
    with throwing(site.omero.omero, operation, lambda: thrown(SESSION_KEY)):
        checked = site.check()
    assert len(checked.failed) == 1
