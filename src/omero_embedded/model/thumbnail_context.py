"""Whose settings and whose rows a ThumbnailStore shows images with, and what it makes for a set.

A model of ``ome.services.ThumbnailCtx`` of omero-server, with its names where they help to read both side by side.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable

from .call import Call, Steps, java_order
from .data import Pixels, RenderingDefRow, ThumbnailRow
from .files import ThumbnailService
from .omero_errors import OmeroError
from .persistence import HibernateSession, Metadata
from .rendering_settings import Defaults, are_compatible, reset_defaults_in_set, settings_of

#: width and height in pixels
Dimension = tuple[int, int]


class NoThumbnail(Exception):
    """There is no row, for whatever reason: ``ThumbnailCtx.NoThumbnail``."""


def has_no_thumbnail(error: Exception) -> bool:
    """Whether a Direct call answers in place of a stored one that failed so."""
    if isinstance(error, NoThumbnail):
        return True
    return isinstance(error, OmeroError) and error.kind == "ReadOnlyGroupSecurityViolation"


class ThumbnailContext:
    """What is known of some Pixels; `user_id` is whose settings and rows come first.

    Everything raises OmeroError as OMERO would, SecurityViolation and its kinds among them.
    """

    def __init__(self, session: HibernateSession, files: ThumbnailService, defaults: Defaults, user_id: int) -> None:
        self._session = session
        self._files = files
        self._defaults = defaults
        self.user_id = user_id
        self._pixels: dict[int, Pixels] = {}
        self._owners: dict[int, int] = {}
        self._settings: dict[int, RenderingDefRow] = {}
        self._settings_time: dict[int, int] = {}
        self._metadata: dict[int, Metadata] = {}
        self._metadata_time: dict[int, int] = {}

    # settings

    def load_settings(self, call: Call, pixels_ids: Collection[int]) -> None:
        """The user's own settings of these Pixels; the owners' if there are none at all, or where none may be made."""
        if not pixels_ids:
            return
        found = settings_of(call, self._session, pixels_ids, self.user_id)
        found = found or settings_of(call, self._session, pixels_ids, None)
        self._take(call, found)
        without = self._without_settings(pixels_ids)
        for pixels_id in without:
            pixels = call.pixels(pixels_id)
            if pixels is not None:
                self._pixels[pixels_id] = pixels
                self._owners[pixels_id] = pixels.image.owner_id
        current = call.context.group_id
        for group_id, some in call.by_group(without):
            with call.in_group(group_id, current):
                if self.is_extended_graph_critical(call, some):
                    self._take(call, settings_of(call, self._session, some, None))

    def load_chosen_settings(self, call: Call, pixels_id: int, settings_id: int) -> None:
        """Settings by id, be they of other Pixels."""
        pixels = call.pixels(pixels_id)
        settings = self._session.settings_with_look(call, settings_id)
        if settings is None:
            raise OmeroError("ValidationException", f"No rendering definition exists with ID = {settings_id}")
        theirs = call.database.pixels.get(settings.pixels_id)
        if pixels is None or theirs is None or not are_compatible(pixels, theirs):
            raise OmeroError(
                "ValidationException",
                f"The rendering definition {settings_id} is incompatible with pixels set {pixels_id}",
            )
        self._take_one(settings, pixels)

    def make_missing_settings(self, call: Call, pixels_ids: Collection[int]) -> Steps[None]:
        """Default settings of whoever acts, for Pixels that have none; none at all where one forbids it."""
        current = call.context.group_id
        if current >= 0 and self.is_extended_graph_critical(call, pixels_ids):
            return
        without = self._without_settings(pixels_ids)
        for group_id, some in call.by_group(without):
            with call.in_group(group_id, current):
                if self.is_extended_graph_critical(call, some):
                    continue
                image_ids = yield from reset_defaults_in_set(call, self._session, self._defaults, some)
                self._load_settings_of_images(call, image_ids)

    def _load_settings_of_images(self, call: Call, image_ids: Collection[int]) -> None:
        pixels_ids = [one.id for number in image_ids for one in call.database.images[number].pixels]
        found = settings_of(call, self._session, pixels_ids, self.user_id)
        self._take(call, found or settings_of(call, self._session, pixels_ids, None))

    def has_settings(self, pixels_id: int) -> bool:
        """Whether settings are known."""
        return pixels_id in self._settings

    def settings(self, pixels_id: int) -> RenderingDefRow | None:
        """The settings that count."""
        return self._settings.get(pixels_id)

    def pixels(self, pixels_id: int) -> Pixels:
        """Pixels. Raises ResourceError if they could not be read."""
        pixels = self._pixels.get(pixels_id)
        if pixels is None:
            raise self._cannot_retrieve(pixels_id)
        return pixels

    def _take(self, call: Call, found: Iterable[RenderingDefRow]) -> None:
        for settings in found:
            self._take_one(settings, call.database.pixels[settings.pixels_id])

    def _take_one(self, settings: RenderingDefRow, pixels: Pixels) -> None:
        self._pixels[pixels.id] = pixels
        self._owners[pixels.id] = pixels.image.owner_id
        self._settings[pixels.id] = settings
        self._settings_time[pixels.id] = settings.event.time

    def _without_settings(self, pixels_ids: Collection[int]) -> list[int]:
        return [one for one in java_order(pixels_ids) if one not in self._settings]

    # rows

    def load_metadata_by_longest_side(self, call: Call, longest_side: int) -> None:
        """Rows of all Pixels known here; made where they are missing and may be."""
        pools: dict[Dimension, set[int]] = {}
        for pixels in self._pixels.values():
            pools.setdefault(widths(pixels, longest_side), set()).add(pixels.id)
        self._load_metadata(call, pools)
        self._make_missing_metadata(call, pools)

    def load_metadata(
        self, call: Call, pixels_ids: Collection[int], dimension: Dimension, *, make_missing: bool = True
    ) -> None:
        """Rows of exactly that size."""
        pools = {dimension: set(pixels_ids)}
        self._load_metadata(call, pools)
        if make_missing:
            self._make_missing_metadata(call, pools)

    def all_metadata(self, call: Call, pixels_id: int) -> list[Metadata]:
        """Rows of every size: the user's, else the owner's."""
        return self._rows(call, [pixels_id], None, self.user_id) or self._rows(call, [pixels_id], None, None)

    def metadata(self, call: Call, pixels_id: int) -> Metadata:
        """The row. Raises NoThumbnail, or ResourceError where whoever acts may not make one in a private group."""
        found = self.metadata_or_none(call, pixels_id)
        if found is None:
            raise NoThumbnail(f"Fatal error retrieving thumbnail metadata for Pixels set id:{pixels_id}")
        return found

    def metadata_or_none(self, call: Call, pixels_id: int) -> Metadata | None:
        """The row if there is one. Raises ResourceError as above."""
        found = self._metadata.get(pixels_id)
        if found is None and call.is_graph_critical():
            owner = self._pixels[pixels_id].image.owner_id
            raise OmeroError(
                "ResourceError",
                f"The user id:{self.user_id} may not be the owner id:{owner}. The owner has not viewed the Pixels set "
                f"id:{pixels_id} and thumbnail metadata is missing.",
            )
        return found

    def _load_metadata(self, call: Call, pools: dict[Dimension, set[int]]) -> None:
        for dimension, pool in pools.items():
            found = self._rows(call, pool, dimension, self.user_id)
            self._take_metadata(found or self._rows(call, pool, dimension, None))
            without = [one for one in java_order(pool) if one not in self._metadata]
            current = call.context.group_id
            for group_id, some in call.by_group(without):
                with call.in_group(group_id, current):
                    if self.is_extended_graph_critical(call, some):
                        self._take_metadata(self._rows(call, some, dimension, None))

    def _make_missing_metadata(self, call: Call, pools: dict[Dimension, set[int]]) -> None:
        current = call.context.group_id
        if current >= 0 and any(self.is_extended_graph_critical(call, pool) for pool in pools.values()):
            return
        without = [one for one in java_order(self._pixels) if one not in self._metadata]
        for group_id, some in call.by_group(without):
            with call.in_group(group_id, current):
                made: list[Metadata] = []
                made_pools: dict[Dimension, set[int]] = {}
                for pixels_id in some:
                    dimension = next((one for one, pool in pools.items() if pixels_id in pool), None)
                    if dimension is not None:
                        made.append(new_metadata(self._pixels[pixels_id], dimension))
                        made_pools.setdefault(dimension, set()).add(pixels_id)
                if any(self.is_extended_graph_critical(call, pool) for pool in made_pools.values()):
                    continue
                for metadata in made:
                    self._session.save(call, metadata)
                if made:
                    self._load_metadata(call, made_pools)

    def _rows(
        self, call: Call, pixels_ids: Collection[int], dimension: Dimension | None, owner_id: int | None
    ) -> list[Metadata]:
        found: list[ThumbnailRow] = []
        for pixels_id in java_order(pixels_ids):
            pixels = call.pixels(pixels_id)
            if pixels is None:
                continue
            wanted = pixels.image.owner_id if owner_id is None else owner_id
            found += [
                row
                for row in call.transaction.thumbnails.of(pixels_id)
                if row.owner_id == wanted
                and (dimension is None or (row.size_x, row.size_y) == dimension)
                and call.may_read(row.owner_id, pixels.image.group_id)
            ]
        return self._session.loaded_metadata(found)

    def _take_metadata(self, found: Iterable[Metadata]) -> None:
        for metadata in found:
            self._metadata[metadata.pixels_id] = metadata
            if metadata.event is not None:
                self._metadata_time[metadata.pixels_id] = metadata.event.time

    # what may be shown

    def is_dirty(self, pixels_id: int) -> bool:
        """Whether the settings are newer than the row."""
        row_time = self._metadata_time.get(pixels_id)
        settings_time = self._settings_time.get(pixels_id)
        if row_time is None:
            return True
        return settings_time is not None and settings_time > row_time

    def is_cached(self, call: Call, pixels_id: int) -> bool:
        """Whether the file on disk is shown. Raises ResourceError if there is none and whoever acts may not make it."""
        metadata = self._metadata.get(pixels_id)
        if metadata is None:
            return False
        exists = self._files.exists(metadata.id)
        is_critical = self._is_critical_in_its_group(call, pixels_id)
        acting = call.context.user_id
        if not self.is_dirty(pixels_id):
            if not exists and is_critical:
                raise OmeroError(
                    "ResourceError",
                    f"Error retrieving Pixels id:{pixels_id}. Thumbnail metadata exists but a thumbnail is not "
                    f"available in the cache. User id:{self.user_id} has insufficient permissions to create it.",
                )
            return exists
        if exists and acting != metadata.owner_id:
            return not (
                (acting == self.user_id and self.user_id != metadata.owner_id)
                or (self.user_id == metadata.owner_id and acting != self.user_id)
            )
        if exists and is_critical:
            return self.user_id != metadata.owner_id
        return False

    def _is_critical_in_its_group(self, call: Call, pixels_id: int) -> bool:
        current = call.context.group_id
        is_critical = False
        for group_id, some in call.by_group([pixels_id]):
            with call.in_group(group_id, current):
                is_critical = self.is_extended_graph_critical(call, some)
        return is_critical

    def is_extended_graph_critical(self, call: Call, pixels_ids: Collection[int | None]) -> bool:
        """Whether nothing may be made for one of these Pixels, since it is another's in a private or read-only group.

        An id may be null, as after a set. Raises ResourceError in such a group if one of them could not be read,
        SecurityViolation in all groups at once.
        """
        if not call.is_graph_critical() and call.context.permissions != "rwr---":
            return False
        for pixels_id in java_order(pixels_ids):
            owner_id = None if pixels_id is None else self._owners.get(pixels_id)
            if owner_id is None:
                raise self._cannot_retrieve(pixels_id)
            # as OMERO has it, a user's id is looked for among the ids of groups
            leads = self.user_id in call.context.leader_of
            if owner_id != self.user_id and not (leads or call.context.is_admin):
                return True
        return False

    def _cannot_retrieve(self, pixels_id: int | None) -> OmeroError:
        return OmeroError(
            "ResourceError",
            f"Error retrieving Pixels id:{pixels_id}. Pixels set does not exist or the user id:{self.user_id} has "
            "insufficient permissions to retrieve it.",
        )


def new_metadata(pixels: Pixels, dimension: Dimension) -> Metadata:
    """``createThumbnailMetadata``: what may become a row."""
    return Metadata(pixels.id, dimension[0], dimension[1])


def widths(pixels: Pixels, longest_side: int) -> Dimension:
    """``calculateXYWidths``: width and height for a longest side, cut off, with Java's single precision."""
    if pixels.size_x > pixels.size_y:
        return longest_side, int(_single(pixels.size_y * _single(longest_side / pixels.size_x)))
    return int(_single(pixels.size_x * _single(longest_side / pixels.size_y))), longest_side


def _single(value: float) -> float:
    single: float = struct.unpack("f", struct.pack("f", value))[0]
    return single
