"""Rendering settings: finding those that count, and making defaults.

Sources in omero-server: the queries of ``ThumbnailCtx``, ``RenderingSettingsImpl``, ``PixelsImpl``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from .call import Call, Steps, Work
from .data import Pixels, RenderingDefRow
from .omero_errors import CONCURRENCY, OmeroError
from .persistence import HibernateSession

#: the look of an image that nobody has changed
Defaults = Callable[[Pixels], Any]


def settings_of(
    call: Call, session: HibernateSession, pixels_ids: Collection[int], owner_id: int | None
) -> list[RenderingDefRow]:
    """The settings that a user has for Pixels, or the Pixels' owners where `owner_id` is null, newest last."""
    found: list[RenderingDefRow] = []
    for pixels_id in pixels_ids:
        pixels = call.pixels(pixels_id)
        if pixels is None:
            continue
        wanted = pixels.image.owner_id if owner_id is None else owner_id
        found += [
            one
            for one in call.transaction.rendering_defs.of(pixels_id)
            if one.owner_id == wanted and call.may_read(one.owner_id, pixels.image.group_id)
        ]
    return session.loaded_settings(sorted(found, key=lambda one: one.event.time))


def reset_defaults_in_set(
    call: Call, session: HibernateSession, defaults: Defaults, pixels_ids: Collection[int]
) -> Steps[list[int]]:
    """Make or reset whoever acts' settings of Pixels; the ids of the images for which that was done.

    Those that are in progress, or whose file is missing, are left out. Raises SecurityViolation or one of its kinds.
    """
    done, looks = [], []
    for pixels_id in pixels_ids:
        pixels = call.pixels(pixels_id)
        if pixels is None:
            continue
        yield Work("settings")
        try:
            call.pixel_buffer(pixels)
        except OmeroError:
            continue
        looks.append(pixels)
        done.append(pixels.image.id)
    for pixels in looks:
        own = settings_of(call, session, [pixels.id], call.context.user_id)
        if own:
            session.save_settings(call, own[-1], defaults(pixels))
        else:
            session.save_new_settings(call, pixels, defaults(pixels))
    return done


def reset_defaults(call: Call, session: HibernateSession, defaults: Defaults, pixels: Pixels) -> Steps[bool]:
    """Make default settings of whoever acts; False where the image is in progress. Raises as the above."""
    yield Work("settings")
    try:
        call.pixel_buffer(pixels)
    except OmeroError as error:
        if error.kind not in CONCURRENCY:
            raise
        return False
    session.save_new_settings(call, pixels, defaults(pixels))
    return True


def are_compatible(one: Pixels, other: Pixels) -> bool:
    """``sanityCheckPixels``: whether settings of one Pixels may be used for the other."""
    return one.size_c == other.size_c
