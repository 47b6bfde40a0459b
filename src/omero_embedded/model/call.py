"""One call of OMERO: what it takes, the transaction that it is, and who acts in it.

A call is a generator. It yields `DatabaseConnection` and `Work`, whoever drives it gives it what it takes (see the
package's documentation); it returns what the call answers, or raises `OmeroError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from .context import BasicEventContext, enter
from .context import is_graph_critical as context_is_graph_critical
from .context import may_read as context_may_read
from .data import Database, ImageRow, Pixels, Transaction
from .omero_errors import OmeroError
from .people import Experimenter, People
from .server_limits import ServerLimits


@dataclass(frozen=True)
class DatabaseConnection:
    """A database connection: the call holds it from here until it ends."""


@dataclass(frozen=True)
class Work:
    """Something that takes time; others may run meanwhile.

    `kind` is "join", "query" (of IQuery and IAdmin), "store" (one is made), "load" (a store loads settings),
    "rows" (the table ``thumbnail`` is read), "settings" (defaults are computed), "thumbnail" (once for each that is
    answered) or "render".
    `count` is how many ids a query is about, where it names them.
    Where `make` is given it is called, in a thread if need be, and what it returns is sent back, what it raises thrown.
    """

    kind: str
    make: Callable[[], Any] | None = None
    count: int = 0


Step = DatabaseConnection | Work
ResultT = TypeVar("ResultT")
IdT = TypeVar("IdT", int, int | None)
#: a call, or a part of one
Steps = Generator[Step, Any, ResultT]


class Call:
    """One call of `user`'s session, whose group is `default_group`, with what its context says."""

    def __init__(
        self,
        people: People,
        database: Database,
        limits: ServerLimits,
        user: Experimenter,
        default_group: int,
        call_context: Mapping[str, str],
        *,
        read_only: bool,
    ) -> None:
        self.people = people
        self.database = database
        self.limits = limits
        self.user = user
        self.transaction = Transaction(database)
        self._default_group = default_group
        # as in OMERO, no event is made where none can be inserted
        self._has_events = not read_only and not limits.read_only
        self._contexts: list[BasicEventContext] = []
        self._enter(call_context)

    @property
    def context(self) -> BasicEventContext:
        """Who acts now."""
        return self._contexts[-1]

    def _enter(self, call_context: Mapping[str, str]) -> None:
        context = enter(self.people, self.user, self._default_group, call_context)
        if self._has_events:
            context = context.with_event(self.transaction.new_event(context.user_id, context.event_group))
        self._contexts.append(context)

    @contextmanager
    def in_group(self, group_id: int, current: int | None = None) -> Iterator[None]:
        """Act in a group, unless it is the current one; an event more, and ``omero.user`` counts no more in it.

        Source: ``EventHandler.onApplicationEvent`` of omero-server, for ``ContextMessage.Push``.
        """
        if group_id == current:
            yield
            return
        self._enter({"omero.group": str(group_id)})
        try:
            yield
        finally:
            self._contexts.pop()

    def by_group(self, pixels_ids: Collection[int]) -> list[tuple[int, list[int]]]:
        """Pixels that may be read, by group. Source: ``PerGroupActor`` of omero-server."""
        groups: dict[int, list[int]] = {}
        for pixels_id in java_order(pixels_ids):
            pixels = self.pixels(pixels_id)
            if pixels is not None:
                groups.setdefault(pixels.image.group_id, []).append(pixels_id)
        return [(group, groups[group]) for group in java_order(groups)]

    # what may be read

    def may_read(self, owner_id: int, group_id: int) -> bool:
        """Whether what `owner_id` has in a group is there for this call."""
        return context_may_read(self.people, self.context, owner_id, group_id)

    def pixels(self, pixels_id: int) -> Pixels | None:
        """Pixels by id, if they may be read."""
        pixels = self.database.pixels.get(pixels_id)
        if pixels is None or not self.may_read(pixels.image.owner_id, pixels.image.group_id):
            return None
        return pixels

    def image(self, image_id: int) -> ImageRow | None:
        """An image by id, if it may be read."""
        image = self.database.images.get(image_id)
        return image if image is not None and self.may_read(image.owner_id, image.group_id) else None

    def is_graph_critical(self) -> bool:
        """As ``SecuritySystem.isGraphCritical(null)``. Raises SecurityViolation in all groups at once."""
        return context_is_graph_critical(self.people, self.context)

    def pixel_buffer(self, pixels: Pixels) -> None:
        """Open the file of Pixels. Raises MissingPyramidException, after an event for it, or ResourceError.

        Source: ``PixelsService.getPixelBuffer``, and ``PixelDataThread.onApplicationEvent``, which inserts the event in
        a transaction of its own: it stays, whatever becomes of this call.
        """
        state = pixels.image.state.name
        if state == "IN_PROGRESS":
            if not self.limits.read_only:
                self.database.new_event(self.context.user_id, pixels.image.group_id)
            raise OmeroError(
                "MissingPyramidException",
                f"Missing pyramid: {pixels.id}",
                back_off=900_000,
                pixelsID=pixels.id,
            )
        if state == "FAILING":
            raise OmeroError("ResourceError", f"the file of image {pixels.image.id} is missing")

    def check_can_write(self, what: str) -> None:
        """Refuse to create where the database is read-only. Raises SecurityViolation."""
        if self.limits.read_only:
            raise OmeroError("SecurityViolation", f"not permitted to create {what}")


def java_order(ids: Collection[IdT]) -> list[IdT]:
    """Ids in the order in which a ``HashSet<Long>`` of Java goes through them; null is first."""
    capacity = 16
    while len(ids) > capacity * 3 // 4:
        capacity *= 2

    def bucket(one: int | None) -> int:
        value = (one or 0) & 0xFFFF_FFFF_FFFF_FFFF
        low = (value ^ value >> 32) & 0xFFFF_FFFF
        return (low ^ low >> 16) & capacity - 1

    return sorted(dict.fromkeys(ids), key=bucket)
