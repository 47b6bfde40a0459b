"""The first steps: the configuration itself, and what an OMERO.web beside it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..config import (
    ConfigError,
    OmeroServerSettings,
    OmeroSettings,
    OmeroWebSettings,
    SessionStoreSettings,
    Settings,
    load_settings,
)
from ..config.uris import redact_uri
from ..omero.address import parse_omero_address
from . import way_in
from .diagnoses import (
    CONFIGURATION_MISSING,
    CONFIGURATION_WRONG,
    CORS_ALLOW_ALL,
    OMERO_WEB_CACHE,
    OMERO_WEB_COOKIE,
    OMERO_WEB_ENGINE,
    OMERO_WEB_UNREADABLE,
    Diagnosis,
)
from .finding import Finding, Outcome, Stopwatch, Trouble
from .names import CONFIGURATION, OMERO_WEB
from .omero_web import STORE_TYPES, DjangoCache, OmeroWeb, OmeroWebUnreadable, read_omero_web, same_redis


def read_configuration(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in the file. Raises Trouble."""
    if not path.exists():
        raise Trouble(CONFIGURATION_MISSING, f"{path} does not exist (working directory: {Path.cwd()})")
    try:
        return load_settings(path, environ)
    except ConfigError as error:
        raise Trouble(CONFIGURATION_WRONG, str(error)) from error


def describe(source: str, settings: Settings, watch: Stopwatch) -> Finding:
    """What the settings come to."""
    omero = settings.omero
    stores = ", ".join(
        f"{store.type} {redact_uri(store.uri) if store.uri else store.directory or ''}".strip()
        for store in settings.session_stores
    )
    servers = " and ".join(f"{one} ({one.address.spoken})" for one in omero.all_servers)
    found = f"{source}: sessions in {stores}, cookie {settings.omero_web.session_cookie_name}, OMERO at {servers}"
    lines = "\n".join((found, *settings.warnings))
    return Finding(CONFIGURATION, Outcome.WARNING if settings.warnings else Outcome.OK, lines, watch.seconds)


def cross_origin(settings: Settings, watch: Stopwatch) -> Iterator[Finding]:
    """A warning where every site that somebody visits may read what they may see."""
    if settings.omero_web.cors_origin_allow_all:
        found = (
            "omero.web.cors_origin_allow_all is on: pages of every origin may show pictures, with the visitor's cookie"
        )
        yield Finding(CONFIGURATION, Outcome.WARNING, found, watch.seconds, CORS_ALLOW_ALL)


def omero_web(folder: Path, environ: Mapping[str, str]) -> OmeroWeb:
    """The OMERO.web in that folder. Raises Trouble."""
    try:
        return read_omero_web(folder, environ)
    except OmeroWebUnreadable as error:
        raise Trouble(OMERO_WEB_UNREADABLE, str(error)) from error


def settings_of(web: OmeroWeb) -> Settings:
    """The settings that serve the users of that OMERO.web. Raises Trouble."""
    servers = tuple(_with_address(web, one) for one in web.servers) or (OmeroServerSettings(1, "", "localhost"),)
    store = SessionStoreSettings(type="files", directory=web.session_directory)
    if STORE_TYPES.get(web.engine) == "redis" and web.cache is not None:
        cache = web.cache
        store = SessionStoreSettings(uri=cache.location, key_prefix=cache.key_prefix, version=cache.version)
    return Settings(
        omero=OmeroSettings(
            host=servers[0].host,
            port=servers[0].port,
            secure=servers[0].secure,
            servers=servers if len(servers) > 1 else (),
        ),
        omero_web=OmeroWebSettings(
            session_cookie_name=web.cookie_name,
            session_cookie_age=web.cookie_age,
            prefix=web.prefix,
            cors_origin_whitelist=web.cors_origin_whitelist,
            cors_origin_allow_all=web.cors_origin_allow_all,
            public=web.public,
        ),
        session_stores=(store,),
    )


def _with_address(web: OmeroWeb, server: OmeroServerSettings) -> OmeroServerSettings:
    try:
        address = parse_omero_address(server.host, server.port)
    except ValueError as error:
        where = f"{web.path}: host {server.id} of omero.web.server_list"
        raise Trouble(OMERO_WEB_UNREADABLE, f"{where}: {error}") from error
    return replace(server, port=address.port, secure=address.secure)


def compare(settings: Settings, web: OmeroWeb, watch: Stopwatch) -> Iterator[Finding]:
    """Where the two differ; one finding that they agree if they do not."""
    differences = [*_differences(settings, web)]
    for outcome, found, diagnosis in differences:
        yield Finding(OMERO_WEB, outcome, found, watch.seconds, diagnosis)
    if not differences:
        yield Finding(OMERO_WEB, Outcome.OK, f"{web.path} agrees: engine {web.engine}", watch.seconds)


def _differences(settings: Settings, web: OmeroWeb) -> Iterator[tuple[Outcome, str, Diagnosis]]:
    types = {store.type for store in settings.session_stores}
    expected = STORE_TYPES.get(web.engine)
    both = web.engine.endswith("cached_db") and "postgres" in types
    if expected not in types and not both:
        here = " and ".join(sorted(types))
        yield Outcome.FAILED, f"OMERO.web's engine is {web.engine}, session-store.type is {here}", OMERO_WEB_ENGINE
    elif expected == "redis" and web.cache is None:
        yield Outcome.FAILED, "OMERO.web's engine is its cache, and omero.web.caches is no Redis", OMERO_WEB_ENGINE
    elif web.cache is not None and "redis" in types:
        stores = [store for store in settings.session_stores if store.type == "redis"]
        if not any(_same_cache(store, web.cache) for store in stores):
            cache = web.cache
            found = (
                f"OMERO.web's cache is {redact_uri(cache.location)}, KEY_PREFIX {cache.key_prefix!r}, "
                f"VERSION {cache.version}; session-store has {redact_uri(stores[0].uri or '')}, "
                f"{stores[0].key_prefix!r}, {stores[0].version}"
            )
            yield Outcome.WARNING, found, OMERO_WEB_CACHE
    name = settings.omero_web.session_cookie_name
    if name != web.cookie_name:
        yield (
            Outcome.FAILED,
            f"OMERO.web's cookie is {web.cookie_name!r}, the configuration's {name!r}",
            OMERO_WEB_COOKIE,
        )
    for found, diagnosis in way_in.differences(settings, web):
        yield Outcome.WARNING, found, diagnosis


def _same_cache(store: SessionStoreSettings, cache: DjangoCache) -> bool:
    return same_redis(store.uri or "", cache.location) and (store.key_prefix, store.version) == (
        cache.key_prefix,
        cache.version,
    )
