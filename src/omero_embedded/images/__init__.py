"""Pictures that the embedded OMERO shows: samples drawn by formula, or a user's own folder.

This file alone knows that NumPy, Pillow and tifffile come with an extra and may be missing: it can be imported
without them, the modules beside it cannot.
"""

from __future__ import annotations

from importlib.util import find_spec

_LIBRARIES = {"numpy": "NumPy", "PIL": "Pillow", "tifffile": "tifffile"}


class ImageLibrariesMissing(RuntimeError):
    """The libraries that draw and read pictures are not installed."""


def require_image_libraries() -> None:
    """Make sure that the modules of this package can be imported.

    Raises ImageLibrariesMissing, with the command that installs them, if any is not there.
    """
    missing = [name for module, name in _LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise ImageLibrariesMissing(
            f"the embedded OMERO needs {', '.join(missing)} for its pictures: pip install 'omero-ms-thumbnail[demo]'"
        )
