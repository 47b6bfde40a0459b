"""The files of thumbnails in a folder, where OMERO has them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from pathlib import Path


def thumbnail_path(row_id: int) -> str:
    """The path of a row's file below ``omero.data.dir``.

    Source: ``AbstractFileSystemService.getThumbnailPath`` of omero-romio: below a thousand there is no folder, from
    there on one for each three digits in front of the last three.
    """
    folders: list[str] = []
    remaining = row_id
    while remaining > 999:
        remaining //= 1000
        folders.insert(0, f"Dir-{remaining % 1000:03d}")
    return "/".join(["Thumbnails", *folders, str(row_id)])


def new_folder(data_dir: Path) -> ThumbnailFolder:
    """A folder for an OMERO that has no rows yet, made if it is not there.

    Raises ValueError where there are thumbnails in it, which would be taken for its own; OSError.
    """
    thumbnails = data_dir / "Thumbnails"
    thumbnails.mkdir(parents=True, exist_ok=True)
    if any(thumbnails.iterdir()):
        raise ValueError(f"{thumbnails} has files of another OMERO in it; name an empty folder, or a new one")
    return ThumbnailFolder(data_dir)


class ThumbnailFolder(MutableMapping[int, bytes]):
    """Files by the ids of their rows, below `data_dir`. They are written in place, as OMERO writes them."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._ids: dict[int, None] = {}

    def path(self, row_id: int) -> Path:
        """Where the file of a row is."""
        return self.data_dir / thumbnail_path(row_id)

    def __getitem__(self, row_id: int) -> bytes:
        try:
            return self.path(row_id).read_bytes()
        except FileNotFoundError:
            raise KeyError(row_id) from None

    def __setitem__(self, row_id: int, jpeg: bytes) -> None:
        path = self.path(row_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
        self._ids[row_id] = None

    def __delitem__(self, row_id: int) -> None:
        self._ids.pop(row_id, None)
        try:
            self.path(row_id).unlink()
        except FileNotFoundError:
            raise KeyError(row_id) from None

    def __contains__(self, row_id: object) -> bool:
        return isinstance(row_id, int) and self.path(row_id).exists()

    def __iter__(self) -> Iterator[int]:
        return (one for one in list(self._ids) if one in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
