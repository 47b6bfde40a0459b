"""A configuration file and an environment out of any bytes; any exception but the one error gets out."""

from __future__ import annotations

import atexit
import contextlib
import tempfile
from pathlib import Path

from omero_ms_thumbnail.config import ConfigError, load_settings

_FOLDER = tempfile.TemporaryDirectory(prefix="any-configuration-")
atexit.register(_FOLDER.cleanup)

#: what stands between the file and the variables, one a line
SEPARATOR = b"\n---variables---\n"
PREFIX = "OMERO_MS_THUMBNAIL_"


def load_anything(data: bytes) -> None:
    """Load the settings; what is wrong with them is said in sentences that show no secret and stay short."""
    if b"/dev" in data or b"/proc" in data:
        # files that never end are an administrator's to name
        return
    document, _, rest = data.partition(SEPARATOR)
    file = Path(_FOLDER.name) / "config.yaml"
    file.write_bytes(document)
    variables = {}
    for line in rest.decode("latin-1").splitlines():
        name, _, value = line.partition("=")
        variables[PREFIX + name] = value
    with contextlib.suppress(ConfigError):
        load_settings(file, variables)
