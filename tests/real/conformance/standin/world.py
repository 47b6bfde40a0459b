"""Who and what is in the stand-in: users, groups, images, rendering definitions, and how each image misbehaves.

The world is the model of OMERO, filled from JSON; who may read what, and what is stored, the model knows. No Ice here.

    {"groups": [{"id": 3, "name": "lab", "permissions": "rwr---"}],
     "users": [{"id": 2, "name": "alice", "password": "…", "groups": [3], "leads": []}],
     "sessions": [{"key": "…", "user": "alice", "group": 3, "refuse": "AuthenticationException"}],
     "images": [{"id": 11, "group": 3, "owner": 2, "size": [512, 512], "behaviour": "normal", "stored": 96}],
     "plates": [{"id": 1, "group": 3, "owner": 2, "rows": 16, "columns": 24, "first_image": 5000}],
     "rendering_definitions": [{"id": 42, "image": 11, "owner": 2, "z": 3, "t": 0}],
     "data_dir": "/where/its/thumbnails/are"}

Without "data_dir" thumbnails are in memory. Of a session "group" (else the user's first group) and "refuse" are
optional; of an image "size", "behaviour", which may be a list, and "stored", the longest side of a thumbnail that is
stored for its owner. A plate has one field, whose images are numbered row by row from "first_image". "refuse" is
AuthenticationException, ExpiredCredentialException, CannotCreateSessionException, ConcurrencyException (wrapped, to be
tried again) or any other name (wrapped).

An image's Pixels id is 1000000 more than its own. Its owner has rendering settings for it, `DEFAULT_SETTINGS` more
than its own id if none are listed, unless it is "missing settings".
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from omero_embedded.model.containers import Containers, PlateListing
from omero_embedded.model.data import Database, ImageRow, ImageState, Pixels, RenderingDefRow, ThumbnailRow
from omero_embedded.model.data_folder import new_folder
from omero_embedded.model.people import Experimenter, Group, People
from omero_embedded.model.thumbnail_context import widths

PIXELS = 1_000_000
DEFAULT_SETTINGS = 2_000_000
NEW_SETTINGS = 3_000_000

_DEFAULT_SIZE = (512, 512)
_SECTIONS, _TIMES = 16, 8

_BEHAVIOUR = re.compile(
    r"""normal
    | missing\ settings     # nobody has rendering settings for it yet
    | fails                 # its pixels cannot be read: drawing it raises omero.ResourceError
    | crashes               # drawing it raises what no slice declares: Ice's UnknownException
    | in\ progress          # its pyramid is still being made: a clock is drawn
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
            raise ValueError(f"no behaviour {text!r}; see tests/real/conformance/standin/world.py")
        named = match.groupdict()
        kind = next((word for word in ("slow", "throws") if named and text.startswith(word + " ")), text)
        return cls(kind, int(named["milliseconds"] or 0), named["exception"] or "", named["operation"] or "")


@dataclasses.dataclass(frozen=True)
class Look:
    """What rendering settings look like: the number that a picture says it was drawn with, and a colour if any."""

    rendering_def: int
    colour: str = ""


@dataclasses.dataclass(frozen=True)
class KnownSession:
    """An OMERO session that is there from the start, as OMERO.web made it."""

    key: str
    user: str
    group: int | None = None
    refuse: str = ""


def _behaviours(written: str | list[str]) -> tuple[Behaviour, ...]:
    return tuple(Behaviour.parse(one) for one in ([written] if isinstance(written, str) else written))


def _plate(described: dict[str, Any]) -> PlateListing:
    columns, first = described["columns"], described["first_image"]
    wells = {divmod(place, columns): first + place for place in range(described["rows"] * columns)}
    return PlateListing(described["id"], f"plate {described['id']}", described["rows"], columns, wells)


