"""A read that fails leaves nothing behind that only the garbage collector can free: an outage is thousands of them."""

from __future__ import annotations

import asyncio
import gc
import weakref

from omero_ms_thumbnail.websession import CachedSessionStore, SessionStoreUnavailable, WebSession


class Down:
    """A store that cannot be reached."""

    async def get(self, session_id: str) -> WebSession | None:
        await asyncio.sleep(0)
        raise SessionStoreUnavailable(session_id)

    async def ping(self) -> None: ...

    async def close(self) -> None: ...

    def describe(self) -> str:
        return "down"


async def _trouble(store: CachedSessionStore) -> weakref.ref[BaseException]:
    try:
        await store.get("abcdefgh01234567")
    except SessionStoreUnavailable as trouble:
        return weakref.ref(trouble)
    raise AssertionError("it was reached")


async def test_trouble_goes_when_everybody_has_been_told() -> None:
    store = CachedSessionStore(Down())
    gc.disable()
    try:
        troubles = await asyncio.gather(*(_trouble(store) for _ in range(3)))
        for _ in range(3):
            await asyncio.sleep(0)
        assert all(trouble() is None for trouble in troubles)
    finally:
        gc.enable()
