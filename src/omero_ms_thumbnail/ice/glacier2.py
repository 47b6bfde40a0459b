"""A session with a Glacier2 router, and calls to the objects behind it.

Source: ``Glacier2/Router.ice`` and ``Session.ice`` of Ice 3.6 and 3.7, and recorded traffic of an OMERO client.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

from ..tasks import within
from .connection import Connection, proxy_for
from .errors import (
    IceException,
    InvocationTimeoutException,
    MarshalException,
    ObjectNotExistException,
    OperationNotExistException,
)
from .messages import OperationMode, Reply
from .operations import OBJECT_OPERATIONS, Operation
from .references import PROXY, Identity, ObjectPrx
from .types import INT, LONG, STRING, VOID, Members, Sequence, UserException

R = TypeVar("R")

#: reasons that are Glacier2's own (``cpp/src/Glacier2/SessionRouterI.cpp`` of Ice 3.6 and 3.7), and what each says
ROUTER_CANNOT_ASK: Final = "internal server error"
ROUTER_SHUTS_DOWN: Final = "router is shutting down"
SESSION_EXISTS: Final = "session exists"
PERMISSION_DENIED: Final = "permission denied"
_ROUTERS_OWN: Final = {
    ROUTER_CANNOT_ASK: "the router cannot ask what lets users in",
    ROUTER_SHUTS_DOWN: "the router is shutting down",
    SESSION_EXISTS: "the connection has a session already",
    PERMISSION_DENIED: "what verifies users and passwords refuses, and gives no reason",
}

#: seconds between heartbeats at most: what stands between may forget an idle connection sooner than the router
_HEARTBEAT_MAX: Final = 30.0


class PermissionDeniedException(UserException):
    """The router's verifier refuses the user and password, or the session key; or it could not be asked.

    `reason` may quote the user name, which for OMERO can be a session's key: for telling what it means, never shown.
    """

    ICE_ID = "::Glacier2::PermissionDeniedException"
    MEMBERS: ClassVar[Members] = (("reason", STRING),)
    reason: str

    @property
    def sentence(self) -> str:
        return _ROUTERS_OWN.get(self.reason, "what verifies users and passwords refuses")


class CannotCreateSessionException(UserException):
    """The credentials are good and still no session could be made. `reason` is never shown, as above."""

    ICE_ID = "::Glacier2::CannotCreateSessionException"
    MEMBERS: ClassVar[Members] = (("reason", STRING),)
    reason: str

    @property
    def sentence(self) -> str:
        return _ROUTERS_OWN.get(self.reason, "no session could be made")


class SessionNotExistException(UserException):
    """The connection has no session with the router."""

    ICE_ID = "::Glacier2::SessionNotExistException"


_PROXY_SEQ: Final = Sequence(PROXY)

CREATE_SESSION: Final = Operation(
    "createSession",
    OperationMode.NORMAL,
    (("userId", STRING), ("password", STRING)),
    PROXY,
    (PermissionDeniedException, CannotCreateSessionException),
    sliced=True,
)
DESTROY_SESSION: Final = Operation("destroySession", OperationMode.NORMAL, (), VOID, (SessionNotExistException,))
REFRESH_SESSION: Final = Operation("refreshSession", OperationMode.NORMAL, (), VOID, (SessionNotExistException,))
ADD_PROXIES: Final = Operation("addProxies", OperationMode.IDEMPOTENT, (("proxies", _PROXY_SEQ),), _PROXY_SEQ)
GET_CATEGORY_FOR_CLIENT: Final = Operation("getCategoryForClient", OperationMode.NONMUTATING, (), STRING)
GET_CLIENT_PROXY: Final = Operation("getClientProxy", OperationMode.NONMUTATING, (), PROXY)
GET_SERVER_PROXY: Final = Operation("getServerProxy", OperationMode.NONMUTATING, (), PROXY)
GET_SESSION_TIMEOUT: Final = Operation("getSessionTimeout", OperationMode.NONMUTATING, (), LONG)
GET_ACM_TIMEOUT: Final = Operation("getACMTimeout", OperationMode.NONMUTATING, (), INT)

#: every operation of ``Glacier2::Router`` that is answered here or called from here
ROUTER_OPERATIONS: Final[dict[str, Operation[Any]]] = {
    operation.name: operation
    for operation in (
        CREATE_SESSION,
        DESTROY_SESSION,
        REFRESH_SESSION,
        ADD_PROXIES,
        GET_CATEGORY_FOR_CLIENT,
        GET_CLIENT_PROXY,
        GET_SERVER_PROXY,
        GET_SESSION_TIMEOUT,
        GET_ACM_TIMEOUT,
    )
}

#: what is sent: the object's proxy, the operation, its arguments and the whole context
_Call = tuple[ObjectPrx, Operation[Any], tuple[Any, ...], Mapping[str, str]]

#: the operation that a router names when it is asked to forward to a proxy that was not added
ICE_ADD_PROXY: Final = "ice_add_proxy"


class RouterSession:
    """A session with a router: owns its connection, and adds each proxy to the router before it is first called."""

    def __init__(
        self, connection: Connection, router: ObjectPrx, session: ObjectPrx, context: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self._router = router
        #: the session object, for OMERO its ServiceFactory
        self.session = session
        self._context = dict(context)
        self._added: set[Identity] = set()

    @classmethod
    async def create(
        cls,
        connection: Connection,
        user: str,
        password: str,
        *,
        router: Identity,
        context: Mapping[str, str],
        timeout: float | None,
    ) -> RouterSession:
        """Create a session with the router behind `connection`, within `timeout` seconds (None: as long as it takes).

        `context` is sent with it and with every later call. Raises PermissionDeniedException,
        CannotCreateSessionException or what derives from it, IceException. The connection stays the caller's to close
        where this raises.
        """
        proxy = proxy_for(router.name, router.category)
        session = await connection.call(proxy, CREATE_SESSION, user, password, context=context, timeout=timeout)
        if session is None:
            raise MarshalException("the router created a session without a session object")
        return cls(connection, proxy, session, context)

    @property
    def is_active(self) -> bool:
        """Whether calls can be made."""
        return self._connection.is_active

    async def wait_closed(self) -> None:
        """Wait until the connection is gone, for whatever reason."""
        await self._connection.wait_closed()

    async def call(
        self,
        proxy: ObjectPrx,
        operation: Operation[R],
        *arguments: Any,
        context: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> R:
        """Call an object behind the router; as `Connection.call`, with `context` on top of the session's own."""
        try:
            async with within(timeout):
                return operation.decode_reply(await self.send(proxy, operation, arguments, context))
        except TimeoutError:
            raise InvocationTimeoutException(
                f"{self._connection.peer} did not answer {operation.name} within {timeout:g} s"
            ) from None

    def send(
        self, proxy: ObjectPrx, operation: Operation[Any], arguments: tuple[Any, ...], context: Mapping[str, str] | None
    ) -> asyncio.Future[Reply]:
        """Send a call to an object behind the router now, and return the reply to come; cancelling that forgets it.

        The proxy is added to the router first, unless it was before. Where the router does not know it all the same,
        since it dropped it for newer ones or took the call first, it is added and called once more.
        Raises IceException if the connection is not active.
        """
        if proxy.identity not in self._added:
            self._add(proxy).add_done_callback(self._added_in_passing)
        merged = {**self._context, **context} if context else self._context
        outcome: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        reply = self._connection.send(proxy, operation, arguments, merged)
        reply.add_done_callback(partial(self._replied, (proxy, operation, arguments, merged), outcome))
        # whoever gives up on the outcome gives up on the reply
        outcome.add_done_callback(partial(_cancelled_with, reply))
        return outcome

    def _replied(self, call: _Call, outcome: asyncio.Future[Reply], reply: asyncio.Future[Reply]) -> None:
        """The first reply: add the proxy again where it says that the router does not know it."""
        if outcome.done() or reply.cancelled() or reply.exception() is not None or not _is_unknown(reply.result()):
            _settle(outcome, reply)
            return
        try:
            adding = self._add(call[0])
        except IceException as error:
            outcome.set_exception(error.with_traceback(None))
        else:
            adding.add_done_callback(partial(self._added_again, call, outcome))

    def _added_again(self, call: _Call, outcome: asyncio.Future[Reply], adding: asyncio.Future[Reply]) -> None:
        try:
            self._forget_evicted(adding.result())
            # even where the router dropped it at once: the call is tried again once only
            self._added.add(call[0].identity)
            if not outcome.done():
                reply = self._connection.send(*call)
                reply.add_done_callback(partial(_settle, outcome))
                outcome.add_done_callback(partial(_cancelled_with, reply))
        except (IceException, UserException) as error:
            if not outcome.done():
                # its frames know the outcome: with them the two would keep one another
                outcome.set_exception(error.with_traceback(None))

    def forget(self, proxy: ObjectPrx) -> None:
        """The object behind `proxy` is gone and will not be called again."""
        self._added.discard(proxy.identity)

    async def keep_alive(self, timeout: float | None) -> None:
        """Ask the router how long it keeps an idle connection, and send heartbeats at half of that.

        They are 30 s apart at most, also where it keeps one for longer (OMERO's default is 600 s) or for ever (0):
        firewalls between forget idle connections sooner. A router of Ice 3.5 cannot be asked (``getACMTimeout`` is new
        in 3.6) and ends sessions that have made no calls for its ``Glacier2.SessionTimeout``: heartbeats are none.
        """
        try:
            acm = await self._connection.call(self._router, GET_ACM_TIMEOUT, context=self._context, timeout=timeout)
        except OperationNotExistException:
            acm = 0
        self._connection.keep_alive(min(acm / 2, _HEARTBEAT_MAX) if acm > 0 else _HEARTBEAT_MAX)

    async def close_unless_alive(self, timeout: float) -> None:
        """Close the connection unless the router answers on it within `timeout` seconds; never raises.

        It may be silent for ever where neither side knows: behind a firewall that has forgotten it, or out of step.
        """
        try:
            await self._connection.call(self._router, OBJECT_OPERATIONS["ice_ping"], timeout=timeout)
        except (IceException, UserException):
            await self._connection.close(0)

    async def destroy(self, timeout: float) -> None:
        """End the session with the router and close the connection; never raises, since nobody can do more."""
        try:
            await self._connection.call(self._router, DESTROY_SESSION, context=self._context, timeout=timeout)
        except (IceException, UserException):
            # a router whose session is gone may drop the connection instead of answering
            pass
        finally:
            await self._connection.close(timeout)

    def _add(self, proxy: ObjectPrx) -> asyncio.Future[Reply]:
        self._added.add(proxy.identity)
        return self._connection.send(self._router, ADD_PROXIES, ([proxy],), self._context)

    def _added_in_passing(self, adding: asyncio.Future[Reply]) -> None:
        with contextlib.suppress(IceException, UserException):
            # where adding fails, the call that needed the proxy fails too, and says why
            self._forget_evicted(adding.result())

    def _forget_evicted(self, added: Reply) -> None:
        """The router answers with the proxies that it dropped for the new one (``Glacier2.RoutingTable.MaxSize``)."""
        evicted = ADD_PROXIES.decode_reply(added)
        self._added.difference_update(proxy.identity for proxy in evicted if proxy is not None)


def _is_unknown(reply: Reply) -> bool:
    """Whether the router says that it does not know the proxy."""
    failure = reply.failure
    return isinstance(failure, ObjectNotExistException) and failure.operation == ICE_ADD_PROXY


def _settle(outcome: asyncio.Future[Reply], reply: asyncio.Future[Reply]) -> None:
    """What became of the reply is what becomes of the outcome."""
    if reply.cancelled():
        outcome.cancel()
    elif (error := reply.exception()) is not None:
        if not outcome.done():
            outcome.set_exception(error)
    elif not outcome.done():
        outcome.set_result(reply.result())


def _cancelled_with(reply: asyncio.Future[Reply], outcome: asyncio.Future[Reply]) -> None:
    if outcome.cancelled():
        reply.cancel()
