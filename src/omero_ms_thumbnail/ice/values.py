"""How Slice classes and user exceptions are declared here.

A declaration is a Python class with a Slice type id and the members that its own slice adds; its Python bases are its
Slice bases. Whoever reads a type id finds the class in `known`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from .errors import shortened
from .types import Members


class Sliced:
    """What Slice classes and exceptions have in common: a type id and the members that their own slice adds."""

    ICE_ID: ClassVar[str] = ""
    MEMBERS: ClassVar[Members] = ()
    slices: ClassVar[tuple[type[Sliced], ...]] = ()
    #: name and wire form of the only member, where that is a number in the class's own slice
    LONE_NUMBER: ClassVar[tuple[str, struct.Struct] | None] = None
    known: ClassVar[dict[str, type[Sliced]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "ICE_ID" in cls.__dict__:
            # the Python base classes repeat the Slice ones, so their slices are found there
            cls.slices = tuple(base for base in cls.__mro__ if base.__dict__.get("ICE_ID"))
            cls.known[cls.ICE_ID] = cls
            cls.LONE_NUMBER = _number_of(cls)


def _number_of(sliced: type[Sliced]) -> tuple[str, struct.Struct] | None:
    own, *bases = sliced.slices
    if len(own.MEMBERS) != 1 or any(base.MEMBERS for base in bases):
        return None
    ((name, kind),) = own.MEMBERS
    return (name, kind.number) if kind.number is not None else None


class Value(Sliced):
    """Base of Slice classes. A subclass sets `ICE_ID` and the `MEMBERS` that it adds to its base's."""

    known: ClassVar[dict[str, type[Sliced]]] = {}


class UserException(Sliced, Exception):
    """Base of what operations throw. A subclass sets `ICE_ID` and the `MEMBERS` that it adds to its base's."""

    known: ClassVar[dict[str, type[Sliced]]] = {}

    def __init__(self, **members: object) -> None:
        super().__init__()
        for base in self.slices:
            for name, _ in base.MEMBERS:
                setattr(self, name, members.pop(name, None))
        if members:
            raise TypeError(f"{type(self).__name__} has no members {sorted(members)}")

    @property
    def sentence(self) -> str:
        """What a log may say of it beside its type: nothing unless a class says otherwise.

        Members are a peer's own words, which may quote what it was sent, a password or a session's key among it.
        """
        return ""

    def __str__(self) -> str:
        text = self.sentence
        return f"{self.ICE_ID.removeprefix('::').replace('::', '.')}{f': {shortened(text)}' if text else ''}"