class World:
    """Everything the stand-in knows; changed only under the lock of the stage that owns it."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.people = People(
            (
                Experimenter(
                    user["id"],
                    user["name"],
                    user["name"].title(),
                    user["password"],
                    tuple(user["groups"]),
                    tuple(user.get("leads", ())),
                )
                for user in described["users"]
            ),
            (Group(**group) for group in described["groups"]),
        )
        self.sessions = [KnownSession(**session) for session in described.get("sessions", [])]
        self.plates = {plate["id"]: plate for plate in described.get("plates", [])}
        self.containers = Containers(plates=map(_plate, described.get("plates", [])))
        data_dir = described.get("data_dir")
        self.database = Database(files=new_folder(Path(data_dir)) if data_dir else None)
        self._behaviours: dict[int, tuple[Behaviour, ...]] = {}
        self._listed: dict[int, list[dict[str, Any]]] = {}
        for settings in described.get("rendering_definitions", []):
            self._listed.setdefault(settings["image"], []).append(settings)
        for image in described["images"]:
            self.change_image(image["id"], image)

    @property
    def images(self) -> dict[int, ImageRow]:
        """Images by id."""
        return self.database.images

    def behaviours(self, image_id: int) -> tuple[Behaviour, ...]:
        """How an image misbehaves."""
        return self._behaviours.get(image_id, ())

    def change_image(self, image_id: int, changes: dict[str, Any]) -> None:
        """Add an image or change what is named of it: group, owner, size, behaviour; or `"deleted": true`."""
        image = self.images.get(image_id)
        if changes.get("deleted"):
            self.database.delete_image(self.images[image_id])
            return
        if image is None:
            image = ImageRow(image_id, f"image {image_id}", changes["owner"], changes["group"])
            image.pixels.append(
                Pixels(PIXELS + image_id, image, *_DEFAULT_SIZE, size_z=_SECTIONS, size_t=_TIMES, source=image_id)
            )
            self.database.add_image(image)
        image.group_id = changes.get("group", image.group_id)
        image.owner_id = changes.get("owner", image.owner_id)
        pixels = image.primary
        pixels.size_x, pixels.size_y = changes.get("size", (pixels.size_x, pixels.size_y))
        if "behaviour" in changes:
            self._behaviours[image_id] = _behaviours(changes["behaviour"])
        self._settle(image)
        if "stored" in changes:
            self._store(image, changes["stored"])

    def _store(self, image: ImageRow, longest_side: int) -> None:
        pixels, rows = image.primary, self.database.thumbnails
        event = self.database.new_event(image.owner_id, image.group_id)
        rows.put(ThumbnailRow(rows.next_id(), pixels.id, image.owner_id, *widths(pixels, longest_side), None, event))

    def _settle(self, image: ImageRow) -> None:
        kinds = {behaviour.kind for behaviour in self.behaviours(image.id)}
        image.state = (
            ImageState.IN_PROGRESS
            if "in progress" in kinds
            else ImageState.FAILING
            if "fails" in kinds
            else ImageState.READY
        )
        if "missing settings" in kinds:
            self.forget_settings(image)
        elif not self.database.rendering_defs.of(image.primary.id):
            default = {"id": DEFAULT_SETTINGS + image.id, "owner": image.owner_id}
            for settings in self._listed.get(image.id, [default]):
                self._add_settings(image, settings)

    def forget_settings(self, image: ImageRow) -> None:
        """As if nobody had looked at it yet."""
        for settings in list(self.database.rendering_defs.of(image.primary.id)):
            self.database.rendering_defs.delete(settings)
        for row in list(self.database.thumbnails.of(image.primary.id)):
            self.database.thumbnails.delete(row)
            self.database.files.pop(row, None)

    def _add_settings(self, image: ImageRow, described: dict[str, Any]) -> None:
        number, owner = described["id"], described["owner"]
        event = self.database.new_event(owner, image.group_id)
        z, t = described.get("z", 0), described.get("t", 0)
        self.database.rendering_defs.put(RenderingDefRow(number, image.primary.id, owner, event, Look(number), z, t))

    def default_look(self, pixels: Pixels) -> Look:
        """The look of settings that are made now."""
        # the image says it, so that what is made again after `change_image` took it away has the same number
        number = NEW_SETTINGS + 100 * pixels.image.id + len(self.database.rendering_defs.of(pixels.id))
        return Look(number, "default" if pixels.size_c > 1 else "")

    def settings_for(self, user_id: int, image: ImageRow) -> RenderingDefRow | None:
        """The user's own newest rendering settings, else those of the image's owner."""
        known = self.database.rendering_defs.of(image.primary.id).values()
        for owner in (user_id, image.owner_id):
            own = [one for one in known if one.owner_id == owner]
            if own:
                return max(own, key=lambda one: one.event.time)
        return None
