"""What is remembered, and for how long. With a real Redis: test_redis_log_out.py."""

from __future__ import annotations

import asyncio
import time

import pytest

from omero_ms_thumbnail.websession import (
    CachedSessionStore,
    SessionStoreUnavailable,
    WebSession,
)

ID = "abcdefgh01234567"
FOREVER = 1e9


class Asked:
    """A store that says what it is told to, and counts."""

    def __init__(self) -> None:
        self.times = 0
        self.answer: WebSession | None = WebSession("key")
        self.error: SessionStoreUnavailable | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, session_id: str) -> WebSession | None:
        self.times += 1
        answer, error = self.answer, self.error
        await self.gate.wait()
        if error:
            raise error
        return answer

    async def ping(self) -> None:
        self.times += 1

    async def close(self) -> None:
        self.times += 1

    def describe(self) -> str:
        return "asked"


async def test_a_page_costs_one_read() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=FOREVER)
    found = await asyncio.gather(*(store.get(ID) for _ in range(100)))
    assert set(found) == {WebSession("key")}
    assert await store.get(ID) == WebSession("key")
    assert asked.times == 1


async def test_each_session_is_its_own() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=FOREVER)
    for number in range(3):
        asked.answer = WebSession(f"key {number}")
        assert await store.get(f"{ID}{number}") == asked.answer
    assert await store.get(f"{ID}0") == WebSession("key 0")


async def test_it_is_read_again_after_a_while() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=0.0)
    await store.get(ID)
    await store.get(ID)
    assert asked.times == 2


async def test_its_own_end_is_kept() -> None:
    asked = Asked()
    asked.answer = WebSession("key", expires=time.time() - 0.001)
    store = CachedSessionStore(asked, max_age=FOREVER)
    await store.get(ID)
    await store.get(ID)
    assert asked.times == 2
    asked.answer = WebSession("key", expires=time.time() + 1000)
    await store.get(ID)
    await store.get(ID)
    assert asked.times == 3


async def test_neither_nobody_nor_trouble_is_remembered() -> None:
    asked = Asked()
    asked.answer = None
    store = CachedSessionStore(asked, max_age=FOREVER)
    assert await store.get(ID) is None
    asked.error = SessionStoreUnavailable("down")
    with pytest.raises(SessionStoreUnavailable, match="down"):
        await store.get(ID)
    asked.error, asked.answer = None, WebSession("key")
    assert await store.get(ID) == WebSession("key")


async def test_trouble_is_everybodys_who_asks_meanwhile() -> None:
    asked = Asked()
    asked.error = SessionStoreUnavailable("down")
    asked.gate.clear()
    store = CachedSessionStore(asked)
    waiting = [asyncio.ensure_future(store.get(ID)) for _ in range(3)]
    await asyncio.sleep(0)
    asked.gate.set()
    assert [type(answer) for answer in await asyncio.gather(*waiting, return_exceptions=True)] == [
        SessionStoreUnavailable
    ] * 3
    assert asked.times == 1


async def test_whoever_goes_away_leaves_the_read_to_the_others() -> None:
    asked = Asked()
    asked.gate.clear()
    store = CachedSessionStore(asked)
    first, second = (asyncio.ensure_future(store.get(ID)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    asked.gate.set()
    assert await second == WebSession("key")
    assert asked.times == 1


async def test_a_read_that_the_stores_own_client_gives_up_is_trouble_and_no_cancellation_of_who_asks() -> None:
    store = Asked()
    store.gate.clear()
    cached = CachedSessionStore(store)
    asking = [asyncio.create_task(cached.get(ID)) for _ in range(2)]
    while not store.times:
        await asyncio.sleep(0)
    cached._readings[ID].task.cancel()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SessionStoreUnavailable] * 2
    assert "The asked was not read to the end" in str(outcomes[0])
    await cached.close()


async def test_no_read_goes_on_when_the_store_is_closed() -> None:
    events: list[str] = []

    class Slow(Asked):
        async def get(self, session_id: str) -> WebSession | None:
            events.append("asked")
            try:
                await asyncio.Event().wait()
            finally:
                # as a connection takes a moment to be closed
                await asyncio.sleep(0)
                events.append("given up")
            return None

        async def close(self) -> None:
            events.append("closed")

    # whoever comes late gets a read of their own
    store = CachedSessionStore(Slow(), max_age=-1.0)
    waiting = [asyncio.ensure_future(store.get(ID))]
    await asyncio.sleep(0)
    waiting.append(asyncio.ensure_future(store.get(ID)))
    while events != ["asked", "asked"]:
        await asyncio.sleep(0)
    await store.close()
    assert events == ["asked", "asked", "given up", "given up", "closed"]
    given_up = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in given_up] == [SessionStoreUnavailable] * 2


async def test_a_read_that_takes_long_is_not_shared_with_whoever_comes_late() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=-1.0)
    asked.gate.clear()
    waiting = [asyncio.ensure_future(store.get(ID)) for _ in range(2)]
    await asyncio.sleep(0)
    asked.gate.set()
    await asyncio.gather(*waiting)
    assert asked.times == 2


async def test_it_remembers_only_so_many() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=FOREVER, sessions_max=3)
    for number in range(5):
        await store.get(f"{ID}{number}")
    assert len(store._entries) == 3
    for number in (4, 3, 2):
        await store.get(f"{ID}{number}")
    assert asked.times == 5
    await store.get(f"{ID}0")
    assert asked.times == 6


async def test_what_is_over_goes_with_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    store = CachedSessionStore(Asked())
    for number in range(20):
        await store.get(f"{ID}{number}")
    now += 61.0
    for number in range(100, 106):
        await store.get(f"{ID}{number}")
    assert len(store._entries) == 20 - 12 + 6
    for number in range(106, 112):
        await store.get(f"{ID}{number}")
    assert len(store._entries) == 12


async def test_ping_close_and_describe_are_the_stores() -> None:
    asked = Asked()
    store = CachedSessionStore(asked)
    await store.ping()
    await store.close()
    assert (asked.times, store.describe()) == (2, "asked")
