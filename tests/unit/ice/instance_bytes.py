"""Class instances and exceptions put together byte by byte, right and wrong, as no writer of ours would."""

from __future__ import annotations

from omero_ms_thumbnail.ice.streams import OutputStream

# the byte that opens a slice of encoding 1.1
ID_STRING, ID_INDEX, ID_COMPACT, OPTIONALS, TABLE, SIZE, LAST = 1, 2, 3, 4, 8, 16, 32


def text(value: str) -> bytes:
    out = OutputStream()
    out.write_string(value)
    return bytes(out.buffer)


def number(value: int) -> bytes:
    return value.to_bytes(4, "little", signed=True)


def sized(content: bytes, lie: int = 0) -> bytes:
    """A slice's size, which counts itself, and its content."""
    return number(4 + len(content) + lie) + content


def slice_1_1(flags: int, type_id: str | bytes, members: bytes, *, lie: int = 0, table: bytes = b"") -> bytes:
    """One slice of encoding 1.1; `table` is what follows it, with its count."""
    name = type_id if isinstance(type_id, bytes) else text(type_id)
    return bytes([flags]) + name + (sized(members, lie) if flags & SIZE else members) + table


def slice_1_0(type_id: str, members: bytes) -> bytes:
    """One slice of an instance in encoding 1.0, which only who means harm sends."""
    return b"\x00" + text(type_id) + sized(members)
