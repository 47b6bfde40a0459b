"""What OMERO has stored of one image's thumbnail, against what it draws now; and rows and settings left by mistake.

Nothing is left behind but what OMERO itself notes of every call: ``thumbnailExists`` asks and makes nothing, a stored
thumbnail is read only where OMERO says that there is one, and ``…Direct`` calls store nothing. Both are drawn and
compressed alike (``ThumbnailBean.createScaledImage``, ``compressToStream``), so the same settings give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from ..ice.errors import UnknownException
from ..ice.types import UserException
from ..omero.exceptions import ResourceError
from ..omero.faults import Fault, fault_of
from ..omero.session import GROUP, JoinedSession
from ..omero.thumbnail_rows import (
    PROGRESS_VERSION,
    StoredPixels,
    StoredSettings,
    StoredThumbnail,
    names_of,
    pixels_of,
    settings_of,
    thumbnails_of,
)
from . import jpeg
from .diagnoses import STORED_DIFFERS, STORED_EMPTY, STORED_FILE_MISSING, STRETCHED, Diagnosis
from .finding import Finding, Outcome, Stopwatch
from .folder import compare_file
from .names import FOLDER, ROWS, SETTINGS, STORED

#: rows that are named one by one
_NAMED_MAX: Final = 5


class Drawn(NamedTuple):
    """What OMERO draws now; `is_clock`: it cannot draw the image yet."""

    jpeg: bytes
    is_clock: bool


class _Known(NamedTuple):
    """All that a database says of an image's thumbnails, as the viewer may read it."""

    viewer: int
    pixels: StoredPixels
    rows: list[StoredThumbnail]
    settings: list[StoredSettings]
    names: dict[int, str]

    def user(self, user_id: int) -> str:
        """A user as people know them."""
        return f"user {user_id} ({self.names[user_id]})" if user_id in self.names else f"user {user_id}"

    def shown(self, size: tuple[int, int]) -> StoredThumbnail | None:
        """The row that counts for the viewer: their own of that size, else the owner's."""
        of_size = [row for row in self.rows if row.size == size]
        return next((row for owner in self._first for row in of_size if row.owner_id == owner), None)

    @property
    def drawn_by(self) -> int:
        """Whose settings count for the viewer: their own, else the owner's."""
        owners = {one.owner_id for one in self.settings}
        return self.viewer if self.viewer in owners else self.pixels.owner_id

    @property
    def _first(self) -> tuple[int, int]:
        return self.viewer, self.pixels.owner_id


async def look_at_stored(
    session: JoinedSession, image_id: int, size: int, data_dir: Path | None = None
) -> list[Finding]:
    """What is stored of the thumbnail with that longest side in pixels, for the session's user. Raises as a call.

    With OMERO's `data_dir` its file is compared with what OMERO gives.
    """
    watch = Stopwatch()
    pixels = (await pixels_of(session, [image_id])).get(image_id)
    if pixels is None:
        return [Finding(STORED, Outcome.SKIPPED, "not tried: the image has no Pixels")]
    rows = await thumbnails_of(session, [pixels.pixels_id])
    settings = await settings_of(session, [pixels.pixels_id])
    viewer = (await session.event_context()).userId
    owners = {pixels.owner_id, viewer, *(row.owner_id for row in rows), *(one.owner_id for one in settings)}
    known = _Known(viewer, pixels, rows, settings, await names_of(session, owners))
    now = stored = None
    try:
        now = await draw_now(session, pixels, size)
        compared, stored = await _compare(session, known, size, now, watch)
    except (UserException, UnknownException) as error:
        if fault_of(error) is not Fault.REFUSED:
            raise
        compared = Finding(STORED, Outcome.SKIPPED, f"not compared: OMERO cannot draw it ({type(error).__name__})")
    found = [compared, _rows(known, now), _settings(known)]
    if data_dir is not None:
        found.append(await _file(data_dir, known.shown(pixels.thumbnail_size(size)), stored))
    return found


async def draw_now(session: JoinedSession, pixels: StoredPixels, size: int) -> Drawn | None:
    """What OMERO draws now for the session's user; None where there are no settings. Raises as a call does."""
    context = {GROUP: str(pixels.group_id)}
    async with session.stores.lend() as store:
        if not await store.set_pixels_id(pixels.pixels_id, context):
            return None
        drawn = await store.get_thumbnail_by_longest_side_direct(size, context)
        return Drawn(drawn, await store.is_in_progress(context))


async def _compare(
    session: JoinedSession, known: _Known, size: int, now: Drawn | None, watch: Stopwatch
) -> tuple[Finding, bytes | None]:
    """The finding, and the stored thumbnail where OMERO gives one."""

    def said(outcome: Outcome, found: str, diagnosis: Diagnosis | None = None) -> Finding:
        return Finding(STORED, outcome, found, watch.seconds, diagnosis)

    if now is None:
        return said(Outcome.OK, "there are no rendering settings yet: nothing can be wrong"), None
    if now.is_clock:
        return said(Outcome.OK, "OMERO draws a clock: there is nothing to compare with"), None
    width, height = known.pixels.thumbnail_size(size)
    try:
        stored = await _stored(session, known.pixels, size)
    except ResourceError:
        row = _named(known, known.shown((width, height)))
        return said(Outcome.WARNING, f"{row} has no file", STORED_FILE_MISSING), None
    if stored is None:
        found = f"no {width} x {height} is stored that is not older than the settings: OMERO draws it at the next look"
        return said(Outcome.OK, found), None
    row = _named(known, known.shown((width, height)))
    difference, diagnosis = _difference(stored, now.jpeg)
    if diagnosis is None:
        return said(Outcome.OK, f"{row}: {difference}"), stored
    whose = f"the settings are those of {known.user(known.drawn_by)}"
    return said(Outcome.WARNING, f"{row}: {difference}; {whose}", diagnosis), stored


