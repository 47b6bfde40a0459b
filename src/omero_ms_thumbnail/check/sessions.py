"""The steps about OMERO.web's sessions: is the store there, what is in it, and whose is the cookie."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import asyncpg
import redis.asyncio
from redis import exceptions

from ..addresses import parse_postgres_uri, parse_redis_uri
from ..config import ConfigError, SessionStoreSettings, Settings
from ..parts import plain_session_store
from ..websession import MemorySessionStore, SessionStoreUnavailable, WebSession, is_session_id
from ..websession.decode_error import SessionDecodeError
from ..websession.postgres_advice import is_no_postgres, wants_tls
from ..websession.redis_store import redis_client, told_by
from .diagnoses import CONFIGURATION_WRONG
from .diagnosis import Diagnosis
from .finding import Finding, Outcome, Stopwatch, Trouble
from .names import CLOCK, SESSION, SESSION_STORE, SESSIONS
from .other_surveys import COUNTED_MAX, count_files, count_rows
from .redis_survey import KeyForm, Survey, describe_sample, other_databases, survey
from .session_diagnoses import (
    CLOCK_DIFFERS,
    LOOKING_NOT_ALLOWED,
    NO_SESSIONS,
    NOT_A_SESSION_ID,
    NOT_POSTGRES,
    NOT_REDIS,
    POSTGRES_FULL,
    POSTGRES_NOT_LET_IN,
    POSTGRES_POOLER,
    POSTGRES_WITHOUT_TLS,
    REDIS_KEY_PREFIX,
    REDIS_OTHER_DATABASE,
    SESSION_DAMAGED,
    SESSION_FORMAT,
    SESSION_SIGNATURE,
    SESSION_UNKNOWN,
    SESSION_WITHOUT_LOGIN,
    STORE_CERTIFICATE,
    STORE_DATABASE,
    STORE_FOLDER,
    STORE_PASSWORD,
    STORE_PERMISSION,
    STORE_REFUSES,
    STORE_SLOW,
    STORE_SOCKET,
    STORE_UNREACHABLE,
    WRONG_COOKIE,
)

#: seconds by which clocks may differ before it matters to anything
_CLOCK_TOLERANCE: Final = 5.0

#: the cause of a SessionStoreUnavailable, by what was raised
_CAUSES: Final[tuple[tuple[type[BaseException], Diagnosis], ...]] = (
    (exceptions.AuthenticationWrongNumberOfArgsError, STORE_PASSWORD),
    (exceptions.AuthenticationError, STORE_PASSWORD),
    (exceptions.NoPermissionError, STORE_PERMISSION),
    (exceptions.InvalidResponse, NOT_REDIS),
    (ssl.SSLCertVerificationError, STORE_CERTIFICATE),
    (ssl.SSLError, NOT_REDIS),
    (asyncpg.InvalidPasswordError, STORE_PASSWORD),
    (asyncpg.InvalidAuthorizationSpecificationError, POSTGRES_NOT_LET_IN),
    (asyncpg.InsufficientPrivilegeError, STORE_PERMISSION),
    (asyncpg.InvalidCatalogNameError, STORE_DATABASE),
    (asyncpg.UndefinedTableError, STORE_DATABASE),
    (asyncpg.UndefinedColumnError, STORE_DATABASE),
    (asyncpg.TooManyConnectionsError, POSTGRES_FULL),
    (asyncpg.InvalidSQLStatementNameError, POSTGRES_POOLER),
    (asyncpg.DuplicatePreparedStatementError, POSTGRES_POOLER),
    (asyncpg.CannotConnectNowError, STORE_REFUSES),
    (exceptions.TimeoutError, STORE_SLOW),
    (exceptions.BusyLoadingError, STORE_REFUSES),
    (exceptions.ConnectionError, STORE_UNREACHABLE),
    (exceptions.ResponseError, STORE_REFUSES),
    (TimeoutError, STORE_SLOW),
    (OSError, STORE_UNREACHABLE),
)


def session_id_in(cookie: str, name: str) -> str:
    """The session id in a cookie's value, ``name=value`` or a whole ``Cookie`` header. Raises Trouble."""
    text = cookie.strip()
    text = text.split(":", 1)[1].strip() if text.lower().startswith("cookie:") else text
    if "=" in text:
        pairs = dict(pair.strip().partition("=")[::2] for pair in text.split(";"))
        if name not in pairs:
            names = ", ".join(repr(one) for one in pairs)
            raise Trouble(WRONG_COOKIE, f"the cookie's name is {names}, the configuration's {name!r}")
        text = pairs[name]
    text = text.strip('"')
    if not is_session_id(text):
        raise Trouble(NOT_A_SESSION_ID, f"what was given ({len(text)} characters) cannot be a session id")
    return text


