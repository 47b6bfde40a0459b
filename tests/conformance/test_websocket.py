"""Ice over WebSocket through the real router, alone and with nginx in front of it."""

from __future__ import annotations

import pytest

from tests.conformance.harness import OmeroStandin
from tests.conformance.heart import assert_left_clean, heart_at, told


@pytest.mark.parametrize(("transport", "verify"), [("plain", False), ("adh", False), ("ca_signed", True)])
async def test_thumbnails_over_the_routers_own_websocket(
    transport: str, verify: bool, omero_standin: OmeroStandin
) -> None:
    router = await told(omero_standin.start_router, transport, websocket=True)
    async with heart_at(router, verify=verify) as heart:
        assert (await heart.get(11))["image"] == 11
        assert await heart.get_all(range(1000, 1050)) == list(range(1000, 1050))
    await assert_left_clean(omero_standin)