async def _file(data_dir: Path, row: StoredThumbnail | None, stored: bytes | None) -> Finding:
    """Whether OMERO's file of the row is the stored thumbnail."""
    if row is None or stored is None:
        return Finding(FOLDER, Outcome.SKIPPED, "not compared: OMERO has stored no thumbnail of this image that counts")
    return await compare_file(data_dir, row.id, stored)


async def _stored(session: JoinedSession, pixels: StoredPixels, size: int) -> bytes | None:
    """The stored thumbnail, if there is one that OMERO would take; raises ResourceError where it has lost the file."""
    context = {GROUP: str(pixels.group_id)}
    async with session.stores.lend() as store:
        await store.set_pixels_id(pixels.pixels_id, context)
        if not await store.thumbnail_exists(*pixels.thumbnail_size(size), context):
            return None
        return await store.get_thumbnail_by_longest_side(size, context)


def _difference(stored: bytes, now: bytes) -> tuple[str, Diagnosis | None]:
    """What is to be said of the two, and the diagnosis where they differ."""
    if stored == now:
        return f"{len(stored)} bytes, the same that OMERO draws now", None
    if not stored:
        return "it is empty", STORED_EMPTY
    sizes = jpeg.size_of(stored), jpeg.size_of(now)
    if sizes[0] != sizes[1]:
        was, is_now = (f"{size[0]} x {size[1]}" if size else "no JPEG" for size in sizes)
        return f"its picture is {was}, and OMERO draws {is_now} now", STORED_DIFFERS
    match jpeg.look_alike(stored, now):
        case True:
            return "it looks like what OMERO draws now, though another version of OMERO or Java drew it", None
        case False:
            return "it shows something else than OMERO draws now", STORED_DIFFERS
        case _:
            return "it differs from what OMERO draws now (install Pillow here to see how much)", STORED_DIFFERS


def _rows(known: _Known, now: Drawn | None) -> Finding:
    """Rows of another shape than the image, and those that were clocks once."""
    found = [f"{len(known.rows)} rows" if len(known.rows) != 1 else "1 row"]
    clocks = [row for row in known.rows if row.version == PROGRESS_VERSION]
    if clocks and now is not None and not now.is_clock:
        found.append(
            f"{len(clocks)} of them drawn while the image was in progress (version {PROGRESS_VERSION}): that is no"
            " fault, and stays until the settings are saved once more"
        )
    stretched = [row for row in known.rows if _is_stretched(known.pixels, row)]
    if not stretched:
        return Finding(ROWS, Outcome.OK, ", ".join(found))
    found.append(f"of another shape than the image of {known.pixels.size_x} x {known.pixels.size_y}: ")
    named = ", ".join(_named(known, row) for row in stretched[:_NAMED_MAX])
    more = f" and {len(stretched) - _NAMED_MAX} more" if len(stretched) > _NAMED_MAX else ""
    return Finding(ROWS, Outcome.WARNING, f"{', '.join(found)}{named}{more}", diagnosis=STRETCHED)


def _is_stretched(pixels: StoredPixels, row: StoredThumbnail) -> bool:
    """Whether no longest side gives that width and height; a pixel more or less is rounding."""
    expected = pixels.thumbnail_size(max(row.size))
    return any(abs(is_so - should) > 1 for is_so, should in zip(row.size, expected, strict=True))


def _settings(known: _Known) -> Finding:
    """Whose settings there are: those of others that are as they were made were most likely made by mistake."""
    owner = known.pixels.owner_id
    others = [one for one in known.settings if one.owner_id != owner]
    found = f"the image's owner, {known.user(owner)}, has {'no ' if len(others) == len(known.settings) else ''}settings"
    if others:
        found += f"; others have some of their own: {_users(known, others)}"
    as_made = [one for one in others if one.is_as_made]
    if as_made:
        rows = " ".join(f"RenderingDef:{one.id}" for one in as_made[:_NAMED_MAX])
        found = "\n".join(
            (
                found,
                f"{len(as_made)} of the others' were never changed since they were made: a page of several images",
                "makes them in a viewer's name, who does not see the owner's from then on. If nobody wants them,",
                f"that user or an administrator deletes them: omero delete {rows}",
            )
        )
    return Finding(SETTINGS, Outcome.OK, found)


def _users(known: _Known, settings: Iterable[StoredSettings]) -> str:
    owners = sorted({one.owner_id for one in settings})
    more = f" and {len(owners) - _NAMED_MAX} more" if len(owners) > _NAMED_MAX else ""
    return ", ".join(known.user(one) for one in owners[:_NAMED_MAX]) + more


def _named(known: _Known, row: StoredThumbnail | None) -> str:
    if row is None:
        return "the stored thumbnail"
    return f"the {row.size_x} x {row.size_y} of {known.user(row.owner_id)}, Thumbnail:{row.id}"
