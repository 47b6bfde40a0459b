"""A call that is on its way to OMERO, apart from whoever waits for it: it goes on where they give up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..ice.messages import Reply
from ..ice.operations import Operation


class OngoingCall:
    """A call that OMERO works on until `reply` is done. Whoever sees that asks for the result, once."""

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
