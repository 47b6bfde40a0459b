"""The operations of pickles of protocols 0 to 5, by their bytes, as what they do to the machine."""

from __future__ import annotations

import struct
from sys import getsizeof
from typing import TYPE_CHECKING

from . import pickle_bytes, pickle_globals
from .decode_error import SessionDecodeError
from .pickle_bytes import PickleBytes, damaged
from .pickle_costs import (
    DICT,
    DUPLICATE,
    INSTANCE,
    ITEM,
    LIST,
    MEMBER,
    NAMED,
    SET,
)
from .pickle_machine import Machine, named
from .placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Callable

_HIGHEST_PROTOCOL = 5


def _discard_to_mark(machine: Machine) -> None:
    machine.pop_to_mark()


def _global(machine: Machine) -> None:
    module = machine.bytes.name()
    machine.push_new(named(module, machine.bytes.name()), NAMED)


def _stack_global(machine: Machine) -> None:
    name = machine.stack.pop()
    module = machine.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise damaged("a name is not text")
    machine.push_new(named(module, name), NAMED)


def _extension(machine: Machine) -> None:
    # What the code stands for is in a registry of each process's own, and can be anything.
    raise pickle_globals.refused("a number of copyreg's registry of extensions")


def _persistent_id(machine: Machine) -> None:
    machine.bytes.line()
    machine.push_new(Placeholder("persistent id"), INSTANCE)


def _binary_persistent_id(machine: Machine) -> None:
    machine.stack.pop()
    machine.push_new(Placeholder("persistent id"), INSTANCE)


def _inst(machine: Machine) -> None:
    module = machine.bytes.name()
    name = machine.bytes.name()
    machine.charge(NAMED)
    machine.instance(named(module, name), tuple(machine.pop_to_mark()))


def _obj(machine: Machine) -> None:
    made_by, *arguments = machine.pop_to_mark() or [None]
    machine.instance(made_by, tuple(arguments))


def _reduce(machine: Machine) -> None:
    arguments = machine.stack.pop()
    machine.instance(machine.stack.pop(), arguments)


def _newobj_ex(machine: Machine) -> None:
    machine.stack.pop()
    _reduce(machine)


def _protocol(machine: Machine) -> None:
    if machine.bytes.byte() > _HIGHEST_PROTOCOL:
        raise SessionDecodeError("pickle-protocol", "its pickle is of a protocol newer than 5")


def _frame(machine: Machine) -> None:
    # A frame is a hint how much to read ahead; everything has been read already.
    if machine.bytes.integer(8) > machine.bytes.remaining:
        raise damaged("it is cut off")


def _tuple_of(count: int) -> Callable[[Machine], None]:
    def build(machine: Machine) -> None:
        if len(machine.stack) < count:
            raise damaged("a tuple lacks an item")
        items = machine.stack[-count:]
        del machine.stack[-count:]
        machine.push_new(tuple(items), LIST + ITEM * count)

    return build


def _tuple_of_items(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.push_new(tuple(items), LIST + ITEM * len(items))


def _dict_of_items(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.push_new({}, DICT)
    machine.set_items(items)


def _frozen_set(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.charge(SET + MEMBER * len(items))
    machine.push(frozenset({*machine.keys.members(items, 0)}))


def _out_of_band(machine: Machine) -> None:
    raise damaged("it refers to a buffer outside itself")


def _literal(read: Callable[[PickleBytes], object]) -> Callable[[Machine], None]:
    def push(machine: Machine) -> None:
        value = read(machine.bytes)
        machine.push_new(value, getsizeof(value))

    return push


def _double(data: PickleBytes) -> float:
    value: float = struct.unpack(">d", data.take(8))[0]
    return value


_LITERALS: dict[bytes, Callable[[PickleBytes], object]] = {
    b"I": lambda data: pickle_bytes.decimal_or_bool(data.line()),
    b"L": lambda data: pickle_bytes.long_decimal(data.line()),
    b"\x8a": lambda data: pickle_bytes.twos_complement(data.counted(1)),
    b"\x8b": lambda data: pickle_bytes.twos_complement(data.counted(4, signed=True)),
    b"F": lambda data: float(data.line()),
    b"G": _double,
    b"S": lambda data: pickle_bytes.python2_text(pickle_bytes.quoted(data.line())),
    b"T": lambda data: pickle_bytes.python2_text(data.counted(4, signed=True)),
    b"U": lambda data: pickle_bytes.python2_text(data.counted(1)),
    b"V": lambda data: pickle_bytes.raw_unicode_escape(data.line()),
    b"\x8d": lambda data: pickle_bytes.utf8(data.counted(8)),
    b"B": lambda data: data.counted(4),
    b"C": lambda data: data.counted(1),
    b"\x8e": lambda data: data.counted(8),
    b"\x96": lambda data: bytearray(data.counted(8)),
    b"\x8f": lambda _: set(),
}

_EFFECTS: dict[bytes, Callable[[Machine], None]] = {
    # stack
    b"(": Machine.too_deep,
    b"0": Machine.pop,
    b"1": _discard_to_mark,
    b"2": lambda machine: machine.push_new(machine.stack[-1], DUPLICATE),
    # memo
    b"p": lambda machine: machine.put(pickle_bytes.decimal(machine.bytes.line())),
    b"q": lambda machine: machine.put(machine.bytes.byte()),
    b"r": lambda machine: machine.put(machine.bytes.integer(4)),
    b"\x94": lambda machine: machine.put(len(machine.memo)),
    b"g": lambda machine: machine.push_new(machine.memo.get(pickle_bytes.decimal(machine.bytes.line())), ITEM),
    b"h": lambda machine: machine.push_new(machine.memo.get(machine.bytes.byte()), ITEM),
    b"j": lambda machine: machine.push_new(machine.memo.get(machine.bytes.integer(4)), ITEM),
    # containers
    b"a": lambda machine: machine.append([machine.stack.pop()]),
    b"e": lambda machine: machine.append(machine.pop_to_mark()),
    b"s": Machine.set_item,
    b"u": lambda machine: machine.set_items(machine.pop_to_mark()),
    b"\x90": lambda machine: machine.add(machine.pop_to_mark()),
    b"l": lambda machine: machine.push_new(machine.pop_to_mark(), LIST),
    b"d": _dict_of_items,
    b"t": _tuple_of_items,
    b"\x91": _frozen_set,
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    # names, calls and instances
    b"c": _global,
    b"\x93": _stack_global,
    b"\x82": _extension,
    b"\x83": _extension,
    b"\x84": _extension,
    b"P": _persistent_id,
    b"Q": _binary_persistent_id,
    b"R": _reduce,
    b"i": _inst,
    b"o": _obj,
    b"\x81": _reduce,  # NEWOBJ: the same operands
    b"\x92": _newobj_ex,
    b"b": Machine.build,
    # transport
    b"\x80": _protocol,
    b"\x95": _frame,
    b"\x97": _out_of_band,
    b"\x98": _out_of_band,
}

OPERATIONS: dict[int, Callable[[Machine], None]] = {
    **{code[0]: _literal(read) for code, read in _LITERALS.items()},
    **{code[0]: effect for code, effect in _EFFECTS.items()},
}
