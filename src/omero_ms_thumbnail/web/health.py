"""``/healthz``: the process is up. ``/readyz``: what it needs can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from .response import RETRY_AFTER, Response, json_body

#: raises an exception whose text says what is wrong
Check = Callable[[], Awaitable[None]]

#: seconds that an answer is given again without asking: probes come often, and from several sides
_LIFE: Final = 1.0


class Health:
    """Answers the two paths. `checks` are by the name of what they reach; of `one_of` it is enough to reach one.

    Where there are several OMERO.servers, one that is down leaves the users of the others: a worker that was taken out
    of use for it would take theirs away too.
    """

    def __init__(self, checks: Mapping[str, Check], one_of: Mapping[str, Check] | None = None) -> None:
        self._checks = {**checks, **(one_of or {})}
        self._one_of = frozenset(one_of or ())
        self._checking: asyncio.Task[Response] | None = None
        self._until = 0.0

    def alive(self) -> Response:
        """The process is up."""
        return json_body({"status": "ok"}, extra=(("cache-control", "no-store"),))

    async def ready(self) -> Response:
        """200 if all that is needed can be reached, else 503; with a sentence for each that cannot."""
        now = asyncio.get_running_loop().time()
        if self._checking is None or (self._checking.done() and now >= self._until):
            self._checking = asyncio.create_task(self._check())
        return await asyncio.shield(self._checking)

    async def _check(self) -> Response:
        names = tuple(self._checks)
        outcomes = await asyncio.gather(*(self._checks[name]() for name in names), return_exceptions=True)
        self._until = asyncio.get_running_loop().time() + _LIFE
        said = {
            name: "ok" if outcome is None else str(outcome) or type(outcome).__name__
            for name, outcome in zip(names, outcomes, strict=True)
        }
        reached = {name for name, outcome in zip(names, outcomes, strict=True) if outcome is None}
        is_ready = self._checks.keys() - self._one_of <= reached and bool(reached & self._one_of or not self._one_of)
        extra = (("cache-control", "no-store"), *(() if is_ready else (("retry-after", str(RETRY_AFTER)),)))
        return json_body({"status": "ready" if is_ready else "not ready", **said}, 200 if is_ready else 503, extra)
