"""Python's own unpickler, for pickles of plain operations, with nothing that it could find, call or compare for long.

What a pickle names is judged (`pickle_globals`) and becomes a class of no behaviour that was made for the name; what it
calls is one of these, which gives an inert instance whatever it is called with. Nothing is looked up or imported.
Tuples become ones that cannot be hashed, since those of chosen numbers all have one hash: a pickle that has them for
keys is read by `unpickling`, which bounds how many are compared.
"""

from __future__ import annotations

import io
import pickle
from functools import lru_cache
from typing import Any, Final

from omero_ms_thumbnail.websession import pickle_globals
from omero_ms_thumbnail.websession.collecting import without_collecting
from omero_ms_thumbnail.websession.pickle_types import INSTANCE_MAKERS, NESTED_NAME
from omero_ms_thumbnail.websession.placeholder import Placeholder

BINPERSID: Final = b"Q"
"""The operation that gives the value on top to `persistent_load`; it is put behind each that makes a tuple."""

_MAX_NAME: Final = 500
_MAX_NAMED: Final = 1_000
"""Names in one pickle. A pickler writes each once and then its number in the memo."""


def load(parts: list[bytes]) -> object:
    """The value that parts are the pickle of, which has plain operations only and BINPERSID behind its tuples.

    They are taken from the list, so as not to be in memory meanwhile.
    Raises any exception for a damaged pickle and one with something that is for `unpickling` to read or to refuse.
    """
    # one frame of all, so that it is read ahead at once
    parts.insert(0, b"\x95" + sum(map(len, parts)).to_bytes(8, "little"))
    data = io.BytesIO(b"".join(parts))
    parts.clear()
    unpickler = _Unpickler(data, encoding="utf-8")
    with without_collecting():
        return unpickler.load()


class _Tuple(tuple[object, ...]):
    """A tuple that is no key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


class _Inert(Placeholder):
    """What is made by calling a name: nothing but what state it was given. Subclasses have the name."""

    __slots__ = ()

    def __new__(cls, *_arguments: object, **_named: object) -> _Inert:
        made = object.__new__(cls)
        made.attributes = None
        return made

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) == 2:
            # The state of an instance that has both a __dict__ and __slots__.
            state = state[0]
        if isinstance(state, dict):
            self.attributes = state

    def extend(self, _items: object) -> None:
        """Items of a list that is no plain one."""

    append = add = extend

    def __setitem__(self, _key: object, _value: object) -> None:
        pass


class _Maker(_Inert):
    """A function of copyreg's that makes an instance of the class which it is called with."""

    __slots__ = ()

    def __new__(cls, *arguments: object, **_named: object) -> _Inert:  # type: ignore[misc]
        first = arguments[0] if arguments else None
        made = first if isinstance(first, type) and issubclass(first, _Inert) else cls
        return _Inert.__new__(made)


@lru_cache(256)
def _inert(name: str) -> type[_Inert]:
    return type("Inert", (_Maker if name in INSTANCE_MAKERS else _Inert,), {"__slots__": (), "name": name})


class _Unpickler(pickle.Unpickler):
    """Python's, which is given inert ones for all that is named."""

    persistent_load: Any = _Tuple
    _named = 0

    def find_class(self, module: str, name: str) -> type[_Inert]:
        full_name = f"{module}.{name}"
        self._named += 1
        if self._named > _MAX_NAMED or len(full_name) > _MAX_NAME or full_name in NESTED_NAME:
            raise pickle.UnpicklingError
        pickle_globals.judge(module, name)
        return _inert(full_name)
