"""How class instances and user exceptions look in encoding 1.1: the bytes of their slices, and what is alike in many.

Source: "Data Encoding for Classes", "… for Exceptions", ZeroC Ice manual 3.7.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from .types import Sliced

ICE_OBJECT: Final = "::Ice::Object"

# the byte that opens a slice; plain integers, since operations on enumerations cost more than all the rest of reading
TYPE_ID_STRING: Final = 0x01
TYPE_ID_INDEX: Final = 0x02
TYPE_ID_COMPACT: Final = 0x03
OPTIONAL_MEMBERS: Final = 0x04
INDIRECTION_TABLE: Final = 0x08
SLICE_SIZE: Final = 0x10
LAST_SLICE: Final = 0x20

TYPE_ID_MASK: Final = 0x03
#: what stands behind the members of a slice that has one of these
TRAILING: Final = OPTIONAL_MEMBERS | INDIRECTION_TABLE | SLICE_SIZE
INLINE: Final = 1
FIRST_INDEX: Final = 2
OPTIONAL_END: Final = 0xFF
#: an index that takes one byte
INDEX_MAX: Final = 254


class NumberForm(NamedTuple):
    """How instances of one class that holds one number, such as OMERO's RLong, look in one message.

    Queries and their answers are made of thousands. In the compact format all of a class but the first look alike:
    `head`, the number, `tail`. What the first two took step by step, a form does for the others at once.
    """

    value_class: type[Sliced]
    member: str
    number: struct.Struct
    head: bytes
    tail: bytes


class TextForm(NamedTuple):
    """The same of a class that holds one text, such as OMERO's RString, when it is read."""

    value_class: type[Sliced]
    member: str
    head: bytes
    tail: bytes
