"""Who and what is in the stand-in: users, groups, images, rendering definitions, and how each image misbehaves.

The world is plain data made from JSON. It alone knows who may read what. No Ice here.

    {"groups": [{"id": 3, "name": "lab", "permissions": "rwr---"}],
     "users": [{"id": 2, "name": "alice", "password": "…", "groups": [3], "leads": []}],
     "sessions": [{"key": "…", "user": "alice", "group": 3, "refuse": "AuthenticationException"}],
     "images": [{"id": 11, "group": 3, "owner": 2, "size": [512, 512], "behaviour": "normal"}],
     "plates": [{"id": 1, "group": 3, "owner": 2, "rows": 16, "columns": 24, "first_image": 5000}],
     "rendering_definitions": [{"id": 42, "image": 11, "owner": 2, "z": 3, "t": 0}]}

Of a session "group" (else the user's first group) and "refuse" are optional; of an image "size" and "behaviour", which
may be a list. A plate has one field, whose images are numbered row by row from "first_image". "refuse" is
AuthenticationException, ExpiredCredentialException, CannotCreateSessionException, ConcurrencyException (wrapped, to be
tried again) or any other name (wrapped).

An image's Pixels id is 1000000 more than its own. Its owner has rendering settings for it, `DEFAULT_SETTINGS` more
than its own id if none are listed, unless it is "missing settings".
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

SYSTEM_GROUP = 0
PIXELS = 1_000_000
DEFAULT_SETTINGS = 2_000_000
NEW_SETTINGS = 3_000_000

ANY_GROUP = -1

_BEHAVIOUR = re.compile(
    r"""normal
    | missing\ settings     # nobody has rendering settings for it yet
    | fails                 # drawing it raises omero.ResourceError
    | crashes               # drawing it raises what no slice declares: Ice's UnknownException
    | in\ progress          # still being imported: a clock is drawn
    | left\ out\ of\ set    # many at once: no entry for it
    | empty\ in\ set        # many at once: an empty entry for it
    | held                  # drawing it waits for the command "release"
    | slow\ (?P<milliseconds>\d+)
    | throws\ (?:omero\.)?(?P<exception>\w+)(?:\ in\ (?P<operation>\w+))?     # drawing it, or calling that operation
    """,
    re.VERBOSE,
)


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """One way in which an image misbehaves; `kind` is the first word or words of how it was written."""

    kind: str
    milliseconds: int = 0
    exception: str = ""
    operation: str = ""

    @classmethod
    def parse(cls, text: str) -> Behaviour:
        match = _BEHAVIOUR.fullmatch(text)
        if match is None:
            raise ValueError(f"no behaviour {text!r}; see tests/conformance/standin/world.py")
        named = match.groupdict()
        kind = next((word for word in ("slow", "throws") if named and text.startswith(word + " ")), text)
        return cls(kind, int(named["milliseconds"] or 0), named["exception"] or "", named["operation"] or "")


@dataclasses.dataclass(frozen=True)
class Group:
    id: int
    name: str
    permissions: str

    @property
    def members_read(self) -> bool:
        return self.permissions[2] == "r"

    @property
    def members_write(self) -> bool:
        return self.permissions[3] == "w"

    @property
    def world_reads(self) -> bool:
        return self.permissions[4] == "r"


@dataclasses.dataclass(frozen=True)
class User:
    id: int
    name: str
    password: str
    groups: list[int]
    leads: list[int] = dataclasses.field(default_factory=list)

    @property
    def is_admin(self) -> bool:
        return SYSTEM_GROUP in self.groups


@dataclasses.dataclass
class Image:
    id: int
    group: int
    owner: int
    size: tuple[int, int] = (512, 512)
    behaviours: tuple[Behaviour, ...] = ()

    @property
    def pixels(self) -> int:
        return PIXELS + self.id

    def behaviour(self, kind: str) -> Behaviour | None:
        return next((behaviour for behaviour in self.behaviours if behaviour.kind == kind), None)


@dataclasses.dataclass(frozen=True)
class RenderingDef:
    id: int
    image: int
    owner: int
    z: int = 0
    t: int = 0


@dataclasses.dataclass(frozen=True)
class Plate:
    id: int
    group: int
    owner: int
    rows: int
    columns: int
    first_image: int


@dataclasses.dataclass(frozen=True)
class KnownSession:
    """An OMERO session that is there from the start, as OMERO.web made it."""

    key: str
    user: str
    group: int | None = None
    refuse: str = ""


def _behaviours(written: str | list[str]) -> tuple[Behaviour, ...]:
    return tuple(Behaviour.parse(one) for one in ([written] if isinstance(written, str) else written))


class World:
    """Everything the stand-in knows; changed only under the lock of the stage that owns it."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.groups = {group["id"]: Group(**group) for group in described["groups"]}
        self.users = {user["name"]: User(**user) for user in described["users"]}
        self.sessions = [KnownSession(**session) for session in described.get("sessions", [])]
        self.plates = {plate["id"]: Plate(**plate) for plate in described.get("plates", [])}
        self.images: dict[int, Image] = {}
        self.rendering_defs: dict[int, RenderingDef] = {}
        self._settings_of: dict[int, list[RenderingDef]] = {}
        for rendering_def in described.get("rendering_definitions", []):
            self._add_settings(RenderingDef(**rendering_def))
        for image in described["images"]:
            self.change_image(image["id"], image)

    def change_image(self, image_id: int, changes: dict[str, Any]) -> None:
        """Add an image or change what is named of it: group, owner, size, behaviour; or `"deleted": true`."""
        if changes.get("deleted"):
            del self.images[image_id]
            return
        image = self.images.get(image_id) or Image(image_id, changes["group"], changes["owner"])
        image.group = changes.get("group", image.group)
        image.owner = changes.get("owner", image.owner)
        image.size = tuple(changes.get("size", image.size))
        if "behaviour" in changes:
            image.behaviours = _behaviours(changes["behaviour"])
        self.images[image_id] = image
        if image.behaviour("missing settings"):
            for settings in self._settings_of.pop(image_id, []):
                del self.rendering_defs[settings.id]
        elif not self._settings_of.get(image_id):
            self._add_settings(RenderingDef(DEFAULT_SETTINGS + image_id, image_id, image.owner))

    def _add_settings(self, settings: RenderingDef) -> None:
        self.rendering_defs[settings.id] = settings
        self._settings_of.setdefault(settings.image, []).append(settings)

    def user(self, user_id: int) -> User:
        return next(user for user in self.users.values() if user.id == user_id)

    def readable(self, user: User, image: Image | Plate, group: int) -> bool:
        """Whether `user`, looking into `group` (`ANY_GROUP`: all of theirs), sees `image`."""
        if group not in (ANY_GROUP, image.group):
            return False
        home = self.groups[image.group]
        if user.is_admin or home.world_reads:
            return True
        if image.group not in user.groups:
            return False
        return home.members_read or image.owner == user.id or image.group in user.leads

    def with_pixels(self, pixels_id: int) -> Image | None:
        return self.images.get(pixels_id - PIXELS)

    def settings_for(self, user_id: int, image: Image) -> RenderingDef | None:
        """The user's own rendering settings, else those of the image's owner, as ThumbnailCtx looks for them."""
        for owner in (user_id, image.owner):
            for one in self._settings_of.get(image.id, []):
                if one.owner == owner:
                    return one
        return None

    def make_settings(self, user_id: int, image: Image) -> RenderingDef:
        # the image says it, so that what is made again after `change_image` took it away has the same number
        settings_id = NEW_SETTINGS + 100 * image.id + len(self._settings_of.get(image.id, []))
        made = RenderingDef(settings_id, image.id, user_id)
        self._add_settings(made)
        return made

    def may_not_write(self, user: User, image: Image) -> bool:
        """OMERO's "graph critical": writing for `user` beside somebody else's image in a read-only group."""
        home = self.groups[image.group]
        privileged = user.is_admin or image.group in user.leads
        return home.permissions == "rwr---" and image.owner != user.id and not privileged
