"""The same stand-in where only rates are measured: it spends as little of its own time as can be on what is asked most.

Who may see what is looked up as ever, so that a wrong question gets no picture. What is left out: calls are counted
and not logged, nothing waits for a lock (the world does not change while rates are measured), images do not misbehave,
and a picture is drawn beforehand and is as large as OMERO's are.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from omero.rtypes import unwrap

from omero_embedded.model.context import enter, may_read
from omero_embedded.model.omero_errors import OmeroError
from omero_embedded.model.thumbnail_context import widths
from omero_embedded.model.thumbnail_drawing import ThumbnailDrawing
from tests.real.conformance.standin.dispatch import thrown
from tests.real.conformance.standin.drawing import Drawer
from tests.real.conformance.standin.ledger import Ledger
from tests.real.conformance.standin.queries import QueryI
from tests.real.conformance.standin.sessions import ServiceFactoryI, SessionManagerI
from tests.real.conformance.standin.stage import Stage
from tests.real.conformance.standin.thumbnails import ThumbnailStoreI

if TYPE_CHECKING:
    from collections.abc import Hashable

    from omero_embedded.model.context import BasicEventContext
    from omero_embedded.model.data import Pixels
    from tests.real.conformance.standin.stage import Session

#: Python runs one thread at a time: more of them than keep it busy only pass its lock around.
LEAN_PROPERTIES = {
    "Ice.ThreadPool.Server.Size": "2",
    "Ice.ThreadPool.Server.SizeMax": "16",
}

#: bytes that a picture of ours has too few to be as large as OMERO's at 96 x 96, some 3 kB; a JPEG comment holds them
_FILLER = b"." * 2_650
_COMMENT = b"\xff\xfe" + struct.pack(">H", len(_FILLER) + 2) + _FILLER

#: the longest side that OMERO.web asks for
_USUAL = 96


class Tally(Ledger):
    """Counts calls and remembers joins; keeps no log."""

    def begin(self, operation: str, arguments: list[Any], context: dict[str, str]) -> None:
        with self._changed:
            self._calls[operation] += 1


class LeanDrawer(Drawer):
    """Draws each picture once, as large as OMERO's, whoever asks."""

    def __init__(self) -> None:
        self._drawn: dict[Hashable, bytes] = {}

    def draw(self, drawing: ThumbnailDrawing) -> bytes:
        pixels = None if drawing.pixels is None else drawing.pixels.id
        key = (pixels, drawing.look, drawing.width, drawing.height, drawing.z, drawing.t)
        found = self._drawn.get(key)
        if found is None:
            drawn = super().draw(drawing)
            (length,) = struct.unpack_from(">H", drawn, 4)
            found = self._drawn[key] = drawn[: 4 + length] + _COMMENT + drawn[4 + length :]
        return found

    def clear(self) -> None:
        self._drawn.clear()


class LeanStage(Stage):
    """With pictures that are drawn once and rows that are made once."""

    drawer: LeanDrawer

    def __init__(self, adapter: Any, world: dict[str, Any]) -> None:
        self._pictures: dict[tuple[int, int], bytes] = {}
        self._contexts: dict[tuple[str, str], BasicEventContext] = {}
        #: rows of queries by all that decides about them but for the id, and by the id
        self.rows: dict[Hashable, dict[int, list[Any]]] = {}
        super().__init__(adapter, world, Tally(), LeanDrawer())

    def reset(self, world: dict[str, Any] | None) -> None:
        self.drawer.clear()
        for known in (self._pictures, self._contexts, self.rows):
            known.clear()
        super().reset(world)
        for image in self.world.images.values():
            # before anything is measured
            self.picture(image.primary, _USUAL)

    def draw_what_is_stored(self) -> None:
        """As pictures that are drawn once."""
        database = self.world.database
        for image in self.world.images.values():
            for row in database.thumbnails.of(image.primary.id).values():
                database.files[row.id] = self.picture(image.primary, max(row.size_x, row.size_y))

    def picture(self, pixels: Pixels, side: int) -> bytes:
        """The picture of Pixels with that longest side, in the settings of the image's owner."""
        key = (pixels.id, side)
        found = self._pictures.get(key)
        if found is None:
            settings = self.world.settings_for(pixels.image.owner_id, pixels.image)
            look, z, t = (self.world.default_look(pixels), pixels.size_z // 2, 0)
            if settings is not None:
                look, z, t = settings.look, settings.default_z, settings.default_t
            found = self._pictures[key] = self.drawer.draw(ThumbnailDrawing(pixels, look, *widths(pixels, side), z, t))
        return found

    def acting(self, session: Session, group: str) -> BasicEventContext:
        """Who acts in a call of a session in that group. Raises what OMERO throws."""
        key = (session.key, group)
        found = self._contexts.get(key)
        if found is None:
            try:
                found = enter(self.world.people, session.user, session.group, {"omero.group": group})
            except OmeroError as error:
                raise thrown(error) from None
            self._contexts[key] = found
        return found


class LeanQueryI(QueryI):
    """A query by ids has the rows of each id that it had before: the world does not change."""

    def projection_async(self, callback: Any, query: str, parameters: Any, current: Any) -> None:
        named = parameters.map if parameters is not None else {}
        if "ids" not in named:
            super().projection_async(callback, query, parameters, current)
            return
        self.stage.ledger.begin("projection", [], current.ctx)
        others = tuple((name, value.val) for name, value in named.items() if name != "ids")
        known = self.stage.rows.setdefault((query, self.session.key, current.ctx.get("omero.group"), others), {})
        rows: list[Any] = []
        try:
            for one in named["ids"].val:
                found = known.get(one.val)
                if found is None:
                    asked = {**{name: unwrap(value) for name, value in named.items()}, "ids": [one.val]}
                    found = known[one.val] = self.wrapped_rows(query, asked, current.ctx)
                rows += found
        except Exception as raised:
            callback.ice_exception(raised)
        else:
            callback.ice_response(rows)


class LeanThumbnailStoreI(ThumbnailStoreI):
    """The set by longest side by the shortest way."""

    def getThumbnailByLongestSideSet_async(  # noqa: N802 - Ice's name
        self, callback: Any, size: Any, pixels_ids: list[int], current: Any
    ) -> None:
        stage, people = self.stage, self.stage.world.people
        stage.ledger.begin("getThumbnailByLongestSideSet", [], current.ctx)
        acting = stage.acting(self.session, current.ctx["omero.group"])
        known = stage.world.database.pixels
        drawn = {}
        for pixels_id in pixels_ids:
            pixels = known.get(pixels_id)
            if pixels is not None and may_read(people, acting, pixels.image.owner_id, pixels.image.group_id):
                drawn[pixels_id] = stage.picture(pixels, size.val)
        callback.ice_response(drawn)


class LeanServiceFactoryI(ServiceFactoryI):
    """Gives out the lean services."""

    query = LeanQueryI
    thumbnail_store = LeanThumbnailStoreI


class LeanSessionManagerI(SessionManagerI):
    """Lets in to the lean services."""

    def _service_factory(self, session: Session, client: str) -> ServiceFactoryI:
        return LeanServiceFactoryI(self.stage, session, client)
