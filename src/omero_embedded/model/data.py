"""What is in OMERO's database and on its disk: images, Pixels, rendering settings, rows of ``thumbnail``, events.

A call reads and writes through a `Transaction`: it sees what is committed and what it has written itself, others see
that when it is committed. Files are written at once and are no part of a transaction, as on OMERO's disk. Whoever
prepares a test writes to `Database` itself.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, Generic, TypeVar

#: ``ThumbnailBean.PROGRESS_VERSION``: the row was last drawn while its image was in progress
PROGRESS_VERSION = -1

#: events that are remembered; all are counted
_EVENTS_KEPT = 10_000


class ImageState(Enum):
    """What OMERO can do with the pixels of an image."""

    READY = auto()
    #: their pyramid is still being made: reading them throws MissingPyramidException
    IN_PROGRESS = auto()
    #: their file is missing: reading them throws ResourceError
    FAILING = auto()


@dataclass(frozen=True)
class Event:
    """A row of the table ``event``: a call that may write has one. `time` is in microseconds since the epoch."""

    id: int
    user_id: int
    group_id: int
    time: int


@dataclass
class Pixels:
    """Pixels of an image; `source` is whatever the drawing function draws them from."""

    id: int
    image: ImageRow
    size_x: int
    size_y: int
    size_z: int = 1
    size_t: int = 1
    size_c: int = 1
    source: Any = None
    #: the event in which they were last changed
    update_event: Event = field(default_factory=lambda: Event(0, 0, 0, 0))


@dataclass
class ImageRow:
    """An image. Its Pixels, with what belongs to them, have its owner and its group."""

    id: int
    name: str
    owner_id: int
    group_id: int
    pixels: list[Pixels] = field(default_factory=list)
    state: ImageState = ImageState.READY

    @property
    def primary(self) -> Pixels:
        """The first Pixels, which show the image."""
        return self.pixels[0]


@dataclass(frozen=True)
class RenderingDefRow:
    """Rendering settings of Pixels, made by one user; `look` is whatever the drawing function draws with."""

    id: int
    pixels_id: int
    owner_id: int
    event: Event
    look: Any
    default_z: int = 0
    default_t: int = 0
    #: the event in which they were made, where it is not `event`, in which they were last changed
    creation_event: Event | None = None


@dataclass(frozen=True)
class ThumbnailRow:
    """A row of the table ``thumbnail``; `version` is null until OMERO draws it anew."""

    id: int
    pixels_id: int
    owner_id: int
    size_x: int
    size_y: int
    version: int | None
    event: Event


RowT = TypeVar("RowT", RenderingDefRow, ThumbnailRow)


class Table(Generic[RowT]):
    """Rows that belong to Pixels."""

    def __init__(self) -> None:
        self._rows: dict[int, RowT] = {}
        self._by_pixels: dict[int, dict[int, RowT]] = {}
        self._last_id = 0
        #: told of every row that is inserted or updated
        self.watchers: list[Callable[[RowT], None]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterable[RowT]:
        return iter(list(self._rows.values()))

    def next_id(self) -> int:
        """An id that no row has had, as of a sequence: it is not given again, whatever becomes of the row."""
        self._last_id += 1
        return self._last_id

    def get(self, row_id: int) -> RowT | None:
        """The row with that id."""
        return self._rows.get(row_id)

    def of(self, pixels_id: int) -> dict[int, RowT]:
        """The rows of Pixels, by id; not to be changed."""
        return self._by_pixels.get(pixels_id, {})

    def fill_from(self, other: Table[RowT]) -> None:
        """Have the rows that `other` has, which never change: others take their places."""
        for row in other._rows.values():
            self.put(row)
        self._last_id = other._last_id

    def put(self, row: RowT) -> None:
        """Insert or update a row."""
        self._last_id = max(self._last_id, row.id)
        self._rows[row.id] = row
        self._by_pixels.setdefault(row.pixels_id, {})[row.id] = row
        for watcher in self.watchers:
            watcher(row)

    def delete(self, row_id: int) -> None:
        """Delete a row."""
        row = self._rows.pop(row_id, None)
        if row is not None:
            del self._by_pixels[row.pixels_id][row_id]


class Database:
    """OMERO's database, and the files of its thumbnails by the ids of their rows."""

    def __init__(self, images: Iterable[ImageRow] = (), *, files: MutableMapping[int, bytes] | None = None) -> None:
        self.images: dict[int, ImageRow] = {}
        self.pixels: dict[int, Pixels] = {}
        self.rendering_defs: Table[RenderingDefRow] = Table()
        self.thumbnails: Table[ThumbnailRow] = Table()
        self.files: MutableMapping[int, bytes] = {} if files is None else files
        self.events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        #: how many events each user has
        self.events_of: Counter[int] = Counter()
        #: ``omero.db.uuid``, which tells databases apart
        self.uuid = str(uuid.uuid4())
        #: microseconds since the epoch; no two events have the same time
        self.clock: Callable[[], int] = lambda: time.time_ns() // 1000
        self._last_event = Event(0, 0, 0, 0)
        for image in images:
            self.add_image(image)

    # what tests and samples prepare

    def add_image(self, image: ImageRow) -> None:
        """Import an image."""
        self.images[image.id] = image
        for pixels in image.pixels:
            self.pixels[pixels.id] = pixels

    def delete_image(self, image: ImageRow) -> None:
        """Delete an image with all that belongs to it."""
        del self.images[image.id]
        for pixels in image.pixels:
            del self.pixels[pixels.id]
            for settings in list(self.rendering_defs.of(pixels.id)):
                self.rendering_defs.delete(settings)
            for row in list(self.thumbnails.of(pixels.id)):
                self.thumbnails.delete(row)
                self.files.pop(row, None)

    def copy(self) -> Database:
        """The same on its own, without what happened before, as a dump has it: it goes on with the same ids."""
        copied = Database(files=dict(self.files))
        for image in self.images.values():
            other = replace(image, pixels=[])
            other.pixels = [replace(pixels, image=other) for pixels in image.pixels]
            copied.add_image(other)
        copied.rendering_defs.fill_from(self.rendering_defs)
        copied.thumbnails.fill_from(self.thumbnails)
        copied.uuid, copied.clock, copied._last_event = self.uuid, self.clock, self._last_event
        return copied

    def save_settings(
        self, pixels: Pixels, owner_id: int, look: Any, *, default_z: int | None = None, default_t: int = 0
    ) -> RenderingDefRow:
        """Save a user's settings in place of the newest that they had, as a RenderingEngine does: one event."""
        event = self.new_event(owner_id, pixels.image.group_id)
        z = pixels.size_z // 2 if default_z is None else default_z
        own = [one for one in self.rendering_defs.of(pixels.id).values() if one.owner_id == owner_id]
        if own:
            newest = max(own, key=lambda one: one.event.time)
            made = newest.creation_event or newest.event
            saved = replace(newest, event=event, look=look, default_z=z, default_t=default_t, creation_event=made)
        else:
            number = self.rendering_defs.next_id()
            saved = RenderingDefRow(number, pixels.id, owner_id, event, look, z, default_t)
        self.rendering_defs.put(saved)
        return saved

    # events

    def make_event(self, user_id: int, group_id: int) -> Event:
        """An event that is not in the table yet."""
        now = max(self.clock(), self._last_event.time + 1)
        self._last_event = Event(self._last_event.id + 1, user_id, group_id, now)
        return self._last_event

    def record(self, event: Event) -> None:
        """Insert an event."""
        self.events.append(event)
        self.events_of[event.user_id] += 1

    def new_event(self, user_id: int, group_id: int) -> Event:
        """An event, in the table."""
        event = self.make_event(user_id, group_id)
        self.record(event)
        return event


