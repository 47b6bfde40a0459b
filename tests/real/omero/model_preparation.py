"""Prepares scenarios straight on the model of OMERO, and looks into it. Runs on Python 3.10 too.

Its methods are the commands of `command_driver.py`, each with what it is told and what it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omero_embedded.model.data import ImageRow, ImageState, Pixels
from omero_embedded.model.people import ROOT, SYSTEM_GROUP, USER_GROUP, Experimenter, Group

if TYPE_CHECKING:
    from collections.abc import Callable

    from omero_embedded.model.data import Database, RenderingDefRow
    from omero_embedded.model.people import People

_WIDTH, _HEIGHT, _CHANNELS = 256, 192, 2

#: people have ids above these, which no group has
_PEOPLE = 100

#: the Pixels of an image have an id so much larger
PIXELS = 1_000_000


class Hand:
    """Changes people and database; whoever uses it sees to it that nobody else does meanwhile.

    `start_session` makes a session of a user with a group and returns its key. `look` is what settings look like that
    were saved in a colour, `source` what an image is drawn from, as those who draw have both.
    """

    def __init__(
        self,
        people: People,
        database: Database,
        *,
        start_session: Callable[[Experimenter, int], str],
        look: Callable[[Pixels, str], Any],
        source: Any = None,
    ) -> None:
        self._people = people
        self._database = database
        self._start_session = start_session
        self._look = look
        self._source = source
        self._users: dict[str, int] = {"root": ROOT}

    def begin(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A group of each kind, everybody in each but root, and `leader` the owner of them all."""
        first = max(self._people.groups) + 1
        groups = {kind: first + number for number, kind in enumerate(asked["groups"])}
        for kind, group_id in groups.items():
            self._people.groups[group_id] = Group(group_id, f"replay {kind}", kind)
        everywhere = tuple(groups.values())
        for role in asked["roles"]:
            if role == "root":
                continue
            # OMERO takes whoever leads a group of their own id for its owner everywhere, now and then
            user_id = max(*self._people.users, *self._people.groups, _PEOPLE) + 1
            leads = everywhere if role == "leader" else ()
            name = f"replay-{role}"
            self._people.users[user_id] = Experimenter(user_id, name, name, "", (*everywhere, USER_GROUP), leads)
            self._users[role] = user_id
        keys = []
        for role in asked["roles"]:
            user = self._people.users[self._users[role]]
            for kind, group_id in groups.items():
                where = SYSTEM_GROUP if role == "root" else group_id
                keys.append([role, kind, self._start_session(user, where)])
        return {"groups": groups, "users": self._users, "keys": keys}

    def image(self, asked: dict[str, Any]) -> list[int]:
        """An image without settings."""
        image_id = max(self._database.images, default=0) + 1
        group_id = next(one.id for one in self._people.groups.values() if one.name == f"replay {asked['group']}")
        image = ImageRow(image_id, f"replay {image_id}", self._users[asked["owner"]], group_id)
        pixels = Pixels(PIXELS + image_id, image, _WIDTH, _HEIGHT, size_c=_CHANNELS, source=self._source)
        image.pixels.append(pixels)
        self._database.add_image(image)
        return [image.id, pixels.id]

    def save(self, asked: dict[str, Any]) -> None:
        """Settings in a colour, in place of the newest that whoever saves had."""
        pixels = self._database.images[asked["image"]].primary
        self._database.save_settings(pixels, self._users[asked["who"]], self._look(pixels, asked["colour"]))

    def in_progress(self, asked: dict[str, Any]) -> None:
        """From here on it is one in progress, or no longer."""
        state = ImageState.IN_PROGRESS if asked["in_progress"] else ImageState.READY
        self._database.images[asked["image"]].state = state

    def newest(self, asked: dict[str, Any]) -> int:
        """The id of somebody's newest settings; 0 for none."""
        own = [one for one in self._settings_of(asked["image"]) if one.owner_id == self._users[asked["who"]]]
        return max(own, key=lambda one: one.event.time).id if own else 0

    def left(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows and settings of images."""
        return [self._left(image) for image in asked["images"]]

    def events(self, asked: dict[str, Any]) -> int:
        """How many events somebody has."""
        return self._database.events_of[self._users[asked["who"]]]

    def _left(self, image_id: int) -> dict[str, Any]:
        roles = {user: role for role, user in self._users.items()}
        rows: dict[str, list[str]] = {}
        settings: dict[str, int] = {}
        pixels = self._database.images[image_id].primary
        for row in self._database.thumbnails.of(pixels.id).values():
            version = " version -1" if row.version == -1 else ""
            rows.setdefault(roles.get(row.owner_id, str(row.owner_id)), []).append(
                f"{row.size_x}x{row.size_y}{version}"
            )
        for one in self._settings_of(image_id):
            role = roles.get(one.owner_id, str(one.owner_id))
            settings[role] = settings.get(role, 0) + 1
        return {"rows": rows, "settings": settings}

    def _settings_of(self, image_id: int) -> list[RenderingDefRow]:
        return list(self._database.rendering_defs.of(self._database.images[image_id].primary.id).values())
