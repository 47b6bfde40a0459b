"""OMERO.web's sessions in PostgreSQL: the table of Django's database engines, and what each failure means.

``django.contrib.sessions.backends.db`` and ``cached_db`` keep a session as a row of ``django_session`` (session_key,
session_data, expire_date). Expired rows stay until somebody runs ``clearsessions``: the date is part of the question.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg

from ..addresses import PostgresAddress, parse_postgres_uri
from .postgres_advice import CONNECTIONS, TLS_IF_THERE_IS, advice
from .reading import SessionReader
from .store import SessionStoreUnavailable, is_session_id
from .web_session import web_session

if TYPE_CHECKING:
    from collections import Counter

    from .signed_text import SigningKeys
    from .web_session import WebSession

_IDLE_SECONDS = 60.0
_STATEMENTS = 8

# The text is cut by the server, so that one row cannot fill this process's memory. Django writes expire_date in UTC;
# a column without a time zone compares rightly because the connection's own is UTC.
_QUERY = """\
SELECT left(session_data, $2), extract(epoch FROM expire_date)::float8
FROM django_session WHERE session_key = $1 AND expire_date > now()"""

_GONE = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError, asyncpg.AdminShutdownError)
"""How a pooled connection fails that the server has closed meanwhile."""


class PostgresSessionStore:
    """A `SessionStore` on the database of an OMERO.web.

    uri is any form of `addresses`, else ValueError; so is an unusable file of authorities. timeout bounds one
    look-up as a whole, waiting for a connection included, in seconds; one in the URI wins over it. Nothing is
    connected before the first look-up, and after a failure each look-up tries again.
    """

    def __init__(self, uri: str, *, keys: SigningKeys | None = None, timeout: float = 2.0) -> None:
        self._address = parse_postgres_uri(uri)
        self._timeout = self._address.timeout or timeout
        self._options = connection_options(self._address, self._timeout)
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._reader = SessionReader(self.describe(), keys=keys)

    @property
    def unreadable(self) -> Counter[str]:
        """How many sessions could not be decoded, by reason."""
        return self._reader.unreadable

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None; see `SessionStore.get`."""
        if not is_session_id(session_id):
            return None
        self._reader.begin(session_id)
        row = await self._ask(_QUERY, session_id, self._reader.limits.stored_bytes + 1)
        session = self._reader.read_text(row[0].encode(), session_id) if row is not None else None
        found = web_session(session) if session is not None else None
        return replace(found, expires=row[1]) if found is not None and row is not None else None

    def is_unreadable(self, session_id: str) -> bool:
        """Whether the session was there when `get` looked for it last, and could not be read."""
        return self._reader.is_unreadable(session_id)

    async def ping(self) -> None:
        """Return if the table can be read; raise `SessionStoreUnavailable` if not."""
        await self._ask(_QUERY, "", 1)

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.terminate()

    def describe(self) -> str:
        """Host and database, without the password."""
        return f"PostgreSQL at {self._address}"

    async def _ask(self, query: str, *arguments: object) -> Any:
        """The first row, or None; whatever keeps PostgreSQL from answering in time becomes a sentence that names it."""
        try:
            async with asyncio.timeout(self._timeout):
                pool = await self._opened()
                try:
                    return await pool.fetchrow(query, *arguments)
                except _GONE:
                    # Once more at once, on a new connection; whoever asks next tries anew.
                    await pool.expire_connections()
                    return await pool.fetchrow(query, *arguments)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
            ValueError,
        ) as error:
            raise SessionStoreUnavailable(
                f"The {self.describe()} {advice(error, self._address, self._timeout)}."
            ) from error

    async def _opened(self) -> asyncpg.Pool:
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        min_size=0,
                        max_size=CONNECTIONS,
                        max_inactive_connection_lifetime=_IDLE_SECONDS,
                        **self._options,
                    )
        return self._pool


def connection_options(address: PostgresAddress, timeout: float) -> dict[str, Any]:
    """What `asyncpg.connect` takes. timeout, of connecting, is in seconds.

    Raises ValueError with a sentence where the file of authorities that the address names cannot be used.
    """
    settings = {"application_name": "omero-ms-thumbnail", "timezone": "UTC"}
    if address.schema is not None:
        settings["search_path"] = address.schema
    return {
        "host": [host for host, _ in address.hosts],
        "port": [port for _, port in address.hosts],
        "database": address.database,
        "user": address.user,
        "password": address.password,
        "ssl": _tls(address),
        "timeout": timeout,
        "server_settings": settings,
        "statement_cache_size": _STATEMENTS if address.prepares else 0,
    }


def _tls(address: PostgresAddress) -> ssl.SSLContext | str:
    """What asyncpg takes: a context where TLS is a must, the word where it is not."""
    if address.ssl_mode in TLS_IF_THERE_IS:
        return address.ssl_mode
    try:
        context = ssl.create_default_context(cafile=address.ssl_root_cert)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"sslrootcert in the PostgreSQL URI names no file of certificates: {error}") from error
    context.check_hostname = address.ssl_mode == "verify-full"
    if address.ssl_mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context
