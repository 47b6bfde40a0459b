"""The composition root: settings become parts, parts become the application; start-up and shutdown.

The only module, besides the command line, that knows all rooms.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from .config import ConfigError, ServerId, Settings, names
from .one_omero import OneOmero
from .parts import session_store, tracer, worker_ports
from .preflight import CannotServe, begin_logging, folder_of_workers, preflight, url, with_ports
from .runtime.process import collect_garbage_less_often, end_with_starter, raise_open_files
from .runtime.sd_notify import ServiceManager
from .runtime.supervisor import Supervisor, follow_supervisor
from .runtime.worker_ports import OwnPort, OwnPorts, PortTaken
from .tasks import TaskSet
from .telemetry.log import LoggingFailed, LogOptions, reopen_files, start_logging
from .telemetry.observer import Telemetry
from .telemetry.spans import of_session_store
from .thumbnails.service import Thumbnails
from .version import VERSION
from .visitors import public_user
from .web.application import Application
from .web.asgi import Receive, Scope, Send
from .web.auth import Authenticator
from .web.cors import CrossOrigin
from .web.demo_pages import DemoPages
from .web.health import Health
from .web.openapi import Access, describe
from .web.parsing import RequestLimits
from .web.thumbnail_pages import ThumbnailPages
from .websession import SessionUnreadable, WebSession
from .websession.plain_operations import prepare_when_needed

log: Final = logging.getLogger(__name__)

#: seconds that a readiness probe waits for each part
_PROBE_TIMEOUT: Final = 3.0

#: seconds that leaving OMERO may take when the service stops
_LEAVE_TIMEOUT: Final = 5.0

#: seconds more, after which a worker that is to end is killed
_KILL_DELAY: Final = 2.0

#: in the folder that workers share: where they hear from the main process
_SUPERVISOR: Final = "supervisor"

#: connections of clients that a worker accepts at most; others wait in the system's queue
_CONNECTIONS_MAX: Final = 8_192
#: connections that the system keeps until a worker accepts them, as far as it does (``net.core.somaxconn``)
_BACKLOG: Final = 4_096

#: Granian's own loggers go where all others go
_GRANIAN_LOGGING: Final = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo adds: its page, sessions of its users by session id, and what to print once it serves.

    is_stored says that the sessions are in the settings' session store, as OMERO.web's would be, instead of in memory.
    """

    gallery: DemoPages
    sessions: dict[str, WebSession] = field(repr=False)
    announcement: str = field(repr=False)
    is_stored: bool = False


