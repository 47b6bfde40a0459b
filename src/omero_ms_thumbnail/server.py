"""The composition root: settings become parts, parts become the application; start-up and shutdown.

The only module, besides the command line, that knows all rooms.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any, Final, cast

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from .config import ConfigError, OmeroSettings, SessionStoreSettings, Settings
from .ice.tls import client_context
from .omero.pool import SessionPool
from .omero.probe import reach
from .omero.session import JoinedSession, OmeroServer
from .telemetry.log import configure_logging
from .telemetry.observer import RequestObserver
from .thumbnails.keeping import Caches
from .thumbnails.memory_cache import MemoryCache
from .thumbnails.redis_cache import RedisCache
from .thumbnails.service import Thumbnails
from .version import VERSION
from .web.application import Application
from .web.asking import FoundSession, StoreDown, WhoIsAsking
from .web.gallery_pages import Gallery, GalleryPages
from .web.health import Health
from .web.parsing import Limits
from .web.thumbnail_pages import ThumbnailPages
from .websession import MemorySessionStore, RedisSessionStore, SessionStore, SessionStoreUnavailable, WebSession
from .websession.redis_store import redis_client

log: Final = logging.getLogger(__name__)

#: seconds that a readiness probe waits for each part
_PROBE_TIMEOUT: Final = 3.0

#: seconds that leaving OMERO may take when the service stops
_LEAVE_TIMEOUT: Final = 5.0

#: Granian's own loggers go where all others go
_GRANIAN_LOGGING: Final = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo adds: its page, sessions of its users by session id, and what to print once it serves."""

    gallery: Gallery
    sessions: dict[str, WebSession] = field(repr=False)
    announcement: str = field(repr=False)


class CannotServe(Exception):
    """The service cannot start; the text says why and what to do."""


class Service:
    """One worker: Granian calls its three RSGI methods."""

    def __init__(self, settings: Settings, demo: Demo | None = None) -> None:
        self._settings = settings
        self._demo = demo
        self._background: set[asyncio.Task[None]] = set()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the parts, before the first request."""
        loop.run_until_complete(self._start())

    def __rsgi__(self, scope: Any, protocol: Any) -> Coroutine[Any, Any, None]:
        """Answer one request."""
        return self._application.__rsgi__(scope, protocol)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave OMERO and the session store, after the last request."""
        loop.run_until_complete(self._stop())

    async def _start(self) -> None:
        settings = self._settings
        self._store = session_store(settings, self._demo)
        server = omero_server(settings)
        self._pool = SessionPool(
            partial(JoinedSession.join, server),
            idle_timeout=settings.omero.session_idle_timeout,
            sessions_max=settings.omero.joined_sessions,
        )
        self._caches = caches(settings)
        thumbnails = Thumbnails(
            self._pool,
            timeout=settings.request_timeout,
            stores=settings.omero.thumbnail_stores,
            calls_at_once=settings.worker_pool_size,
            caches=self._caches,
        )
        who_is_asking = WhoIsAsking(
            self._look_up,
            cookie_name=settings.omero_web.session_cookie_name,
            accept_key_header=settings.omero_web.accept_session_key_header,
            accept_key_parameter=settings.omero_web.accept_bsession,
        )
        self._application = Application(
            version=VERSION,
            thumbnails=ThumbnailPages(
                who_is_asking,
                thumbnails,
                limits=Limits(settings.max_longest_side, settings.thumbnails_batch),
                cache_control=settings.cache_control,
            ),
            health=Health({"session store": self._store.ping, "OMERO": partial(reach, server, _PROBE_TIMEOUT)}),
            observer=RequestObserver(VERSION, lambda: len(self._pool), access_log=settings.access_log),
            gallery=GalleryPages(self._demo.gallery) if self._demo else None,
        )
        if self._demo:
            self._in_background(_announce(settings.host, settings.port, self._demo.announcement))

    async def _stop(self) -> None:
        for task in tuple(self._background):
            task.cancel()
        await self._pool.close(_LEAVE_TIMEOUT)
        if self._caches.shared is not None:
            await self._caches.shared.close()
        await self._store.close()

    async def _look_up(self, session_id: str) -> FoundSession | None:
        try:
            return await self._store.get(session_id)
        except SessionStoreUnavailable as error:
            raise StoreDown(str(error)) from error

    def _in_background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def session_store(settings: Settings, demo: Demo | None) -> SessionStore:
    """The store of OMERO.web's sessions. Raises ConfigError where the settings cannot be used."""
    if demo is not None:
        return MemorySessionStore(demo.sessions)
    stores = settings.session_stores
    if len(stores) != 1:
        raise ConfigError(["session-store: only one store can be used; keep the one that OMERO.web writes to"])
    return _session_store(stores[0])


