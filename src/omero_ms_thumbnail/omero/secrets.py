"""Keeping a session's key out of what OMERO says: exceptions may quote it, and what they say is logged and shown."""

from __future__ import annotations

from typing import Final

#: in its place
_LEFT_OUT: Final = "<session key>"


def redact(key: str, error: Exception) -> None:
    """Take `key` out of every text that `error` has, be it a member of OMERO's or a sentence of Ice's."""
    if not key:
        return
    for name, value in vars(error).items():
        if isinstance(value, str) and key in value:
            setattr(error, name, value.replace(key, _LEFT_OUT))
    if any(isinstance(one, str) and key in one for one in error.args):
        error.args = tuple(one.replace(key, _LEFT_OUT) if isinstance(one, str) else one for one in error.args)
