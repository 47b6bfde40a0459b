"""OMERO.web's sessions in Redis: where Django's cache backends put them, and what each failure means.

`django_redis` and Django's own Redis cache both name a key ``<KEY_PREFIX>:<VERSION>:<key>``
(``django.core.cache.backends.base.default_key_func``); ``django.contrib.sessions.backends.cache`` names a session
``django.contrib.sessions.cache<session id>``, ``cached_db`` ``django.contrib.sessions.cached_db<session id>``. Expiry
is Redis's own.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

import redis.asyncio
from redis import exceptions
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff

from ..addresses import RedisAddress, parse_redis_uri
from .decode_error import SessionDecodeError
from .reading import SessionReader
from .store import SessionStoreUnavailable, is_session_id

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from .web_session import WebSession

_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")

_ENGINES = ("cache", "cached_db")

_LOOK_UPS = 16
"""At most so many of a process at once, so many connections too: each takes about a millisecond."""


class RedisSessionStore:
    """A `SessionStore` on a Redis, on the master of a group of sentinels, or on a Redis Cluster.

    uri is any form of `addresses`, else ValueError. key_prefix and version are those of OMERO.web's cache
    (``omero.web.caches``). timeout bounds one look-up as a whole, waiting for a connection included, in seconds; one in
    the URI wins over it. Nothing is connected before the first look-up, and after a failure each look-up tries again.
    """

    def __init__(self, uri: str, *, key_prefix: str = "", version: int = 1, timeout: float = 2.0) -> None:
        self._address = parse_redis_uri(uri)
        self._cache = f"{key_prefix}:{version}:"
        sessions = f"{self._cache}django.contrib.sessions."
        # OMERO.web uses one of the engines: the one whose key was found last is asked for first.
        self._prefixes = [sessions + engine for engine in _ENGINES]
        self._timeout = self._address.timeout or timeout
        self._sentinels = _sentinels(self._address, self._timeout) if self._address.master else None
        self._redis = _redis(self._address, self._timeout, self._sentinels)
        self._free = asyncio.Semaphore(_LOOK_UPS)
        self._reader = SessionReader(self.describe())

    @property
    def unreadable(self) -> Counter[str]:
        """How many sessions could not be decoded, by reason."""
        return self._reader.unreadable

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None; see `SessionStore.get`."""
        if not is_session_id(session_id):
            return None
        self._reader.begin(session_id)
        for prefix in tuple(self._prefixes):
            try:
                value = await self._ask(self._value, prefix + session_id)
            except _NotAString:
                self._reader.count(SessionDecodeError("not-a-session", "it is not a string in Redis"), session_id)
                return None
            if value:
                self._prefixes.sort(key=prefix.__ne__)
                return self._reader.read(value, session_id)
        return None

    async def connector(self, key: str) -> WebSession | None:
        """The session of the connector that OMERO.web keeps under a key of the same cache, None if there is none.

        That is how its workers share the public user's (`set_public_user_connector` of omeroweb/decorators.py). Raises
        `SessionStoreUnavailable` as `get` does.
        """
        try:
            value = await self._ask(self._value, self._cache + key)
        except _NotAString:
            return None
        return self._reader.read_connector(value) if value else None

    def is_unreadable(self, session_id: str) -> bool:
        """Whether the session was there when `get` looked for it last, and could not be read."""
        return self._reader.is_unreadable(session_id)

    async def ping(self) -> None:
        """Return if Redis answers; raise `SessionStoreUnavailable` if not."""
        await self._ask(cast("Any", self._redis.ping))

    async def close(self) -> None:
        """Close every connection."""
        if isinstance(self._redis, RedisCluster):
            # What redis-py closes itself only if the last look-up did not fail.
            for nodes in ("nodes_cache", "startup_nodes"):
                await self._redis.nodes_manager.aclose(nodes)
        await self._redis.aclose()
        if self._sentinels is not None:
            for sentinel in self._sentinels.sentinels:
                await sentinel.aclose()

    def describe(self) -> str:
        """Host and database, without the password."""
        return f"Redis at {self._address}"

    async def _value(self, key: str) -> bytes:
        """The value; empty where there is none."""
        # GETRANGE instead of GET: one value cannot fill this process's memory, whatever its size. It answers nothing
        # for a key that is not there.
        value: bytes = await cast("Any", self._redis.getrange(key, 0, self._reader.limits.stored_bytes))
        return value

    async def _ask(self, question: Callable[[*_Arguments], Awaitable[_T]], *arguments: *_Arguments) -> _T:
        """The answer; whatever keeps Redis from giving it in time becomes a sentence that names it."""
        try:
            async with asyncio.timeout(self._timeout), self._free:
                return await question(*arguments)
        except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
            if isinstance(error, exceptions.ResponseError) and "WRONGTYPE" in str(error):
                raise _NotAString from error
            raise SessionStoreUnavailable(f"The {self.describe()} {self._advice(error)}.") from error

    def _advice(self, error: Exception) -> str:  # noqa: C901 - a list of causes
        """What the error means and what to check; nothing of Redis's own text, which may quote what it was sent."""
        match told_by(error):
            case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
                return "refuses the user name or the password; check those in session-store.uri"
            case exceptions.NoPermissionError():
                return (
                    "does not permit its user to read sessions; "
                    "allow PING, SELECT, GETRANGE and the keys of OMERO.web's cache"
                )
            case exceptions.BusyLoadingError():
                return "is still loading its data; it answers as soon as that is done"
            case MasterNotFoundError():
                return "is known to none of the sentinels that answer; check their hosts and the master's name"
            case ssl.SSLCertVerificationError():
                return (
                    "has a certificate that is not trusted, or is not for this host; name its authority in the "
                    "environment variable SSL_CERT_FILE, or add ?verifyPeer=CA or ?verifyPeer=NONE to session-store.uri"
                )
            case ssl.SSLError():
                return (
                    "does not speak TLS as session-store.uri wants it; write redis:// for a Redis without TLS, or the "
                    "port that it has for TLS"
                )
            case exceptions.RedisClusterException() | exceptions.ClusterError():
                return "has no node that answers as a part of a Redis Cluster; check its hosts in session-store.uri"
            case exceptions.InvalidResponse():
                return "does not answer as Redis does; check the port in session-store.uri"
            case exceptions.TimeoutError() | TimeoutError() if self._address.tls:
                # A Redis without TLS waits for the end of what it takes for a line.
                return (
                    f"did not answer within {self._timeout:g} s; check whether it speaks TLS on that port (redis:// is "
                    "for one that does not), its host, its load and the network between"
                )
            case exceptions.TimeoutError() | TimeoutError():
                return f"did not answer within {self._timeout:g} s; check its host, its load and the network between"
            case exceptions.ConnectionError() | OSError() as trouble if self._address.socket_path is not None:
                return _advice_of_socket(trouble)
            case exceptions.ConnectionError() | OSError():
                return "cannot be reached; check that it runs and that session-store.uri names its host and port"
            case _:
                return "refuses the look-up; check session-store.uri, its database number and Redis's own log"


