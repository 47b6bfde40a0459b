"""Pictures by what they show: the key under which a picture is kept, of OMERO's ids and events. No I/O.

A picture of an image is drawn from its Pixels by rendering settings, and every way that people have to change either
makes a new event. So their ids and update events, with the size and the section, say what a picture shows, to whomever.
Who may see it, and by which settings, OMERO says each time: keys are made of its answer to that very session.

Two kinds, which differ on purpose: a stored thumbnail may have been drawn by other settings than those that count now,
and OMERO.web shows it as it is.

- **drawn**: what a ``...Direct`` call gives, told by Pixels, settings, size and section.
- **stored**: what a set, a stored call or the file of a row gives, told by Pixels, row and settings.

Before each stands which database they are of, and which OMERO.server drew it.
"""

from __future__ import annotations

import hashlib
from typing import Final

from .model import Content, ImageFacts, Saved, ThumbnailRequest

#: OMERO marks the row of a clock with it (``PROGRESS_VERSION`` of omero-server's `ThumbnailBean`), until it draws that
#: row anew
PROGRESS_VERSION: Final = -1

_TAG_BYTES: Final = 16


def drawn_key(database: str, facts: ImageFacts, request: ThumbnailRequest, named: Saved | None = None) -> bytes | None:
    """The key of what a ``...Direct`` call gives, by `named` settings where there are some; None where none can be."""
    content = facts.content
    if content is None:
        return None
    settings = named or content.settings
    if settings is None or not settings.is_one:
        return None
    _, width, height, _, z, t, _, _ = request
    size = f"{width}" if height is None else f"{width}x{height}"
    section = "" if z is None and t is None else f"/{'' if z is None else z}.{'' if t is None else t}"
    return (
        f"{database}/drawn/{facts.pixels_id}.{content.pixels_event}.{content.pixels_time}"
        f"/{settings.id}.{settings.event}.{settings.time}.{settings.total}/{size}{section}"
    ).encode()


def stored_key(database: str, facts: ImageFacts) -> bytes | None:
    """The key of the thumbnail that is stored in the size of `facts`; None where OMERO would draw it anew, or none is.

    Whether it is a clock is not said; see `is_marked`.
    """
    content = facts.content
    if content is None or not content.is_stored:
        return None
    settings, row = content.settings, content.row
    assert settings is not None  # noqa: S101 - it is stored
    assert row is not None  # noqa: S101 - it is stored
    if not settings.is_one:
        return None
    return (
        f"{database}/stored/{facts.pixels_id}.{content.pixels_event}.{content.pixels_time}"
        f"/{row.id}.{row.event}.{row.time}.{row.total}/{settings.id}.{settings.event}.{settings.time}.{settings.total}"
    ).encode()


def is_marked(facts: ImageFacts) -> bool:
    """Whether what is stored was a clock once, and may still be one, as far as that is known."""
    return facts.content is not None and _is_marked(facts.content)


def _is_marked(content: Content) -> bool:
    return content.row is not None and (content.row.version == PROGRESS_VERSION or not content.row.is_one)


def was_stored(before: ImageFacts, after: ImageFacts) -> bool:
    """Whether a stored call between the two has made, or drawn anew, the row that `after` has, by settings of both.

    What that call gave is then what is stored. Not where the row is the owner's and the settings are not: the owner may
    have looked meanwhile, and OMERO has stored what the owner is shown.
    """
    if after.has_own_settings and not after.has_own_row:
        return False
    earlier, later = before.content, after.content
    if earlier is None or later is None or earlier.is_stored or not later.is_stored or _is_marked(later):
        return False
    return before.pixels_id == after.pixels_id and earlier.settings is not None and earlier[:3] == later[:3]


def tag_of(key: bytes) -> str:
    """What tells the key of a picture to a client, and nothing of what is in it."""
    return hashlib.blake2b(key, digest_size=_TAG_BYTES).hexdigest()
