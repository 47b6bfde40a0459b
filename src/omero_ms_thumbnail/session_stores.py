"""Session stores by the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .config import ConfigError, OmeroWebSettings, SessionStoreSettings, Settings
from .websession import (
    CachedSessionStore,
    FileSessionStore,
    MemorySessionStore,
    PostgresSessionStore,
    RedisSessionStore,
    SessionStore,
    SessionStoreChain,
    SigningKeys,
    WebSession,
)


def session_store(settings: Settings, in_memory: Mapping[str, WebSession] | None = None) -> SessionStore:
    """The store of OMERO.web's sessions, or of those that are `in_memory`.

    Raises ConfigError where the settings cannot be used.
    """
    if in_memory is not None:
        return MemorySessionStore(in_memory)
    stores = [_session_store(store, settings.omero_web) for store in settings.session_stores]
    return stores[0] if len(stores) == 1 else SessionStoreChain(stores)


def _session_store(store: SessionStoreSettings, omero_web: OmeroWebSettings) -> SessionStore:
    plain = plain_session_store(store, omero_web)
    if isinstance(plain, MemorySessionStore):
        return plain
    return CachedSessionStore(plain, plain.tracking() if isinstance(plain, RedisSessionStore) else None)


def plain_session_store(
    store: SessionStoreSettings, omero_web: OmeroWebSettings
) -> MemorySessionStore | FileSessionStore | PostgresSessionStore | RedisSessionStore:
    """One store of sessions, each asked for anew. Raises ConfigError where the settings cannot be used."""
    keys = SigningKeys((omero_web.secret_key, *omero_web.secret_key_fallbacks) if omero_web.secret_key else ())
    try:
        match store.type:
            case "memory":
                return MemorySessionStore({})
            case "files":
                return FileSessionStore(
                    store.directory or Path(),
                    cookie_name=omero_web.session_cookie_name,
                    session_age=omero_web.session_cookie_age,
                    keys=keys,
                )
            case "postgres":
                return PostgresSessionStore(store.uri or "", keys=keys)
            case "redis":
                return RedisSessionStore(store.uri or "", key_prefix=store.key_prefix, version=store.version)
    except ValueError as error:
        raise ConfigError([f"session-store.uri: {error}"]) from error
