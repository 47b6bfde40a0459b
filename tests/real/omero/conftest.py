"""The OMEROs that the facts are tried on: both stand-ins, or the real one that `make omero-test` names."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.real.omero.all_drivers import EMBEDDED, STUBS
from tests.real.omero.site import Site, site_on
from tests.support.parts import require

#: set by `make omero-test`: host:port of a real OMERO that is meant for tests, and the file with its root's password
REAL = os.environ.get("OMERO_TEST")
_PASSWORD = os.environ.get("OMERO_TEST_ROOT_PASSWORD_FILE")
PASSWORD = Path(_PASSWORD) if _PASSWORD else None
#: its omero.data.dir, where its files can be read here
_DATA_DIR = os.environ.get("OMERO_TEST_DATA_DIR")
REAL_DATA_DIR = Path(_DATA_DIR) if _DATA_DIR else None


#: the embedded OMERO with its files in a folder that the service reads
_WITH_FILES = f"{EMBEDDED}, with its files"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[REAL] if REAL else [EMBEDDED, _WITH_FILES, STUBS])
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The service before an OMERO, with nothing believed (`cache.life: 0`)."""
    if request.param == STUBS:
        require("omero-py (Python 3.10)")
        require("glacier2router")
    folder = tmp_path_factory.mktemp("site")
    omero = EMBEDDED if request.param == _WITH_FILES else request.param
    data_dir = folder / "OMERO" if request.param == _WITH_FILES else REAL_DATA_DIR
    async with site_on(omero, folder, PASSWORD, data_dir) as running:
        yield running
