"""The OMEROs that the facts are tried on: both stand-ins, or the real one that `make omero-test` names."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.parts import require
from tests.real.omero.all_drivers import EMBEDDED, STUBS
from tests.real.omero.site import Site, site_on

#: set by `make omero-test`: host:port of a real OMERO that is meant for tests, and the file with its root's password
REAL = os.environ.get("OMERO_TEST")
_PASSWORD = os.environ.get("OMERO_TEST_ROOT_PASSWORD_FILE")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[REAL] if REAL else [EMBEDDED, STUBS])
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The service before an OMERO, with nothing believed (`cache.life: 0`)."""
    if request.param == STUBS:
        require("omero-py (Python 3.10)")
        require("glacier2router")
    folder = tmp_path_factory.mktemp("site")
    async with site_on(request.param, folder, Path(_PASSWORD) if _PASSWORD else None) as running:
        yield running
