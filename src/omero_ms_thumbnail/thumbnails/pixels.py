"""What has to be known of images, asked for many at a time.

A projection over all groups answers only for images that the user may read: what is missing from it is not readable.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, cast

from ..ice.errors import MarshalException
from ..omero.queries import FACTS, FACTS_AND_CONTENT, NAMED_SETTINGS
from ..omero.rtypes import RInt, RLong, RType, rlong_list
from ..omero.session import JoinedSession
from ..omero.sizes import longest_side
from .model import Content, ImageFacts, Saved, StoredRow

_COLUMNS: Final = 10
#: texts that are remembered with what they say, 1.5 kB each
_READ_MAX: Final = 4_096

_WRONG: Final = "a projection of facts returned something else"


async def ask(
    session: JoinedSession, image_ids: Sequence[int], *, user_id: int, size: int, with_content: bool = True
) -> dict[int, ImageFacts]:
    """Facts of those images that exist and that the user may read; of stored thumbnails in that `size` alone.

    `user_id` is the session's user. Raises what OMERO throws, or IceException.
    """
    parameters = {"ids": rlong_list(image_ids), "user": RLong(user_id), "size": RInt(size)}
    places: dict[int, int] = {}
    found: dict[int, ImageFacts] = {}
    read = _with_content if with_content else _without_content
    for row in await session.projection(FACTS_AND_CONTENT if with_content else FACTS, parameters, patiently=True):
        place, facts = read(row, size)
        # an image with several Pixels is shown by its first, as everywhere in OMERO
        if facts.image_id not in found or place < places[facts.image_id]:
            places[facts.image_id] = place
            found[facts.image_id] = facts
    return found


async def ask_named(session: JoinedSession, rendering_def_ids: Collection[int]) -> dict[int, tuple[int, Saved]]:
    """Of those rendering settings that exist and that the user may read: their Pixels' id, and how they were saved.

    Raises what OMERO throws, or IceException.
    """
    parameters: Mapping[str, RType] = {"ids": rlong_list(sorted(rendering_def_ids))}
    found = {}
    for row in await session.projection(NAMED_SETTINGS, parameters, patiently=True):
        match row:
            case [int(named), int(pixels_id), int(event), str(time)]:
                found[named] = (pixels_id, Saved(named, event, time))
            case _:
                raise MarshalException(_WRONG)
    return found


def _without_content(row: Sequence[object], size: int) -> tuple[int, ImageFacts]:
    if len(row) != _COLUMNS or not all(type(column) is int for column in row):
        raise MarshalException(_WRONG)
    pixels_id, image_id, group_id, owner_id, permissions, place, *counts = cast("Sequence[int]", row)
    own_settings, owners_settings, own_row, owners_row = (count > 0 for count in counts)
    return place, ImageFacts(
        image_id,
        pixels_id,
        group_id,
        owner_id,
        permissions,
        size,
        own_settings,
        owners_settings,
        own_row,
        owners_row,
    )


def _with_content(row: Sequence[object], size: int) -> tuple[int, ImageFacts]:
    if len(row) != 1 or not isinstance(row[0], str):
        raise MarshalException(_WRONG)
    return _read(row[0], size)


@lru_cache(_READ_MAX)
def _read(text: str, size: int) -> tuple[int, ImageFacts]:
    """One text; what is asked about again, to see whether it is still so, is mostly the same to the letter."""
    try:
        *numbers, time, own_settings, owners_settings, own_row, owners_row = text.split("/")
        pixels_id, image_id, group_id, owner_id, permissions, place, width, height, event = map(int, numbers)
        settings, stored = own_settings or owners_settings, own_row or owners_row
        content = Content(
            event,
            time,
            _saved(settings) if settings else None,
            _row(stored, longest_side(width, height, size)) if stored else None,
        )
    except ValueError:
        raise MarshalException(_WRONG) from None
    return place, ImageFacts(
        image_id,
        pixels_id,
        group_id,
        owner_id,
        permissions,
        size,
        bool(own_settings),
        bool(owners_settings),
        bool(own_row),
        bool(owners_row),
        content,
    )


def _saved(text: str) -> Saved:
    time, event, number, count, times = text.split(".")
    return Saved(int(number), int(event), time, int(count), count == times)


def _row(text: str, size: tuple[int, int]) -> StoredRow:
    """The row; `size` is exactly the one that OMERO looks for."""
    time, event, number, version, width, height, count = text.split(".")
    is_one = count == "1" and (int(width), int(height)) == size
    return StoredRow(int(number), int(event), time, int(version), int(width), int(height), int(count), is_one=is_one)