class Service:
    """One worker: an ASGI application that Granian tells of its own start and end, too (the lifespan protocol)."""

    def __init__(
        self,
        settings: Settings,
        demo: Demo | None = None,
        *,
        logs: LogOptions | None = None,
        shared_folder: Path | None = None,
        own_ports: OwnPorts | None = None,
    ) -> None:
        self._logs = logs
        self._shared_folder = shared_folder
        self._own_ports = own_ports
        self._own_port: OwnPort | None = None
        self._settings = settings
        self._demo = demo
        self._background: TaskSet[None] = TaskSet()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Answer one request, or live from the worker's start to its end."""
        if scope["type"] == "lifespan":
            return self._live(receive, send)
        return self._application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        # Granian's own task runs the event loop until the start is over
        starting = asyncio.all_tasks() - {asyncio.current_task()}
        try:
            await self.start()
            if self._own_port is not None:
                await self._own_port.open()
        except Exception as error:
            if not isinstance(error, (ConfigError, LoggingFailed, PortTaken)):
                log.exception("what follows is a fault of this service, or of this machine")
            await send({"type": "lifespan.startup.failed", "message": f"a worker cannot start: {error}"})
            return
        if self._shared_folder is not None:
            self._background.start(self._report(starting, self._shared_folder / _SUPERVISOR))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            if self._own_port is not None:
                await self._own_port.close()
            await self.stop()
        except Exception:
            log.exception("a worker could not leave as it should")
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Make the parts, before the first request."""
        end_with_starter()
        settings = self._settings
        if self._own_ports is not None and self._shared_folder is not None:
            self._own_port = OwnPort(self, self._own_ports, self._shared_folder)
        if self._logs is not None:
            # the handlers of the parent process may have come here with its memory, but not its files and locks
            start_logging(self._logs)
        self._store = session_store(settings, _in_memory(self._demo))
        self._omeros: dict[int, OneOmero] = {}
        self._public = public_user(settings, self._shared_folder)
        self._telemetry = Telemetry(
            VERSION,
            folder=self._shared_folder,
            access_log_wanted=settings.access_log,
            has_shared_cache=bool(
                settings.cache.by_content and settings.cache.picture_life and settings.cache.redis_uri
            ),
            tracer=tracer(settings),
        )
        self._telemetry.metrics.tasks.read(lambda: len(asyncio.all_tasks()))
        self._session_span = of_session_store(settings.session_stores[0].type)
        self._make_omeros(settings)
        authenticate = Authenticator(
            self._look_up,
            remembered=self._store.remembered,
            cookie_name=settings.omero_web.session_cookie_name,
            accept_key_header=settings.omero_web.accept_session_key_header,
            accept_key_parameter=settings.omero_web.accept_bsession,
            waiting_max=settings.max_waiting_thumbnails,
            visitors=self._public.visitors if self._public is not None else None,
        )
        limits = RequestLimits(settings.max_longest_side, settings.thumbnails_batch, settings.omero_web.accept_jsonp)
        self._application = Application(
            version=VERSION,
            thumbnails=ThumbnailPages(
                authenticate,
                self._omeros[settings.omero.all_servers[0].id].thumbnails,
                limits=limits,
                cache_control=settings.cache_control,
                span=self._telemetry.work if self._telemetry.is_tracing else None,
                sources=self._source if settings.omero.servers else None,
            ),
            health=Health({"session store": self._store.ping}, {one.name: one.reach for one in self._omeros.values()}),
            observer=self._telemetry,
            description=describe(
                VERSION,
                limits,
                Access(
                    settings.omero_web.session_cookie_name,
                    key_header=settings.omero_web.accept_session_key_header,
                    key_parameter=settings.omero_web.accept_bsession,
                    servers=names(settings.omero.all_servers),
                ),
            ),
            gallery=self._demo.gallery if self._demo else None,
            cross_origin=CrossOrigin(
                frozenset(settings.omero_web.cors_origin_whitelist), settings.omero_web.cors_origin_allow_all
            ),
            prefix=settings.omero_web.prefix.rstrip("/"),
        )
        self._telemetry.start()
        collect_garbage_less_often()
        prepare_when_needed()
        if self._demo:
            self._background.start(_announce(settings.host, settings.port, self._demo.announcement))

    async def stop(self) -> None:
        """Leave OMERO and the session store, after the last request."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*(one.close(_LEAVE_TIMEOUT) for one in self._omeros.values()))
        if self._public is not None:
            await self._public.close()
        await self._store.close()
        self._telemetry.stop()
        for one in self._omeros.values():
            one.give_back()
        for handler in logging.getLogger().handlers:
            handler.flush()

    async def _report(self, starting: set[asyncio.Task[Any]], supervisor: Path) -> None:
        """Say that this worker listens, once Granian's task of the start has ended, and do as the main process says.

        With that task Granian stops the event loop, makes the socket that it listens on, and lets the loop go on.
        """
        if starting:
            await asyncio.wait(starting)
        # a turn of the loop more: uvloop stops at the end of the one in which it is told to
        await asyncio.sleep(0)
        await follow_supervisor(supervisor, reopen_logs=reopen_files, finish=self._finish)

    def _finish(self) -> None:
        """The service is told to stop. Granian takes no more connections, and waits for the requests in flight."""
        if self._own_port is not None:
            self._own_port.stop()
        loop = asyncio.get_running_loop()
        loop.call_later(drain_time(self._settings), lambda: self._background.start(self._end_requests()))

    async def _end_requests(self) -> None:
        log.warning(
            "the service stops: what was not answered within %g s is answered with status 503; shutdown-timeout in the "
            "configuration gives it longer",
            drain_time(self._settings),
        )
        await asyncio.gather(*(one.leave(_LEAVE_TIMEOUT) for one in self._omeros.values()))

    def _make_omeros(self, settings: Settings) -> None:
        for server in settings.omero.all_servers:
            user = self._public.user if self._public is not None and self._public.server == server else None
            self._omeros[server.id] = OneOmero(
                settings, server, self._telemetry, public_user=user, shared_folder=self._shared_folder
            )

    def _source(self, server_id: ServerId) -> Thumbnails | None:
        server = self._settings.omero.server(server_id)
        return self._omeros[server.id].thumbnails if server is not None else None

    async def _look_up(self, session_id: str) -> WebSession | None:
        began = time.perf_counter()
        outcome = "unavailable"
        try:
            with self._telemetry.spans(self._session_span):
                found = await self._store.get(session_id)
            if found is None and self._store.is_unreadable(session_id):
                outcome = "unreadable"
                raise SessionUnreadable
            outcome = "unknown" if found is None else "found"
        finally:
            self._telemetry.session_read(outcome, time.perf_counter() - began)
        return found


