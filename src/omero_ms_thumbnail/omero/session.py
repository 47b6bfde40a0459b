"""One joined OMERO session: joining, OMERO's services as typed calls, leaving.

Joining creates a session with OMERO's Glacier2 router whose user and password are both the key of an OMERO session that
exists already. Leaving must never end that session, so `detachOnDestroy` is called before anything else. Until OMERO
has answered that, breaking off would end it: the router destroys the session of a connection that is gone, and OMERO
takes that for the user's leaving.
Source: ``omero/clients.py`` of omero-py (`joinSession`, `createSession`), ``omero/API.ice`` of omero-blitz.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

from ..ice.attempt import Attempt
from ..ice.connection import Connection, connect
from ..ice.errors import (
    ConnectionManuallyClosedException,
    IceException,
    MarshalException,
)
from ..ice.glacier2 import RouterSession
from ..ice.messages import MESSAGE_SIZE_MAX
from ..ice.operations import Operation
from ..ice.references import Identity, ObjectPrx
from ..ice.types import UserException
from ..tasks import shared
from .calls import TIMEOUTS_UNTIL_LOST, Calls, Observe, unobserved
from .permits import Permits
from .read_only import READ_ONLY_KEYS, ReadOnlyMode
from .rtypes import RInt, RType, Unwrapped, rlong_list, unwrap
from .secrets import redact
from .services import IADMIN, ICONFIG, IQUERY, SERVICE_FACTORY
from .stores import ThumbnailStores
from .system import EventContext, Filter, Parameters

log: Final = logging.getLogger(__name__)

T = TypeVar("T")

#: ``Ice.Default.Router`` of OMERO's clients
ROUTER: Final = Identity("router", "OMERO.Glacier2")

CLIENT_UUID: Final = "omero.client.uuid"
AGENT: Final = "omero.agent"
GROUP: Final = "omero.group"
USER: Final = "omero.user"

#: the ``omero.group`` that asks across all groups of the user
ALL_GROUPS: Final = "-1"
#: for calls that are about no group: those in the session's own are refused to who is a member of it no longer
_IN_ALL_GROUPS: Final = MappingProxyType({GROUP: ALL_GROUPS})

#: ids in one projection of `projection_by_ids`
_IDS_MAX: Final = 1_000

#: seconds between heartbeats until the router has said how many it wants
_JOINING_HEARTBEAT: Final = 15.0


@dataclass(frozen=True, slots=True)
class OmeroServer:
    """Where OMERO is and how to talk to it. Times are in seconds, sizes in bytes."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    connect_timeout: float = 10.0
    call_timeout: float = 15.0
    message_size_max: int = MESSAGE_SIZE_MAX
    thumbnail_stores: int = 4
    agent: str = "omero-ms-thumbnail"
    #: for the calls that hold a database connection of OMERO's; None: as many as may come
    permits: Permits | None = field(default=None, repr=False)
    observe: Observe = field(default=unobserved, repr=False)
    #: what is known of its being read-only, from what every session with it is told
    read_only: ReadOnlyMode = field(default_factory=ReadOnlyMode, repr=False, compare=False)
    #: the path of a WebSocket endpoint, with which Ice is spoken over wss, or over ws without `tls`; empty for none
    path: str = ""

    def __str__(self) -> str:
        return Attempt(self.host, self.port, self.path, self.tls).where

    async def connect(self, timeout: float | None = None) -> Connection:
        """Open a connection to its router, within its own time or `timeout` seconds; as `ice.connection.connect`."""
        return await connect(
            self.host,
            self.port,
            tls=self.tls,
            path=self.path,
            timeout=self.connect_timeout if timeout is None else timeout,
            message_size_max=self.message_size_max,
            message_timeout=self.call_timeout,
        )


