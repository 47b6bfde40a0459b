"""The URIs of session stores: what kind of store each names, and how one is shown.

`omero_ms_thumbnail.addresses` takes them apart, for the configuration as for the stores. Looked for here are only the
signs of a password that was not percent-encoded, by which a URI falls apart in the wrong places. Therefore no sentence
quotes any part of a URI that could not be read, and `redact_uri` shows only parts that were recognised. User and
password stay in the URI: they are for the store that connects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..addresses import parse_postgres_uri, parse_redis_uri
from .config_error import InvalidValueError

_ENCODE = "write a password's own / ? # @ and % as %2F %3F %23 %40 and %25"
_FORM = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+:-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?"
)
_REDIS = ("redis", "rediss", "redis+ssl", "redis+tls", "redis-cluster", "rediss-cluster")
_SENTINEL = ("redis-sentinel", "rediss-sentinel")
_SOCKETS = ("redis-socket", "redis+socket", "unix")
_POSTGRES = ("postgresql", "postgres", "jdbc:postgresql")
_SCHEMES = (*_REDIS, *_SENTINEL, *_SOCKETS, *_POSTGRES)
_USUAL = "redis://, rediss://, redis-sentinel://, redis-socket://, postgresql:// or jdbc:postgresql://"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where a session store is, without user, password and parameters; percent-encoding is undone.

    ``hosts`` has pairs of host and port and is empty where ``path`` names a socket. ``database`` is Redis's number or
    PostgreSQL's name, empty where the URI names none. ``master`` is what Sentinel calls the Redis, empty without one.
    """

    engine: Literal["redis", "postgres"]
    scheme: str
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    database: str = ""
    master: str = ""

    def __str__(self) -> str:
        """The URI as it may be shown."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        database = f"?database={self.database}" if self.path else f"/{self.database}"
        master = f"#{self.master}" if self.master else ""
        return f"{self.scheme}://{hosts}{self.path}{database if self.database else ''}{master}"


def parse_store_uri(uri: str) -> StoreAddress:
    """The parts of a session store's URI.

    Raises `InvalidValueError`, whose reason quotes nothing of the URI.
    """
    match = _FORM.fullmatch(uri)
    scheme = match["scheme"].lower() if match else ""
    if not match or scheme not in _SCHEMES:
        raise InvalidValueError(f"the URI does not begin with {_USUAL}")
    path, query, fragment = match["path"], match["query"] or "", match["fragment"]
    # JDBC's password is a parameter and may hold an @ as it is.
    if any("@" in part for part in (path, fragment or "", "" if scheme.startswith("jdbc:") else query)):
        raise InvalidValueError(f"the URI has an @ after its host; {_ENCODE}")
    if fragment is not None and scheme not in _SENTINEL:
        raise InvalidValueError(f"the URI has a # in it; {_ENCODE}")
    if any("=" not in parameter for parameter in query.split("&") if parameter):
        raise InvalidValueError(f"a parameter after the URI's ? has no =; {_ENCODE}")
    try:
        if scheme in _POSTGRES:
            postgres = parse_postgres_uri(uri)
            return StoreAddress("postgres", scheme, _shown(postgres.hosts), database=postgres.database)
        redis = parse_redis_uri(uri)
    except ValueError as error:
        raise InvalidValueError(str(error)) from None
    in_uri = path.strip("/") or "database=" in query or "db=" in query
    return StoreAddress(
        "redis",
        scheme,
        _shown(redis.hosts),
        path=redis.socket_path or "",
        database=str(redis.database) if redis.database or (in_uri and not redis.socket_path) else "",
        master=redis.master or "",
    )


def _shown(hosts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """Hosts as they stand in a URI."""
    return tuple((f"[{host}]" if ":" in host else host, port) for host, port in hosts)


def redact_uri(uri: str) -> str:
    """A URI for logs and errors: without user, password and parameters, and bare of everything if it is malformed."""
    try:
        return str(parse_store_uri(uri.strip()))
    except InvalidValueError:
        text = uri.strip().lower()
        scheme = next((known for known in _SCHEMES if text.startswith(f"{known}://")), None)
        return f"{scheme}://***" if scheme else "***"
