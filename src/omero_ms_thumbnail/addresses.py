"""Addresses of Redis and PostgreSQL: the only place where a URI of either is taken apart.

The configuration, the stores and ``check`` all read them here, so that none can take what another does not. Nothing
here connects, and no client is imported.

**Redis**, as lettuce has it, which the Java service is configured with, and redis-py:

    redis://[[user:]password@]host[:port][/database]      rediss:// with TLS
    redis-socket://[[user:]password@]/path[?database=1]   unix:// likewise
    redis-sentinel://[[user:]password@]host[:port][,host[:port]…][/database]#master     rediss-sentinel:// with TLS
    redis-cluster://[[user:]password@]host[:port][,host[:port]…]                        rediss-cluster:// with TLS

As in lettuce (its wiki, "Redis URI and connection details"), what stands alone before the @ is the password, the
``database`` parameter wins over the path, ``timeout`` has a unit of d, h, m, s, ms, us or ns and is in milliseconds
without one, ``verifyPeer`` is NONE, CA or FULL, and a sentinel URI's password is the data nodes', not the sentinels'.
lettuce has no scheme for a Redis Cluster, which it is told by other means: the scheme here is this service's own. As in
redis-py (``redis.asyncio.connection.parse_url``), ``db`` is the database, ``ssl_cert_reqs`` is none, optional or
required, ``ssl_check_hostname`` false leaves the name in the certificate alone, ``ssl_ca_certs`` names a file of
authorities, and ``socket_timeout`` and ``socket_connect_timeout`` are in seconds.

**PostgreSQL**, as libpq has it, and JDBC, which the Java service is configured with:

    postgresql://[user[:password]@]host[:port][,host[:port]…]/database[?name=value&…]      postgres:// likewise
    jdbc:postgresql://host[:port][,…]/database?user=…&password=…

Parameters have libpq's names ("Connection Strings" in PostgreSQL's manual) or pgjdbc's (its "Connection Parameters"):
there ``ssl=true`` alone is verify-full, and with ``sslfactory=org.postgresql.ssl.NonValidatingFactory`` is require.

No sentence quotes any part of a URI: a password that was not percent-encoded can end up in each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
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
_PARAMETERS_WITHOUT_MEANING = frozenset(
    {"clientName", "libraryName", "libraryVersion", "client_name", "protocol", "decode_responses", "max_connections"}
    | {"health_check_interval", "retry_on_timeout", "socket_keepalive"}
)
_SOCKET_TIMEOUTS = ("socket_timeout", "socket_connect_timeout")
_PARAMETERS = frozenset(
    {*_DATABASE_PARAMETERS, "timeout", "sentinelMasterId", "verifyPeer", *_SOCKET_TIMEOUTS}
    | {"ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs"}
)
_VERIFY_PEER = ("NONE", "CA", "FULL")
_NO = ("0", "f", "false", "n", "no")  # redis-py's words
_TIMEOUT_TEXT = re.compile(r"([0-9]+)(d|h|m|s|ms|us|ns|)")
_SECONDS_OF_UNIT = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "": 1e-3}


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
    ca_file: Path | None = None
    """The file of the authorities that are trusted; None for the system's."""
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
        ca_file=Path(parameters["ssl_ca_certs"]) if parameters.get("ssl_ca_certs") else None,
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
    if "ssl_cert_reqs" in parameters and "verifyPeer" not in parameters:
        required = parameters["ssl_cert_reqs"].lower()
        if required not in ("none", "optional", "required"):
            raise ValueError("ssl_cert_reqs in the Redis URI is one of none, optional, required")
        if required == "none":
            return "NONE"
    if "verifyPeer" not in parameters and parameters.get("ssl_check_hostname", "").lower() in _NO:
        return "CA"
    verify_peer = parameters.get("verifyPeer", "FULL").upper()
    # lettuce also takes the words of a switch.
    verify_peer = {"TRUE": "FULL", "FALSE": "NONE"}.get(verify_peer, verify_peer)
    if verify_peer not in _VERIFY_PEER:
        raise ValueError(f"verifyPeer in the Redis URI is one of {', '.join(_VERIFY_PEER)}")
    return verify_peer


def _timeout(parameters: dict[str, str]) -> float | None:
    if "timeout" not in parameters:
        texts = [parameters[name] for name in _SOCKET_TIMEOUTS if name in parameters]
        if any(not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) for text in texts):
            raise ValueError(f"{' and '.join(_SOCKET_TIMEOUTS)} in the Redis URI are numbers of seconds")
        return max(map(float, texts), default=None) or None
    match = _TIMEOUT_TEXT.fullmatch(parameters["timeout"].lower())
    seconds = int(match[1][:12]) * _SECONDS_OF_UNIT[match[2]] if match else 0
    if seconds <= 0:
        raise ValueError("timeout in the Redis URI is a number and a unit, as in 2s or 500ms")
    return seconds


