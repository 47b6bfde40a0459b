"""One value as an administrator gave it, before it is checked: for which key, where, and from which file."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from .config_error import InvalidValueError

#: a key's full name, and which of its block's repetitions it stands in (0 where there is one)
Place = tuple[str, int]

_VALUE_FILE_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and its origin. ``base`` is the folder that relative paths in it start from."""

    where: str
    name: str
    value: object = field(repr=False)
    base: Path = field(default_factory=Path)
    #: the value is the path of a file that holds the value proper
    is_file: bool = False

    @property
    def label(self) -> str:
        """How a sentence about this value begins."""
        return f"{self.where}: {self.name}"


def from_file(entry: Entry) -> tuple[Entry, str | None]:
    """The entry with the text of the file it names, and a warning where every user can read that file.

    White space around the text is dropped, as OMERO.web does with its `var/django_secret_key`. Raises
    `InvalidValueError` where the file cannot be read, is empty, or is far too large to be a value.
    """
    if not isinstance(entry.value, str) or not entry.value.strip() or "\0" in entry.value:
        raise InvalidValueError("the value is not the path of a file")
    path = entry.base / entry.value
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            text = file.read(_VALUE_FILE_MAX + 1).decode().strip()
    except UnicodeDecodeError:
        raise InvalidValueError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidValueError(f"{path} cannot be read ({reason}); name a file that this user may read") from None
    if not text:
        raise InvalidValueError(f"{path} is empty; write the value into it")
    if len(text) > _VALUE_FILE_MAX:
        raise InvalidValueError(f"{path} is larger than {_VALUE_FILE_MAX} bytes; name a file that holds the value only")
    warning = None
    if mode & stat.S_IROTH:
        warning = f"{entry.label}: every user of this machine can read {path}; run chmod o-r on it"
    return replace(entry, value=text), warning
