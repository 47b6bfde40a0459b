"""Which file of OMERO's may be shown to whom instead of asking OMERO, said once more from OMERO's sources.

Whose settings count: the viewer's own, else the owner's (``ThumbnailBean.setPixelsId``). Which row: the viewer's own of
exactly that width and height, else the owner's (``ThumbnailCtx``). Its file is current if there are settings, and they
are not newer than the row (``ThumbnailCtx.dirtyMetadata``); not where the row was once a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from omero_ms_thumbnail.omero.thumbnail_rows import PROGRESS_VERSION, pixels_of, settings_of, thumbnails_of

if TYPE_CHECKING:
    from omero_ms_thumbnail.omero.session import JoinedSession


async def current_row(session: JoinedSession, image_id: int, viewer: int, size: int) -> int | None:
    """The row whose file the viewer may be shown for that longest side; None where OMERO has to be asked.

    Events stand for their times here: nobody has set a clock back.
    """
    pixels = (await pixels_of(session, [image_id])).get(image_id)
    if pixels is None:
        return None
    settings = await settings_of(session, [pixels.pixels_id])
    rows = [row for row in await thumbnails_of(session, [pixels.pixels_id]) if row.size == pixels.thumbnail_size(size)]
    for_viewer = [viewer, pixels.owner_id]
    saved = next((own for who in for_viewer if (own := [one for one in settings if one.owner_id == who])), [])
    stored = next((own for who in for_viewer if (own := [row for row in rows if row.owner_id == who])), [])
    if not saved or not stored:
        return None
    row = max(stored, key=lambda one: one.update_event)
    is_current = max(one.update_event for one in saved) <= row.update_event
    return row.id if is_current and row.version != PROGRESS_VERSION else None
