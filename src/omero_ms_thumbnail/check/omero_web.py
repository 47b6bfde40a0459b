"""An OMERO.web installation's settings, as far as they decide whom this service recognises.

``<OMERODIR>/etc/grid/config.xml`` holds ``<properties id="…">`` blocks, one for each profile; the active one is named
by the environment variable OMERO_CONFIG, else by ``omero.config.profile`` in the block ``__ACTIVE__``, else ``default``
(omero-py's `omero.config.ConfigXml`). The defaults are those of `omeroweb/settings.py`.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.parsers import expat

from ..addresses import parse_redis_uri
from ..config import OmeroServerSettings, PublicSettings
from ..config.public_user import PublicCacheSettings

_ACTIVE: Final = "__ACTIVE__"
_PROFILE: Final = "omero.config.profile"
_DEFAULT_ENGINE: Final = "django.contrib.sessions.backends.file"
_SIZE_MAX: Final = 4 << 20

#: what ``session-store.type`` reads sessions of each engine; `cached_db` writes to both, the cache is the faster
STORE_TYPES: Final = {
    "django.contrib.sessions.backends.cache": "redis",
    "django.contrib.sessions.backends.cached_db": "redis",
    "django.contrib.sessions.backends.db": "postgres",
    "django.contrib.sessions.backends.file": "files",
    "omeroweb.filesessionstore": "files",
}


class OmeroWebUnreadable(Exception):
    """The configuration cannot be read; the text says why, without any value of it."""


@dataclass(frozen=True, slots=True)
class DjangoCache:
    """Where Django's cache is; `location` may hold a password."""

    location: str = field(repr=False)
    key_prefix: str
    version: int


@dataclass(frozen=True, slots=True)
class OmeroWeb:
    """What OMERO.web is configured to do."""

    path: Path
    engine: str
    #: None where the cache is no Redis
    cache: DjangoCache | None
    cookie_name: str
    #: in seconds
    cookie_age: float
    #: in the order of their numbers, which sessions say
    servers: tuple[OmeroServerSettings, ...]
    session_directory: Path
    prefix: str = ""
    public: PublicSettings = field(default_factory=PublicSettings)
    cors_origin_whitelist: tuple[str, ...] = ()
    cors_origin_allow_all: bool = False


def read_omero_web(folder: Path, environ: Mapping[str, str]) -> OmeroWeb:
    """The settings of the OMERO.web whose OMERODIR is `folder`. Raises OmeroWebUnreadable."""
    path = folder / "etc" / "grid" / "config.xml"
    try:
        with path.open("rb") as file:
            content = file.read(_SIZE_MAX + 1)
    except OSError as error:
        raise OmeroWebUnreadable(f"{path}: {error.strerror}") from error
    if len(content) > _SIZE_MAX:
        raise OmeroWebUnreadable(f"{path} is larger than {_SIZE_MAX} bytes")
    settings = _active(_profiles(path, content), environ)
    host = settings.get("omero.master.host", settings.get("Ice.Default.Host", "localhost"))
    return OmeroWeb(
        path,
        settings.get("omero.web.session_engine", _DEFAULT_ENGINE),
        _cache(path, settings.get("omero.web.caches")),
        settings.get("omero.web.session_cookie_name", "sessionid"),
        _seconds(path, settings.get("omero.web.session_cookie_age", "86400")),
        _servers(path, settings.get("omero.web.server_list"), host),
        Path(tempfile.gettempdir()),
        # the second is what it was called before
        (settings.get("omero.web.prefix") or settings.get("omero.web.force_script_name") or "").rstrip("/"),
        _public(path, settings),
        _origins(path, settings.get("omero.web.cors_origin_whitelist", "[]")),
        _is_true(settings.get("omero.web.cors_origin_allow_all")),
    )


def _profiles(path: Path, content: bytes) -> dict[str, dict[str, str]]:
    profiles: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal current
        if name == "properties":
            current = profiles.setdefault(attributes.get("id", ""), {})
        elif name == "property" and "name" in attributes:
            current[attributes["name"]] = attributes.get("value", "")

    def refuse(*_: object) -> None:
        # entities could make gigabytes of a small file, or read others; OMERO writes none
        raise OmeroWebUnreadable(f"{path} has a document type, which OMERO never writes")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise OmeroWebUnreadable(f"{path}, line {error.lineno}: it is not well-formed XML") from error
    return profiles


def _active(profiles: Mapping[str, dict[str, str]], environ: Mapping[str, str]) -> dict[str, str]:
    name = environ.get("OMERO_CONFIG") or profiles.get(_ACTIVE, {}).get(_PROFILE, "default")
    return profiles.get(name, {})


