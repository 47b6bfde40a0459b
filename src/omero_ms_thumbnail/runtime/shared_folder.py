"""Where the processes of one service keep what they share: all that the service writes besides its log.

It needs no disk. Where the file system is read-only, as in a hardened container, what is left is shared memory.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

log: Final = logging.getLogger(__name__)

#: on Linux a file system in memory, which container run-times mount even where all else is read-only
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder made in it has a random name and is its owner's alone

_PREFIX: Final = "omero-ms-thumbnail-"


@contextlib.contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder of this service's own, removed at the end. Raises OSError where none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
    except OSError as error:
        log.debug("nothing can be written to the folder for temporary files: %s", error)
        folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=SHARED_MEMORY)
    with folder as name:
        yield Path(name)
