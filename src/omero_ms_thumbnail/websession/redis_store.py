"""OMERO.web's sessions in Redis: where Django's cache backends put them, and what each failure means.

`django_redis` and Django's own Redis cache both name a key ``<KEY_PREFIX>:<VERSION>:<key>``
(``django.core.cache.backends.base.default_key_func``), and ``django.contrib.sessions.backends.cache`` and ``cached_db``
a session ``django.contrib.sessions.cache<session id>``. Expiry is Redis's own.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import redis.asyncio
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.reading import SessionReader
from omero_ms_thumbnail.websession.redis_uri import RedisAddress, parse_redis_uri
from omero_ms_thumbnail.websession.store import SessionStoreUnavailable, is_session_id

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator

    from omero_ms_thumbnail.websession.session import WebSession

_CONNECTIONS = 16
"""At most so many a process: a look-up takes well under a millisecond, so this many are not often in use at once."""


class RedisSessionStore:
    """A `SessionStore` on a Redis or on the master of a group of sentinels.

    uri is any form of `redis_uri`, else ValueError. key_prefix and version are those of OMERO.web's cache
    (``omero.web.caches``). timeout bounds one look-up as a whole, waiting for a connection included, in seconds; one in
    the URI wins over it. Nothing is connected before the first look-up, and after a failure each look-up tries again.
    """

    def __init__(self, uri: str, *, key_prefix: str = "", version: int = 1, timeout: float = 2.0) -> None:
        self._address = parse_redis_uri(uri)
        self._key_prefix = f"{key_prefix}:{version}:django.contrib.sessions.cache"
        self._timeout = self._address.timeout or timeout
        self._free_connections = asyncio.Semaphore(_CONNECTIONS)
        self._sentinels = _sentinels(self._address, self._timeout) if self._address.master else None
        self._redis = _redis(self._address, self._timeout, self._sentinels)
        self._reader = SessionReader(self.describe())

    @property
    def unreadable(self) -> Counter[str]:
        """How many sessions could not be decoded, by reason."""
        return self._reader.unreadable

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None; see `SessionStore.get`."""
        if not is_session_id(session_id):
            return None
        # GETRANGE instead of GET: one value cannot fill this process's memory, whatever its size. It answers nothing
        # for a key that is not there.
        limit = self._reader.limits.stored_bytes
        try:
            async with self._answering():
                value = await self._redis.getrange(self._key_prefix + session_id, 0, limit)
        except _NotAString:
            self._reader.count(SessionDecodeError("not-a-session", "it is not a string in Redis"))
            return None
        return self._reader.read(cast("bytes", value)) if value else None

    async def ping(self) -> None:
        """Return if Redis answers; raise `SessionStoreUnavailable` if not."""
        async with self._answering():
            await cast("Any", self._redis.ping())

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        if self._sentinels is not None:
            for sentinel in self._sentinels.sentinels:
                await sentinel.aclose()

    def describe(self) -> str:
        """Host and database, without the password."""
        return f"Redis at {self._address}"

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Turn whatever keeps Redis from answering in time into a sentence that names it."""
        try:
            async with asyncio.timeout(self._timeout), self._free_connections:
                yield
        except (exceptions.RedisError, OSError) as error:
            if isinstance(error, exceptions.ResponseError) and str(error).startswith("WRONGTYPE"):
                raise _NotAString from error
            raise SessionStoreUnavailable(f"The {self.describe()} {self._advice(error)}.") from error

    def _advice(self, error: Exception) -> str:
        """What the error means and what to check; nothing of Redis's own text, which may quote what it was sent."""
        match error:
            case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
                return "refuses the user name or the password; check those in session-store.uri"
            case exceptions.NoPermissionError():
                return (
                    "does not permit its user to read sessions; allow PING, GETRANGE and the keys of OMERO.web's cache"
                )
            case exceptions.BusyLoadingError():
                return "is still loading its data; it answers as soon as that is done"
            case MasterNotFoundError():
                return "is known to none of the sentinels that answer; check their hosts and the master's name"
            case exceptions.InvalidResponse():
                return "does not answer as Redis does; check the port in session-store.uri"
            case exceptions.TimeoutError() | TimeoutError():
                return f"did not answer within {self._timeout:g} s; check its host, its load and the network between"
            case exceptions.ConnectionError() if _names_certificate(error):
                return (
                    "has a certificate that is not trusted, or is not for this host; name its authority in the "
                    "environment variable SSL_CERT_FILE, or add ?verifyPeer=CA or ?verifyPeer=NONE to session-store.uri"
                )
            case exceptions.ConnectionError() | OSError():
                return "cannot be reached; check that it runs and that session-store.uri names its host and port"
            case _:
                return "refuses the look-up; check session-store.uri, its database number and Redis's own log"


def _names_certificate(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


class _NotAString(Exception):
    """The key holds one of Redis's other types."""


def redis_client(uri: str, *, timeout: float = 2.0) -> redis.asyncio.Redis:
    """A client for any form of URI that a session store takes; ValueError with a sentence for what is not one.

    Nothing is connected before its first command. timeout is in seconds; one in the URI wins over it.
    """
    address = parse_redis_uri(uri)
    timeout = address.timeout or timeout
    return _redis(address, timeout, _sentinels(address, timeout) if address.master else None)


def _redis(address: RedisAddress, timeout: float, sentinels: Sentinel | None) -> redis.asyncio.Redis:
    options = _connection_options(address, timeout)
    if sentinels is not None and address.master is not None:
        master: redis.asyncio.Redis = sentinels.master_for(address.master, **options)
        return master
    if address.socket_path is not None:
        return redis.asyncio.Redis(unix_socket_path=address.socket_path, **options)
    host, port = address.hosts[0]
    return redis.asyncio.Redis(host=host, port=port, **options)


def _sentinels(address: RedisAddress, timeout: float) -> Sentinel:
    # They are asked one after the other: one that is silent must leave time for the next and for the master itself.
    options = _connection_options(address, timeout / (len(address.hosts) + 1))
    for of_data_nodes in ("db", "username", "password"):
        options.pop(of_data_nodes, None)
    sentinels: Sentinel = cast("Any", Sentinel)(list(address.hosts), sentinel_kwargs=options)
    return sentinels


def _connection_options(address: RedisAddress, timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "db": address.database,
        "protocol": 2,  # the one that every Redis speaks, and all that these commands need
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # Once more at once, for a pooled connection that Redis has closed meanwhile; whoever asks next tries anew.
        "retry": Retry(NoBackoff(), 1),
        "retry_on_error": [exceptions.ConnectionError],  # redis-py 5.0 asks for both
    }
    if address.password is not None:
        options |= {"username": address.username, "password": address.password}
    if address.tls:
        options |= {
            "ssl": True,
            "ssl_cert_reqs": "none" if address.verify_peer == "NONE" else "required",
            "ssl_check_hostname": address.verify_peer == "FULL",
        }
    return options
