"""The URIs of session stores: which are well-formed, what kind of store each names, and how one is shown.

Redis in lettuce's forms (its wiki page "Redis URI and connection details"): ``redis://[[user:]password@]host[:port]
[/database]``, ``rediss://`` the same over TLS, ``redis-socket://[[user:]password@]/path`` (redis-py says ``unix://``),
``redis-sentinel://[[user:]password@]host[:port][,host[:port]…][/database]#master``; and ``redis-cluster://`` with some
of a cluster's nodes. PostgreSQL in libpq's form
``postgresql://[user[:password]@]host[:port][,…]/database`` and in JDBC's, where user and password are parameters:
``jdbc:postgresql://host[:port][,…]/database?user=…&password=…``.

A password that was not percent-encoded makes a URI fall apart in the wrong places. Therefore no sentence quotes any
part of a URI that could not be read, and `redact_uri` shows only parts that were recognised. User and password stay
in the URI: they are for the store that connects, which reads them, and what parameters mean to it, for itself
(`websession.redis_uri`, `websession.postgres_uri`). The configuration is read without any room of the service, and no
room knows the configuration; that both see the same address is what ``tests/websession/test_uris_agree.py`` is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from omero_ms_thumbnail.config.errors import InvalidValueError

_ENCODE = "write a password's own / ? # @ and % as %2F %3F %23 %40 and %25"
_FORM = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+:-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")

_REDIS = {"redis": 6379, "rediss": 6379, "redis+ssl": 6379, "redis+tls": 6379}
_SENTINEL = {"redis-sentinel": 26379, "rediss-sentinel": 26379}
_CLUSTER = {"redis-cluster": 6379, "rediss-cluster": 6379}
_POSTGRES = {"postgresql": 5432, "postgres": 5432, "jdbc:postgresql": 5432}
_DEFAULT_PORTS = {**_REDIS, **_SENTINEL, **_CLUSTER, **_POSTGRES}
_SOCKETS = ("redis-socket", "redis+socket", "unix")
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
    if not match or scheme not in {*_DEFAULT_PORTS, *_SOCKETS}:
        raise InvalidValueError(f"the URI does not begin with {_USUAL}")
    path, query, fragment = match["path"], match["query"] or "", match["fragment"]
    # JDBC's password is a parameter and may hold an @ as it is.
    if any("@" in part for part in (path, fragment or "", "" if scheme.startswith("jdbc:") else query)):
        raise InvalidValueError(f"the URI has an @ after its host; {_ENCODE}")
    if fragment is not None and scheme not in _SENTINEL:
        raise InvalidValueError(f"the URI has a # in it; {_ENCODE}")
    parameters = _parameters(query)
    _, _, location = match["authority"].rpartition("@")
    if scheme in _SOCKETS:
        socket = unquote(location + path)
        if not socket.startswith("/"):
            raise InvalidValueError(f"the URI does not name a socket's absolute path; write {scheme}:///run/redis.sock")
        return StoreAddress("redis", scheme, path=socket, database=_redis_database("", parameters))
    hosts = _hosts(location, _DEFAULT_PORTS[scheme], several=scheme not in _REDIS)
    in_path = path.removeprefix("/")
    if scheme in _POSTGRES:
        if not in_path or "/" in in_path:
            raise InvalidValueError(f"the URI does not name one database after its host; {_ENCODE}")
        return StoreAddress("postgres", scheme, hosts, database=unquote(in_path))
    master = unquote(fragment or "") or parameters.get("sentinelMasterId", "")
    if scheme in _SENTINEL and not master:
        raise InvalidValueError("the URI does not name the master; append #mymaster, as Sentinel calls it")
    database = _redis_database(in_path, parameters)
    if scheme in _CLUSTER and int(database or 0):
        raise InvalidValueError("the URI names a database, of which a Redis Cluster has only number 0")
    return StoreAddress("redis", scheme, hosts, database=database, master=master if scheme in _SENTINEL else "")


def redact_uri(uri: str) -> str:
    """A URI for logs and errors: without user, password and parameters, and bare of everything if it is malformed."""
    try:
        return str(parse_store_uri(uri.strip()))
    except InvalidValueError:
        text = uri.strip().lower()
        scheme = next((known for known in (*_DEFAULT_PORTS, *_SOCKETS) if text.startswith(f"{known}://")), None)
        return f"{scheme}://***" if scheme else "***"


def _parameters(query: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    if any(not equals for _, equals, _ in pairs):
        raise InvalidValueError(f"a parameter after the URI's ? has no =; {_ENCODE}")
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _hosts(text: str, default_port: int, *, several: bool) -> tuple[tuple[str, int], ...]:
    found = []
    for item in text.split(","):
        match = _HOST.fullmatch(item.strip())
        port = int(match["port"] or default_port) if match else 0
        if not match or not 1 <= port <= 65535:
            raise InvalidValueError(f"no host is named, or its port is not from 1 to 65535; {_ENCODE}")
        found.append((match["host"], port))
    if len(found) > 1 and not several:
        raise InvalidValueError(
            "the URI names several hosts; that is for redis-sentinel://, redis-cluster:// and postgresql:// only"
        )
    return tuple(found)


def _redis_database(in_path: str, parameters: dict[str, str]) -> str:
    # In lettuce the parameter goes before the path.
    text = parameters.get("database") or parameters.get("db") or in_path
    if text and not re.fullmatch(r"[0-9]{1,5}", text):
        raise InvalidValueError(f"the URI's database is not a whole number; {_ENCODE}")
    return text
