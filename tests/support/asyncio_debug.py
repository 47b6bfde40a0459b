"""asyncio's debug mode for the tests of a package: its conftest imports the fixture."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture(autouse=True)
async def asyncio_debug_mode() -> None:
    """For the loop that the test will run in."""
    asyncio.get_running_loop().set_debug(True)
