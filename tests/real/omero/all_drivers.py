"""The driver for what OMERO=… names."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from tests.real.omero.embedded_driver import embedded_driver
from tests.real.omero.real_driver import real_driver
from tests.real.omero.stubs_driver import stubs_driver
from tests.support.parts import find

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.real.omero.drivers import Driver

EMBEDDED: Final = "embedded"
STUBS: Final = "stubs"

_OMERO_PY: Final = "omero-py (Python 3.10)"
_ROUTER: Final = "glacier2router"


class CannotDrive(Exception):
    """There is no such OMERO here; the text says what is missing."""


@asynccontextmanager
async def driving(
    omero: str, folder: Path, root_password_file: Path | None = None, data_dir: Path | None = None
) -> AsyncIterator[Driver]:
    """The driver of the embedded OMERO, of the stand-in on the official stubs, or of a real one at host:port.

    `data_dir` is where the first two keep their files, a new folder, and where a real one has them. Raises CannotDrive,
    ValueError for an address that is none, OSError where the password cannot be read.
    """
    driver = await _driver(omero, folder, root_password_file, data_dir)
    try:
        await driver.begin()
        yield driver
    finally:
        await driver.close()


async def _driver(omero: str, folder: Path, root_password_file: Path | None, data_dir: Path | None) -> Driver:
    if omero == EMBEDDED:
        return await embedded_driver(data_dir)
    if omero == STUBS:
        return await stubs_driver(_part(_OMERO_PY), _part(_ROUTER), folder, data_dir)
    if root_password_file is None:
        raise CannotDrive(f"OMERO={omero} needs ROOT_PASSWORD_FILE=, a file with the password of its root")
    return await real_driver(omero, _password(root_password_file), _part(_OMERO_PY), folder, data_dir)


def _password(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


def _part(name: str) -> Path:
    found = find(name)
    if found is None:
        raise CannotDrive(
            f"{name} is not on this machine; tests/real/conformance/make_venv.sh and CONTRIBUTING.md say how"
        )
    return found