class StoreSteps:
    """The steps about one session store."""

    def __init__(self, settings: Settings, store: SessionStoreSettings) -> None:
        self._settings = store
        self._cookie_name = settings.omero_web.session_cookie_name
        self._form = KeyForm(store.key_prefix, store.version)
        try:
            self._store = plain_session_store(store, settings.omero_web)
        except ConfigError as error:
            raise Trouble(CONFIGURATION_WRONG, str(error)) from error

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()

    async def ping(self) -> Finding:
        """Whether the store answers. Raises Trouble."""
        watch = Stopwatch()
        try:
            await self._store.ping()
        except SessionStoreUnavailable as error:
            diagnosis = self._about_tls(error) or _diagnosis_of(error)
            if diagnosis is STORE_UNREACHABLE and self._is_socket():
                diagnosis = STORE_SOCKET
            if diagnosis is STORE_SLOW and await self._speaks_without_tls():
                raise Trouble(NOT_REDIS, f"the {self._store.describe()} speaks Redis's protocol without TLS") from error
            if diagnosis is STORE_UNREACHABLE and await self._takes_connections():
                raise Trouble(NOT_REDIS, f"the {self._store.describe()} takes connections and ends them") from error
            raise Trouble(diagnosis, str(error)) from error
        return Finding(SESSION_STORE, Outcome.OK, f"{self._store.describe()} answers", watch.seconds)

    async def look_around(self) -> AsyncIterator[Finding]:
        """The clock of the store and the sessions in it, where the store can be looked through. Raises Trouble."""
        if self._settings.type != "redis" or parse_redis_uri(self._settings.uri or "").cluster:
            yield await self._count()
            return
        try:
            async with _redis(self._settings) as client:
                clock = await _clock(client)
        except _NotAllowedToLook:
            clock = Finding(CLOCK, Outcome.SKIPPED, "not compared: Redis has no TIME for its user, and need not")
        yield clock
        try:
            async with _redis(self._settings) as client:
                sessions = await self._sessions_in(client)
        except _NotAllowedToLook:
            found = "not looked through: Redis has no SCAN or INFO for its user; the service needs neither"
            sessions = Finding(SESSIONS, Outcome.WARNING, found, diagnosis=LOOKING_NOT_ALLOWED)
        yield sessions

    async def session(self, session_id: str) -> tuple[Finding, WebSession]:
        """Whose session it is. Raises Trouble."""
        watch = Stopwatch()
        unreadable_before = self._unreadable()
        try:
            session = await self._store.get(session_id)
        except SessionStoreUnavailable as error:
            raise Trouble(_diagnosis_of(error), str(error)) from error
        if session is None:
            reasons = self._unreadable() - unreadable_before
            if reasons:
                diagnosis = SESSION_SIGNATURE if "signature" in reasons else SESSION_DAMAGED
                raise Trouble(diagnosis, f"it is in the store and cannot be read ({', '.join(reasons)})")
            raise await self._why_unknown(session_id)
        user = f"OMERO user {session.user_id}" if session.user_id is not None else "an OMERO user"
        return Finding(SESSION, Outcome.OK, f"{user} is logged in by it", watch.seconds), session

    def _about_tls(self, error: SessionStoreUnavailable) -> Diagnosis | None:
        """What a PostgreSQL that was asked for TLS has said, if that is it."""
        if self._settings.type != "postgres" or error.__cause__ is None:
            return None
        address = parse_postgres_uri(self._settings.uri or "")
        if wants_tls(error.__cause__, address):
            return POSTGRES_WITHOUT_TLS
        return NOT_POSTGRES if is_no_postgres(error.__cause__, address) else None

    async def _speaks_without_tls(self) -> bool:
        """Whether a Redis that TLS is wanted of answers without."""
        if self._settings.type != "redis":
            return False
        address = parse_redis_uri(self._settings.uri or "")
        if not address.tls or not address.hosts:
            return False
        try:
            async with asyncio.timeout(1.0):
                reader, writer = await asyncio.open_connection(*address.hosts[0])
                try:
                    writer.write(b"PING\r\n")
                    return (await reader.read(1)) in (b"+", b"-")
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError):
            return False

    def _is_socket(self) -> bool:
        store = self._settings
        return store.type == "redis" and parse_redis_uri(store.uri or "").socket_path is not None

    async def _takes_connections(self) -> bool:
        """Whether anything at all listens where Redis should."""
        if self._settings.type != "redis":
            return False
        address = parse_redis_uri(self._settings.uri or "")
        if address.master is not None or not address.hosts:
            return False
        try:
            async with asyncio.timeout(1.0):
                _, writer = await asyncio.open_connection(*address.hosts[0])
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    def _unreadable(self) -> Counter[str]:
        return Counter() if isinstance(self._store, MemorySessionStore) else Counter(self._store.unreadable)

    async def _count(self) -> Finding:
        watch = Stopwatch()
        store = self._settings
        if store.type == "files" and store.directory is not None:
            seen = await asyncio.to_thread(count_files, store.directory, self._cookie_name)
        elif store.type == "postgres":
            seen = await count_rows(store.uri or "")
        else:
            return Finding(SESSIONS, Outcome.SKIPPED, "not looked through; --session is looked up in it all the same")
        if seen == 0:
            return Finding(SESSIONS, Outcome.WARNING, "none", watch.seconds, NO_SESSIONS)
        or_more = " or more" if seen == COUNTED_MAX else ""
        found = f"{seen}{or_more} session(s)" if seen else "not looked through: not allowed"
        return Finding(SESSIONS, Outcome.OK if seen else Outcome.SKIPPED, found, watch.seconds)

    async def _sessions_in(self, client: redis.asyncio.Redis) -> Finding:
        watch = Stopwatch()
        own = parse_redis_uri(self._settings.uri or "").database
        here = await survey(client, own)
        if self._form in here.forms:
            samples = here.samples[self._form]
            readable: list[str] = []
            unreadable: list[SessionDecodeError] = []
            for key in samples:
                try:
                    readable.append(await describe_sample(client, key))
                except SessionDecodeError as error:
                    unreadable.append(error)
            if not readable:
                raise Trouble(SESSION_FORMAT, f"a session in database {own} cannot be read: {unreadable[0]}")
            sample = readable[0]
            if unreadable:
                count = f"{len(unreadable)} of {len(samples)} in database {own}"
                found = f"{count} cannot be read: {unreadable[0]}; {sample}"
                return Finding(SESSIONS, Outcome.WARNING, found, watch.seconds, SESSION_FORMAT)
            count = f"{here.forms[self._form]}{'' if here.complete else ' or more'} session(s)"
            return Finding(SESSIONS, Outcome.OK, f"{count} in database {own}; {sample}", watch.seconds)
        if here.forms:
            raise Trouble(REDIS_KEY_PREFIX, f"sessions in database {own} have {_forms(here)}, not {self._form}")
        others = await other_databases(client, own)
        if others:
            raise Trouble(REDIS_OTHER_DATABASE, f"none in database {own}; {_in_databases(others)}")
        return Finding(SESSIONS, Outcome.WARNING, "none in any database", watch.seconds, NO_SESSIONS)

    async def _why_unknown(self, session_id: str) -> Trouble:
        if self._settings.type != "redis" or parse_redis_uri(self._settings.uri or "").cluster:
            return Trouble(SESSION_UNKNOWN, "the store does not have it, or nobody is logged in by it")
        try:
            return await self._why_not_in_redis(session_id)
        except _NotAllowedToLook:
            return Trouble(SESSION_UNKNOWN, "the store does not have it under the configured key")

    async def _why_not_in_redis(self, session_id: str) -> Trouble:
        async with _redis(self._settings) as client:
            own = parse_redis_uri(self._settings.uri or "").database
            here = await survey(client, own, session_id)
            if self._form in here.forms:
                return Trouble(SESSION_WITHOUT_LOGIN, "it is in the store, without an OMERO session key")
            if here.forms:
                return Trouble(REDIS_KEY_PREFIX, f"it is in database {own} with {_forms(here)}, not {self._form}")
            others = await other_databases(client, own, session_id)
            if others:
                return Trouble(REDIS_OTHER_DATABASE, f"it is not in database {own}; {_in_databases(others)}")
            if not (await survey(client, own)).forms:
                return Trouble(NO_SESSIONS, f"neither it nor any other session is in database {own}")
        return Trouble(SESSION_UNKNOWN, "the store does not have it, and has others")