def _json(path: Path, name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # without the cause: it quotes the value, which may hold a password
        raise OmeroWebUnreadable(f"{path}: {name} is not JSON; see `omero config get {name}`") from None


def _seconds(path: Path, text: str) -> float:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise OmeroWebUnreadable(f"{path}: omero.web.session_cookie_age is not a whole number of seconds")
    return float(text)


def _cache(path: Path, text: str | None) -> DjangoCache | None:
    if text is None:
        return None
    caches = _json(path, "omero.web.caches", text)
    default = caches.get("default") if isinstance(caches, dict) else None
    if not isinstance(default, dict) or "redis" not in str(default.get("BACKEND", "")).lower():
        return None
    location = _location(default)
    version = default.get("VERSION", 1)
    return DjangoCache(location, str(default.get("KEY_PREFIX", "")), version if isinstance(version, int) else 1)


def _location(cache: dict[str, Any]) -> str:
    """The Redis that is written to, as a URI: the first of a list, or of several separated by commas or semicolons.

    A bare ``host:port``, as Django's own documentation has it for other caches, is one too; database and password may
    stand in OPTIONS (django-redis: PASSWORD; redis-py: db, username, password).
    """
    named = cache.get("LOCATION", "")
    if isinstance(named, (list, tuple)):
        named = named[0] if named else ""
    uri = re.split(r"[,;]", str(named))[0].strip()
    if "://" not in uri:
        uri = f"unix://{uri}" if uri.startswith("/") else f"redis://{uri}"
    options = {str(name).lower(): value for name, value in (cache.get("OPTIONS") or {}).items()}
    scheme, _, rest = uri.partition("://")
    if options.get("password") and "@" not in rest:
        user = quote(str(options.get("username") or ""), safe="")
        uri = f"{scheme}://{user}:{quote(str(options['password']), safe='')}@{rest}"
    if "db" in options and str(options["db"]).isdigit() and not re.search(r"[?&]db=|[^/]/[0-9]+", rest):
        uri += f"{'&' if '?' in uri else '?'}db={options['db']}"
    return uri


def _servers(path: Path, text: str | None, host: str) -> tuple[OmeroServerSettings, ...]:
    """As `omeroweb.connector.Server` numbers them: from 1, and one that is there twice once."""
    listed: Any = [[host, 4064]] if text is None else _json(path, "omero.web.server_list", text)
    found: dict[tuple[str, int], OmeroServerSettings] = {}
    try:
        for server in listed:
            place = str(server[0]), int(server[1])
            name = str(server[2]) if len(server) > 2 and server[2] else ""
            found.setdefault(place, OmeroServerSettings(len(found) + 1, name, *place))
    except (TypeError, ValueError, LookupError):
        raise OmeroWebUnreadable(f"{path}: omero.web.server_list is not a list of [host, port, name]") from None
    return tuple(found.values())


def _public(path: Path, settings: Mapping[str, str]) -> PublicSettings:
    def number(name: str, default: int) -> int:
        text = settings.get(name, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise OmeroWebUnreadable(f"{path}: {name} is not a whole number")
        return int(text)

    block = "omero.web.public"
    user, password = settings.get(f"{block}.user"), settings.get(f"{block}.password")
    cache = PublicCacheSettings(
        enabled=_is_true(settings.get(f"{block}.cache.enabled")),
        key=settings.get(f"{block}.cache.key", PublicCacheSettings().key),
    )
    return PublicSettings(
        # OMERO.web switches it off where one of the two is not given
        enabled=_is_true(settings.get(f"{block}.enabled")) and bool(user) and bool(password),
        user=user,
        password=password,
        url_filter=settings.get(f"{block}.url_filter"),
        server_id=number(f"{block}.server_id", 1),
        cache=cache,
    )


def _origins(path: Path, text: str) -> tuple[str, ...]:
    origins = _json(path, "omero.web.cors_origin_whitelist", text)
    if not isinstance(origins, list):
        raise OmeroWebUnreadable(f"{path}: omero.web.cors_origin_whitelist is not a list of origins")
    return tuple(map(str, origins))


def _is_true(text: str | None) -> bool:
    """As `parse_boolean` of omeroweb/utils or settings reads it."""
    return (text or "").strip().lower() in ("true", "yes", "y", "t", "1", "on")


def same_redis(one: str, other: str) -> bool:
    """Whether two URIs name the same Redis database; passwords do not matter. False for one that is malformed."""
    try:
        here, there = parse_redis_uri(one), parse_redis_uri(other)
    except ValueError:
        return False
    return (_hosts(here.hosts), here.socket_path, here.master, here.database) == (
        _hosts(there.hosts),
        there.socket_path,
        there.master,
        there.database,
    )


def _hosts(hosts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple(("127.0.0.1" if host in ("localhost", "::1") else host, port) for host, port in hosts)