def _session_store(store: SessionStoreSettings) -> SessionStore:
    if store.type == "memory":
        return MemorySessionStore({})
    if store.type != "redis":
        raise ConfigError([f"session-store.type: {store.type} cannot be read yet; use redis"])
    try:
        return RedisSessionStore(store.uri or "", key_prefix=store.key_prefix, version=store.version)
    except ValueError as error:
        raise ConfigError([f"session-store.uri: {error}"]) from error


def caches(settings: Settings) -> Caches:
    """Where thumbnails are kept. Raises ConfigError where the settings cannot be used."""
    cache = settings.cache
    if not cache.life:
        return Caches()
    memory = MemoryCache(bytes_max=cache.memory, life=cache.life) if cache.memory else None
    if cache.redis_uri is None:
        return Caches(memory)
    try:
        client = redis_client(cache.redis_uri)
    except ValueError as error:
        raise ConfigError([f"cache.redis-uri: {error}"]) from error
    # users of one OMERO.server are numbered as those of another
    realm = f"{settings.omero.host}:{settings.omero.port}"
    return Caches(memory, RedisCache(client, realm=realm, life=cache.life))


def omero_server(settings: Settings) -> OmeroServer:
    """Where OMERO is. Raises ConfigError if the authorities for its certificate cannot be read."""
    omero = settings.omero
    return OmeroServer(
        omero.host,
        omero.port,
        _tls(omero) if omero.secure else None,
        connect_timeout=omero.connect_timeout,
        call_timeout=settings.request_timeout,
        message_size_max=omero.message_size_max,
        thumbnail_stores=omero.thumbnail_stores,
    )


def _tls(omero: OmeroSettings) -> ssl.SSLContext:
    try:
        return client_context(verify=omero.tls.verify, ca_file=omero.tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"omero.tls.ca_file: {omero.tls.ca_file} holds no certificates: {error}"]) from error


def serve(settings: Settings, demo: Demo | None = None) -> None:
    """Serve until interrupted. Raises ConfigError or CannotServe where that cannot begin."""
    _try_parts(settings, demo)
    _try_address(settings.host, settings.port)
    for line in settings.notes:
        log.info("%s", line)
    for line in settings.warnings:
        log.warning("%s", line)
    if demo is None:
        log.info(
            "omero-ms-thumbnail %s on http://%s:%d, %d worker(s), OMERO at %s:%d (%s)",
            VERSION,
            settings.host,
            settings.port,
            settings.workers,
            settings.omero.host,
            settings.omero.port,
            "TLS" if settings.omero.secure else "TCP",
        )
    granian = Server(
        "omero_ms_thumbnail",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        workers=settings.workers,
        loop=Loops.uvloop if find_spec("uvloop") else Loops.asyncio,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=_GRANIAN_LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.request_timeout + _LEAVE_TIMEOUT) + 1,
    )
    granian.serve(target_loader=cast("Any", partial(Service, settings, demo)), wrap_loader=False)


def _try_parts(settings: Settings, demo: Demo | None) -> None:
    """Make what settings can be wrong for, so that it is said once and before any worker starts."""

    async def make() -> None:
        await session_store(settings, demo).close()
        shared = caches(settings).shared
        if shared is not None:
            await shared.close()

    asyncio.run(make())
    omero_server(settings)


def _try_address(host: str, port: int) -> None:
    """Whether the address can be had; Granian's workers would share a port with another service without a word."""
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = infos[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen()
    except OSError as error:
        raise CannotServe(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "choose another port with --port or in the configuration, or stop what uses it"
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


def start_logging(level: str = "INFO") -> None:
    """Log to standard error from now on."""
    configure_logging(level)
