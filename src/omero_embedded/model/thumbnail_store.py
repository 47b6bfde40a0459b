"""A ThumbnailStore: its state from call to call, and what each call reads, makes, writes and answers.

A model of ``ome.services.ThumbnailBean`` of omero-server, with its names where they help to read both side by side.
Every operation is a generator (see `calls`) that is given the `Call` it runs in.
"""

from __future__ import annotations

from collections.abc import Collection

from .call import Call, Steps, Work
from .data import PROGRESS_VERSION
from .omero_errors import CONCURRENCY, OmeroError, null_pointer
from .persistence import Metadata
from .rendering_settings import reset_defaults
from .thumbnail_context import Dimension, NoThumbnail, ThumbnailContext, has_no_thumbnail, new_metadata, widths
from .thumbnail_drawing import StoreState, sane_sizes


class ThumbnailBean(StoreState):
    """One store of one session. Operations have OMERO's names and arguments; `call` is the call that they are."""

    #: operations that may write: a transaction with an event
    WRITES = frozenset(
        {
            "setPixelsId",
            "resetDefaults",
            "createThumbnail",
            "createThumbnails",
            "createThumbnailsByLongestSideSet",
            "getThumbnail",
            "getThumbnailByLongestSide",
            "getThumbnailByLongestSideSet",
            "getThumbnailSet",
            "getThumbnailWithoutDefault",
        }
    )

    # state

    def setPixelsId(self, call: Call, pixels_id: int) -> Steps[bool]:  # noqa: N802
        """Choose Pixels; whether there are settings to show them with."""
        yield Work("load")
        context = self._context
        if context is None or self._pixels is None or self._pixels.id != pixels_id:
            context = self._new_context(call)
        context.load_settings(call, [pixels_id])
        self._pixels = context.pixels(pixels_id)
        self._pixels_id = pixels_id
        self._settings = context.settings(pixels_id)
        return context.has_settings(pixels_id)

    def setRenderingDefId(self, call: Call, settings_id: int) -> Steps[None]:  # noqa: N802
        """Choose settings; their owner's rows count from now on."""
        yield Work("load")
        self._check_pixels()
        context, pixels_id = self._chosen()
        context.load_chosen_settings(call, pixels_id, settings_id)
        self._settings = context.settings(pixels_id)
        if self._settings is not None:
            context.user_id = self._settings.owner_id

    def getRenderingDefId(self, _call: Call) -> Steps[int]:  # noqa: N802
        """The settings in use."""
        yield from ()
        if self._settings is None:
            raise OmeroError("ApiUsageException", "No rendering def")
        return self._settings.id

    def isInProgress(self, _call: Call) -> Steps[bool]:  # noqa: N802
        """Whether the pixels were still missing when last drawn."""
        yield from ()
        return self._in_progress

    def resetDefaults(self, call: Call) -> Steps[None]:  # noqa: N802
        """Make default settings where there are none."""
        if self._context is None:
            raise null_pointer()
        if self._settings is None and self._context.is_extended_graph_critical(call, [self._pixels_id]):
            raise OmeroError(
                "ApiUsageException",
                f"Unable to reset rendering settings in a read-only group for Pixels set id:{self._pixels_id}",
            )
        pixels = self._check_pixels()
        acting = call.context.user_id
        own = [one for one in call.transaction.rendering_defs.of(pixels.id) if one.owner_id == acting]
        if self._settings is not None or own:
            raise OmeroError(
                "ApiUsageException",
                "The thumbnail service only resets **empty** rendering settings. Resetting of existing settings should "
                "either be performed using the RenderingEngine or IRenderingSettings.",
            )
        if not (yield from reset_defaults(call, self.hibernate, self._defaults, pixels)):
            self._in_progress = True
        self.hibernate.flush(call)

    def close(self, _call: Call) -> Steps[None]:
        """Close it."""
        yield from ()
        self._reset()
        self._context = None

    # stored thumbnails

    def getThumbnail(self, call: Call, size_x: int | None, size_y: int | None) -> Steps[bytes]:  # noqa: N802
        """The stored thumbnail of exactly that size, or what was loaded before for these Pixels."""
        self._check_pixels_and_settings(call)
        dimension = sane_sizes(size_x, size_y)
        try:
            context, pixels_id = self._chosen()
            yield Work("rows")
            context.load_metadata(call, [pixels_id], dimension)
            self._metadata = context.metadata(call, pixels_id)
            jpeg = yield from self._retrieve_and_update(call)
        except (NoThumbnail, OmeroError) as error:
            jpeg = yield from self._instead(call, error, dimension)
        self.hibernate.clear()
        return jpeg

    def getThumbnailByLongestSide(self, call: Call, size: int | None) -> Steps[bytes]:  # noqa: N802
        """The stored thumbnail with that longest side."""
        self._check_pixels_and_settings(call)
        dimension = sane_sizes(size, size)
        try:
            context, pixels_id = self._chosen()
            yield Work("rows")
            context.load_metadata_by_longest_side(call, dimension[0])
            self._metadata = context.metadata(call, pixels_id)
            jpeg = yield from self._retrieve_and_update(call)
        except (NoThumbnail, OmeroError) as error:
            jpeg = yield from self._instead(call, error, dimension)
        self.hibernate.clear()
        return jpeg

    def getThumbnailWithoutDefault(  # noqa: N802
        self, call: Call, size_x: int | None, size_y: int | None
    ) -> Steps[bytes]:
        """As getThumbnail, but empty in place of a clock."""
        pixels = self._check_pixels_and_settings(call)
        dimension = sane_sizes(size_x, size_y)
        context, pixels_id = self._chosen()
        yield Work("rows")
        context.load_metadata(call, [pixels_id], dimension)
        self._metadata = context.metadata_or_none(call, pixels_id) or new_metadata(pixels, dimension)
        jpeg = yield from self._retrieve_without_default(call, context, self._metadata)
        self.hibernate.clear()
        return jpeg

    def createThumbnail(self, call: Call, size_x: int | None, size_y: int | None) -> Steps[None]:  # noqa: N802
        """Draw a thumbnail anew and store it."""
        if self._in_progress:
            return
        try:
            dimension = sane_sizes(size_x, size_y)
            context, pixels_id = self._chosen()
            yield Work("rows")
            context.load_metadata(call, [pixels_id], dimension)
            try:
                self._metadata = context.metadata(call, pixels_id)
            except NoThumbnail as error:
                raise OmeroError("ValidationException", str(error)) from None
            yield from self._create(call)
            if self._dirty_metadata and self._metadata is not None:
                self._metadata = self.hibernate.save(call, self._metadata)
            self.hibernate.clear()
        finally:
            self._dirty_metadata = False

    def createThumbnails(self, call: Call) -> Steps[None]:  # noqa: N802
        """Draw all thumbnails of the Pixels anew."""
        try:
            context, pixels_id = self._chosen()
            yield Work("rows")
            for metadata in context.all_metadata(call, pixels_id):
                self._metadata = metadata
                yield from self._create(call)
            self.hibernate.flush(call)
            self.hibernate.clear()
        finally:
            self._dirty_metadata = False

    def _retrieve_and_update(self, call: Call) -> Steps[bytes]:
        jpeg = yield from self._retrieve(call)
        metadata = self._needed_metadata()
        if self._in_progress and metadata.version != PROGRESS_VERSION:
            metadata.version = PROGRESS_VERSION
            self._dirty_metadata = True
        if self._dirty_metadata:
            try:
                self.hibernate.save(call, metadata)
            finally:
                self._dirty_metadata = False
        return jpeg

    def _retrieve(self, call: Call) -> Steps[bytes]:
        metadata = self._needed_metadata()
        if self._in_progress:
            dimension = metadata.size_x, metadata.size_y
            return (yield from self._direct(call, dimension, 0, 0, rewrite=False))
        yield Work("thumbnail")
        context = self._context
        if context is None or self._pixels is None:
            raise null_pointer()
        if not context.is_cached(call, self._pixels.id):
            yield from self._create(call)
        row_id = self._needed_metadata().id
        jpeg = self._files.read(row_id)
        if self._has_become_in_progress() and row_id is not None:
            # the clock has been on disk only to be read from there
            self._files.remove([row_id])
        return jpeg

    def _has_become_in_progress(self) -> bool:
        return self._in_progress

    def _retrieve_without_default(self, call: Call, context: ThumbnailContext, metadata: Metadata) -> Steps[bytes]:
        yield Work("thumbnail")
        try:
            if context.is_cached(call, metadata.pixels_id):
                return self._files.read(metadata.id)
        except OmeroError as error:
            if error.kind != "ResourceError":
                raise
            return (yield from self._scaled(call, None, None)) or b""
        self._metadata = metadata = self._regenerate(call, metadata)
        jpeg = yield from self._scaled(call, None, None)
        if jpeg is None:
            return b""
        if metadata.id is None or self._settings is None:
            return jpeg
        self._files.write(metadata.id, jpeg)
        if metadata.owner_id == self._settings.owner_id:
            try:
                self.hibernate.save(call, metadata)
            except OmeroError as error:
                if error.kind != "ReadOnlyGroupSecurityViolation":
                    raise
                return jpeg
        return self._files.read(metadata.id)

    def _create(self, call: Call) -> Steps[None]:
        """Draw the thumbnail of the current row, to its file."""
        metadata = self._metadata = self._regenerate(call, self._needed_metadata())
        jpeg = yield from self._scaled(call, None, None)
        if jpeg is None or self._in_progress:
            jpeg = yield from self._clock(metadata.size_x, metadata.size_y)
        self._files.write(metadata.id, jpeg)

    def _regenerate(self, call: Call, metadata: Metadata) -> Metadata:
        """The row for a new drawing: with a new version, or a new row if it is not that of the settings' owner."""
        context, pixels, settings = self._context, self._check_pixels(), self._settings
        if context is None or not context.is_dirty(pixels.id) or metadata.owner_id is None:
            return metadata
        if settings is None:
            raise null_pointer()
        with call.in_group(call.database.pixels[settings.pixels_id].image.group_id):
            if settings.owner_id == metadata.owner_id:
                self._raise_version(metadata)
                self._dirty_metadata = True
                return metadata
            made = new_metadata(pixels, (metadata.size_x, metadata.size_y))
            self._raise_version(made)
            saved = self.hibernate.save(call, made)
            self._dirty_metadata = False
            return saved

    def _raise_version(self, metadata: Metadata) -> None:
        if metadata.version is None:
            metadata.version = PROGRESS_VERSION if self._in_progress else 0
        else:
            metadata.version += 1

    def _instead(self, call: Call, error: Exception, dimension: Dimension) -> Steps[bytes]:
        """``handleNoThumbnail``: where no row may be made, what a Direct call gives for width and height."""
        if not has_no_thumbnail(error):
            raise error
        return (yield from self._direct(call, dimension, None, None))

    # sets

    def getThumbnailSet(  # noqa: N802
        self, call: Call, size_x: int | None, size_y: int | None, pixels_ids: Collection[int]
    ) -> Steps[dict[int, bytes]]:
        """Stored thumbnails of exactly that size, by Pixels; some may be missing or empty."""
        dimension = sane_sizes(size_x, size_y)
        context = yield from self._prepare_set(call, pixels_ids)
        yield Work("rows")
        context.load_metadata(call, pixels_ids, dimension)
        return (yield from self._retrieve_set(call, context, pixels_ids))

    def getThumbnailByLongestSideSet(  # noqa: N802
        self, call: Call, size: int | None, pixels_ids: Collection[int]
    ) -> Steps[dict[int, bytes]]:
        """Stored thumbnails with that longest side, by Pixels; some may be missing or empty."""
        dimension = sane_sizes(size, size)
        context = yield from self._prepare_set(call, pixels_ids)
        yield Work("rows")
        context.load_metadata_by_longest_side(call, dimension[0])
        return (yield from self._retrieve_set(call, context, pixels_ids))

    def createThumbnailsByLongestSideSet(  # noqa: N802
        self, call: Call, size: int | None, pixels_ids: Collection[int]
    ) -> Steps[None]:
        """As the above, but nothing is sent back."""
        yield from self.getThumbnailByLongestSideSet(call, size, pixels_ids)

    def _prepare_set(self, call: Call, pixels_ids: Collection[int]) -> Steps[ThumbnailContext]:
        yield Work("load")
        context = self._new_context(call)
        context.load_settings(call, pixels_ids)
        yield from context.make_missing_settings(call, pixels_ids)
        return context

    def _retrieve_set(
        self, call: Call, context: ThumbnailContext, pixels_ids: Collection[int]
    ) -> Steps[dict[int, bytes]]:
        answer: dict[int, bytes] = {}
        for group_id, some in call.by_group(pixels_ids):
            with call.in_group(group_id):
                for pixels_id in some:
                    self._reset()
                    try:
                        jpeg = yield from self._retrieve_one_of_set(call, context, pixels_id)
                    except (NoThumbnail, OmeroError):
                        answer[pixels_id] = b""
                    else:
                        if jpeg is not None:
                            answer[pixels_id] = jpeg
                # a change that could not be written is tried again, and fails the set
                self.hibernate.flush(call)
                self.hibernate.clear()
        self.hibernate.clear()
        return answer

    def _retrieve_one_of_set(self, call: Call, context: ThumbnailContext, pixels_id: int) -> Steps[bytes | None]:
        if not context.has_settings(pixels_id):
            try:
                call.pixel_buffer(context.pixels(pixels_id))
            except OmeroError as error:
                if error.kind not in CONCURRENCY:
                    raise
                self._in_progress = True
            else:
                return None
        self._pixels = context.pixels(pixels_id)
        self._settings = context.settings(pixels_id)
        metadata = self._metadata = context.metadata(call, pixels_id)
        if self._in_progress and metadata.version != PROGRESS_VERSION:
            metadata.version = PROGRESS_VERSION
            self._dirty_metadata = True
        try:
            return (yield from self._retrieve_and_update(call))
        finally:
            self._dirty_metadata = False

    # Direct

    def getThumbnailDirect(self, call: Call, size_x: int | None, size_y: int | None) -> Steps[bytes]:  # noqa: N802
        """Drawn anew in exactly that size; nothing is stored."""
        jpeg = yield from self._direct(call, sane_sizes(size_x, size_y), None, None)
        self.hibernate.clear()
        return jpeg

    def getThumbnailForSectionDirect(  # noqa: N802
        self, call: Call, z: int, t: int, size_x: int | None, size_y: int | None
    ) -> Steps[bytes]:
        """A section in exactly that size."""
        jpeg = yield from self._direct(call, sane_sizes(size_x, size_y), z, t)
        self.hibernate.clear()
        return jpeg

    def getThumbnailByLongestSideDirect(self, call: Call, size: int | None) -> Steps[bytes]:  # noqa: N802
        """Drawn anew with that longest side."""
        return (yield from self._direct_by_longest_side(call, size, None, None))

    def getThumbnailForSectionByLongestSideDirect(  # noqa: N802
        self, call: Call, z: int, t: int, size: int | None
    ) -> Steps[bytes]:
        """A section with that longest side."""
        return (yield from self._direct_by_longest_side(call, size, z, t))

    def thumbnailExists(self, call: Call, size_x: int | None, size_y: int | None) -> Steps[bool]:  # noqa: N802
        """Whether a stored thumbnail of exactly that size would be shown as it is."""
        self._check_pixels_and_settings(call)
        if self._in_progress:
            return False
        yield Work("rows")
        context, pixels_id = self._chosen()
        context.load_metadata(call, [pixels_id], sane_sizes(size_x, size_y), make_missing=False)
        self.hibernate.clear()
        is_cached: bool = context.is_cached(call, pixels_id)
        return is_cached

    def _direct_by_longest_side(self, call: Call, size: int | None, z: int | None, t: int | None) -> Steps[bytes]:
        pixels = self._check_pixels_and_settings(call)
        jpeg = yield from self._direct(call, widths(pixels, sane_sizes(size, size)[0]), z, t)
        self.hibernate.clear()
        return jpeg
