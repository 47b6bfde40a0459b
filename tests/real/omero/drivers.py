"""How scenarios are prepared and looked into on an OMERO: by a driver of its kind.

What a driver does is not what is tried: the calls of a scenario, and the step "WHO stores 96", go over the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from omero_ms_thumbnail.omero.session import OmeroServer
    from tests.real.omero.scenario import Left


class CannotPrepare(Exception):
    """This OMERO cannot be brought into such a state from outside; the text says why."""


class Driver(Protocol):
    """Groups and people are made once, images for each scenario."""

    #: what it drives, for people
    name: str
    #: where it listens
    server: OmeroServer
    #: its ``omero.data.dir``, where that can be read from here
    data_dir: Path | None

    async def begin(self) -> None:
        """Make groups, people and their sessions, or find them: before anything else."""

    def session_key(self, who: str, group: str) -> str:
        """The key of a session of that person, whose group is that one."""

    def group_id(self, group: str) -> int:
        """The group of that kind."""

    def user_id(self, who: str) -> int:
        """The person in that role."""

    async def new_image(self, group: str, owner: str) -> tuple[int, int]:
        """An image of 256 x 192, two channels, 8 bit, without settings: its id and that of its Pixels."""

    async def save(self, image: int, who: str, colour: str) -> None:
        """That person makes default settings if they have none, then saves: channel 0 alone, in that colour."""

    async def set_in_progress(self, image: int, *, in_progress: bool) -> None:
        """From here on OMERO takes the image for one whose pyramid is being made, or no longer. Or `CannotPrepare`."""

    async def newest_settings(self, image: int, who: str) -> int:
        """The id of that person's newest RenderingDef of the image; 0 if they have none."""

    async def left(self, images: Sequence[int]) -> list[Left]:
        """What there is of each image in the database."""

    async def events(self, who: str) -> int | None:
        """How many rows of the table `event` that person has; None where they are not counted."""

    async def close(self) -> None:
        """End what it started."""