def drain_time(settings: Settings) -> float:
    """How many seconds the requests in flight may take to finish when the service stops."""
    return settings.request_timeout if settings.shutdown_timeout is None else settings.shutdown_timeout


def stop_time(settings: Settings) -> float:
    """How many seconds stopping takes at most. Whoever stops the service must not kill it sooner."""
    return drain_time(settings) + _LEAVE_TIMEOUT + _KILL_DELAY


def _in_memory(demo: Demo | None) -> dict[str, WebSession] | None:
    return demo.sessions if demo is not None and not demo.is_stored else None


def serve(settings: Settings, demo: Demo | None = None, logs: LogOptions | None = None) -> None:
    """Serve until interrupted; workers log by `logs`. Raises ConfigError or CannotServe where that cannot begin."""
    address = preflight(settings, _in_memory(demo))
    for line in settings.notes:
        log.info("%s", line)
    for line in settings.warnings:
        log.warning("%s", line)
    if demo is None:
        log.info(
            "omero-ms-thumbnail %s on %s, %d worker(s)%s, OMERO at %s",
            VERSION,
            url(settings.host, settings.port),
            settings.workers,
            with_ports(settings),
            " and ".join(f"{one} ({one.address.spoken})" for one in settings.omero.all_servers),
        )
    ports = worker_ports(settings)
    if settings.workers > 1 and not ports:
        log.info(
            "any worker may get any request, so users are joined by each; with worker-ports in the configuration, such "
            "as %d, and `omero-ms-thumbnail nginx --upstream --workers %d`, nginx sends each user to one worker",
            settings.port + 1,
            settings.workers,
        )
    # the other half is for OMERO, the session store and the log
    connections = min(_CONNECTIONS_MAX, raise_open_files(4 * _CONNECTIONS_MAX) // (4 if ports else 2))
    granian = Server(
        "omero_ms_thumbnail",
        address=address,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop if find_spec("uvloop") else Loops.asyncio,
        # proxies speak HTTP/1 to what is behind them; HTTP/2 would add megabytes of headers a stream, and streams
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=connections,
        log_level=LogLevels.warning,
        log_dictconfig=_GRANIAN_LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=math.ceil(stop_time(settings)),
    )
    if logs is not None:
        # Granian has configured its own loggers, by which logging closes the handlers of all others
        begin_logging(logs)
    with folder_of_workers() as shared, _supervisor(shared, settings).running() as supervisor:
        # when its own handlers of signals are in place, and before the first worker starts
        granian.on_startup(supervisor.take_signals)
        own = OwnPorts(address, ports, connections, _BACKLOG, _GRANIAN_LOGGING) if ports else None
        service = partial(Service, settings, demo, logs=logs, shared_folder=shared, own_ports=own)
        granian.serve(target_loader=cast("Any", service), wrap_loader=False)


def _supervisor(shared: Path, settings: Settings) -> Supervisor:
    try:
        return Supervisor(
            shared / _SUPERVISOR,
            ServiceManager.of_environment(os.environ),
            workers=settings.workers,
            place=url(settings.host, settings.port) + with_ports(settings),
            stopping=stop_time(settings),
            reopen_logs=reopen_files,
        )
    except OSError as error:
        raise CannotServe(
            f"workers cannot be supervised from {shared}: {error}; name another folder, with a short path, in TMPDIR"
        ) from error


async def _announce(host: str, port: int, text: str) -> None:
    """Print once the first request could be answered."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await cast("Awaitable[None]", writer.wait_closed())
            print(text, flush=True)  # noqa: T201 - what the demo was started for
            return
        await asyncio.sleep(0.02)
