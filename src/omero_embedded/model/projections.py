"""Answers to ``IQuery.projection``: a table from the text of a query to what gives its rows.

To add a query, put its text into `omero_ms_thumbnail.omero.queries`, and its rows into `QUERIES` here. A query reads
through the `Call`: Pixels and images that its context may not read are not there (`Call.pixels`, `Call.image`), nor are
settings and rows (`settings_of`, `rows_of`), as the filters of omero-server have it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Union

from omero_ms_thumbnail.omero import queries as hql

from .call import Call
from .containers import Containers
from .data import PROGRESS_VERSION, Event, ImageRow, Pixels, RenderingDefRow, ThumbnailRow
from .omero_errors import OmeroError
from .people import PERMISSION_BITS
from .thumbnail_context import widths

#: what a column may be; a time is a `Time`
Plain = Union[None, bool, int, float, str, "Time"]
Row = tuple[Plain, ...]


class Time(int):
    """Milliseconds since the epoch: an RTime over Ice, where other integers are RLongs, and `Int` is an RInt."""


class Int(int):
    """A 32-bit integer: an RInt over Ice."""


class ProjectionQuery:
    """One query: the call that it is in, its named parameters as plain values, and the limit of its filter."""

    def __init__(
        self, call: Call, containers: Containers, parameters: Mapping[str, Any], limit: int | None = None
    ) -> None:
        self.call = call
        self.containers = containers
        self.parameters = parameters
        self.limit = limit

    def ids(self, name: str = "ids") -> list[int]:
        """A parameter that is a list of longs. Raises QueryException."""
        value = self.parameters.get(name)
        if not isinstance(value, (list, tuple)):
            raise OmeroError("QueryException", f"{name} is not a list")
        return list(dict.fromkeys(value))

    def id(self, name: str = "id") -> int:
        """A parameter that is a long. Raises QueryException."""
        value = self.parameters.get(name)
        if not isinstance(value, int):
            raise OmeroError("QueryException", f"{name} is not a long")
        return value

    def images(self, name: str = "ids") -> list[ImageRow]:
        """The images with those ids that may be read."""
        return [image for image in map(self.call.image, self.ids(name)) if image is not None]

    def pixels(self, name: str = "ids") -> list[Pixels]:
        """The Pixels with those ids that may be read."""
        return [pixels for pixels in map(self.call.pixels, self.ids(name)) if pixels is not None]

    def settings_of(self, pixels: Pixels, owner_id: int | None = None) -> list[RenderingDefRow]:
        """The settings of Pixels that may be read, of one user or of all."""
        return [
            one
            for one in self.call.transaction.rendering_defs.of(pixels.id)
            if owner_id in (None, one.owner_id) and self.call.may_read(one.owner_id, pixels.image.group_id)
        ]

    def rows_of(self, pixels: Pixels, owner_id: int | None = None) -> list[ThumbnailRow]:
        """The rows of Pixels that may be read, of one user or of all."""
        return [
            one
            for one in self.call.transaction.thumbnails.of(pixels.id)
            if owner_id in (None, one.owner_id) and self.call.may_read(one.owner_id, pixels.image.group_id)
        ]


Answer = Callable[[ProjectionQuery], Iterable[Row]]


def newest_event(found: Iterable[RenderingDefRow]) -> int | None:
    """``max(r.details.updateEvent.id)``."""
    return max((one.event.id for one in found), default=None)


def _pixels_of_images(asked: ProjectionQuery) -> Iterable[Row]:
    return [
        (pixels.id, image.id, image.group_id, image.owner_id) for image in asked.images() for pixels in image.pixels
    ]


def _facts(asked: ProjectionQuery) -> Iterable[Row]:
    return [_facts_of(asked, pixels, place) for image in asked.images() for place, pixels in enumerate(image.pixels)]


def _facts_of(asked: ProjectionQuery, pixels: Pixels, place: int) -> Row:
    image, user, size = pixels.image, asked.id("user"), widths(pixels, asked.id("size"))
    of_size = [row for row in asked.rows_of(pixels) if (row.size_x, row.size_y) == size]
    return (
        pixels.id,
        image.id,
        image.group_id,
        image.owner_id,
        PERMISSION_BITS[asked.call.people.permissions_of(image.group_id)],
        Int(place),
        len(asked.settings_of(pixels, user)),
        len(asked.settings_of(pixels, image.owner_id)),
        sum(row.owner_id == user for row in of_size),
        sum(row.owner_id == image.owner_id for row in of_size),
    )


def _facts_and_content(asked: ProjectionQuery) -> Iterable[Row]:
    return [
        _facts_and_content_of(asked, pixels, place)
        for image in asked.images()
        for place, pixels in enumerate(image.pixels)
    ]


def _facts_and_content_of(asked: ProjectionQuery, pixels: Pixels, place: int) -> Row:
    image, user, size = pixels.image, asked.id("user"), asked.id("size")
    event = pixels.update_event
    told = (
        pixels.id,
        image.id,
        image.group_id,
        image.owner_id,
        PERMISSION_BITS[asked.call.people.permissions_of(image.group_id)],
        place,
        pixels.size_x,
        pixels.size_y,
        event.id,
        _time(event),
        _newest_settings(asked.settings_of(pixels, user)),
        _newest_settings(asked.settings_of(pixels, image.owner_id)),
        *(
            _newest_row([row for row in asked.rows_of(pixels, owner) if _is_of_size(row, pixels, size)])
            for owner in (user, image.owner_id)
        ),
    )
    return ("/".join(map(str, told)),)


def _newest_settings(found: Sequence[RenderingDefRow]) -> str:
    if not found:
        return ""
    newest = max(f"{_time(one.event)}.{one.event.id}.{one.id}" for one in found)
    return f"{newest}.{len(found)}.{len({one.event.time for one in found})}"


def _newest_row(found: Sequence[ThumbnailRow]) -> str:
    if not found:
        return ""
    newest = max(
        f"{_time(row.event)}.{row.event.id}.{row.id}.{row.version or 0}.{row.size_x}.{row.size_y}" for row in found
    )
    return f"{newest}.{len(found)}"


def _is_of_size(row: ThumbnailRow, pixels: Pixels, size: int) -> bool:
    """Whether it is about of a longest side of `size`, as the query has it."""
    if pixels.size_x == pixels.size_y:
        return row.size_x == row.size_y == size
    longest, shortest = (row.size_x, row.size_y) if pixels.size_x > pixels.size_y else (row.size_y, row.size_x)
    return longest == size > shortest


def _time(event: Event) -> str:
    """As PostgreSQL's ``to_char`` writes it with 'YYYYMMDDHH24MISSUS'."""
    seconds, rest = divmod(event.time, 1_000_000)
    return f"{time.strftime('%Y%m%d%H%M%S', time.gmtime(seconds))}{rest:06d}"


