"""The two ways a PostgreSQL is named: libpq's URIs, and the JDBC ones that the Java service is configured with.

    postgresql://[user[:password]@]host[:port][,host[:port]…]/database[?name=value&…]      postgres:// likewise
    jdbc:postgresql://host[:port][,…]/database?user=…&password=…

Parameters have libpq's names ("Connection Strings" in PostgreSQL's manual) or pgjdbc's (its "Connection Parameters").
No sentence quotes any part of a URI: a password that was not percent-encoded can end up in each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

_PORT = 5432
_FORM = re.compile(r"(jdbc:postgresql|postgresql|postgres)://([^/?#]*)/([^/?#]+)(?:\?([^#]*))?", re.IGNORECASE)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TIMEOUTS = ("connect_timeout", "connectTimeout", "loginTimeout", "socketTimeout")
_PARAMETERS = frozenset(
    {"user", "password", "sslmode", "ssl", "sslrootcert", "currentSchema", "prepareThreshold", *_TIMEOUTS}
)
_PARAMETERS_WITHOUT_MEANING = frozenset(
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
    match = _FORM.fullmatch(uri)
    if match is None:
        raise ValueError(
            "a PostgreSQL URI is postgresql://user:password@host:5432/database or "
            "jdbc:postgresql://host:5432/database?user=user&password=password "
            "(the characters / ? # @ in a password are written %2F %3F %23 %40)"
        )
    scheme, authority, database, query = match.groups(default="")
    credentials, _, location = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    parameters = _parameters(query)
    return PostgresAddress(
        hosts=tuple(_host(text.strip()) for text in location.split(",")),
        database=unquote(database),
        user=parameters.get("user") or unquote(user) or None,
        password=parameters.get("password") or unquote(password) or None,
        ssl_mode=_ssl_mode(parameters, is_jdbc=scheme.lower().startswith("jdbc:")),
        ssl_root_cert=Path(parameters["sslrootcert"]) if parameters.get("sslrootcert") else None,
        schema=parameters.get("currentSchema") or None,
        prepares=parameters.get("prepareThreshold") != "0",
        timeout=_timeout(parameters),
    )


def _host(text: str) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    port = int(match[3] or _PORT) if match else 0
    if match is None or not 1 <= port <= 65_535:
        raise ValueError("the PostgreSQL URI names no possible host and port")
    return match[1] or match[2], port


def _parameters(query: str) -> dict[str, str]:
    # Not parse_qs, which would make spaces of the plus signs in a password.
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    parameters = {unquote(name): unquote(value) for name, _, value in pairs}
    if not parameters.keys() <= _PARAMETERS | _PARAMETERS_WITHOUT_MEANING:
        raise ValueError(f"the PostgreSQL URI has an unknown parameter; known are {', '.join(sorted(_PARAMETERS))}")
    return parameters


def _ssl_mode(parameters: dict[str, str], *, is_jdbc: bool) -> str:
    # pgjdbc's switch stands for the strictest mode.
    switched_on = is_jdbc and parameters.get("ssl", "false").lower() in ("", "true")
    mode = parameters.get("sslmode") or ("verify-full" if switched_on else "prefer")
    if mode not in _SSL_MODES:
        raise ValueError(f"sslmode in the PostgreSQL URI is one of {', '.join(_SSL_MODES)}")
    return mode


def _timeout(parameters: dict[str, str]) -> float | None:
    texts = [parameters[name] for name in _TIMEOUTS if name in parameters]
    if any(not re.fullmatch(r"[0-9]{1,6}", text) for text in texts):
        raise ValueError(f"{', '.join(_TIMEOUTS)} in the PostgreSQL URI are whole numbers of seconds")
    # 0 is both clients' word for: no limit, which a request that waits cannot be given.
    return min((float(text) for text in texts if int(text)), default=None)
