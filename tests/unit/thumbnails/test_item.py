"""An item, a scheduler: what they say of themselves to a person who reads a log or a debugger."""

from __future__ import annotations

import asyncio

from omero_ms_thumbnail.thumbnails.item import FOLLOWING, Item, ItemState, wanted
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest
from tests.unit.thumbnails.model_session import Asker
from tests.unit.thumbnails.test_true_to_omero import stage_of


def new_item() -> Item:
    return Item(ThumbnailRequest(7, 96), asyncio.get_running_loop().create_future(), waiters=2)


async def test_an_item_says_where_it_is_and_how_it_ended() -> None:
    item = new_item()
    assert repr(item) == "<Item image 7 at 96: asked about, 2 wait>"
    item.becomes(ItemState.LOOKED_FOR)
    item.becomes(ItemState.LINED_UP)
    assert repr(item) == "<Item image 7 at 96: lined up, 2 wait>"
    item.becomes(ItemState.ON_ITS_WAY)
    item.becomes(ItemState.HAD)
    item.done.set_result(Thumbnail(b"jpeg"))
    assert repr(item) == "<Item image 7 at 96: had, answered, 2 wait>"
    failed, given_up = new_item(), new_item()
    failed.done.set_exception(ValueError())
    given_up.waiters = 0
    assert wanted([failed, given_up]) == [failed]
    assert repr(failed) == "<Item image 7 at 96: asked about, failed, 2 wait>"
    assert repr(given_up) == "<Item image 7 at 96: asked about, given up, 0 wait>"


def test_every_state_has_its_line() -> None:
    assert set(FOLLOWING) == set(ItemState)
    assert set().union(*FOLLOWING.values()) == set(ItemState)


async def test_a_scheduler_says_what_is_on_its_way() -> None:
    async with Asker(stage_of("rwrw--", ["owner saves red"], ["owner saves red"]), "owner") as owner:
        assert repr(owner.work) == "<ThumbnailScheduler: nothing on its way; 0 had and to be confirmed>"
        asking = asyncio.create_task(owner.see(0, 1))
        await asyncio.sleep(0)
        assert repr(owner.work) == "<ThumbnailScheduler: 2 asked about; 0 had and to be confirmed>"
        while "on its way;" not in repr(owner.work) or "2 on" not in repr(owner.work):
            await asyncio.sleep(0)
        assert repr(owner.work) == "<ThumbnailScheduler: 2 on its way; 0 had and to be confirmed>"
        await asking
        assert "nothing on its way" in repr(owner.work)