class JoinedSession:
    """A session that was joined. Every call raises what OMERO throws, or IceException; see `faults.fault_of`.

    `secret`, the session's key, is in none of them.
    """

    def __init__(self, server: OmeroServer, router: RouterSession, secret: str = "") -> None:
        self._server = server
        self._router = router
        #: how its objects are called
        self.calls: Final = Calls(
            router,
            call_timeout=server.call_timeout,
            read_only=server.read_only,
            permits=server.permits,
            observe=server.observe,
            secret=secret,
        )
        self._services: dict[str, asyncio.Task[ObjectPrx]] = {}
        self._event_context: asyncio.Task[EventContext] | None = None
        self._user_id: int | None = None
        self._database: asyncio.Task[str] | None = None
        self._asking = 0
        #: the ThumbnailStores of this session
        self.stores: Final = ThumbnailStores(self.calls, server.thumbnail_stores)

    @classmethod
    async def join(cls, server: OmeroServer, session_key: str) -> JoinedSession:
        """Join the OMERO session `session_key`; see `create`."""
        return await cls.create(server, session_key, session_key)

    @classmethod
    async def create(cls, server: OmeroServer, user: str, password: str) -> JoinedSession:
        """Create an OMERO session for a user name and password, or join one: then both are its key.

        Waits for OMERO's answer as long as the connection stands. To be cancelled only where the process ends anyway:
        an OMERO that is merely slow then lets the user in and logs them out. Raises PermissionDeniedException or
        CannotCreateSessionException where OMERO refuses, IceException where it cannot be reached.
        """
        connection = await server.connect()
        # a user name and its password are never quoted together, and may be as short as any word; a session's key is
        secret = password if user == password else ""
        # so that a host that vanishes while OMERO is waited for is noticed
        connection.keep_alive(_JOINING_HEARTBEAT)
        try:
            router = await RouterSession.create(
                connection,
                user,
                password,
                router=ROUTER,
                context={CLIENT_UUID: str(uuid.uuid4()), AGENT: server.agent},
                timeout=None,
            )
            session = cls(server, router, secret)
            await asyncio.gather(
                session.calls.call(router.session, SERVICE_FACTORY["detachOnDestroy"]),
                router.keep_alive(None),
            )
        except BaseException as error:
            if isinstance(error, Exception):
                redact(secret, error)
            # refused, or nobody is there any more: there is no session to leave
            await asyncio.shield(connection.close(1.0))
            raise
        session._begin_services()
        return session

    def _begin_services(self) -> None:
        """Ask for what the first request needs, and every other after it, in one flight and before it does."""
        for task in (self._begin_service("getQueryService"), self._begin_event_context()):
            # whoever needs it asks again where it failed, and then is told
            task.add_done_callback(_failed)

    async def end_on_leaving(self) -> None:
        """Let the session itself end when it is left, as one that was made by a password should. Raises as a call."""
        await self._call_factory("closeOnDestroy")

    @property
    def is_active(self) -> bool:
        """Whether calls can be made."""
        return self._router.is_active

    @property
    def is_busy(self) -> bool:
        """Whether OMERO is asked something, or works on it, though perhaps nobody waits for it any more."""
        return self._asking > 0 or self.stores.in_use > 0

    def has_answered_within(self, seconds: float) -> bool:
        """Whether OMERO has answered this session something that it was asked less than `seconds` ago.

        A session that has ended looks as good as ever until OMERO is asked: nobody is told.
        """
        return _now() - self.calls.answered_at < seconds

    async def wait_closed(self) -> None:
        """Wait until the connection is gone, for whatever reason."""
        await self._router.wait_closed()

    async def leave(self, timeout: float) -> None:
        """Close every service and leave the session, which itself goes on; never raises.

        OMERO has `timeout` seconds for each of closing, leaving and hanging up.
        """
        await self.stores.close(timeout)
        for task in (*self._services.values(), self._event_context, self._database):
            if task is not None:
                task.cancel()
        self.calls.close()
        with self._server.observe("destroySession"):
            await self._router.destroy(timeout)

    async def _ask_database(
        self,
        proxy: ObjectPrx,
        operation: Operation[Any],
        *arguments: Any,
        context: Mapping[str, str] | None = None,
        patiently: bool = False,
    ) -> Any:
        """Make a call that holds a database connection: with a permit, until OMERO answers. Raises as `Calls.call`.

        Whoever asks waits for the call time-out or, `patiently`, for as long as an answer may come.
        """
        timeouts = TIMEOUTS_UNTIL_LOST if patiently else 1
        self._asking += 1
        try:
            async with self.calls.flight(operation.name) as permit:
                call = self.calls.send(proxy, operation, *arguments, context=context)
                if permit is not None:
                    permit.watch(call.reply)
                return await call.answer(permit, timeouts=timeouts)
        finally:
            self._asking -= 1

    def check_connection(self) -> None:
        """A call was not answered in time: see to it that the connection goes if the router does not answer either."""
        self.calls.check_connection()

    @property
    def call_timeout(self) -> float:
        """Seconds that OMERO has for one call."""
        return self._server.call_timeout

    # services

    async def projection(
        self,
        query: str,
        parameters: Mapping[str, RType],
        group: str = ALL_GROUPS,
        *,
        limit: int | None = None,
        patiently: bool = False,
    ) -> list[list[Unwrapped]]:
        """The rows of an HQL projection with named `parameters`, as plain values; at most `limit`.

        `patiently` is as in `_ask_database`.
        """
        service = await self._service("getQueryService")
        narrowed = Filter(limit=RInt(limit)) if limit is not None else None
        asked = Parameters(dict(parameters), narrowed)
        rows = await self._ask_database(
            service, IQUERY["projection"], query, asked, context={GROUP: group}, patiently=patiently
        )
        return [[unwrap(column) for column in row] for row in rows]

    @property
    def user_id(self) -> int | None:
        """The OMERO user, once `event_context` has been asked for and answered."""
        return self._user_id

    async def event_context(self, *, anew: bool = False) -> EventContext:
        """Who this session belongs to, and their groups, which may change; asked for once, unless `anew`.

        Then by a call of its own, never by another's, which may wait for a permit that whoever asks has.
        """
        task = self._event_context
        if task is None or anew or _failed(task):
            task = self._begin_event_context()
        return await shared(task, _left)

    def _begin_event_context(self) -> asyncio.Task[EventContext]:
        self._event_context = asyncio.create_task(self._get_event_context())
        self._event_context.add_done_callback(_failed)
        return self._event_context

    async def _get_event_context(self) -> EventContext:
        service = await self._service("getAdminService")
        context = await self._ask_database(service, IADMIN["getEventContext"], context=_IN_ALL_GROUPS)
        if not isinstance(context, EventContext):
            raise MarshalException("getEventContext returned null")
        # of one that a password made, nobody knew the key until now
        self.calls.secret = self.calls.secret or context.sessionUuid or ""
        self._user_id = context.userId
        return context

    async def database(self) -> str:
        """Which database OMERO has, and which OMERO.server it is: its UUID and version; asked for once.

        Both may change only while nobody is joined.
        """
        return await shared(self.begin_database(), _left)

    def begin_database(self) -> asyncio.Task[str]:
        """Ask for what `database` says, in the background."""
        if self._database is None or _failed(self._database):
            self._database = asyncio.create_task(self._get_database())
            self._database.add_done_callback(_failed)
        return self._database

    async def _get_database(self) -> str:
        service = await self._service("getConfigService")
        names = await asyncio.gather(
            self._ask_database(service, ICONFIG["getDatabaseUuid"], context=_IN_ALL_GROUPS),
            self._ask_database(service, ICONFIG["getVersion"], context=_IN_ALL_GROUPS),
        )
        return "-".join(names)

    async def client_settings(self) -> dict[str, str]:
        """``omero.client.*`` as OMERO.web loads it into a new session: every user may read it."""
        service = await self._service("getConfigService")
        values: dict[str, str] = await self._ask_database(
            service, ICONFIG["getClientConfigValues"], context=_IN_ALL_GROUPS
        )
        return values

    async def is_read_only(self) -> bool:
        """Whether OMERO is read-only; asked at most once in some minutes, over all sessions with it.

        For where a call that writes was refused. False where OMERO does not say; never raises what a call raises.
        """
        mode = self._server.read_only
        if not mode.is_known:
            try:
                service = await self._service("getConfigService")
                mode.update(
                    await self._ask_database(
                        service, ICONFIG["getConfigValues"], READ_ONLY_KEYS, context=_IN_ALL_GROUPS
                    )
                )
            except (IceException, UserException) as error:
                log.info("OMERO does not say whether it is read-only: %s", error)
        return mode.is_on

    @property
    def is_known_to_be_read_only(self) -> bool:
        """As `is_read_only`, without asking."""
        return self._server.read_only.is_on

    async def _service(self, getter: str) -> ObjectPrx:
        """A stateless service, got once for all who ask."""
        task = self._services.get(getter)
        return await shared(self._begin_service(getter) if task is None or _failed(task) else task, _left)

    def _begin_service(self, getter: str) -> asyncio.Task[ObjectPrx]:
        task = self._services[getter] = asyncio.create_task(self._get_service(getter))
        return task

    async def _get_service(self, getter: str) -> ObjectPrx:
        service: ObjectPrx | None = await self._call_factory(getter)
        if service is None:
            raise MarshalException(f"{getter} returned a null proxy")
        return service

    async def _call_factory(self, name: str) -> Any:
        """Call the session itself, an ``omero::api::ServiceFactory``, within the call time-out."""
        return await self.calls.call(self._router.session, SERVICE_FACTORY[name], timeout=self.call_timeout)


async def projection_by_ids(session: JoinedSession, query: str, ids: Sequence[int]) -> list[list[Unwrapped]]:
    """As `JoinedSession.projection`, of a query with the parameter ``:ids``; a thousand ids a call."""
    found: list[list[Unwrapped]] = []
    for begin in range(0, len(ids), _IDS_MAX):
        found += await session.projection(query, {"ids": rlong_list(ids[begin : begin + _IDS_MAX])})
    return found


def _left() -> ConnectionManuallyClosedException:
    """What `leave` ends."""
    return ConnectionManuallyClosedException("the OMERO session is being left")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
