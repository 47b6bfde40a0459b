"""Parts by the settings: session stores, an OMERO.server, caches, what traces. Nothing here connects to anything."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .config import ConfigError, OmeroServerSettings, OmeroSettings, OmeroWebSettings, SessionStoreSettings, Settings
from .ice.tls import client_context
from .omero.session import OmeroServer
from .telemetry.observer import RequestTracer
from .thumbnails.caches import Caches
from .thumbnails.memory_cache import MemoryCache
from .thumbnails.redis_cache import RedisCache
from .version import VERSION
from .websession import (
    CachedSessionStore,
    FileSessionStore,
    MemorySessionStore,
    PostgresSessionStore,
    RedisSessionStore,
    RememberingStore,
    SessionStoreChain,
    SigningKeys,
    WebSession,
)
from .websession.redis_store import redis_or_cluster_client

_PORT_MAX: Final = 65_535


def session_store(settings: Settings, in_memory: Mapping[str, WebSession] | None = None) -> RememberingStore:
    """The store of OMERO.web's sessions, or of those that are `in_memory`.

    Raises ConfigError where the settings cannot be used.
    """
    if in_memory is not None:
        return MemorySessionStore(in_memory)
    stores = [_session_store(store, settings.omero_web) for store in settings.session_stores]
    return stores[0] if len(stores) == 1 else SessionStoreChain(stores)


def _session_store(store: SessionStoreSettings, omero_web: OmeroWebSettings) -> RememberingStore:
    plain = plain_session_store(store, omero_web)
    if isinstance(plain, MemorySessionStore):
        return plain
    return CachedSessionStore(plain)


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


def caches(settings: Settings, server: OmeroServerSettings) -> Caches:
    """Where thumbnails of that OMERO.server are kept. Raises ConfigError where the settings cannot be used.

    Of several each has its part of ``cache.memory`` and of ``cache.redis-memory``.
    """
    cache, parts = settings.cache, len(settings.omero.all_servers)
    if not cache.by_content:
        return Caches(by_content=False)
    if not cache.picture_life:
        return Caches(facts_life=cache.life)
    memory = MemoryCache(bytes_max=cache.memory // parts, life=cache.picture_life) if cache.memory else None
    if cache.redis_uri is None:
        return Caches(memory, facts_life=cache.life)
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
    return Caches(memory, shared, facts_life=cache.life)


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


def worker_ports(settings: Settings) -> range:
    """One port for each worker, in their order; none unless the settings want them. Raises ConfigError."""
    first = settings.worker_ports
    if first is None:
        return range(0)
    ports = range(first, first + settings.workers)
    if ports[-1] > _PORT_MAX:
        raise ConfigError(
            [f"worker-ports: {settings.workers} workers need {first} to {ports[-1]}, and ports end at {_PORT_MAX}"]
        )
    if settings.port in ports:
        raise ConfigError(
            [f"worker-ports: {first} to {ports[-1]} have in them the port that all share, {settings.port}; name others"]
        )
    return ports


def tracer(settings: Settings) -> RequestTracer | None:
    """What traces, if the settings want it. Raises ConfigError where the extra for it is not installed."""
    tracing = settings.http_tracing
    if not tracing.enabled:
        return None
    try:
        # heavy, and an extra: imported by those who want it
        from .telemetry.tracing import OpenTelemetryTracer, exporters
    except ImportError as error:
        raise ConfigError(
            [f"http-tracing.enabled: {error}; install omero-ms-thumbnail[tracing], or write enabled: false"]
        ) from error
    return OpenTelemetryTracer(VERSION, exporters(tracing.zipkin_url or None, tracing.otlp_url or None))
