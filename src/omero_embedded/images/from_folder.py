"""Pictures out of a user's folder: which files are taken, which are left out, and why."""

from __future__ import annotations

import logging
from pathlib import Path

from .picture import Picture
from .raster import RASTER_SUFFIXES, RasterPicture
from .tiff import TIFF_SUFFIXES, TiffPicture
from .unreadable import UnreadablePicture

_LOG = logging.getLogger(__name__)


class NoPictures(ValueError):
    """A folder that holds no picture that can be shown."""


def pictures_from_folder(path: Path | str, limit: int = 200) -> list[Picture]:
    """The PNG, JPEG, TIFF and OME-TIFF files that lie directly in a folder, in the order of their names.

    At most limit pictures are read; each keeps at most 512 x 512 bytes a channel in memory. A file that cannot be
    read, or is too large, is left out with one warning that names it and says why. Raises NoPictures if the folder
    does not exist or nothing in it can be shown.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise NoPictures(f"there is no folder {str(folder)!r}: name one that holds PNG, JPEG or TIFF files")
    files = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in RASTER_SUFFIXES | TIFF_SUFFIXES and not file.name.startswith(".")
    ]
    pictures: list[Picture] = []
    for position, file in enumerate(files):
        if len(pictures) == limit:
            _LOG.warning(
                "%s: showing the first %d pictures, leaving out %d more files", folder, limit, len(files) - position
            )
            break
        try:
            pictures.append(TiffPicture(file) if file.suffix.lower() in TIFF_SUFFIXES else RasterPicture(file))
        except UnreadablePicture as reason:
            _LOG.warning("left out %s: %s", file.name, reason)
    if not pictures:
        held = (
            f"none of its {len(files)} PNG, JPEG and TIFF files can be read"
            if files
            else "it holds no PNG, JPEG or TIFF file"
        )
        raise NoPictures(f"no pictures in the folder {str(folder)!r}: {held}")
    return pictures
