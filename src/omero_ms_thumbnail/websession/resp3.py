"""RESP3, as much of it as a connection needs that only listens: commands out, replies and pushes in.

The format is that of Redis's protocol specification (RESP3). Knows bytes, not what they are for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

_LINE_KINDS = frozenset(b"+-:_,#(")
_BULK_KINDS = frozenset(b"$!=")
_AGGREGATE_KINDS = frozenset(b"*~>")
_MAP_KINDS = frozenset(b"%|")

# Bounds far above what Redis sends here: the longest is a batch of invalidated keys.
_MAX_BULK = 1024 * 1024
_MAX_ITEMS = 100_000
_MAX_DEPTH = 8


class NotResp3(Exception):
    """What came is no RESP3."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply; code is its first word."""

    code: str


@dataclass(frozen=True, slots=True)
class Push:
    """What Redis sends without having been asked."""

    items: list[object]


def command(*words: bytes) -> bytes:
    """A command as Redis reads it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


async def read_reply(reader: asyncio.StreamReader, depth: int = 0) -> object:
    """The next reply or push: bytes, None, `Refusal`, `Push`, or a list (of a map: its keys and values in turn).

    Numbers stay text. Raises `NotResp3`, or EOFError (asyncio.IncompleteReadError) where the connection ends.
    """
    line = await _line(reader)
    kind, rest = line[0], line[1:]
    if kind in _LINE_KINDS:
        if kind == ord("-"):
            return Refusal(rest.split(b" ", 1)[0].decode("ascii", "replace"))
        return None if kind == ord("_") else rest
    count = _count(rest)
    if kind in _BULK_KINDS:
        if count < 0:
            return None
        if count > _MAX_BULK:
            raise NotResp3("a text is too long")
        return (await reader.readexactly(count + 2))[:-2]
    if kind not in _AGGREGATE_KINDS | _MAP_KINDS or depth >= _MAX_DEPTH or count > _MAX_ITEMS:
        raise NotResp3("a reply is of no known kind, or too large")
    if count < 0:
        return None
    items = [await read_reply(reader, depth + 1) for _ in _places(kind, count)]
    return Push(items) if kind == ord(">") else items


def _places(kind: int, count: int) -> Iterable[int]:
    return range(2 * count if kind in _MAP_KINDS else count)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\r\n")
    except ValueError:
        raise NotResp3("a line does not end") from None
    if len(line) < 3:
        raise NotResp3("a line is empty")
    return line[:-2]


def _count(text: bytes) -> int:
    if not text.removeprefix(b"-").isdigit() or len(text) > 10:
        raise NotResp3("a length is not a number")
    return int(text)
