"""The public user by the settings: who is let in as whom, and where OMERO.web's own session of that user is found."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

from .config import OmeroServerSettings, Settings
from .omero.public_session import PUBLIC_KEY, PublicUser
from .parts import plain_session_store
from .web.public import PublicVisitors
from .websession import RedisSessionStore, SessionStoreUnavailable

log: Final = logging.getLogger(__name__)

#: what ``omero.web.public.url_filter`` is without being given: it matches nothing (OMERO.web's own default)
_NOTHING: Final = "a^"


class ConfiguredPublicUser:
    """The public user: `user` for the OMERO at `server`, `visitors` for HTTP."""

    def __init__(self, settings: Settings, server: OmeroServerSettings, folder: Path | None) -> None:
        public = settings.omero_web.public
        self._settings = settings
        self._cache_key = public.cache.key
        self._cache = _omero_web_cache(settings) if public.cache.enabled else None
        self.server: Final = server
        self.user: Final = PublicUser(
            public.user or "", public.password or "", shared_key=self._shared_key, folder=folder
        )
        self.visitors: Final = PublicVisitors(
            PUBLIC_KEY, re.compile(public.url_filter or _NOTHING), self.user.is_refused, server.id
        )

    async def close(self) -> None:
        """Let go of the connections."""
        if self._cache is not None:
            await self._cache.close()

    async def _shared_key(self) -> str | None:
        if self._cache is None:
            return None
        try:
            found = await self._cache.connector(self._cache_key)
        except SessionStoreUnavailable as error:
            log.warning("OMERO.web's session of the public user is not looked for: %s", error)
            return None
        if found is None or self._settings.omero.server(found.server_id) != self.server:
            return None
        return found.omero_session_key


def public_user(settings: Settings, folder: Path | None) -> ConfiguredPublicUser | None:
    """The public user, if there is one; `folder` is what all workers share."""
    public = settings.omero_web.public
    server = settings.omero.server(public.server_id) if public.enabled else None
    return ConfiguredPublicUser(settings, server, folder) if server is not None else None


def _omero_web_cache(settings: Settings) -> RedisSessionStore | None:
    """OMERO.web's cache, which is where its sessions are if those are in a Redis."""
    for store in settings.session_stores:
        if store.type == "redis":
            plain = plain_session_store(store, settings.omero_web)
            return plain if isinstance(plain, RedisSessionStore) else None
    return None
