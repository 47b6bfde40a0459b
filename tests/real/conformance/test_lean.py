"""The lean stand-in, at which rates are measured, answers as the other one does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.omero.session import GROUP, JoinedSession, OmeroServer
from omero_ms_thumbnail.thumbnails import pixels as pixels_of_images
from omero_ms_thumbnail.thumbnails import single
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from tests.real.conformance.harness import ALICE, ALICE_KEY, LAB, PRIVATE, WORLD, OmeroStandin, pixels
from tests.real.conformance.standin.pictures import what_is_shown
from tests.support.parts import require


@pytest.fixture(scope="module")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OmeroStandin]:
    python, router = require("omero-py (Python 3.10)"), require("glacier2router")
    standin = OmeroStandin(python, router, tmp_path_factory.mktemp("lean"), lean=True)
    yield standin
    standin.stop()


async def test_facts_sets_and_single_thumbnails(lean: OmeroStandin) -> None:
    lean.reset(WORLD)
    router = lean.self_signed
    session = await JoinedSession.join(OmeroServer(router.host, router.port, client_context()), ALICE_KEY)
    # 22 is of somebody else in a private group, 999 of nobody
    found = await pixels_of_images.ask(session, [11, 12, 21, 22, 999], user_id=ALICE, size=96)
    assert sorted(found) == [11, 12, 21]
    assert (found[12].pixels_id, found[12].group_id, found[21].group_id) == (pixels(12), LAB, PRIVATE)
    async with session.stores.lend() as store:
        asked = [pixels(11), pixels(12), pixels(21), pixels(22)]
        pictures = await store.get_thumbnail_by_longest_side_set(96, asked, {GROUP: str(LAB)})
        shown: dict[int, dict[str, Any]] = {one: what_is_shown(jpeg) for one, jpeg in pictures.items()}
        # what is in another group, or not to be read, is not in it
        assert {one: its["image"] for one, its in shown.items()} == {pixels(11): 11, pixels(12): 12}
        assert (shown[pixels(12)]["width"], shown[pixels(12)]["height"]) == (96, 48)
        # as large as OMERO's, since bytes cost too
        assert all(2_500 < len(jpeg) < 3_500 for jpeg in pictures.values())
    async with session.stores.lend() as store:
        alone = await single.render_one(session, store, found[11], ThumbnailRequest(11, 96), is_direct=True)
        assert alone.jpeg == pictures[pixels(11)]
    calls = lean.stats()["calls"]
    assert calls["projection"] == calls["getThumbnailByLongestSideSet"] == 1
    await session.leave(5)
