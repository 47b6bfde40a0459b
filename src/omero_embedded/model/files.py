"""The files of thumbnails on OMERO's disk, by the ids of their rows; no part of any transaction."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

from .omero_errors import OmeroError, null_pointer


class ThumbnailService:
    """``ome.io.nio.ThumbnailService``; `files` may keep them in a folder."""

    def __init__(self, files: MutableMapping[int, bytes]) -> None:
        self._files = files

    def exists(self, row_id: int | None) -> bool:
        """Whether there is one."""
        return row_id is not None and row_id in self._files

    def read(self, row_id: int | None) -> bytes:
        """Its bytes. Raises ResourceError."""
        if row_id is None or row_id not in self._files:
            raise OmeroError("ResourceError", f"the file of thumbnail {row_id} could not be read")
        return self._files[row_id]

    def write(self, row_id: int | None, jpeg: bytes) -> None:
        """Write it, in place of what was there. Raises InternalException for a row that was not saved."""
        if row_id is None:
            raise null_pointer()
        self._files[row_id] = jpeg

    def remove(self, row_ids: Iterable[int]) -> None:
        """Delete them."""
        for row_id in row_ids:
            self._files.pop(row_id, None)
