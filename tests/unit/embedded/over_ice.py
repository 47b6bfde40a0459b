"""The embedded OMERO with plain test images, spoken to operation by operation with our own Ice client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.world import ROOT, SYSTEM_GROUP, USER_GROUP, Experimenter, Group, Image, World
from omero_ms_thumbnail.ice.references import ObjectPrx
from omero_ms_thumbnail.omero.rtypes import RInt
from omero_ms_thumbnail.omero.services import THUMBNAIL_STORE
from omero_ms_thumbnail.omero.session import GROUP, JoinedSession
from omero_ms_thumbnail.omero.stores import create_thumbnail_store
from tests.unit.embedded.two_channels import TwoChannels, in_one_colour
from tests.unit.omero.small_omero import server_of

LAB = 503
OWNER, MEMBER = 102, 103
SIZES = frozenset({"getThumbnailForSectionDirect", "getThumbnailForSectionByLongestSideDirect"})


def plain_world(permissions: str = "rwra--", images: int = 3) -> World:
    """A group with an owner of images and a member; nobody has looked at any."""
    groups = (
        Group(SYSTEM_GROUP, "system", "rw----"),
        Group(USER_GROUP, "user", "rwr---"),
        Group(LAB, "lab", permissions),
    )
    users = (
        Experimenter(ROOT, "root", "root", "secret", (SYSTEM_GROUP, USER_GROUP)),
        Experimenter(OWNER, "owner", "owner", "secret", (LAB, USER_GROUP)),
        Experimenter(MEMBER, "member", "member", "secret", (LAB, USER_GROUP)),
    )
    made = [Image(1001 + one, f"image {one}", 2001 + one, OWNER, LAB, TwoChannels(f"{one}")) for one in range(images)]
    return World(users, groups, made)


def save(omero: EmbeddedOmero, image: int, who: int, colour: str) -> None:
    """Somebody saves a colour."""
    omero.world.save_settings(omero.world.images[image], omero.world.users[who], in_one_colour(colour))


class RawStore:
    """A ThumbnailStore, called by the names of its operations with plain arguments."""

    def __init__(self, session: JoinedSession, proxy: ObjectPrx) -> None:
        self._session, self._proxy = session, proxy

    async def call(self, operation: str, *arguments: Any, context: dict[str, str] | None = None) -> Any:
        call = self.begin(operation, *arguments, context=context)
        await call.reply
        return call.result()

    def begin(self, operation: str, *arguments: Any, context: dict[str, str] | None = None) -> Any:
        """The call, on its way."""
        plain = {"setPixelsId", "setRenderingDefId"}
        given = [
            RInt(one)
            if isinstance(one, int) and operation not in plain and not (operation in SIZES and index < 2)
            else one
            for index, one in enumerate(arguments)
        ]
        context = {GROUP: str(LAB)} if context is None else context
        return self._session.calls.send(self._proxy, THUMBNAIL_STORE[operation], *given, context=context)


@contextlib.asynccontextmanager
async def started(world: World, **options: Any) -> AsyncIterator[EmbeddedOmero]:
    omero = EmbeddedOmero(world, **options)
    await omero.start()
    try:
        yield omero
    finally:
        await omero.close()


@contextlib.asynccontextmanager
async def joined(omero: EmbeddedOmero, who: int) -> AsyncIterator[JoinedSession]:
    key = omero.sessions.keep(omero.world.users[who]).key
    session = await JoinedSession.join(server_of(omero), key)
    try:
        yield session
    finally:
        await session.leave(5)


async def store_of(session: JoinedSession) -> RawStore:
    return RawStore(session, await create_thumbnail_store(session.calls))
