"""The RenderingEngine, as far as the gateway asks it for an image's default section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import omero
import omero.api
import omero.clients

from omero_ms_thumbnail.omero import queries
from tests.real.conformance.standin.dispatch import Servant, error, operation, serves
from tests.real.conformance.standin.world import PIXELS

if TYPE_CHECKING:
    from omero_embedded.model.data import ImageRow, RenderingDefRow


@serves(omero.api.RenderingEngine)
class RenderingEngineI(Servant, omero.api.RenderingEngine):
    """A stateful service: the Pixels first, then rendering settings, then `load`, then questions."""

    stateful = True

    def __init__(self, stage: Any, session: Any, client: str) -> None:
        super().__init__(stage)
        self.session = session
        self.client = client
        self._image: ImageRow | None = None
        self._settings: RenderingDefRow | None = None

    def check(self, current: Any) -> None:
        if self.session.ended_with:
            raise error(getattr(omero, self.session.ended_with), f"No session with uuid: {self.session.number}")

    @operation("lookupPixels")
    def lookup_pixels(self, current: Any, pixels_id: int) -> None:
        stage = self.stage
        named = {"ids": [pixels_id - PIXELS]}
        if not stage.run(stage.server.projection(self.session.model, queries.READABLE_IMAGES, named, current.ctx)):
            raise error(omero.ValidationException, f"Pixels object with id {pixels_id} not found.")
        self._image = stage.world.images[pixels_id - PIXELS]

    @operation("lookupRenderingDef")
    def lookup_rendering_def(self, current: Any, pixels_id: int) -> bool:
        with self.stage.lock:
            self._settings = self.stage.world.settings_for(self._user(current), self._known())
            return self._settings is not None

    @operation("loadRenderingDef")
    def load_rendering_def(self, current: Any, settings_id: int) -> None:
        settings = self.stage.world.database.rendering_defs.get(settings_id)
        if settings is None or settings.pixels_id != self._known().primary.id:
            raise error(omero.ValidationException, f"No rendering definition exists with ID = {settings_id}")
        self._settings = settings

    @operation("resetDefaultSettings")
    def reset_default_settings(self, current: Any, save: bool) -> int:
        stage, image = self.stage, self._known()
        made = stage.server.reset_defaults_in_set(self.session.model, [image.primary.id], current.ctx)
        if not stage.run(made):
            raise error(omero.ResourceError, f"the pixels of image {image.id} cannot be read")
        with stage.lock:
            return int(stage.world.settings_for(self._user(current), image).id)

    @operation("load")
    def load(self, current: Any) -> None:
        self._chosen()

    @operation("getRenderingDefId")
    def get_rendering_def_id(self, current: Any) -> int:
        return int(self._chosen().id)

    @operation("getDefaultZ")
    def get_default_z(self, current: Any) -> int:
        return int(self._chosen().default_z)

    @operation("getDefaultT")
    def get_default_t(self, current: Any) -> int:
        return int(self._chosen().default_t)

    @operation("close")
    def close(self, current: Any) -> None:
        with self.stage.lock:
            self.stage.remove_service(self.session, current.id.name)
        self.stage.ledger.add(self.client, "services_closed")

    def _user(self, current: Any) -> int:
        return int(current.ctx.get("omero.user") or self.session.user.id)

    def _known(self) -> ImageRow:
        if self._image is None:
            raise error(omero.ApiUsageException, "RE not ready: Pixels object not set.")
        return self._image

    def _chosen(self) -> RenderingDefRow:
        if self._settings is None:
            raise error(omero.ApiUsageException, "RE not ready: rendering settings not set.")
        return self._settings
