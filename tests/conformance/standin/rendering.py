"""The RenderingEngine, as far as the gateway asks it for an image's default section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import omero
import omero.api
import omero.clients

from tests.conformance.standin.dispatch import Servant, error, operation, serves

if TYPE_CHECKING:
    from tests.conformance.standin.world import Image, RenderingDef


@serves(omero.api.RenderingEngine)
class RenderingEngineI(Servant, omero.api.RenderingEngine):
    """A stateful service: the Pixels first, then rendering settings, then `load`, then questions."""

    stateful = True

    def __init__(self, stage: Any, session: Any, client: str) -> None:
        super().__init__(stage)
        self.session = session
        self.client = client
        self._image: Image | None = None
        self._settings: RenderingDef | None = None

    def check(self, current: Any) -> None:
        if self.session.ended_with:
            raise error(getattr(omero, self.session.ended_with), f"No session with uuid: {self.session.number}")

    @operation("lookupPixels")
    def lookup_pixels(self, current: Any, pixels_id: int) -> None:
        with self.stage.looking(self.session, current.ctx) as (_, group):
            image = self.stage.world.with_pixels(pixels_id)
            if image is None or not self.stage.readable(self.session, image, group):
                raise error(omero.ValidationException, f"Pixels object with id {pixels_id} not found.")
            self._image = image

    @operation("lookupRenderingDef")
    def lookup_rendering_def(self, current: Any, pixels_id: int) -> bool:
        with self.stage.looking(self.session, current.ctx) as (user, _):
            self._settings = self.stage.world.settings_for(user.id, self._known())
            return self._settings is not None

    @operation("loadRenderingDef")
    def load_rendering_def(self, current: Any, settings_id: int) -> None:
        settings = self.stage.world.rendering_defs.get(settings_id)
        if settings is None or settings.image != self._known().id:
            raise error(omero.ValidationException, f"No rendering definition exists with ID = {settings_id}")
        self._settings = settings

    @operation("resetDefaultSettings")
    def reset_default_settings(self, current: Any, save: bool) -> int:
        with self.stage.looking(self.session, current.ctx) as (user, _):
            image = self._known()
            if self.stage.world.may_not_write(user, image):
                raise error(omero.SecurityViolation, f"You may not write beside image {image.id}")
            return int(self.stage.world.make_settings(user.id, image).id)

    @operation("load")
    def load(self, current: Any) -> None:
        self._chosen()

    @operation("getRenderingDefId")
    def get_rendering_def_id(self, current: Any) -> int:
        return int(self._chosen().id)

    @operation("getDefaultZ")
    def get_default_z(self, current: Any) -> int:
        return int(self._chosen().z)

    @operation("getDefaultT")
    def get_default_t(self, current: Any) -> int:
        return int(self._chosen().t)

    @operation("close")
    def close(self, current: Any) -> None:
        with self.stage.lock:
            self.stage.remove_service(self.session, current.id.name)
        self.stage.ledger.add(self.client, "services_closed")

    def _known(self) -> Image:
        if self._image is None:
            raise error(omero.ApiUsageException, "RE not ready: Pixels object not set.")
        return self._image

    def _chosen(self) -> RenderingDef:
        if self._settings is None:
            raise error(omero.ApiUsageException, "RE not ready: rendering settings not set.")
        return self._settings
