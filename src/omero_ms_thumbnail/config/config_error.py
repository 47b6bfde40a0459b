"""What goes wrong with a configuration, in sentences for the administrator who has to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ConfigError(Exception):
    """The configuration cannot be used. ``str()`` has one sentence a line, each naming the place and the fix.

    No sentence holds the value of a secret.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class InvalidValueError(ValueError):
    """A value is not what its key takes.

    ``reason`` is a clause to follow the key's name; without one, the reader of the value says that it is not of
    the expected kind. A reason never quotes a value, because the value may be a secret.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or "")
        self.reason = reason
