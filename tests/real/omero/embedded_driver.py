"""The driver of the embedded OMERO in this process: straight on its model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.picture import Channel, Picture, Plane
from omero_embedded.images.rendering import RenderingSettings, default_settings
from omero_embedded.world import ROOT, SYSTEM_GROUP, USER_GROUP, Experimenter, Group, World
from omero_ms_thumbnail.omero.session import OmeroServer
from tests.real.omero.model_preparation import Hand
from tests.real.omero.scenario import GROUPS, ROLES, Left

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from omero_embedded.model.data import Pixels

_COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class TwoChannels(Picture):
    """A slope in each channel, red and green by default."""

    name = "two channels"
    size_x, size_y, size_z, size_t = 256, 192, 1, 1
    channels = (Channel("first", _COLOURS["red"]), Channel("second", _COLOURS["green"]))

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        first = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
        return [first, np.ascontiguousarray(first[:, ::-1])]


def _look(pixels: Pixels, colour: str) -> RenderingSettings:
    """The first channel alone, in that colour."""
    default = default_settings(pixels.source)
    return replace(default, active=(True, False), colors=(_COLOURS[colour], default.colors[1]))


class EmbeddedDriver:
    """See `drivers.Driver`."""

    name = "the embedded OMERO"

    def __init__(self, omero: EmbeddedOmero, data_dir: Path | None = None) -> None:
        self.omero = omero
        self.data_dir = data_dir
        self.server = OmeroServer(omero.host, omero.tcp_port, None)
        self._hand = Hand(
            omero.world.people,
            omero.world.database,
            start_session=self._start_session,
            look=_look,
            source=TwoChannels(),
        )
        made: dict[str, Any] = self._hand.begin({"groups": GROUPS, "roles": ROLES})
        self._groups: dict[str, int] = made["groups"]
        self._users: dict[str, int] = made["users"]
        self._keys = {(role, group): key for role, group, key in made["keys"]}

    def _start_session(self, user: Experimenter, group_id: int) -> str:
        session = self.omero.sessions.keep(user)
        session.group_id = group_id
        return session.key

    async def begin(self) -> None:
        """Nothing: a model is changed at once."""

    def session_key(self, who: str, group: str) -> str:
        return self._keys[who, group]

    def group_id(self, group: str) -> int:
        return self._groups[group]

    def user_id(self, who: str) -> int:
        return self._users[who]

    async def new_image(self, group: str, owner: str) -> tuple[int, int]:
        image, pixels = self._hand.image({"group": group, "owner": owner})
        return image, pixels

    async def save(self, image: int, who: str, colour: str) -> None:
        self._hand.save({"image": image, "who": who, "colour": colour})

    async def set_in_progress(self, image: int, *, in_progress: bool) -> None:
        self._hand.in_progress({"image": image, "in_progress": in_progress})

    async def newest_settings(self, image: int, who: str) -> int:
        return self._hand.newest({"image": image, "who": who})

    async def left(self, images: Sequence[int]) -> list[Left]:
        return list(map(Left.of, self._hand.left({"images": images})))

    async def events(self, who: str) -> int | None:
        return self._hand.events({"who": who})

    async def close(self) -> None:
        await self.omero.close()


async def embedded_driver(data_dir: Path | None = None) -> EmbeddedDriver:
    """An embedded OMERO that nobody has used yet, listening; its files are in a new folder, where one is named."""
    groups = (Group(SYSTEM_GROUP, "system", "rw----"), Group(USER_GROUP, "user", "rwr---"))
    root = Experimenter(ROOT, "root", "root", "", (SYSTEM_GROUP, USER_GROUP))
    omero = EmbeddedOmero(World([root], groups, []), data_dir=data_dir)
    await omero.start()
    return EmbeddedDriver(omero, data_dir)
