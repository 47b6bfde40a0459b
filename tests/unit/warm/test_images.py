"""Which images are in a container, asked of the embedded OMERO over Ice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.samples import sample_collection
from omero_embedded.sample_world import sample_world
from omero_ms_thumbnail.omero.images import NoSuchContainer, images_in, newest_images, readable_images
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer


@pytest.fixture
async def omero() -> AsyncIterator[EmbeddedOmero]:
    omero = EmbeddedOmero(sample_world(sample_collection()))
    await omero.start()
    yield omero
    await omero.close()


@pytest.fixture
async def session(omero: EmbeddedOmero) -> AsyncIterator[JoinedSession]:
    researcher = omero.world.user_named("researcher")
    assert researcher is not None
    key = omero.sessions.keep(researcher).key
    session = await JoinedSession.join(OmeroServer(omero.host, omero.tcp_port, None), key)
    yield session
    await session.leave(5)


async def test_images_of_each_kind(omero: EmbeddedOmero, session: JoinedSession) -> None:
    world = omero.world
    plate, dataset = world.plates[0], world.datasets[0]
    wells = sorted(plate.wells.values())
    assert await images_in(session, "Plate", plate.id) == wells
    assert await images_in(session, "Screen", 1) == wells
    assert await images_in(session, "Well", 1) == [plate.wells[min(plate.wells)]]
    assert await images_in(session, "Dataset", dataset.id) == sorted(dataset.images)
    project = await images_in(session, "Project", 1)
    assert set(dataset.images) < set(project)
    assert not set(project) & set(wells)


async def test_what_may_not_be_read_is_not_in_it(omero: EmbeddedOmero, session: JoinedSession) -> None:
    private = omero.world.datasets[1]
    with pytest.raises(NoSuchContainer, match="Dataset:2 does not exist, or the user may not read it"):
        await images_in(session, "Dataset", private.id)
    assert await readable_images(session, [*private.images]) == set()


async def test_newest(session: JoinedSession) -> None:
    newest = await newest_images(session, 3)
    assert len(newest) == 3
    assert newest == sorted(newest, reverse=True)
    assert await readable_images(session, newest) == set(newest)


async def test_end_on_leaving(omero: EmbeddedOmero) -> None:
    server = OmeroServer(omero.host, omero.tcp_port, None)
    lives_on = await JoinedSession.create(server, "researcher", "thumbnails")
    await lives_on.leave(5)
    assert len(omero.sessions) == 1
    ends = await JoinedSession.create(server, "researcher", "thumbnails")
    await ends.end_on_leaving()
    await ends.leave(5)
    assert len(omero.sessions) == 1