def _named_settings(asked: ProjectionQuery) -> Iterable[Row]:
    found = []
    for one in filter(None, map(asked.call.transaction.rendering_defs.get, asked.ids())):
        pixels = asked.call.pixels(one.pixels_id)
        if pixels is not None and asked.settings_of(pixels, one.owner_id):
            found.append((one.id, one.pixels_id, one.event.id, _time(one.event)))
    return found


def _is_in_progress(asked: ProjectionQuery, pixels: Pixels) -> bool:
    return any(row.version == PROGRESS_VERSION for row in asked.rows_of(pixels))


def _images_in_progress(asked: ProjectionQuery) -> Iterable[Row]:
    return [(image.id,) for image in asked.images() if any(_is_in_progress(asked, pixels) for pixels in image.pixels)]


def _default_section(asked: ProjectionQuery) -> Iterable[Row]:
    settings = asked.call.transaction.rendering_defs.get(asked.id())
    pixels = asked.call.pixels(settings.pixels_id) if settings is not None else None
    if settings is None or pixels is None or not asked.settings_of(pixels, settings.owner_id):
        return []
    return [(Int(settings.default_z), Int(settings.default_t))]


def _newest_images(asked: ProjectionQuery) -> Iterable[Row]:
    ids = sorted((one for one in asked.call.database.images if asked.call.image(one) is not None), reverse=True)
    return [(one,) for one in ids]


def _readable_images(asked: ProjectionQuery) -> Iterable[Row]:
    return [(image.id,) for image in asked.images()]


def _images_in(kind: str, asked: ProjectionQuery) -> Iterable[Row]:
    return [(one,) for one in asked.containers.images_in(asked.call, kind, asked.id())]


def _container(kind: str, asked: ProjectionQuery) -> Iterable[Row]:
    return [(asked.id(),)] if asked.containers.has(asked.call, kind, asked.id()) else []


def _pixels_with_sizes(asked: ProjectionQuery) -> Iterable[Row]:
    return [
        (pixels.id, image.id, image.group_id, image.owner_id, Int(pixels.size_x), Int(pixels.size_y), Int(place))
        for image in asked.images()
        for place, pixels in enumerate(image.pixels)
    ]


def _thumbnails_of_pixels(asked: ProjectionQuery) -> Iterable[Row]:
    return [
        (row.id, pixels.id, row.owner_id, Int(row.size_x), Int(row.size_y), row.event.id, _int(row.version))
        for pixels in asked.pixels()
        for row in asked.rows_of(pixels)
    ]


def _settings_of_pixels(asked: ProjectionQuery) -> Iterable[Row]:
    return [
        (one.id, pixels.id, one.owner_id, (one.creation_event or one.event).id, one.event.id)
        for pixels in asked.pixels()
        for one in asked.settings_of(pixels)
    ]


def _names_of_users(asked: ProjectionQuery) -> Iterable[Row]:
    users = asked.call.people.users
    return [(one, users[one].name) for one in asked.ids() if one in users]


def _int(value: int | None) -> Int | None:
    return None if value is None else Int(value)


QUERIES: dict[str, Answer] = {
    hql.PIXELS_OF_IMAGES: _pixels_of_images,
    hql.FACTS: _facts,
    hql.FACTS_AND_CONTENT: _facts_and_content,
    hql.NAMED_SETTINGS: _named_settings,
    hql.IMAGES_IN_PROGRESS: _images_in_progress,
    hql.DEFAULT_SECTION: _default_section,
    hql.NEWEST_IMAGES: _newest_images,
    hql.READABLE_IMAGES: _readable_images,
    hql.PIXELS_WITH_SIZES: _pixels_with_sizes,
    hql.THUMBNAILS_OF_PIXELS: _thumbnails_of_pixels,
    hql.SETTINGS_OF_PIXELS: _settings_of_pixels,
    hql.NAMES_OF_USERS: _names_of_users,
    **{text: partial(_images_in, kind) for kind, text in hql.IMAGES_IN.items()},
    **{text: partial(_container, kind) for kind, text in hql.CONTAINER.items()},
}


def answer(text: str, asked: ProjectionQuery) -> list[Row]:
    """The rows of a query, white space apart. Raises QueryException for one that is not in `QUERIES`."""
    known = QUERIES.get(" ".join(text.split()))
    if known is None:
        raise OmeroError("QueryException", f"this OMERO does not know the query: {text[:200]}")
    return list(known(asked))[: asked.limit]
