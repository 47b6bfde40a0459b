"""Calls to OMERO in one joined session: the one way in which the session and its ThumbnailStores make them.

A call that holds one of OMERO's database connections is sent, and goes on in OMERO where whoever waits gives up: its
permit comes back with the reply. Any other is called, and forgotten where nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from typing import Any, Final

from ..ice.errors import IceException, InvocationTimeoutException
from ..ice.glacier2 import RouterSession
from ..ice.messages import Reply
from ..ice.operations import Operation
from ..ice.references import ObjectPrx
from ..ice.types import UserException
from ..tasks import NO_CONTEXT
from .permits import Permit, Permits
from .read_only import ReadOnlyMode
from .secrets import redact
from .waiting import until_done

#: after so many call time-outs a call is lost that OMERO has not answered
TIMEOUTS_UNTIL_LOST: Final = 20

#: seconds that the router has to show that it is there, where OMERO did not answer a call
_PING_TIMEOUT: Final = 2.0

#: what is entered around each call, by the operation's name, to see how long it takes and how it ends
Observe = Callable[[str], AbstractContextManager[None]]


def unobserved(_operation: str) -> AbstractContextManager[None]:
    """An `Observe` that sees nothing."""
    return NO_CONTEXT


class Calls:
    """Calls through `router`. `secret`, the session's key, is in no exception that one raises.

    `call_timeout` is for how many seconds somebody waits for a call that is sent; what fails says whether OMERO is
    `read_only`; `permits` is None where as many calls may hold a database connection as come.
    """

    def __init__(
        self,
        router: RouterSession,
        *,
        call_timeout: float,
        read_only: ReadOnlyMode,
        permits: Permits | None = None,
        observe: Observe = unobserved,
        secret: str = "",
    ) -> None:
        self.router: Final = router
        self.call_timeout: Final = call_timeout
        self.secret = secret
        #: the loop's time at which the last call began that OMERO has answered
        self.answered_at = 0.0
        self._read_only = read_only
        self._permits = permits
        self._observe = observe
        self._ping: asyncio.Task[None] | None = None

    async def call(
        self,
        proxy: ObjectPrx,
        operation: Operation[Any],
        *arguments: Any,
        context: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Call an object of the session, within `timeout` seconds or (None) as long as the connection stands.

        Raises what OMERO throws, or IceException, of which InvocationTimeoutException after `timeout`.
        """
        began = _now()
        with self._observe(operation.name):
            try:
                result = await self.router.call(proxy, operation, *arguments, context=context, timeout=timeout)
            except (IceException, UserException) as error:
                self.failed(error)
                raise
        self.answered(began)
        return result

    def send(
        self, proxy: ObjectPrx, operation: Operation[Any], *arguments: Any, context: Mapping[str, str] | None = None
    ) -> OngoingCall:
        """Send a call to an object of the session now. Raises IceException if the connection is not active."""
        began = _now()
        observed = self._observe(operation.name)
        observed.__enter__()
        try:
            reply = self.router.send(proxy, operation, arguments, context)
        except IceException as error:
            observed.__exit__(type(error), error, None)
            raise
        return OngoingCall(self, operation, reply, observed, began)

    def flight(self, kind: str) -> AbstractAsyncContextManager[Permit | None]:
        """``async with calls.flight(kind) as permit``, for calls that hold a database connection, one at a time.

        Waits for its turn; the permit is None where there is no limit. Within another flight it is of that one.
        """
        return self._permits.flight(kind) if self._permits is not None else NO_CONTEXT

    def timed_out(self, permit: Permit | None) -> None:
        """A call was not answered within the time-out: OMERO works on, if it is there at all."""
        if permit is not None:
            permit.give_up()
        self.check_connection()

    def check_connection(self) -> None:
        """See to it that the connection goes if the router does not answer either."""
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self.router.close_unless_alive(_PING_TIMEOUT))

    def close(self) -> None:
        """End what was begun here beside the calls."""
        if self._ping is not None:
            self._ping.cancel()

    def answered(self, began: float) -> None:
        """For `OngoingCall`: OMERO has answered a call that began at that time of the loop."""
        self.answered_at = max(self.answered_at, began)

    def failed(self, error: Exception) -> None:
        """For `OngoingCall`: a call raised `error`, which goes on to whoever called."""
        redact(self.secret, error)
        self._read_only.update_from(error)


class OngoingCall:
    """A call that OMERO works on until `reply` is done. Whoever sees that asks for `result`, or for `answer`, once."""

    __slots__ = ("_began", "_calls", "_observed", "_operation", "reply")

    def __init__(
        self,
        calls: Calls,
        operation: Operation[Any],
        reply: asyncio.Future[Reply],
        observed: AbstractContextManager[None],
        began: float,
    ) -> None:
        self.reply = reply
        self._calls = calls
        self._operation = operation
        self._observed = observed
        self._began = began

    async def answer(self, permit: Permit | None, *, timeouts: int = 1) -> Any:
        """What OMERO answers, as `result`; `permit` is the one that the call has.

        After the call time-out the permit is given up, and the connection checked; InvocationTimeoutException is raised
        after so many `timeouts`. Neither this nor a cancellation ends the call itself.
        """
        timeout = self._calls.call_timeout
        has_ended = False
        try:
            # not awaited directly: neither a time-out nor a cancellation may end it here while it runs in OMERO
            has_ended = await until_done(self.reply, timeout)
            if not has_ended:
                self._calls.timed_out(permit)
                has_ended = await until_done(self.reply, timeout * (timeouts - 1))
        finally:
            if not has_ended:
                self.reply.add_done_callback(self._ended_late)
        if not has_ended:
            raise InvocationTimeoutException(f"no answer to {self._operation.name} within {timeout * timeouts:g} s")
        return self.result()

    def _ended_late(self, reply: asyncio.Future[Reply]) -> None:
        """Nobody waits for it any more."""
        with suppress(IceException, UserException, asyncio.CancelledError):
            self.result()

    def result(self) -> Any:
        """What OMERO answered. Raises what it threw, IceException, or CancelledError if `reply` was cancelled."""
        try:
            result = self._operation.decode_reply(self.reply.result())
        except BaseException as error:
            if isinstance(error, Exception):
                self._calls.failed(error)
            self._observed.__exit__(type(error), error, None)
            raise
        finally:
            # an exception knows its frames: one that knew the reply too would keep all of them and itself
            del self.reply
        self._observed.__exit__(None, None, None)
        self._calls.answered(self._began)
        return result


def _now() -> float:
    return asyncio.get_running_loop().time()
