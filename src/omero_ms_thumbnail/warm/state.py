"""Which images are done, in a file: a JSON object on the first line says of what, then one image id a line.

An id is written when OMERO has given the thumbnail. A line that a crash cut off is not believed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO


class StateUnusable(Exception):
    """The file cannot be used; the text says why and what to do."""


class WarmState:
    """The images that are done; without a path they are known in memory only."""

    def __init__(self, path: Path | None, *, omero: str, size: int, server: int | None = None) -> None:
        """Read the file, or begin it. `server` is the number of the OMERO, of several. Raises StateUnusable."""
        self.path = path
        self._done: set[int] = set()
        self._file: TextIO | None = None
        if path is None:
            return
        header: dict[str, object] = {"omero": omero, "size": size}
        if server is not None:
            header["server"] = server
        try:
            self._file = path.open("a+", encoding="ascii")
            self._file.seek(0)
            text = self._file.read()
            if text:
                self._read(path, text, header)
                self._write("" if text.endswith("\n") else "\n")
            else:
                self._write(f"{json.dumps(header)}\n")
        except (OSError, UnicodeDecodeError) as error:
            self.close()
            raise StateUnusable(f"--state {path}: {getattr(error, 'strerror', None) or 'it is not text'}") from error

    def __contains__(self, image_id: int) -> bool:
        return image_id in self._done

    def add(self, image_ids: Iterable[int]) -> None:
        """Those are done. Raises StateUnusable if that cannot be written."""
        ids = [one for one in image_ids if one not in self._done]
        self._done.update(ids)
        self._write("".join(f"{one}\n" for one in ids))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, path: Path, text: str, header: dict[str, object]) -> None:
        first, *lines = text.split("\n")[:-1] or [text]
        try:
            found = json.loads(first)
        except ValueError:
            found = None
        if not isinstance(found, dict) or "omero" not in found:
            self.close()
            raise StateUnusable(f"--state {path} is not a file of this command: name another one")
        if found != header:
            self.close()
            raise StateUnusable(f"--state {path} is about {_about(found)}, not {_about(header)}: name another file")
        self._done.update(int(line) for line in lines if line.isdigit())

    def _write(self, text: str) -> None:
        if self._file is None or not text:
            return
        try:
            self._file.write(text)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StateUnusable(f"--state {self.path} cannot be written: {error.strerror}") from error


def _about(header: dict[str, object]) -> str:
    server = header.get("server")
    which = f" (server {server})" if server is not None else ""
    return f"size {header.get('size')} at {header['omero']}{which}"
