"""Everything here runs in asyncio's debug mode, and no item goes where the table of `thumbnails.item` has no way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omero_ms_thumbnail.thumbnails.item import FOLLOWING, Item, ItemState
from tests.support.asyncio_debug import asyncio_debug_mode as asyncio_debug_mode


@pytest.fixture(autouse=True)
def every_item_goes_by_the_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    strayed: list[str] = []
    goes = Item.becomes

    def becomes(item: Item, state: ItemState) -> None:
        if state is not item.state and state not in FOLLOWING[item.state]:
            strayed.append(f"{item!r} cannot be {state.value}")
        if item.done.done():
            strayed.append(f"{item!r} is over, and is {state.value}")
        goes(item, state)

    monkeypatch.setattr(Item, "becomes", becomes)
    yield
    assert not strayed
