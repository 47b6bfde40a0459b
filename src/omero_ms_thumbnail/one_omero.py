"""One OMERO.server in one worker: joined sessions, permits, caches and thumbnails, all of that server alone.

Users, images and sessions of one OMERO are numbered and named as those of another. Where there are several, each has
all of this to itself, so that nothing of one can be taken for the other's, and one that hangs keeps nobody from the
other.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from .config import OmeroServerSettings, Settings
from .omero.permits import JOIN_PERMITS, Permits, patience
from .omero.pool import SessionPool
from .omero.probe import reach
from .omero.public_session import PUBLIC_KEY, PublicUser
from .omero.session import JoinedSession
from .omero.stores import ThumbnailStores
from .omero.thumbnail_files import ThumbnailFiles
from .parts import caches, omero_server
from .telemetry.metrics import Metrics
from .telemetry.observer import Telemetry
from .telemetry.spans import JOIN
from .thumbnails.service import Thumbnails

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
        self._server = replace(omero_server(settings, server), observe=telemetry.call, permits=self._calls)
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
        self._tell(telemetry.metrics, settings.omero.joined_sessions)

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

    def _tell(self, metrics: Metrics, sessions_max: int) -> None:
        """Say how much there is of it, whenever that is read."""
        metrics.sessions.read(lambda: len(self.pool))
        metrics.sessions_max.read(lambda: sessions_max)
        metrics.stores.read(lambda: sum(stores.in_use for stores in self._stores()), "in use")
        metrics.stores.read(lambda: sum(one.created - one.closed - one.in_use for one in self._stores()), "free")
        memory, shared = self._caches.memory, self._caches.shared
        metrics.cache_bytes.read(lambda: memory.bytes if memory is not None else 0)
        metrics.cache_entries.read(lambda: len(memory) if memory is not None else 0)
        metrics.facts_remembered.read(lambda: memory.facts if memory is not None else 0)
        metrics.cache_failures.read(lambda: shared.failures if shared is not None else 0)
        self._tell_permits(metrics, "calls", self._calls)
        self._tell_permits(metrics, "joins", self._joins)

    def _tell_permits(self, metrics: Metrics, kind: str, permits: Permits) -> None:
        metrics.permits.read(lambda: permits.usage().limit, kind, self.label)
        metrics.permits_in_use.read(lambda: permits.usage().in_use, kind, self.label)
        metrics.permits_given_up.read(lambda: permits.usage().given_up, kind, self.label)
        metrics.oldest_permit.read(lambda: permits.usage().oldest, kind, self.label)

    def _stores(self) -> list[ThumbnailStores]:
        return [session.stores for session in self.pool.sessions()]

    async def _join(self, session_key: str) -> JoinedSession:
        if session_key == PUBLIC_KEY and self._public_user is not None:
            joining = self._public_user.join(self._server)
        else:
            joining = JoinedSession.join(self._server, session_key)
        async with self._joins.flight("join") as permit:
            with self._telemetry.spans(JOIN):
                return await permit.spent_on(joining)
