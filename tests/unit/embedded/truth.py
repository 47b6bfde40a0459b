"""Recorded scenarios of a real OMERO.server, and a world of the model in which one is played.

What the fields mean: ``tests/data/omero-truth/README.md``. The pictures are drawn as words, ``96x72 red``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omero_embedded.model.call import Steps, Work
from omero_embedded.model.data import Database, ImageRow, ImageState, Pixels
from omero_embedded.model.omero_errors import OmeroError
from omero_embedded.model.omero_server import ServerModel
from omero_embedded.model.people import ROOT, SYSTEM_GROUP, USER_GROUP, Experimenter, Group, People
from omero_embedded.model.thumbnail_drawing import ThumbnailDrawing

FOLDER = Path(__file__).parents[2] / "data" / "omero-truth"

GROUP = 503
PEOPLE = {"root": ROOT, "owner": 102, "member": 103, "leader": 104}


def scenarios(name: str = "scenarios.jsonl") -> list[dict[str, Any]]:
    """All that were recorded."""
    with (FOLDER / name).open() as lines:
        return [json.loads(line) for line in lines]


def run(steps: Steps[Any]) -> Any:
    """Drive one call to its end, with nobody else about."""
    given: Any = None
    while True:
        try:
            step = steps.send(given)
        except StopIteration as end:
            return end.value
        given = step.make() if isinstance(step, Work) and step.make is not None else None


def draw(drawing: ThumbnailDrawing) -> bytes:
    """A picture in words."""
    return f"{drawing.width}x{drawing.height} {'clock' if drawing.is_clock else drawing.look}".encode()


@dataclass
class Played:
    """What came of a scenario, in the words of the file."""

    answers: list[Any] = field(default_factory=list)
    after: list[dict[str, Any]] = field(default_factory=list)
    events: int = 0


class Stage:
    """One group of some kind with its people and images."""

    def __init__(self, permissions: str, images: int) -> None:
        groups = (
            Group(SYSTEM_GROUP, "system", "rw----"),
            Group(USER_GROUP, "user", "rwr---"),
            Group(GROUP, "truth", permissions),
        )
        users = (
            Experimenter(ROOT, "root", "root", "secret", (SYSTEM_GROUP, USER_GROUP)),
            Experimenter(PEOPLE["owner"], "owner", "owner", "secret", (GROUP, USER_GROUP)),
            Experimenter(PEOPLE["member"], "member", "member", "secret", (GROUP, USER_GROUP)),
            Experimenter(PEOPLE["leader"], "leader", "leader", "secret", (GROUP, USER_GROUP), (GROUP,)),
        )
        self.database = Database()
        for number in range(images):
            image = ImageRow(1001 + number, f"image {number}", PEOPLE["owner"], GROUP)
            image.pixels.append(Pixels(2001 + number, image, 256, 192, size_c=2))
            self.database.add_image(image)
        self.server = ServerModel(People(users, groups), self.database, draw, lambda _pixels: "default")
        self._sessions = {
            name: self.server.sessions.keep(self.server.people.users[number]) for name, number in PEOPLE.items()
        }

    def image(self, number: int) -> ImageRow:
        return self.database.images[1001 + number]

    def step(self, text: str, number: int) -> None:
        """One step of preparing an image."""
        image = self.image(number)
        match text.split():
            case ["in", "progress"]:
                image.state = ImageState.IN_PROGRESS
            case ["complete"]:
                image.state = ImageState.READY
            case ["of", who]:
                image.owner_id = PEOPLE[who]
            case [who, "saves", colour]:
                owner = PEOPLE[who]
                pixels = image.primary
                if not any(one.owner_id == owner for one in self.database.rendering_defs.of(pixels.id).values()):
                    run(self.server.reset_defaults_in_set(self._sessions[who], [pixels.id], self._context()))
                self.database.save_settings(pixels, owner, colour)
            case [who, "stores", size]:
                store = Store(self, who)
                store.call("setPixelsId", image.primary.id)
                store.call("getThumbnailByLongestSide", int(size))
                store.close()
            case _:
                raise AssertionError(f"no such step: {text}")

    @staticmethod
    def _context(**changes: str) -> dict[str, str]:
        return {"omero.group": str(GROUP), **changes}

    def play(self, scenario: dict[str, Any]) -> Played:
        """Prepare the images, make the calls, look at what is left."""
        for number, steps in enumerate(scenario["images"]):
            for text in steps:
                self.step(text, number)
        played = Played()
        who = scenario["who"]
        before = self.database.events_of[PEOPLE[who]]
        store = Store(self, who)
        for name, *arguments in scenario["calls"]:
            if name == "new store":
                store.close()
                store = Store(self, who)
                played.answers.append(None)
            elif name == "step":
                self.step(*arguments)
                played.answers.append(None)
            else:
                played.answers.append(self._call(store, name, arguments))
        played.events = self.database.events_of[PEOPLE[who]] - before
        played.after = [self._left(image) for image in self.database.images.values()]
        return played

    def _call(self, store: Store, name: str, arguments: list[Any]) -> Any:
        context = self._context()
        if arguments and isinstance(arguments[-1], dict):
            asked = arguments.pop()
            if "user" in asked:
                context["omero.user"] = str(PEOPLE[asked["user"]])
            context["omero.group"] = asked.get("group", context["omero.group"])
        if name == "setPixelsId":
            arguments = [self.image(arguments[0]).primary.id]
        elif name == "setRenderingDefId":
            number, owner = arguments
            arguments = [self._newest(self.image(number), PEOPLE[owner])]
        elif name.endswith("Set"):
            *sizes, numbers = arguments
            arguments = [*sizes, [self.image(number).primary.id for number in numbers]]
        try:
            answer = store.call(name, *arguments, context=context)
        except OmeroError as error:
            return {"error": error.kind}
        if isinstance(answer, dict):
            return {
                str(number): self._shown(answer[pixels_id]) if pixels_id in answer else "left out"
                for number, pixels_id in zip(numbers, arguments[-1], strict=True)
            }
        return {"picture": self._shown(answer)} if isinstance(answer, bytes) else answer

    def _newest(self, image: ImageRow, owner_id: int) -> int:
        own = [one for one in self.database.rendering_defs.of(image.primary.id).values() if one.owner_id == owner_id]
        return max(own, key=lambda one: one.event.time).id

    @staticmethod
    def _shown(jpeg: bytes) -> Any:
        if not jpeg:
            return "empty"
        size, look = jpeg.decode().split()
        width, height = size.split("x")
        return [int(width), int(height), look]

    def _left(self, image: ImageRow) -> dict[str, Any]:
        names = {number: name for name, number in PEOPLE.items()}
        rows: dict[str, list[str]] = {}
        settings: dict[str, int] = {}
        for row in self.database.thumbnails.of(image.primary.id).values():
            said = f"{row.size_x}x{row.size_y}" + (" version -1" if row.version == -1 else "")
            rows.setdefault(names[row.owner_id], []).append(said)
        for one in self.database.rendering_defs.of(image.primary.id).values():
            settings[names[one.owner_id]] = settings.get(names[one.owner_id], 0) + 1
        return {"rows": {name: sorted(said) for name, said in rows.items()}, "settings": settings}


class Store:
    """One ThumbnailStore of somebody."""

    def __init__(self, stage: Stage, who: str) -> None:
        self._server, self._session = stage.server, stage._sessions[who]
        self._name = run(self._server.create_thumbnail_store(self._session))

    def call(self, operation: str, *arguments: Any, context: dict[str, str] | None = None) -> Any:
        context = context or {"omero.group": str(GROUP)}
        return run(self._server.call_store(self._session, self._name, operation, arguments, context))

    def close(self) -> None:
        self.call("close")
