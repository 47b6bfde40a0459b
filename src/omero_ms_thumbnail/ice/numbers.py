"""Instances of classes that hold one number, such as OMERO's RLong: queries and their answers are made of thousands.

In the compact format of encoding 1.1 all of a class but the first look alike: the same bytes before and behind the
number. What the first two took step by step, a `Form` does for the others at once.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from .values import Sliced

#: bytes before the number: that the instance stands here, that its type has an index, and the index
HEAD_SIZE: Final = 3

#: an index that takes one byte
INDEX_MAX: Final = 254


class Form(NamedTuple):
    """How instances of one class look, in one message: `head`, the number, `tail`."""

    value_class: type[Sliced]
    member: str
    number: struct.Struct
    head: bytes
    tail: bytes
