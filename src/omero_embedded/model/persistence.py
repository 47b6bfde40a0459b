"""A Hibernate session, which a ThumbnailStore keeps from call to call: objects that were loaded, changes not written.

What has been loaded is not read again until the session is cleared, whatever others have saved since; only the look of
settings is read when it is first needed. A changed row is written by the next flush. A rollback clears the session.
Sources: ``SessionHandler`` (flush mode COMMIT) and ``UpdateImpl`` (a flush after each save) of omero-server, Spring's
``HibernateTransactionManager.doRollback``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .call import Call
from .context import check_link, check_update
from .data import Event, Pixels, RenderingDefRow, ThumbnailRow
from .omero_errors import OmeroError


@dataclass(eq=False)
class Metadata:
    """A Thumbnail object: a row, or what is to become one. `id`, `owner_id` and `event` are null before it is saved."""

    pixels_id: int
    size_x: int
    size_y: int
    id: int | None = None
    owner_id: int | None = None
    version: int | None = None
    event: Event | None = None


class HibernateSession:
    """What one stateful service has loaded."""

    def __init__(self) -> None:
        self._settings: dict[int, RenderingDefRow] = {}
        self._looks: dict[int, Any] = {}
        self._metadata: dict[int, Metadata] = {}

    def clear(self) -> None:
        """Forget what was loaded, and changes that were not flushed. ``IQuery.clear``."""
        self._settings.clear()
        self._looks.clear()
        self._metadata.clear()

    # settings

    def loaded_settings(self, found: Iterable[RenderingDefRow]) -> list[RenderingDefRow]:
        """Settings that a query found, as they were when first loaded."""
        return [self._settings.setdefault(one.id, one) for one in found]

    def settings_with_look(self, call: Call, settings_id: int) -> RenderingDefRow | None:
        """``IPixels.loadRndSettings``."""
        found = call.transaction.rendering_defs.get(settings_id)
        if found is None:
            return None
        pixels = call.database.pixels.get(found.pixels_id)
        if pixels is None or not call.may_read(found.owner_id, pixels.image.group_id):
            return None
        loaded = self._settings.setdefault(found.id, found)
        return replace(loaded, look=self._looks.setdefault(found.id, found.look))

    def save_new_settings(self, call: Call, pixels: Pixels, look: Any) -> RenderingDefRow:
        """Insert default settings of whoever acts. Raises SecurityViolation or one of its kinds."""
        what = "ome.model.display.RenderingDef:Hash_0"
        check_link(call.people, call.context, what, _linked(pixels), None)
        call.check_can_write(what)
        made = RenderingDefRow(
            call.transaction.rendering_defs.next_id(),
            pixels.id,
            call.context.user_id,
            _event(call),
            look,
            pixels.size_z // 2,
            0,
        )
        call.transaction.rendering_defs.put(made)
        self._settings[made.id] = made
        self._looks[made.id] = made.look
        return made

    def save_settings(self, call: Call, settings: RenderingDefRow, look: Any) -> RenderingDefRow:
        """Change settings. Raises SecurityViolation or one of its kinds."""
        pixels = call.database.pixels[settings.pixels_id]
        what = f"ome.model.display.RenderingDef:Id_{settings.id}"
        check_link(call.people, call.context, what, _linked(pixels), settings.owner_id)
        if call.limits.read_only:
            raise OmeroError("SecurityViolation", f"Updating {what} not allowed.")
        check_update(call.people, call.context, what, settings.owner_id, pixels.image.group_id)
        made = settings.creation_event or settings.event
        saved = replace(settings, event=_event(call), look=look, creation_event=made)
        call.transaction.rendering_defs.put(saved)
        self._settings[saved.id] = saved
        self._looks[saved.id] = look
        return saved

    # rows

    def loaded_metadata(self, found: Iterable[ThumbnailRow]) -> list[Metadata]:
        """Rows that a query found, as objects that the session watches for changes."""
        return [self._metadata.setdefault(row.id, _object(row)) for row in found]

    def save(self, call: Call, metadata: Metadata) -> Metadata:
        """``IUpdate.saveAndReturnObject``: the object that the session watches. Raises as `flush`."""
        if metadata.id is None:
            saved = self._insert(call, metadata)
        else:
            watched = self._metadata.get(metadata.id)
            if watched is None:
                row = call.transaction.thumbnails.get(metadata.id)
                if row is None:
                    raise OmeroError("ValidationException", "the thumbnail to save is not there any more")
                watched = self._metadata[row.id] = _object(row)
            watched.version = metadata.version
            saved = watched
        self.flush(call)
        return saved

    def flush(self, call: Call) -> None:
        """Write what has changed. Raises SecurityViolation or one of its kinds."""
        for watched in list(self._metadata.values()):
            row = call.transaction.thumbnails.get(watched.id or 0)
            if row is not None and row.version != watched.version:
                self._update(call, row, watched)

    def _insert(self, call: Call, metadata: Metadata) -> Metadata:
        pixels = call.database.pixels[metadata.pixels_id]
        what = "ome.model.display.Thumbnail:Hash_0"
        check_link(call.people, call.context, what, _linked(pixels), None)
        call.check_can_write(what)
        row = ThumbnailRow(
            call.transaction.thumbnails.next_id(),
            metadata.pixels_id,
            call.context.user_id,
            metadata.size_x,
            metadata.size_y,
            metadata.version,
            _event(call),
        )
        call.transaction.thumbnails.put(row)
        saved = self._metadata[row.id] = _object(row)
        return saved

    def _update(self, call: Call, row: ThumbnailRow, watched: Metadata) -> None:
        pixels = call.database.pixels[row.pixels_id]
        what = f"ome.model.display.Thumbnail:Id_{row.id}"
        check_link(call.people, call.context, what, _linked(pixels), row.owner_id)
        if call.limits.read_only:
            raise OmeroError("SecurityViolation", f"Updating {what} not allowed.")
        check_update(call.people, call.context, what, row.owner_id, pixels.image.group_id)
        watched.event = _event(call)
        call.transaction.thumbnails.put(replace(row, version=watched.version, event=watched.event))


def _object(row: ThumbnailRow) -> Metadata:
    return Metadata(row.pixels_id, row.size_x, row.size_y, row.id, row.owner_id, row.version, row.event)


def _linked(pixels: Pixels) -> Any:
    return pixels.id, pixels.image.owner_id, pixels.image.group_id


def _event(call: Call) -> Event:
    event = call.context.event
    if event is None:
        raise OmeroError("InternalException", "a write in a read-only transaction")
    return event
