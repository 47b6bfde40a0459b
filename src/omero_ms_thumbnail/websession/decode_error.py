"""The one error of everything that reads a session's bytes."""

from __future__ import annotations


class SessionDecodeError(Exception):
    """A session's bytes cannot be read.

    reason is one of a few fixed words, for counting; the text says what was wrong, without any of the bytes.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
