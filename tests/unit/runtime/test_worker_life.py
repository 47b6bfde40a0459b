"""A worker's start and end, as Granian's own lifespan protocol brings them about, in either event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from granian.asgi import LifespanProtocol

from omero_ms_thumbnail import server
from omero_ms_thumbnail.config import ConfigError, Settings, load_settings
from omero_ms_thumbnail.runtime.worker_ports import OwnPorts
from omero_ms_thumbnail.server import Service

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "config.yaml"
    file.write_text("session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\n")
    return load_settings(file, {})


@pytest.fixture
def main_process(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "supervisor"))
        listener.listen()
        listener.settimeout(30)
        yield listener


@LOOPS
def test_a_worker_reports_itself_when_granian_lets_its_loop_go_on(
    settings: Settings,
    tmp_path: Path,
    main_process: socket.socket,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    loop = new_loop()
    service = Service(settings, shared_folder=tmp_path)
    life = LifespanProtocol(service)
    loop.run_until_complete(life.startup())
    assert not life.interrupt
    # here Granian makes the socket that it listens on; who hears of the worker sooner could be refused
    main_process.setblocking(False)
    with pytest.raises(BlockingIOError):
        main_process.accept()
    main_process.settimeout(30)
    connection, _ = loop.run_until_complete(loop.run_in_executor(None, main_process.accept))
    loop.run_until_complete(life.shutdown())
    connection.close()
    assert not life.errored
    loop.close()


def test_a_worker_leaves_omero_when_its_own_port_is_closed(
    settings: Settings, tmp_path: Path, main_process: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []

    class Port:
        def __init__(self, *_: object) -> None:
            pass

        async def open(self) -> None:
            happened.append("opened")

        async def close(self) -> None:
            happened.append("closed")

    class Leaving(Service):
        async def stop(self) -> None:
            happened.append("left")
            await super().stop()

    async def live() -> None:
        life = LifespanProtocol(Leaving(settings, shared_folder=tmp_path, own_ports=ports))
        await life.startup()
        assert not life.interrupt
        await life.shutdown()

    monkeypatch.setattr(server, "OwnPort", Port)
    ports = OwnPorts("127.0.0.1", range(1, 2), connections=1, backlog=1, log_config={})
    asyncio.run(live())
    assert happened == ["opened", "closed", "left"]


@pytest.mark.parametrize(
    ("error", "has_traceback"), [(ConfigError(["cache: nothing"]), False), (ZeroDivisionError("nought"), True)]
)
def test_a_worker_that_cannot_start_says_why_and_does_not_serve(
    settings: Settings, caplog: pytest.LogCaptureFixture, error: Exception, has_traceback: bool
) -> None:
    class Failing(Service):
        async def start(self) -> None:
            raise error

    life = LifespanProtocol(Failing(settings))
    # Granian gives its logger a level of its own
    with caplog.at_level(logging.ERROR, logger="_granian"):
        asyncio.run(life.startup())
    # for which Granian ends the worker
    assert life.interrupt
    assert f"a worker cannot start: {error}" in caplog.text
    assert ("Traceback" in caplog.text) is has_traceback


def test_a_worker_that_cannot_leave_has_ended_all_the_same(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class Staying(Service):
        async def stop(self) -> None:
            await super().stop()
            raise ZeroDivisionError("nought")

    async def live() -> None:
        life = LifespanProtocol(Staying(settings))
        await life.startup()
        await life.shutdown()

    asyncio.run(live())
    assert "a worker could not leave as it should" in caplog.text
    assert "ZeroDivisionError: nought" in caplog.text
