"""A call that is on its way to OMERO, apart from whoever waits for it: it goes on where they give up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

from ..ice.errors import IceException, InvocationTimeoutException
from ..ice.messages import Reply
from ..ice.operations import Operation
from ..ice.types import UserException
from .waiting import until_done

#: call time-outs after which a call is lost that OMERO has not answered
LOST_AFTER: Final = 20


class OngoingCall:
    """A call that OMERO works on until `reply` is done. Whoever sees that asks for `result`, or for `answer`, once."""

    __slots__ = ("_answered", "_failed", "_observed", "_operation", "reply")

    def __init__(
        self,
        operation: Operation[Any],
        reply: asyncio.Future[Reply],
        observed: AbstractContextManager[None],
        answered: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.reply = reply
        self._operation = operation
        self._observed = observed
        self._answered = answered
        # may change what the exception says before anybody else has it
        self._failed = failed

    async def answer(self, timeout: float, late: Callable[[], None], *, lost_after: float = 0.0) -> Any:
        """What OMERO answers, as `result`.

        After `timeout` seconds `late` is called; and InvocationTimeoutException is raised then, or after `lost_after`
        seconds if that is more. Neither this nor a cancellation ends the call itself.
        """
        has_ended = False
        try:
            # not awaited directly: neither a time-out nor a cancellation may end it here while it runs in OMERO
            has_ended = await until_done(self.reply, timeout)
            if not has_ended:
                late()
                has_ended = await until_done(self.reply, lost_after - timeout)
        finally:
            if not has_ended:
                self.reply.add_done_callback(self._ended_late)
        if not has_ended:
            seconds = max(timeout, lost_after)
            raise InvocationTimeoutException(f"no answer to {self._operation.name} within {seconds:g} s")
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
                self._failed(error)
            self._observed.__exit__(type(error), error, None)
            raise
        finally:
            # an exception knows its frames: one that knew the reply too would keep all of them and itself
            del self.reply
        self._observed.__exit__(None, None, None)
        self._answered()
        return result
