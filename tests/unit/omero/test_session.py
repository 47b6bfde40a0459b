"""One joined session: joining where OMERO takes its time, and leaving while somebody waits for something of it."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.ice.errors import ConnectionManuallyClosedException, IceException
from omero_ms_thumbnail.ice.messages import VALIDATE_CONNECTION_BYTES
from omero_ms_thumbnail.omero import calls, session
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from tests.hard.faults.relay import Relay
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of, server_of, small_omero


async def test_heartbeats_go_out_while_omero_has_not_let_anybody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_JOINING_HEARTBEAT", 0.01)
    heartbeats = asyncio.get_running_loop().create_future()

    async def answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(VALIDATE_CONNECTION_BYTES)
        try:
            await reader.readuntil(VALIDATE_CONNECTION_BYTES)
            await reader.readexactly(len(VALIDATE_CONNECTION_BYTES))
            heartbeats.set_result(None)
        finally:
            writer.close()

    silent = await asyncio.start_server(answer_nothing, "127.0.0.1", 0)
    async with silent:
        host, port = silent.sockets[0].getsockname()
        joining = asyncio.create_task(JoinedSession.join(OmeroServer(host, port, None), "key"))
        await asyncio.wait_for(heartbeats, 10)
        with pytest.raises(IceException, match="lost"):
            await joining


async def test_who_waits_for_a_service_of_a_session_that_is_left_is_told() -> None:
    async with small_omero() as omero:
        joined = await JoinedSession.join(server_of(omero), key_of(omero))
        asking = [
            asyncio.create_task(joined.projection("select i.id from Image i", {})),
            asyncio.create_task(joined.event_context()),
        ]
        # both have sent their first request, and nothing has been answered
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await joined.leave(LEAVE_WITHIN)
        outcomes = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 10)
        assert [type(outcome) for outcome in outcomes] == [ConnectionManuallyClosedException] * 2


async def test_who_is_cancelled_while_waiting_for_a_service_is_cancelled() -> None:
    async with small_omero() as omero:
        joined = await JoinedSession.join(server_of(omero), key_of(omero))
        asking = asyncio.create_task(joined.event_context())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await joined.event_context()).userName == "researcher"
        await joined.leave(LEAVE_WITHIN)


async def test_a_connection_on_which_not_even_the_router_answers_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_PING_TIMEOUT", 0.1)
    async with small_omero() as omero, Relay(omero.tcp_port).running() as relay:
        joined = await JoinedSession.join(OmeroServer("127.0.0.1", relay.port, None), key_of(omero))
        # nothing comes through any more, and neither side knows
        relay.delay = 3600
        asking = asyncio.create_task(joined.projection("select i.id from Image i", {}))
        joined.check_connection()
        joined.check_connection()
        await asyncio.wait_for(joined.wait_closed(), 10)
        with pytest.raises(ConnectionManuallyClosedException):
            await asyncio.wait_for(asking, 10)
        assert not joined.is_active
        await joined.leave(LEAVE_WITHIN)


async def test_one_on_which_it_does_answer_is_kept() -> None:
    async with small_omero() as omero:
        joined = await JoinedSession.join(server_of(omero), key_of(omero))
        joined.check_connection()
        assert joined.calls._ping is not None
        await asyncio.wait_for(asyncio.shield(joined.calls._ping), 10)
        assert joined.is_active
        assert (await joined.event_context()).userName == "researcher"
        await joined.leave(LEAVE_WITHIN)
