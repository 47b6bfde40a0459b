"""Every way a Redis may be named: the URIs of lettuce, which the Java service is configured with, and of redis-py.

    redis://[[user:]password@]host[:port][/database]      rediss:// with TLS
    redis-socket://[[user:]password@]/path[?database=1]   unix:// likewise
    redis-sentinel://[[user:]password@]host[:port][,host[:port]…][/database]#master     rediss-sentinel:// with TLS
    redis-cluster://[[user:]password@]host[:port][,host[:port]…]                        rediss-cluster:// with TLS

As in lettuce (its wiki, "Redis URI and connection details"), what stands alone before the @ is the password, the
``database`` parameter wins over the path, ``timeout`` has a unit of d, h, m, s, ms, us or ns and is in milliseconds
without one, and a sentinel URI's password is the data nodes', not the sentinels'. lettuce has no scheme for a Redis
Cluster, which it is told by other means: the scheme here is this service's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qs, unquote

_REDIS_PORT = 6379
_SENTINEL_PORT = 26379

# scheme -> (kind of address, TLS)
_SCHEMES = {
    "redis": ("host", False),
    "rediss": ("host", True),
    "redis+ssl": ("host", True),
    "redis+tls": ("host", True),
    "redis-socket": ("socket", False),
    "redis+socket": ("socket", False),
    "unix": ("socket", False),
    "redis-sentinel": ("sentinel", False),
    "rediss-sentinel": ("sentinel", True),
    "redis-cluster": ("cluster", False),
    "rediss-cluster": ("cluster", True),
}
# authority, path, query, fragment, as in appendix B of RFC 3986. urllib's own split refuses brackets in a password,
# with a text that can quote it.
_PARTS = re.compile(r"([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^:\[\]\s]+))(?::([0-9]{1,5}))?")
_DATABASE_PARAMETERS = ("database", "db")
_PARAMETERS_WITHOUT_MEANING = frozenset({"clientName", "libraryName", "libraryVersion"})
_PARAMETERS = frozenset({*_DATABASE_PARAMETERS, "timeout", "sentinelMasterId", "verifyPeer"})
_VERIFY_PEER = ("NONE", "CA", "FULL")
_TIMEOUT = re.compile(r"([0-9]+)(d|h|m|s|ms|us|ns|)")
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "": 1e-3}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is and how to log in; one of hosts and socket_path is given."""

    hosts: tuple[tuple[str, int], ...] = ()
    """Host and port of the Redis, of each of its sentinels, or of some nodes of its cluster."""
    socket_path: str | None = None
    master: str | None = None
    """Name of the master that the sentinels watch; None where hosts is the Redis itself."""
    cluster: bool = False
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    verify_peer: str = "FULL"
    """NONE, CA (its certificate, not its name) or FULL; matters with TLS only."""
    timeout: float | None = None
    """Seconds, where the URI says so."""

    def __str__(self) -> str:
        """The address for people: no user and no password."""
        hosts = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        if self.master is not None:
            return f"master {self.master} of the sentinels {hosts}, database {self.database}"
        if self.cluster:
            return f"the cluster of {hosts}"
        return f"{self.socket_path or hosts}, database {self.database}"


def parse_redis_uri(uri: str) -> RedisAddress:
    """The address in a URI; ValueError with a sentence that says what is wrong with it, without quoting it.

    Nothing before the path is quoted, as a password with a character that should have been percent-encoded can end
    up in any part of what is parsed.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise ValueError(f"a Redis URI begins with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
    kind, tls = _SCHEMES[scheme.lower()]
    authority, path, query, fragment = cast("re.Match[str]", _PARTS.fullmatch(rest)).groups(default="")
    credentials, _, location = authority.rpartition("@")
    username, password = _credentials(credentials)
    parameters = _parameters(query)
    master = None
    if kind == "sentinel":
        master = unquote(fragment) or parameters.get("sentinelMasterId")
        if not master:
            raise ValueError("the Redis URI names no master: add #name, the name that the sentinels know it by")
    database = _database(parameters, "" if kind == "socket" else path.removeprefix("/"))
    if kind == "cluster" and database:
        raise ValueError("the Redis URI names a database, of which a Redis Cluster has only number 0")
    return RedisAddress(
        hosts=() if kind == "socket" else _hosts(location, kind),
        socket_path=_socket_path(location + path) if kind == "socket" else None,
        master=master,
        cluster=kind == "cluster",
        database=database,
        username=username,
        password=password,
        tls=tls,
        verify_peer=_verify_peer(parameters),
        timeout=_timeout(parameters),
    )


def _credentials(text: str) -> tuple[str | None, str | None]:
    username, colon, password = text.partition(":")
    if not colon:
        username, password = "", username
    if not password:
        # As in redis://:@host, which is how the Java service's documentation spells a Redis without a password.
        return None, None
    return unquote(username) or None, unquote(password)


def _hosts(location: str, kind: str) -> tuple[tuple[str, int], ...]:
    named = location.split(",")
    if kind == "host" and len(named) > 1:
        raise ValueError("the Redis URI names several hosts, which only redis-sentinel:// and redis-cluster:// can")
    return tuple(_host(text.strip(), _SENTINEL_PORT if kind == "sentinel" else _REDIS_PORT) for text in named)


def _host(text: str, default_port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    port = int(match[3] or default_port) if match else 0
    if match is None or not 1 <= port <= 65_535 or not _is_host_name(match[1] or match[2]):
        raise ValueError(
            "the Redis URI names no possible host and port (the characters / ? # in a password are written %2F %3F %23)"
        )
    return match[1] or match[2], port


def _is_host_name(host: str) -> bool:
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        # Asyncio would raise the same at every attempt to connect.
        return False


def _socket_path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("the Redis URI names no socket: the scheme needs an absolute path, as in unix:///path")
    return unquote(path)


def _parameters(query: str) -> dict[str, str]:
    parameters = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if not parameters.keys() <= _PARAMETERS | _PARAMETERS_WITHOUT_MEANING:
        raise ValueError(f"the Redis URI has an unknown parameter; known are {', '.join(sorted(_PARAMETERS))}")
    return parameters


def _database(parameters: dict[str, str], in_path: str) -> int:
    text = next((parameters[name] for name in _DATABASE_PARAMETERS if name in parameters), in_path) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ValueError("the database in the Redis URI is not a number, as 1 is in redis://host:6379/1")
    return int(text)


def _verify_peer(parameters: dict[str, str]) -> str:
    verify_peer = parameters.get("verifyPeer", "FULL").upper()
    # lettuce also takes the words of a switch.
    verify_peer = {"TRUE": "FULL", "FALSE": "NONE"}.get(verify_peer, verify_peer)
    if verify_peer not in _VERIFY_PEER:
        raise ValueError(f"verifyPeer in the Redis URI is one of {', '.join(_VERIFY_PEER)}")
    return verify_peer


def _timeout(parameters: dict[str, str]) -> float | None:
    if "timeout" not in parameters:
        return None
    match = _TIMEOUT.fullmatch(parameters["timeout"].lower())
    seconds = int(match[1][:12]) * _SECONDS[match[2]] if match else 0
    if seconds <= 0:
        raise ValueError("timeout in the Redis URI is a number and a unit, as in 2s or 500ms")
    return seconds