def _advice_of_socket(trouble: BaseException) -> str:
    match trouble:
        case FileNotFoundError():
            return "has no socket there; check that it runs, its unixsocket, and the path in session-store.uri"
        case PermissionError():
            return "does not let this service's user use its socket; check its unixsocketperm and the user's groups"
        case _:
            return "does not answer at its socket; check that it runs and that session-store.uri names its socket"


#: what says most, first: redis-py wraps what it meets, and not alike for hosts, sockets, sentinels and clusters
_TELLING = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.NoPermissionError,
    exceptions.BusyLoadingError,
    MasterNotFoundError,
    ssl.SSLCertVerificationError,
    ssl.SSLError,
    exceptions.InvalidResponse,
    FileNotFoundError,
    PermissionError,
)


def told_by(error: BaseException) -> BaseException:
    """Of an error and what it was raised from, the one that says most of what is wrong with a Redis."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return next((one for kind in _TELLING for one in chain if isinstance(one, kind)), error)


class _NotAString(Exception):
    """The key holds one of Redis's other types."""


def redis_or_cluster_client(uri: str, *, timeout: float = 2.0) -> redis.asyncio.Redis | RedisCluster:
    """A client for any form of URI that a session store takes; ValueError with a sentence for what is not one.

    Nothing is connected before its first command. timeout is in seconds; one in the URI wins over it.
    """
    address = parse_redis_uri(uri)
    timeout = address.timeout or timeout
    return _redis(address, timeout, _sentinels(address, timeout) if address.master else None)


def redis_client(uri: str, *, timeout: float = 2.0) -> redis.asyncio.Redis:
    """As `redis_or_cluster_client`, for where a cluster will not do: ValueError for one."""
    if parse_redis_uri(uri).cluster:
        raise ValueError("a Redis Cluster cannot be used here; name one Redis")
    return cast("redis.asyncio.Redis", redis_or_cluster_client(uri, timeout=timeout))


def _redis(address: RedisAddress, timeout: float, sentinels: Sentinel | None) -> redis.asyncio.Redis | RedisCluster:
    options = _connection_options(address, timeout)
    if address.cluster:
        for of_one_server in ("db", "retry", "retry_on_error"):
            options.pop(of_one_server)
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, **options)
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
        if address.ca_file is not None:
            options["ssl_ca_certs"] = str(address.ca_file)
    return options
