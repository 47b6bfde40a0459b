"""The same stand-in where only rates are measured: it spends as little of its own time as can be on what is asked most.

Who may see what is looked up as ever, so that a wrong question gets no picture. What is left out: calls are counted
and not logged, nothing waits for a lock (the world does not change while rates are measured), images do not misbehave,
and a picture is drawn beforehand and is as large as OMERO's are.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from omero.rtypes import rlong

from tests.conformance.standin.ledger import Ledger
from tests.conformance.standin.pictures import draw
from tests.conformance.standin.queries import PIXELS_OF_IMAGES, QueryI
from tests.conformance.standin.sessions import ServiceFactoryI, SessionManagerI
from tests.conformance.standin.stage import Stage
from tests.conformance.standin.thumbnails import ThumbnailStoreI, longest
from tests.conformance.standin.world import ANY_GROUP

if TYPE_CHECKING:
    from tests.conformance.standin.stage import Session
    from tests.conformance.standin.world import Image

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


class LeanStage(Stage):
    """With pictures that are drawn once and rows that are made once."""

    def __init__(self, adapter: Any, world: dict[str, Any]) -> None:
        self._pictures: dict[tuple[int, int, int], bytes] = {}
        self._rows: dict[int, list[Any]] = {}
        super().__init__(adapter, world, Tally())

    def reset(self, world: dict[str, Any] | None) -> None:
        super().reset(world)
        self._pictures.clear()
        self._rows.clear()
        for image in self.world.images.values():
            # before anything is measured
            self.picture(image, longest(image, _USUAL))
            self.row(image)

    def picture(self, image: Image, size: tuple[int, int]) -> bytes:
        """The picture of an image, whoever asks."""
        key = (image.id, *size)
        found = self._pictures.get(key)
        if found is None:
            drawn = draw(*size, image=image.id)
            (length,) = struct.unpack_from(">H", drawn, 4)
            found = drawn[: 4 + length] + _COMMENT + drawn[4 + length :]
            self._pictures[key] = found
        return found

    def row(self, image: Image) -> list[Any]:
        """What the projection of images' Pixels says of one."""
        found = self._rows.get(image.id)
        if found is None:
            found = [rlong(image.pixels), rlong(image.id), rlong(image.group), rlong(image.owner)]
            self._rows[image.id] = found
        return found


class LeanQueryI(QueryI):
    """The projection of images' Pixels by the shortest way; every other query as ever."""

    def projection_async(self, callback: Any, query: str, parameters: Any, current: Any) -> None:
        if query != PIXELS_OF_IMAGES:
            super().projection_async(callback, query, parameters, current)
            return
        stage, session = self.stage, self.session
        stage.ledger.begin("projection", [], current.ctx)
        images = stage.world.images
        rows = []
        for one in parameters.map["ids"].val:
            image = images.get(one.val)
            if image is not None and stage.readable(session, image, ANY_GROUP):
                rows.append(stage.row(image))
        callback.ice_response(rows)


class LeanThumbnailStoreI(ThumbnailStoreI):
    """The set by longest side by the shortest way, and every picture as it was drawn once."""

    def getThumbnailByLongestSideSet_async(  # noqa: N802 - Ice's name
        self, callback: Any, size: Any, pixels_ids: list[int], current: Any
    ) -> None:
        stage, session = self.stage, self.session
        stage.ledger.begin("getThumbnailByLongestSideSet", [], current.ctx)
        group = int(current.ctx["omero.group"])
        drawn = {}
        for pixels_id in pixels_ids:
            image = stage.world.with_pixels(pixels_id)
            if image is not None and stage.readable(session, image, group):
                drawn[pixels_id] = stage.picture(image, longest(image, size.val))
        callback.ice_response(drawn)

    def _picture(self, image: Image, size: tuple[int, int], z: Any, t: Any) -> bytes:
        return self.stage.picture(image, size)  # type: ignore[no-any-return]


class LeanServiceFactoryI(ServiceFactoryI):
    """Gives out the lean services."""

    query = LeanQueryI
    thumbnail_store = LeanThumbnailStoreI


class LeanSessionManagerI(SessionManagerI):
    """Lets in to the lean services."""

    def _service_factory(self, session: Session, client: str) -> ServiceFactoryI:
        return LeanServiceFactoryI(self.stage, session, client)
