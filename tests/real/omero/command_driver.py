"""A driver whose work is done by a process that takes commands as JSON, a line each, and answers likewise.

    {"do": "begin", "groups": [KIND, …], "roles": [ROLE, …]}    {"groups": {KIND: id}, "users": {ROLE: id},
                                                                 "keys": [[ROLE, KIND, key], …]}
    {"do": "image", "group": KIND, "owner": ROLE}               [id of the image, id of its Pixels]; with "size":
                                                                 [width, height] on a real OMERO
    {"do": "save", "image": id, "who": ROLE, "colour": …}
    {"do": "in_progress", "image": id, "in_progress": true}
    {"do": "newest", "image": id, "who": ROLE}                  id of a RenderingDef, 0 for none
    {"do": "left", "images": [id, …]}                           [{"rows": {…}, "settings": {…}}, …]
    {"do": "events", "who": ROLE}                               a number, or null

An answer is {"ok": …}, {"cannot": "a sentence"} for what cannot be done from where it is, or {"error": "a sentence"}.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from tests.real.omero.drivers import CannotPrepare
from tests.real.omero.scenario import GROUPS, ROLES, Left

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from omero_ms_thumbnail.omero.session import OmeroServer
    from tests.real.conformance.processes import Child

#: seconds that a command may take
ANSWERED_WITHIN: Final = 60.0


class CommandFailed(Exception):
    """The process could not do what it was told; the text is its own."""


class CommandDriver:
    """Speaks to one child process, which it ends; see `drivers.Driver`."""

    def __init__(
        self,
        name: str,
        child: Child,
        server: OmeroServer,
        *,
        data_dir: Path | None = None,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.server = server
        self.data_dir = data_dir
        self._child = child
        self._end = end
        self._groups: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._keys: dict[tuple[str, str], str] = {}

    async def begin(self) -> None:
        """Have groups, people and their sessions made."""
        made = await self._do("begin", groups=GROUPS, roles=ROLES)
        self._groups, self._users = made["groups"], made["users"]
        self._keys = {(role, group): key for role, group, key in made["keys"]}

    def session_key(self, who: str, group: str) -> str:
        return self._keys[who, group]

    def group_id(self, group: str) -> int:
        return self._groups[group]

    def user_id(self, who: str) -> int:
        return self._users[who]

    async def new_image(self, group: str, owner: str) -> tuple[int, int]:
        image, pixels = await self._do("image", group=group, owner=owner)
        return image, pixels

    async def new_image_of(self, group: str, owner: str, width: int, height: int) -> int:
        """An image of that size: its id. On a real OMERO alone."""
        image, _ = await self._do("image", group=group, owner=owner, size=[width, height])
        return int(image)

    async def save(self, image: int, who: str, colour: str) -> None:
        await self._do("save", image=image, who=who, colour=colour)

    async def set_in_progress(self, image: int, *, in_progress: bool) -> None:
        await self._do("in_progress", image=image, in_progress=in_progress)

    async def newest_settings(self, image: int, who: str) -> int:
        return int(await self._do("newest", image=image, who=who))

    async def left(self, images: Sequence[int]) -> list[Left]:
        return list(map(Left.of, await self._do("left", images=list(images))))

    async def events(self, who: str) -> int | None:
        counted = await self._do("events", who=who)
        return None if counted is None else int(counted)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._child.end()
        self._end()

    async def _do(self, command: str, **arguments: Any) -> Any:
        answer = await asyncio.to_thread(self._ask, {"do": command, **arguments})
        if "cannot" in answer:
            raise CannotPrepare(answer["cannot"])
        if "error" in answer:
            raise CommandFailed(f"{command}: {answer['error']}")
        return answer["ok"]

    def _ask(self, command: dict[str, Any]) -> Any:
        self._child.write_line(json.dumps(command))
        return json.loads(self._child.read_line(ANSWERED_WITHIN))
