"""The embedded OMERO's ThumbnailStore: stateful, for one call at a time, with OMERO's rules and exceptions.

The rules were read off omero-server's ``ThumbnailBean``: `setPixelsId` on what may not be read is a ResourceError;
`resetDefaults` refuses where settings are loaded, where whoever acts has some already, and where they may not make any;
a set makes missing settings where it may, leaves out what it cannot make any for, and answers empty for what fails;
`isInProgress` tells of the last picture only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final

from ..ice.server import Current
from ..omero.exceptions import (
    ApiUsageException,
    InternalException,
    MissingPyramidException,
    ResourceError,
    SecurityViolation,
    ValidationException,
)
from ..omero.rtypes import RInt
from ..omero.services import THUMBNAIL_STORE
from ..omero.session import ALL_GROUPS, GROUP, USER
from ..omero.stored import thumbnail_size
from .faults import thrown
from .images.picture import fit
from .images.settings import default_settings
from .joins import JoinServant, OmeroJoin
from .world import Image, ImageState, RenderingDef, User

_DEFAULT_SIZE: Final = 48
_SIZE_MAX: Final = 8192


class ThumbnailStoreServant(JoinServant):
    """``omero::api::ThumbnailStore``."""

    ICE_IDS: ClassVar[tuple[str, ...]] = (
        "::omero::api::ThumbnailStore",
        "::Ice::Object",
        "::omero::api::ServiceInterface",
        "::omero::api::StatefulServiceInterface",
    )
    OPERATIONS: ClassVar[Any] = THUMBNAIL_STORE

    def __init__(self, join: OmeroJoin) -> None:
        super().__init__(join)
        self._omero = join.omero
        self._image: Image | None = None
        self._settings: RenderingDef | None = None
        self._in_progress = False
        self._busy = False

    # state

    async def setPixelsId(self, current: Current, pixels_id: int) -> bool:  # noqa: N802
        """Choose an image; whether there are settings to show it with."""
        async with self._call(current):
            image = self._readable(current, pixels_id)
            if image is None:
                raise thrown(ResourceError, f"the Pixels {pixels_id} cannot be read")
            self._image = image
            self._settings = self._omero.world.settings_for(self._user(current), image)
            return self._settings is not None

    async def setRenderingDefId(self, current: Current, rendering_def_id: int) -> None:  # noqa: N802
        """Choose settings."""
        async with self._call(current):
            image = self._chosen()
            found = next((one for one in image.rendering_defs if one.id == rendering_def_id), None)
            if found is None:
                raise thrown(ValidationException, f"no rendering definition exists with ID = {rendering_def_id}")
            self._settings = found

    async def getRenderingDefId(self, current: Current) -> int:  # noqa: N802
        """The settings in use."""
        async with self._call(current):
            if self._settings is None:
                raise thrown(ApiUsageException, "no rendering definition is loaded")
            return self._settings.id

    async def resetDefaults(self, current: Current) -> None:  # noqa: N802
        """Make default settings where there are none."""
        async with self._call(current):
            image, user = self._chosen(), self._user(current)
            if image.state is ImageState.IN_PROGRESS:
                raise thrown(
                    MissingPyramidException, "the image is being imported", backOff=1000, pixelsID=image.pixels_id
                )
            own = any(one.owner_id == user.id for one in image.rendering_defs)
            if self._settings is not None or own:
                raise thrown(ApiUsageException, "The thumbnail service only resets **empty** rendering settings.")
            if not self._omero.world.may_make_settings(user, image):
                raise thrown(ApiUsageException, "you may not make any settings")
            self._omero.world.add_settings(image, user, default_settings(image.picture))

    async def isInProgress(self, current: Current) -> bool:  # noqa: N802
        """Whether the last picture was a clock."""
        async with self._call(current):
            return self._in_progress

    async def close(self, current: Current) -> None:
        """Close the store."""
        async with self._call(current):
            self._omero.stores_closed += 1
            self.join.session.stores_open -= 1
            self.join.remove(current.identity)

    # pictures

    async def getThumbnail(self, current: Current, size_x: RInt | None, size_y: RInt | None) -> bytes:  # noqa: N802
        """A JPEG of that size."""
        return await self._picture(current, _exactly(size_x, size_y), None)

    async def getThumbnailDirect(self, current: Current, size_x: RInt | None, size_y: RInt | None) -> bytes:  # noqa: N802
        """As getThumbnail."""
        return await self._picture(current, _exactly(size_x, size_y), None)

    async def getThumbnailByLongestSide(self, current: Current, size: RInt | None) -> bytes:  # noqa: N802
        """A JPEG with that longest side."""
        if self._image is not None:
            self._keep(self._image, self._user(current), _number(size))
        return await self._picture(current, _number(size), None)

    async def getThumbnailByLongestSideDirect(self, current: Current, size: RInt | None) -> bytes:  # noqa: N802
        """As getThumbnailByLongestSide."""
        return await self._picture(current, _number(size), None)

    async def createThumbnailsByLongestSideSet(  # noqa: N802
        self, current: Current, size: RInt | None, pixels_ids: list[int]
    ) -> None:
        """As getThumbnailByLongestSideSet, and tells nothing."""
        await self._pictures(current, _number(size), pixels_ids)

    async def getThumbnailForSectionDirect(  # noqa: N802
        self, current: Current, z: int, t: int, size_x: RInt | None, size_y: RInt | None
    ) -> bytes:
        """A JPEG of that size and section."""
        return await self._picture(current, _exactly(size_x, size_y), (z, t))

    async def getThumbnailForSectionByLongestSideDirect(  # noqa: N802
        self, current: Current, z: int, t: int, size: RInt | None
    ) -> bytes:
        """A JPEG with that longest side, of that section."""
        return await self._picture(current, _number(size), (z, t))

    async def getThumbnailSet(  # noqa: N802
        self, current: Current, size_x: RInt | None, size_y: RInt | None, pixels_ids: list[int]
    ) -> dict[int, bytes]:
        """JPEGs of that size of several images."""
        return await self._pictures(current, _exactly(size_x, size_y), pixels_ids)

    async def getThumbnailByLongestSideSet(  # noqa: N802
        self, current: Current, size: RInt | None, pixels_ids: list[int]
    ) -> dict[int, bytes]:
        """JPEGs with that longest side of several images."""
        return await self._pictures(current, _number(size), pixels_ids)

    async def thumbnailExists(self, current: Current, size_x: RInt | None, size_y: RInt | None) -> bool:  # noqa: N802
        """Whether a thumbnail is there."""
        async with self._call(current):
            image, size = self._chosen(), _exactly(size_x, size_y)
            rows = self._omero.world.thumbnails
            return any((image.pixels_id, one, *size) in rows for one in (self._user(current).id, image.owner_id))

    # inside

    async def _picture(self, current: Current, size: int | tuple[int, int], section: tuple[int, int] | None) -> bytes:
        async with self._call(current, self._omero.workload.latency.thumbnail):
            image = self._chosen()
            if self._settings is None and image.state is not ImageState.IN_PROGRESS:
                raise thrown(ApiUsageException, "no rendering definition is loaded: call resetDefaults first")
            return await self._render(image, self._settings, size, section)

    async def _pictures(self, current: Current, size: int | tuple[int, int], pixels_ids: list[int]) -> dict[int, bytes]:
        pictures: dict[int, bytes] = {}
        async with self._call(current):
            user = self._user(current)
            for pixels_id in pixels_ids:
                image = self._readable(current, pixels_id)
                if image is None:
                    continue
                settings = self._omero.world.settings_for(user, image)
                if settings is None and image.state is not ImageState.IN_PROGRESS:
                    if not self._omero.world.may_make_settings(user, image):
                        continue
                    settings = self._omero.world.add_settings(image, user, default_settings(image.picture))
                await self._omero.workload.take(self._omero.workload.latency.thumbnail)
                self._keep(image, user, size)
                try:
                    pictures[pixels_id] = await self._render(image, settings, size, None)
                except ResourceError:
                    pictures[pixels_id] = b""
        return pictures

    async def _render(
        self,
        image: Image,
        settings: RenderingDef | None,
        size: int | tuple[int, int],
        section: tuple[int, int] | None,
    ) -> bytes:
        picture = image.picture
        pixels = size if isinstance(size, tuple) else fit(picture.size_x, picture.size_y, size)
        self._in_progress = image.state is ImageState.IN_PROGRESS
        image.clock_shown = self._in_progress
        if self._in_progress or settings is None:
            return await self._omero.renderer.clock(pixels)
        if image.state is ImageState.FAILING:
            raise thrown(ResourceError, f"the file of image {image.id} is missing")
        try:
            return await self._omero.renderer.render(picture, settings.settings, pixels, section)
        except ValueError as error:
            raise thrown(ApiUsageException, str(error)) from error

    def _keep(self, image: Image, user: User, size: int | tuple[int, int]) -> None:
        picture = image.picture
        kept = size if isinstance(size, tuple) else thumbnail_size(picture.size_x, picture.size_y, size)
        self._omero.world.keep_thumbnail(image, user, kept, is_clock=image.state is ImageState.IN_PROGRESS)

    def _chosen(self) -> Image:
        if self._image is None:
            raise thrown(ApiUsageException, "call setPixelsId first")
        return self._image

    def _readable(self, current: Current, pixels_id: int) -> Image | None:
        image = self._omero.world.image_of_pixels(pixels_id)
        if image is None or not self._omero.world.may_read(self.join.user, image):
            return None
        if current.context.get(GROUP, ALL_GROUPS) not in (ALL_GROUPS, str(image.group_id)):
            raise thrown(SecurityViolation, f"image {image.id} is not in group {current.context[GROUP]}")
        return image

    def _user(self, current: Current) -> User:
        """Who acts: an administrator may do so as somebody else."""
        user = self.join.user
        named = current.context.get(USER)
        if named is None:
            return user
        other = self._omero.world.users.get(int(named)) if named.isdigit() else None
        if other is None or not user.is_admin:
            raise thrown(SecurityViolation, "only an administrator may act as another user")
        return other

    @asynccontextmanager
    async def _call(self, current: Current, milliseconds: float = 0.0) -> AsyncIterator[None]:
        if self._busy:
            self._omero.stores_overlapping += 1
            raise thrown(InternalException, "two calls at once on one ThumbnailStore")
        self._busy = True
        try:
            async with self._omero.workload.call(current.operation, milliseconds):
                yield
        finally:
            self._busy = False


def _number(size: RInt | None) -> int:
    value = _DEFAULT_SIZE if size is None else size.val
    if not 1 <= value <= _SIZE_MAX:
        raise thrown(ApiUsageException, f"{value} is not a size")
    return value


def _exactly(size_x: RInt | None, size_y: RInt | None) -> tuple[int, int]:
    return _number(size_x), _number(size_y)
