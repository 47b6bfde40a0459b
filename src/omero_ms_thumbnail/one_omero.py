"""One OMERO.server in one worker: joined sessions, permits, caches and thumbnails, all of that server alone.

Users, images and sessions of one OMERO are numbered and named as those of another. Where there are several, each has
all of this to itself, so that nothing of one can be taken for the other's, and one that hangs keeps nobody from the
other.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from .config import ConfigError, OmeroServerSettings, OmeroSettings, Settings
from .ice.tls import client_context
from .omero.permits import JOIN_PERMITS, Permits, patience
from .omero.pool import SessionPool
from .omero.probe import reach
from .omero.public_session import PUBLIC_KEY, PublicUser
from .omero.session import JoinedSession, OmeroServer
from .omero.thumbnail_files import ThumbnailFiles
from .telemetry.observer import Census, PermitCensus, Telemetry
from .telemetry.spans import JOIN
from .thumbnails.caches import Caches
from .thumbnails.memory_cache import MemoryCache
from .thumbnails.redis_cache import RedisCache
from .thumbnails.service import Thumbnails
from .websession.redis_store import redis_or_cluster_client

#: seconds that a readiness probe waits for OMERO
_PROBE_TIMEOUT: Final = 3.0


class OneOmero:
    """One OMERO.server for one worker. `public_user` is who has no session there; `shared_folder` is the workers'."""

    def __init__(
        self,
        settings: Settings,
        server: OmeroServerSettings,
        telemetry: Telemetry,
        *,
        public_user: PublicUser | None = None,
        shared_folder: Path | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._public_user = public_user
        #: how metrics, and files that workers share, tell it from others; empty where there are none
        self.label: Final = str(server.id) if settings.omero.servers else ""
        self.name: Final = f"OMERO {self.label}".rstrip()
        # where nothing is told by what it shows, no file is known to be it
        folder = server.data_dir if settings.cache.by_content else None
        named = "omero.servers.data_dir" if settings.omero.servers else "omero.data_dir"
        self._files = ThumbnailFiles(folder, key=named, refused=telemetry.file_refused) if folder is not None else None
        self._caches = replace(caches(settings, server), watcher=telemetry, files=self._files)
        waited_for = patience(settings.request_timeout)
        of_it = f"-{self.label}" if self.label else ""

        def permits(limit: int, kind: str) -> Permits:
            return Permits(limit, patience=waited_for, folder=shared_folder, name=f"{kind}{of_it}")

        self._calls = permits(settings.worker_pool_size, "calls")
        self._joins = permits(JOIN_PERMITS, "joins")
        self._server = replace(omero_server(settings, server), observe=self._call, permits=self._calls)
        self._sessions_max = settings.omero.joined_sessions
        self.pool: Final = SessionPool(
            self._join,
            idle_timeout=settings.omero.session_idle_timeout,
            join_timeout=settings.request_timeout,
            sessions_max=settings.omero.joined_sessions,
        )
        self.thumbnails: Final = Thumbnails(
            self.pool,
            timeout=settings.request_timeout,
            stores=settings.omero.thumbnail_stores,
            permits=self._calls,
            joins=self._joins,
            waiting_max=settings.max_waiting_thumbnails,
            caches=self._caches,
        )

    async def reach(self) -> None:
        """Return if OMERO can be reached; raises ConnectFailedException if not."""
        await reach(self._server, _PROBE_TIMEOUT)

    async def leave(self, timeout: float) -> None:
        """Leave every session, and let nobody join any more. OMERO has `timeout` seconds."""
        await self.pool.close(timeout)

    async def close(self, timeout: float) -> None:
        """Leave, and let go of what is kept."""
        await self.leave(timeout)
        if self._caches.shared is not None:
            await self._caches.shared.close()
        if self._files is not None:
            self._files.close()

    def give_back(self) -> None:
        """Be none of the workers any more that share the permits."""
        for permits in (self._calls, self._joins):
            permits.close()

    def census(self) -> Census:
        """What there is of it at the moment, but for the worker's tasks."""
        sessions = self.pool.sessions()
        memory, shared = self._caches.memory, self._caches.shared
        return Census(
            sessions=len(self.pool),
            sessions_max=self._sessions_max,
            stores_open=sum(session.stores.created - session.stores.closed for session in sessions),
            stores_in_use=sum(session.stores.in_use for session in sessions),
            cache_bytes=memory.bytes if memory is not None else 0,
            cache_entries=len(memory) if memory is not None else 0,
            cache_failures=shared.failures if shared is not None else 0,
            facts_remembered=memory.facts if memory is not None else 0,
        )

    def permits(self) -> list[PermitCensus]:
        """How its permits are."""
        found = []
        for kind, permits in (("calls", self._calls), ("joins", self._joins)):
            usage = permits.usage()
            found.append(PermitCensus(kind, usage.limit, usage.in_use, usage.given_up, usage.oldest, server=self.label))
        return found

    async def _join(self, session_key: str) -> JoinedSession:
        if session_key == PUBLIC_KEY and self._public_user is not None:
            joining = self._public_user.join(self._server)
        else:
            joining = JoinedSession.join(self._server, session_key)
        async with self._joins.flight("join") as permit:
            with self._telemetry.spans(JOIN):
                return await permit.spent_on(joining)

    def _call(self, operation: str, arguments: tuple[Any, ...]) -> AbstractContextManager[None]:
        if operation == "getThumbnailByLongestSideSet":
            self._telemetry.batch(len(arguments[1]))
        return self._telemetry.call(operation)


def caches(settings: Settings, server: OmeroServerSettings) -> Caches:
    """Where thumbnails of that OMERO.server are kept. Raises ConfigError where the settings cannot be used.

    Of several each has its part of ``cache.memory`` and of ``cache.redis-memory``.
    """
    cache, parts = settings.cache, len(settings.omero.all_servers)
    if not cache.by_content:
        return Caches(by_content=False)
    if not cache.picture_life:
        return Caches(belief=cache.life)
    memory = MemoryCache(bytes_max=cache.memory // parts, life=cache.picture_life) if cache.memory else None
    if cache.redis_uri is None:
        return Caches(memory, belief=cache.life)
    try:
        client = redis_or_cluster_client(cache.redis_uri)
    except ValueError as error:
        raise ConfigError([f"cache.redis-uri: {error}"]) from error
    # users of one OMERO.server are numbered as those of another
    shared = RedisCache(
        client,
        realm=str(server),
        life=cache.picture_life,
        bytes_max=cache.redis_memory // parts,
        secret=cache.secret.encode() if cache.secret is not None else None,
    )
    return Caches(memory, shared, belief=cache.life)


def omero_server(settings: Settings, server: OmeroServerSettings | None = None) -> OmeroServer:
    """Where an OMERO is, by default that of requests that name none.

    Raises ConfigError if the authorities for its certificate cannot be read.
    """
    omero = settings.omero
    address = (server or omero.all_servers[0]).address
    return OmeroServer(
        address.host,
        address.port,
        _tls(omero) if address.secure else None,
        connect_timeout=omero.connect_timeout,
        call_timeout=settings.request_timeout,
        message_size_max=omero.message_size_max,
        thumbnail_stores=omero.thumbnail_stores,
        path=address.path,
    )


def _tls(omero: OmeroSettings) -> ssl.SSLContext:
    try:
        return client_context(verify=omero.tls.verify, ca_file=omero.tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"omero.tls.ca_file: {omero.tls.ca_file} holds no certificates: {error}"]) from error