_POSTGRES_PORT = 5432
_POSTGRES_FORM = re.compile(r"(jdbc:postgresql|postgresql|postgres)://([^/?#]*)/([^/?#]+)(?:\?([^#]*))?", re.IGNORECASE)
_POSTGRES_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TIMEOUTS = ("connect_timeout", "connectTimeout", "loginTimeout", "socketTimeout")
_POSTGRES_PARAMETERS = frozenset(
    {"user", "password", "sslmode", "ssl", "sslrootcert", "currentSchema", "prepareThreshold", *_TIMEOUTS}
)
_POSTGRES_WITHOUT_MEANING = frozenset(
    {"ApplicationName", "application_name", "tcpKeepAlive", "keepalives", "reWriteBatchedInserts", "readOnly"}
    | {"targetServerType", "target_session_attrs", "client_encoding", "charSet", "stringtype", "sslfactory"}
)


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where a database is and how to log in. Hosts are tried in their order."""

    hosts: tuple[tuple[str, int], ...]
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl_mode: str = "prefer"
    """One of libpq's words, of which verify-ca and verify-full look at the certificate."""
    ssl_root_cert: Path | None = None
    """The file of the authorities that verify-ca and verify-full trust; None for the system's."""
    schema: str | None = None
    """The schema of OMERO.web's tables, where it is not the user's own search path's."""
    prepares: bool = True
    """Whether statements may be prepared; a pooler in transaction mode may not let them be."""
    timeout: float | None = None
    """Seconds, where the URI says so."""

    def __str__(self) -> str:
        """The address for people: no user and no password."""
        hosts = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{hosts}, database {self.database}"


def parse_postgres_uri(uri: str) -> PostgresAddress:
    """The address in a URI; ValueError with a sentence that says what is wrong with it, without quoting it."""
    match = _POSTGRES_FORM.fullmatch(uri)
    if match is None:
        raise ValueError(
            "a PostgreSQL URI is postgresql://user:password@host:5432/database or "
            "jdbc:postgresql://host:5432/database?user=user&password=password "
            "(the characters / ? # @ in a password are written %2F %3F %23 %40)"
        )
    scheme, authority, database, query = match.groups(default="")
    credentials, _, location = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    parameters = _postgres_parameters(query)
    return PostgresAddress(
        hosts=tuple(_postgres_host(text.strip()) for text in location.split(",")),
        database=unquote(database),
        user=parameters.get("user") or unquote(user) or None,
        password=parameters.get("password") or unquote(password) or None,
        ssl_mode=_ssl_mode(parameters, is_jdbc=scheme.lower().startswith("jdbc:")),
        ssl_root_cert=_root_cert(parameters.get("sslrootcert")),
        schema=parameters.get("currentSchema") or None,
        prepares=parameters.get("prepareThreshold") != "0",
        timeout=_postgres_timeout(parameters),
    )


def _postgres_host(text: str) -> tuple[str, int]:
    match = _POSTGRES_HOST.fullmatch(text)
    port = int(match[3] or _POSTGRES_PORT) if match else 0
    if match is None or not 1 <= port <= 65_535:
        raise ValueError("the PostgreSQL URI names no possible host and port")
    return match[1] or match[2], port


def _postgres_parameters(query: str) -> dict[str, str]:
    # Not parse_qs, which would make spaces of the plus signs in a password.
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    parameters = {unquote(name): unquote(value) for name, _, value in pairs}
    if not parameters.keys() <= _POSTGRES_PARAMETERS | _POSTGRES_WITHOUT_MEANING:
        raise ValueError(
            f"the PostgreSQL URI has an unknown parameter; known are {', '.join(sorted(_POSTGRES_PARAMETERS))}"
        )
    return parameters


def _root_cert(named: str | None) -> Path | None:
    return Path(named) if named and named != "system" else None


def _ssl_mode(parameters: dict[str, str], *, is_jdbc: bool) -> str:
    # pgjdbc's switch stands for the strictest mode, unless a factory is named that looks at no certificate.
    switched_on = is_jdbc and parameters.get("ssl", "false").lower() in ("", "true")
    mode = parameters.get("sslmode") or ("verify-full" if switched_on else "prefer")
    if mode not in _SSL_MODES:
        raise ValueError(f"sslmode in the PostgreSQL URI is one of {', '.join(_SSL_MODES)}")
    if is_jdbc and parameters.get("sslfactory", "").endswith("NonValidatingFactory"):
        return "require" if mode.startswith("verify-") else mode
    if not is_jdbc and parameters.get("sslrootcert"):
        # As libpq: whoever names authorities wants them asked, and the system's are for hosts by their name.
        if parameters["sslrootcert"] == "system":
            return "verify-full"
        return "verify-ca" if mode == "require" else mode
    return mode


def _postgres_timeout(parameters: dict[str, str]) -> float | None:
    texts = [parameters[name] for name in _TIMEOUTS if name in parameters]
    if any(not re.fullmatch(r"[0-9]{1,6}", text) for text in texts):
        raise ValueError(f"{', '.join(_TIMEOUTS)} in the PostgreSQL URI are whole numbers of seconds")
    # 0 is both clients' word for: no limit, which a request that waits cannot be given.
    return min((float(text) for text in texts if int(text)), default=None)
