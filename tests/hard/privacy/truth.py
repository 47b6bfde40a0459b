"""What OMERO itself gives: a copy of its database at some moment, asked by OMERO.web's calls, nothing in between."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from omero_embedded.model.data import Database, ThumbnailRow
from omero_embedded.model.omero_server import ServerModel
from omero_embedded.model.people import People
from omero_embedded.model.thumbnail_drawing import ThumbnailDrawing
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.thumbnails import pixels, single
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from omero_ms_thumbnail.thumbnails.ways import Viewer, way_of
from tests.unit.thumbnails.model_session import ModelSession

#: what a picture shows of which nobody has changed the look
DEFAULT_LOOK: Final = "default"


def draw(drawing: ThumbnailDrawing) -> bytes:
    """A picture that says in words all that it shows, as a JPEG begins and ends."""
    shown = "clock" if drawing.pixels is None else f"{drawing.pixels.source} {drawing.look} {drawing.z}.{drawing.t}"
    return b"\xff\xd8" + f"{drawing.width}x{drawing.height} {shown}".encode() + b"\xff\xd9"


def new_server(people: People, database: Database) -> ServerModel:
    """An OMERO.server for these."""
    return ServerModel(people, database, draw, lambda _pixels: DEFAULT_LOOK)


class Truth:
    """What was true at one moment; `until` is when something was changed, by the loop's clock."""

    def __init__(self, people: People, database: Database) -> None:
        self.until = float("inf")
        self._people = People(people.users.values(), people.groups.values())
        self._database = database.copy()
        self._told: dict[tuple[int, ThumbnailRequest], set[bytes | None]] = {}

    @property
    def uuid(self) -> str:
        """Which database it was."""
        return self._database.uuid

    def rows(self, image_id: int) -> list[ThumbnailRow]:
        """The rows of an image's stored thumbnails."""
        image = self._database.images[image_id]
        return list(self._database.thumbnails.of(image.primary.id).values())

    async def of(self, user_id: int, request: ThumbnailRequest) -> set[bytes | None]:
        """What that user is given, None where OMERO refuses.

        Of one's own image in a group that one has left OMERO tells, and refuses to draw it: both are right.
        """
        place = user_id, request.anew
        if place not in self._told:
            self._told[place] = {await self._ask(self._people, user_id, request.anew)}
            image, user = self._database.images[request.image_id], self._people.users[user_id]
            if image.owner_id == user_id and image.group_id not in user.groups:
                people = People(self._people.users.values(), self._people.groups.values())
                people.set_groups(user_id, (*user.groups, image.group_id), user.leads)
                self._told[place].add(await self._ask(people, user_id, request.anew))
        return self._told[place]

    async def _ask(self, people: People, user_id: int, request: ThumbnailRequest) -> bytes | None:
        # of its own copy: to look makes settings and rows
        stage: Any = _Stage(new_server(people, self._database.copy()))
        session: Any = ModelSession(stage, user_id)
        found = await pixels.ask(session, [request.image_id], user_id=user_id, size=request.width, with_content=False)
        told = found.get(request.image_id)
        if told is None:
            return None
        viewer = Viewer(user_id, people.users[user_id].is_admin)
        is_direct = way_of(request, told, viewer).is_direct
        try:
            async with asyncio.timeout(10), session.stores.lend() as store:
                thumbnail = await single.render_one(session, store, told, request, is_direct=is_direct)
                return thumbnail.jpeg or None
        except UserException:
            return None
        finally:
            await session.leave()


class _Stage:
    """As `tests.unit.embedded.truth.Stage` for a session."""

    def __init__(self, server: ServerModel) -> None:
        self.server = server
