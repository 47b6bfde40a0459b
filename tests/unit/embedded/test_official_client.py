"""omero-py's own client against the embedded OMERO: what it gets must be what a real OMERO would give."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.samples import sample_collection
from omero_embedded.sample_world import sample_world
from tests.real.conformance.conftest import official_client  # noqa: F401 - a fixture
from tests.real.conformance.harness import OfficialClient, surprises, tour


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
async def test_tour(official_client: OfficialClient, secure: bool) -> None:  # noqa: F811
    omero = EmbeddedOmero(sample_world(sample_collection()))
    await omero.start()
    try:
        researcher = omero.world.user_named("researcher")
        assert researcher is not None
        key = omero.sessions.keep(researcher).key
        datasets = {dataset.name: dataset for dataset in omero.world.datasets}
        images = [omero.world.images[number] for number in datasets["Time series and Z-stacks"].images]
        with_settings = [image for image in images if image.rendering_defs and image.picture.size_z > 1][:2]
        steps = tour(
            key=key,
            name="researcher",
            password="thumbnails",
            images=[image.id for image in with_settings],
            missing_image=9_999_999,
            rendering_def=with_settings[0].rendering_defs[0].id,
            missing_rendering_def=9_999_999,
            group=researcher.groups[0],
        )
        port = omero.ssl_port if secure else omero.tcp_port
        results: list[dict[str, Any]] = await asyncio.to_thread(
            official_client.run, omero.host, port, steps, secure=secure, anonymous=secure
        )
        assert surprises(steps, results) == []
        assert omero.sessions.find(key) is not None
        assert omero.omero.stores_created == omero.omero.stores_closed == 1
        assert omero.omero.stores_overlapping == 0
    finally:
        await omero.close()