class _Written(Generic[RowT]):
    """Rows of one table as a transaction sees them."""

    def __init__(self, table: Table[RowT]) -> None:
        self._table: Table[RowT] = table
        self._own: dict[int, RowT] = {}

    def get(self, row_id: int) -> RowT | None:
        """The row with that id."""
        return self._own.get(row_id) or self._table.get(row_id)

    def of(self, pixels_id: int) -> list[RowT]:
        """The rows of Pixels, in the order of their ids."""
        rows = self._table.of(pixels_id)
        if self._own:
            rows = {**rows, **{row.id: row for row in self._own.values() if row.pixels_id == pixels_id}}
        return list(rows.values())

    def next_id(self) -> int:
        """As `Table.next_id`."""
        return self._table.next_id()

    def put(self, row: RowT) -> None:
        """Insert or update, when it is committed."""
        self._own[row.id] = row

    def commit(self) -> None:
        for row in self._own.values():
            self._table.put(row)


class Transaction:
    """What one call reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rendering_defs = _Written(database.rendering_defs)
        self.thumbnails = _Written(database.thumbnails)
        self._events: list[Event] = []

    def new_event(self, user_id: int, group_id: int) -> Event:
        """An event, inserted when it is committed."""
        event = self._database.make_event(user_id, group_id)
        self._events.append(event)
        return event

    def commit(self) -> None:
        """All that was written is there for everybody."""
        for event in self._events:
            self._database.record(event)
        self.rendering_defs.commit()
        self.thumbnails.commit()