def _forms(found: Survey) -> str:
    return " and ".join(str(form) for form in found.forms)


def _in_databases(surveys: list[Survey]) -> str:
    return ", ".join(f"database {one.database} has {one.forms.total()} with {_forms(one)}" for one in surveys)


@asynccontextmanager
async def _redis(store: SessionStoreSettings) -> AsyncIterator[redis.asyncio.Redis]:
    """A client for looking around. Raises Trouble for what Redis refuses then."""
    client = redis_client(store.uri or "", timeout=5.0)
    try:
        yield client
    except exceptions.NoPermissionError as error:
        # the service itself needs neither SCAN nor INFO
        raise _NotAllowedToLook from error
    except exceptions.ResponseError as error:
        if "unknown command" in str(error).lower():
            # renamed or taken out, as managed ones have it
            raise _NotAllowedToLook from error
        raise Trouble(_cause(error) or STORE_REFUSES, "looking through Redis failed") from error
    except (exceptions.RedisError, OSError) as error:
        raise Trouble(_cause(error) or STORE_REFUSES, "looking through Redis failed") from error
    finally:
        await client.aclose()


class _NotAllowedToLook(Exception):
    """Redis's user may read sessions, and not look around, which the service need not."""


async def _clock(client: redis.asyncio.Redis) -> Finding:
    watch = Stopwatch()
    seconds, microseconds = await cast("Any", client.time())
    difference = time.time() - (seconds + microseconds / 1e6)
    if abs(difference) <= _CLOCK_TOLERANCE:
        return Finding(CLOCK, Outcome.OK, f"as Redis's, within {_CLOCK_TOLERANCE:g} s", watch.seconds)
    ahead = "ahead of" if difference > 0 else "behind"
    found = f"{abs(difference):.0f} s {ahead} Redis's"
    return Finding(CLOCK, Outcome.WARNING, found, watch.seconds, CLOCK_DIFFERS)


def _diagnosis_of(error: SessionStoreUnavailable) -> Diagnosis:
    cause = error.__cause__
    if "certificate" in str(error):
        return STORE_CERTIFICATE
    if "folder of session files" in str(error):
        return STORE_FOLDER
    return (_cause(cause) if cause else None) or STORE_UNREACHABLE


def _cause(error: BaseException) -> Diagnosis | None:
    telling = told_by(error)
    return next((diagnosis for kind, diagnosis in _CAUSES if isinstance(telling, kind)), None)
