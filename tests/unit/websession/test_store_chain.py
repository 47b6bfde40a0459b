"""Stores tried in order: whoever knows a session counts, and nobody is refused while one that may know is down."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.websession import (
    MemorySessionStore,
    PostgresSessionStore,
    RedisSessionStore,
    SessionStore,
    SessionStoreChain,
    SessionStoreUnavailable,
    WebSession,
)
from tests.unit.websession.redis_server import free_port

ID = "abcdefgh01234567"
ONE, TWO = WebSession("one"), WebSession("two")


def down_redis() -> RedisSessionStore:
    return RedisSessionStore(f"redis://127.0.0.1:{free_port()}", timeout=30)


def down_postgres() -> PostgresSessionStore:
    return PostgresSessionStore(f"postgresql://u@127.0.0.1:{free_port()}/d", timeout=30)


def knowing(session: WebSession) -> MemorySessionStore:
    return MemorySessionStore({ID: session})


async def got(*stores: SessionStore) -> WebSession | None:
    chain = SessionStoreChain(stores)
    try:
        return await chain.get(ID)
    finally:
        await chain.close()


async def test_the_first_that_knows_counts() -> None:
    assert await got(knowing(ONE), knowing(TWO)) == ONE
    assert await got(MemorySessionStore(), knowing(TWO)) == TWO
    assert await got(MemorySessionStore(), MemorySessionStore()) is None


async def test_one_that_is_down_does_not_hide_what_another_knows() -> None:
    assert await got(down_redis(), knowing(TWO)) == TWO
    assert await got(knowing(ONE), down_postgres()) == ONE


async def test_nobody_is_refused_while_one_is_down() -> None:
    with pytest.raises(SessionStoreUnavailable, match="Redis at"):
        await got(down_redis(), MemorySessionStore())
    with pytest.raises(SessionStoreUnavailable, match="PostgreSQL at"):
        await got(MemorySessionStore(), down_postgres())
    with pytest.raises(SessionStoreUnavailable, match=r"Redis at .* PostgreSQL at"):
        await got(down_redis(), down_postgres())


async def test_ping_asks_every_store() -> None:
    chain = SessionStoreChain([knowing(ONE), down_redis(), down_postgres()])
    with pytest.raises(SessionStoreUnavailable, match=r"Redis at .* PostgreSQL at"):
        await chain.ping()
    assert ", then Redis at 127.0.0.1:" in chain.describe()
    await chain.close()
    await SessionStoreChain([knowing(ONE)]).ping()


def test_a_chain_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="needs a store"):
        SessionStoreChain([])
