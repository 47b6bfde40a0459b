"""sdist and wheel have what they should and nothing else, and the wheel works where it is installed.

Not among the tests that `make test` collects: `make dist` builds them and runs this.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from omero_ms_thumbnail.version import VERSION
from tests.support.parts import ROOT
from tests.unit.distribution.built import check_demo, the, tracked

SERVICE = "src/omero_ms_thumbnail"
EMBEDDED = "src/omero_embedded"
CONF = ("config.yaml", "logging.yaml.example")


def test_the_wheel_has_the_package_and_the_example_configuration() -> None:
    data, info = f"omero_ms_thumbnail-{VERSION}.data", f"omero_ms_thumbnail-{VERSION}.dist-info"
    with ZipFile(the("*.whl")) as wheel:
        assert set(wheel.namelist()) == {
            *(path.removeprefix("src/") for path in tracked(SERVICE) | tracked(EMBEDDED)),
            *(f"{data}/data/share/omero-ms-thumbnail/conf/{name}" for name in CONF),
            *(f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt")),
            f"{info}/licenses/LICENSE",
        }
        metadata = message_from_bytes(wheel.read(f"{info}/METADATA"))
        assert b"Root-Is-Purelib: true" in wheel.read(f"{info}/WHEEL")
    assert (metadata["Name"], metadata["Version"]) == ("omero-ms-thumbnail", VERSION)
    assert metadata["License-Expression"] == "GPL-2.0-or-later"
    assert not {one for one in metadata.get_all("Requires-Dist") if "zeroc" in one or "omero" in one}


def test_the_wheel_has_types_and_the_gallery() -> None:
    assert {f"{SERVICE}/py.typed", f"{SERVICE}/web/urls.py"} <= tracked(SERVICE)
    assert {f"{EMBEDDED}/py.typed", f"{EMBEDDED}/gallery/index.html"} <= tracked(EMBEDDED)


def test_the_sdist_is_the_project() -> None:
    top = f"omero_ms_thumbnail-{VERSION}"
    with tarfile.open(the("*.tar.gz")) as archive:
        names = {member.name.removeprefix(f"{top}/") for member in archive.getmembers() if member.isfile()}
    made = {name for name in names if name in ("PKG-INFO", "setup.cfg") or ".egg-info/" in name}
    assert names - made == tracked()
    assert {"tests/conftest.py", "docs/index.md", "deploy/docker/Dockerfile", "conf/config.yaml"} <= names


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that was empty, with the wheel and nothing else, installed without a network."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "install", *options, the("*.whl")], check=True)
    return folder


def test_it_says_its_version_without_its_dependencies(installed: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [installed / "bin" / "omero-ms-thumbnail", "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout.strip(), said.stderr) == (0, VERSION, "")
    for name in CONF:
        there = installed / "share" / "omero-ms-thumbnail" / "conf" / name
        assert there.read_text() == (ROOT / "conf" / name).read_text()


def test_it_serves_the_demo(installed: Path) -> None:
    (packages,) = installed.glob("lib/python*/site-packages")
    # the dependencies are those of the environment that runs this; what the wheel brings comes first
    dependencies = Path(pytest.__file__).parent.parent
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    where = subprocess.run(
        [installed / "bin" / "python", "-c", "import omero_ms_thumbnail; print(omero_ms_thumbnail.__file__)"],
        cwd=installed, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(installed)
    check_demo([str(installed / "bin" / "omero-ms-thumbnail")])
