"""Joining where OMERO takes its time: what the connection tells while nothing has been answered yet."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.ice.messages import VALIDATE_CONNECTION_BYTES
from omero_ms_thumbnail.omero import session
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer


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
