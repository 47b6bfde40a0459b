"""The ThumbnailStore: a stateful service with the state, the exceptions and the surprises of OMERO's ThumbnailBean.

Surprises kept on purpose, for a client must live with them:

- `isInProgress` after many at once tells of the last image only.
- Setting the same Pixels again does not reset `isInProgress`.
- Many at once makes missing rendering settings where the user may write; where not, the image is left out.
- In a read-only group one id that is not readable fails many at once altogether, unless an image of somebody else
  stands before it (`ThumbnailCtx.isExtendedGraphCritical`; OMERO's order is a hash set's, ours the request's).
- Closing is the client's business: leaving does not close a store of a session that goes on.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import omero
import omero.api
import omero.clients

from tests.conformance.standin.dispatch import Servant, error, operation, serves
from tests.conformance.standin.pictures import draw
from tests.conformance.standin.world import ANY_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.standin.world import Image, RenderingDef, User

DEFAULT_SIZE = 48


def _unreadable(pixels_id: int, user: User) -> Any:
    return error(
        omero.ResourceError,
        f"Error retrieving Pixels id:{pixels_id}. Pixels set does not exist or the user id:{user.id} has insufficient "
        "permissions to retrieve it.",
    )


def _side(name: str, size: Any) -> int:
    value = DEFAULT_SIZE if size is None else size.val
    if value < 0:
        raise error(omero.ApiUsageException, f"{name} is negative")
    return int(value)


def longest(image: Image, side: int) -> tuple[int, int]:
    """Width and height with the image's aspect ratio, as ThumbnailCtx.calculateXYWidths."""
    width, height = image.size
    if width >= height:
        return side, max(1, height * side // width)
    return max(1, width * side // height), side


@serves(omero.api.ThumbnailStore)
class ThumbnailStoreI(Servant, omero.api.ThumbnailStore):
    """See the module's docstring."""

    stateful = True

    def __init__(self, stage: Any, session: Any, client: str) -> None:
        super().__init__(stage)
        self.session = session
        self.client = client
        self._busy = threading.Lock()
        self._image: Image | None = None
        self._settings: RenderingDef | None = None
        self._user: User | None = None
        self._in_progress = False

    def check(self, current: Any) -> None:
        if self.session.ended_with:
            raise error(getattr(omero, self.session.ended_with), f"No session with uuid: {self.session.number}")

    # What the client sets

    @operation("setPixelsId")
    def set_pixels_id(self, current: Any, pixels_id: int) -> bool:
        with self.stage.ledger.alone(self._busy), self.stage.looking(self.session, current.ctx) as (user, group):
            image = self.stage.world.with_pixels(pixels_id)
            if image is None or not self.stage.readable(self.session, image, group):
                self._forget()
                raise _unreadable(pixels_id, user)
            self._misbehave(image, current.operation)
            if self._image is not image:
                self._forget()
            self._image, self._user = image, user
            self._settings = self.stage.world.settings_for(user.id, image)
            return self._settings is not None

    @operation("setRenderingDefId")
    def set_rendering_def_id(self, current: Any, settings_id: int) -> None:
        with self.stage.ledger.alone(self._busy), self.stage.lock:
            image = self._pixels_set()
            self._misbehave(image, current.operation)
            settings = self.stage.world.rendering_defs.get(settings_id)
            if settings is None:
                raise error(omero.ValidationException, f"No rendering definition exists with ID = {settings_id}")
            if settings.image != image.id:
                raise error(
                    omero.ValidationException,
                    f"The rendering definition {settings_id} is incompatible with pixels set {image.pixels}",
                )
            self._settings = settings

    @operation("resetDefaults")
    def reset_defaults(self, current: Any) -> None:
        with self.stage.ledger.alone(self._busy), self.stage.looking(self.session, current.ctx) as (user, group):
            image = self._pixels_set()
            self._misbehave(image, current.operation)
            if self._settings is None:
                self._in_group(image, group)
                if self.stage.world.may_not_write(user, image):
                    raise error(
                        omero.ApiUsageException,
                        f"Unable to reset rendering settings in a read-only group for Pixels set id:{image.pixels}",
                    )
            own = self.stage.world.settings_for(user.id, image)
            if self._settings is not None or own is not None:
                raise error(
                    omero.ApiUsageException,
                    "The thumbnail service only resets **empty** rendering settings. Resetting of existing settings "
                    "should either be performed using the RenderingEngine or IRenderingSettings.",
                )
            if image.behaviour("in progress"):
                self._in_progress = True
            self.stage.world.make_settings(user.id, image)

    # What the client asks

    @operation("isInProgress")
    def is_in_progress(self, current: Any) -> bool:
        with self.stage.ledger.alone(self._busy):
            return self._in_progress

    @operation("getRenderingDefId")
    def get_rendering_def_id(self, current: Any) -> int:
        with self.stage.ledger.alone(self._busy):
            if self._settings is None:
                raise error(omero.ApiUsageException, "No rendering def")
            return self._settings.id

    @operation("thumbnailExists")
    def thumbnail_exists(self, current: Any, size_x: Any, size_y: Any) -> bool:
        with self.stage.ledger.alone(self._busy), self.stage.lock:
            self._rendering_def_set(ANY_GROUP)
            _side("sizeX", size_x), _side("sizeY", size_y)
            return not self._in_progress

    @operation("getThumbnail")
    def get_thumbnail(self, current: Any, size_x: Any, size_y: Any) -> bytes:
        return self._draw(current, lambda _: (_side("sizeX", size_x), _side("sizeY", size_y)))

    @operation("getThumbnailDirect")
    def get_thumbnail_direct(self, current: Any, size_x: Any, size_y: Any) -> bytes:
        return self._draw(current, lambda _: (_side("sizeX", size_x), _side("sizeY", size_y)))

    @operation("getThumbnailWithoutDefault")
    def get_thumbnail_without_default(self, current: Any, size_x: Any, size_y: Any) -> bytes:
        drawn = self._draw(current, lambda _: (_side("sizeX", size_x), _side("sizeY", size_y)))
        return b"" if self._in_progress else drawn

    @operation("getThumbnailByLongestSide")
    def get_thumbnail_by_longest_side(self, current: Any, size: Any) -> bytes:
        return self._draw(current, lambda image: longest(image, _side("sizeX", size)))

    @operation("getThumbnailByLongestSideDirect")
    def get_thumbnail_by_longest_side_direct(self, current: Any, size: Any) -> bytes:
        return self._draw(current, lambda image: longest(image, _side("sizeX", size)))

    @operation("getThumbnailForSectionDirect")
    def get_thumbnail_for_section_direct(self, current: Any, z: int, t: int, size_x: Any, size_y: Any) -> bytes:
        return self._draw(current, lambda _: (_side("sizeX", size_x), _side("sizeY", size_y)), z, t)

    @operation("getThumbnailForSectionByLongestSideDirect")
    def get_thumbnail_for_section_by_longest_side_direct(self, current: Any, z: int, t: int, size: Any) -> bytes:
        return self._draw(current, lambda image: longest(image, _side("sizeX", size)), z, t)

    @operation("getThumbnailSet")
    def get_thumbnail_set(self, current: Any, size_x: Any, size_y: Any, pixels_ids: list[int]) -> dict[int, bytes]:
        width, height = _side("sizeX", size_x), _side("sizeY", size_y)
        return self._draw_set(current, lambda _: (width, height), pixels_ids)

    @operation("getThumbnailByLongestSideSet")
    def get_thumbnail_by_longest_side_set(self, current: Any, size: Any, pixels_ids: list[int]) -> dict[int, bytes]:
        side = _side("sizeX", size)
        return self._draw_set(current, lambda image: longest(image, side), pixels_ids)

    @operation("close")
    def close(self, current: Any) -> None:
        with self.stage.lock:
            self.stage.remove_service(self.session, current.id.name)
        self.stage.ledger.add(self.client, "services_closed")

    # How it is answered

    def _forget(self) -> None:
        self._image = self._settings = self._user = None
        self._in_progress = False

    def _pixels_set(self) -> Image:
        if self._image is None:
            raise error(omero.ApiUsageException, "Thumbnail service not ready: Pixels not set.")
        return self._image

    def _rendering_def_set(self, group: int) -> Image:
        image = self._pixels_set()
        if self._settings is not None or self._in_progress:
            return image
        self._in_group(image, group)
        if self.stage.world.may_not_write(self._user, image):
            raise error(
                omero.ResourceError,
                f"The owner id:{image.owner} has not viewed the Pixels set id:{image.pixels}, rendering settings are "
                "missing.",
            )
        raise error(
            omero.InternalException,
            "Fatal error retrieving rendering settings or settings not loaded for Pixels set id:" + str(image.pixels),
        )

    def _in_group(self, image: Image, group: int) -> None:
        """A call on one image must be made in that image's group: stricter than OMERO, which fails now and then."""
        if group == ANY_GROUP:
            raise error(omero.SecurityViolation, "isGraphCriticalCheck: not enough context")
        if group != image.group:
            raise error(
                omero.SecurityViolation,
                f"Pixels set id:{image.pixels} is in group {image.group}, the call in group {group}",
            )

    def _draw(self, current: Any, size_of: Callable[[Image], tuple[int, int]], z: Any = None, t: Any = None) -> bytes:
        with self.stage.ledger.alone(self._busy):
            with self.stage.looking(self.session, current.ctx) as (_, group):
                image = self._pixels_set()
                self._in_group(image, group)
                self._rendering_def_set(group)
                size = size_of(image)
            self._misbehave(image, current.operation, drawing=True)
            return self._picture(image, size, z, t)

    def _draw_set(
        self, current: Any, size_of: Callable[[Image], tuple[int, int]], pixels_ids: list[int]
    ) -> dict[int, bytes]:
        drawn = {}
        with self.stage.ledger.alone(self._busy):
            with self.stage.looking(self.session, current.ctx) as (user, group):
                self._forget()
                readable = {}
                for pixels_id in dict.fromkeys(pixels_ids):
                    image = self.stage.world.with_pixels(pixels_id)
                    if image is not None and self.stage.readable(self.session, image, group):
                        readable[pixels_id] = image
                self._all_readable(pixels_ids, readable, user, group)
            for pixels_id, image in readable.items():
                if not self._prepare(image, user):
                    continue
                try:
                    if image.behaviour("empty in set"):
                        drawn[pixels_id] = b""
                        continue
                    self._misbehave(image, current.operation, drawing=True)
                    drawn[pixels_id] = self._picture(image, size_of(image), None, None)
                except Exception:
                    drawn[pixels_id] = b""
        return drawn

    def _all_readable(self, pixels_ids: list[int], readable: dict[int, Image], user: User, group: int) -> None:
        if group == ANY_GROUP or self.stage.world.groups[group].permissions != "rwr---":
            return
        for pixels_id in pixels_ids:
            if pixels_id not in readable:
                raise _unreadable(pixels_id, user)
            if self.stage.world.may_not_write(user, readable[pixels_id]):
                return

    def _prepare(self, image: Image, user: User) -> bool:
        """Turn to the next image of many; False if it is left out."""
        self._forget()
        if image.behaviour("left out of set"):
            return False
        with self.stage.lock:
            settings = self.stage.world.settings_for(user.id, image)
            if settings is None and not self.stage.world.may_not_write(user, image):
                settings = self.stage.world.make_settings(user.id, image)
        if settings is None and not image.behaviour("in progress"):
            return False
        self._image, self._user, self._settings = image, user, settings
        return True

    def _picture(self, image: Image, size: tuple[int, int], z: Any, t: Any) -> bytes:
        self._in_progress = image.behaviour("in progress") is not None
        if self._in_progress or self._settings is None:
            return draw(*size, clock=True)
        return draw(
            *size,
            image=image.id,
            user=self._user.id,
            rendering_def=self._settings.id,
            z=self._settings.z if z is None else z,
            t=self._settings.t if t is None else t,
        )

    def _misbehave(self, image: Image, operation_name: str, *, drawing: bool = False) -> None:
        for behaviour in image.behaviours:
            if behaviour.kind == "throws" and behaviour.operation in (
                (operation_name, "") if drawing else (operation_name,)
            ):
                raise error(getattr(omero, behaviour.exception), f"thrown by image {image.id}")
            if not drawing:
                continue
            if behaviour.kind == "held":
                self.stage.hold()
            elif behaviour.kind == "slow":
                time.sleep(behaviour.milliseconds / 1000)
            elif behaviour.kind == "fails":
                raise error(omero.ResourceError, f"image {image.id} cannot be read")
            elif behaviour.kind == "crashes":
                raise RuntimeError(f"image {image.id} crashes the renderer")
