"""Reads pickles without running them: a stack machine that knows plain data only.

A pickle is a program. Python's own unpickler runs it: it imports the modules the program names and calls what it finds
there, so whoever can write one value into the cache can run code in every process that reads it. This machine has no
instruction that imports, looks up or calls anything. What a program names becomes a `Placeholder`, unless
`pickle_globals` refuses the name and the pickle with it; calling it, making an instance of it or giving it a state
moves values about on the stack and does nothing else.

Understood are all operations of protocols 0 to 5, written by Python 2 and 3, but for the out-of-band buffers that need
a second channel and for copyreg's extension codes, which nobody but the writing process can tell the meaning of. Where
Python would have built something out of plain data by a call (set, frozenset, bytearray and bytes in old protocols,
OrderedDict, datetime, Decimal, UUID in all) there is a placeholder.

Time and memory are linear in the size of the pickle: one operation adds at most one value, no operation copies a
value, and no key can be expensive to hash (`_as_key`). No step recurses, so depth costs nothing either.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from omero_ms_thumbnail.websession import pickle_bytes, pickle_globals
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.pickle_bytes import PickleBytes, damaged
from omero_ms_thumbnail.websession.placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Callable

    from omero_ms_thumbnail.websession.limits import Limits

_HIGHEST_PROTOCOL = 5
_STOP = ord(".")

# Functions that make an instance of the class they are called with (module names of Python 3 and of Python 2).
_INSTANCE_MAKERS = frozenset(
    f"{module}.{function}"
    for module in ("copyreg", "copy_reg")
    for function in ("_reconstructor", "__newobj__", "__newobj_ex__")
)

# Names are put together anew each time, of two texts that the memo may hold only once.
_MAX_NAME = 500

# What is beyond these is no key of a session, and would let a pickle choose how long it takes to find a place for it: a
# tuple's hash is computed anew each time, an integer's is its remainder, which collides at will, and text that is equal
# but not the same is compared to its end each time.
_MAX_KEY_TEXT = 1000
_MAX_KEY_TUPLE = 16
_MAX_KEY_INTEGER = 2**64


def loads(data: bytes, limits: Limits) -> object:
    """The value that the whole of data is the pickle of.

    Raises `SessionDecodeError` if the pickle is damaged, cut off, followed by anything or exceeds a limit.
    """
    # Text of protocol 0 is undone escape by escape, which is the one thing here that one operation does often.
    if data.count(b"\\") > limits.values:
        raise SessionDecodeError("too-large", f"its pickle has more than {limits.values} escapes")
    try:
        return _Machine(data, limits).run()
    except (IndexError, KeyError):
        raise damaged("an operation lacks its operand") from None
    except ValueError:
        # Numbers and text that do not parse; without the cause, as it carries the bytes.
        raise damaged("a literal cannot be read") from None


class _Machine:
    """The state of one run: the stack, the stacks that MARK set aside, and the memo."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.bytes = PickleBytes(data)
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}
        self._marked: list[list[object]] = []
        self._limits = limits

    def run(self) -> object:
        for _ in range(self._limits.values):
            code = self.bytes.byte()
            if code == _STOP:
                return self._result()
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise damaged("it has an operation that does not exist")
            operation(self)
        raise SessionDecodeError("too-large", f"its pickle has more than {self._limits.values} operations")

    def _result(self) -> object:
        result = self.stack.pop()
        if self.stack or self._marked:
            raise damaged("it ends in the middle of a value")
        if self.bytes.remaining:
            raise damaged("something follows its end")
        return result

    def push(self, value: object) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        if len(self._marked) >= self._limits.depth:
            raise SessionDecodeError("too-large", f"its pickle nests more than {self._limits.depth} deep")
        self._marked.append(self.stack)
        self.stack = []

    def pop_to_mark(self) -> list[object]:
        items = self.stack
        self.stack = self._marked.pop()
        return items

    def pop(self) -> None:
        # A MARK can be popped as if it were a value.
        if self.stack:
            self.stack.pop()
        else:
            self.pop_to_mark()

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def append(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Placeholder):
            raise damaged("it appends to something else than a list")

    def add(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(map(_as_key, items))
        elif not isinstance(target, Placeholder):
            raise damaged("it adds to something else than a set")

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(_pairs(items))
        elif not isinstance(target, Placeholder):
            raise damaged("it sets items of something else than a dict")

    def set_item(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self.set_items([key, value])

    def instance(self, made_by: object, arguments: object) -> None:
        """Push what REDUCE, NEWOBJ, INST and their like would have made."""
        if not isinstance(made_by, Placeholder):
            raise damaged("it calls a value")
        name = made_by.name
        if name in pickle_globals.NESTED_NAME:
            self.push(_nested(name, arguments))
            return
        if name in _INSTANCE_MAKERS and isinstance(arguments, tuple) and arguments:
            first = arguments[0]
            name = first.name if isinstance(first, Placeholder) else name
        self.push(Placeholder(name))

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, Placeholder):
            raise damaged("it gives a state to a value")
        if isinstance(state, tuple) and len(state) == 2:
            # The state of an instance that has both a __dict__ and __slots__.
            state = state[0]
        if isinstance(state, dict):
            target.attributes = state


def _pairs(items: list[object]) -> dict[object, object]:
    if len(items) % 2:
        raise damaged("a key has no value")
    return dict(zip(map(_as_key, items[::2]), items[1::2], strict=True))


def _as_key(value: object) -> object:
    """The value as a key of a dict or a member of a set; a placeholder if hashing it is not certain to be cheap."""
    if isinstance(value, (list, dict, set, bytearray)):
        raise damaged("a key can change")
    if isinstance(value, tuple):
        cheap = len(value) <= _MAX_KEY_TUPLE and all(map(_is_cheap_key, value))
    else:
        cheap = _is_cheap_key(value)
    return value if cheap else Placeholder("key")


def _is_cheap_key(value: object) -> bool:
    if isinstance(value, int):
        return -_MAX_KEY_INTEGER < value < _MAX_KEY_INTEGER
    if isinstance(value, (str, bytes)):
        return len(value) <= _MAX_KEY_TEXT
    return value is None or isinstance(value, (float, Placeholder))


def _discard_to_mark(machine: _Machine) -> None:
    machine.pop_to_mark()


def _global(machine: _Machine) -> None:
    module = machine.bytes.name()
    machine.push(_named(module, machine.bytes.name()))


def _stack_global(machine: _Machine) -> None:
    name = machine.stack.pop()
    module = machine.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise damaged("a name is not text")
    machine.push(_named(module, name))


def _named(module: str, name: str) -> Placeholder:
    if len(module) + len(name) > _MAX_NAME:
        raise damaged("a name is too long")
    pickle_globals.judge(module, name)
    return Placeholder(f"{module}.{name}")


def _nested(getattr_name: str, arguments: object) -> Placeholder:
    match arguments:
        case (Placeholder(name=owner), str() as name):
            module, _, last = owner.rpartition(".")
            return _named(module, f"{last}.{name}")
        case _:
            raise pickle_globals.refused(getattr_name)


def _extension(machine: _Machine) -> None:
    # What the code stands for is in a registry of each process's own, and can be anything.
    raise pickle_globals.refused("a number of copyreg's registry of extensions")


def _persistent_id(machine: _Machine) -> None:
    machine.bytes.line()
    machine.push(Placeholder("persistent id"))


def _binary_persistent_id(machine: _Machine) -> None:
    machine.stack.pop()
    machine.push(Placeholder("persistent id"))


def _inst(machine: _Machine) -> None:
    module = machine.bytes.name()
    name = machine.bytes.name()
    machine.instance(_named(module, name), tuple(machine.pop_to_mark()))


def _obj(machine: _Machine) -> None:
    made_by, *arguments = machine.pop_to_mark() or [None]
    machine.instance(made_by, tuple(arguments))


def _reduce(machine: _Machine) -> None:
    arguments = machine.stack.pop()
    machine.instance(machine.stack.pop(), arguments)


def _newobj_ex(machine: _Machine) -> None:
    machine.stack.pop()
    _reduce(machine)


def _protocol(machine: _Machine) -> None:
    if machine.bytes.byte() > _HIGHEST_PROTOCOL:
        raise SessionDecodeError("pickle-protocol", "its pickle is of a protocol newer than 5")


def _frame(machine: _Machine) -> None:
    # A frame is a hint how much to read ahead; everything has been read already.
    if machine.bytes.integer(8) > machine.bytes.remaining:
        raise damaged("it is cut off")


def _tuple_of(count: int) -> Callable[[_Machine], None]:
    def build(machine: _Machine) -> None:
        if len(machine.stack) < count:
            raise damaged("a tuple lacks an item")
        items = machine.stack[-count:]
        del machine.stack[-count:]
        machine.push(tuple(items))

    return build


def _out_of_band(machine: _Machine) -> None:
    raise damaged("it refers to a buffer outside itself")


def _literal(read: Callable[[PickleBytes], object]) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(read(machine.bytes))


def _double(data: PickleBytes) -> float:
    value: float = struct.unpack(">d", data.take(8))[0]
    return value


_LITERALS: dict[bytes, Callable[[PickleBytes], object]] = {
    b"N": lambda _: None,
    b"\x88": lambda _: True,
    b"\x89": lambda _: False,
    b"I": lambda data: pickle_bytes.decimal_or_bool(data.line()),
    b"J": lambda data: data.integer(4, signed=True),
    b"K": lambda data: data.byte(),
    b"M": lambda data: data.integer(2),
    b"L": lambda data: pickle_bytes.long_decimal(data.line()),
    b"\x8a": lambda data: pickle_bytes.twos_complement(data.counted(1)),
    b"\x8b": lambda data: pickle_bytes.twos_complement(data.counted(4, signed=True)),
    b"F": lambda data: float(data.line()),
    b"G": _double,
    b"S": lambda data: pickle_bytes.python2_text(pickle_bytes.quoted(data.line())),
    b"T": lambda data: pickle_bytes.python2_text(data.counted(4, signed=True)),
    b"U": lambda data: pickle_bytes.python2_text(data.counted(1)),
    b"V": lambda data: pickle_bytes.raw_unicode_escape(data.line()),
    b"X": lambda data: pickle_bytes.utf8(data.counted(4)),
    b"\x8c": lambda data: pickle_bytes.utf8(data.counted(1)),
    b"\x8d": lambda data: pickle_bytes.utf8(data.counted(8)),
    b"B": lambda data: data.counted(4),
    b"C": lambda data: data.counted(1),
    b"\x8e": lambda data: data.counted(8),
    b"\x96": lambda data: bytearray(data.counted(8)),
    b"]": lambda _: [],
    b"}": lambda _: {},
    b")": lambda _: (),
    b"\x8f": lambda _: set(),
}

_EFFECTS: dict[bytes, Callable[[_Machine], None]] = {
    # stack
    b"(": _Machine.mark,
    b"0": _Machine.pop,
    b"1": _discard_to_mark,
    b"2": lambda machine: machine.push(machine.stack[-1]),
    # memo
    b"p": lambda machine: machine.put(pickle_bytes.decimal(machine.bytes.line())),
    b"q": lambda machine: machine.put(machine.bytes.byte()),
    b"r": lambda machine: machine.put(machine.bytes.integer(4)),
    b"\x94": lambda machine: machine.put(len(machine.memo)),
    b"g": lambda machine: machine.push(machine.memo[pickle_bytes.decimal(machine.bytes.line())]),
    b"h": lambda machine: machine.push(machine.memo[machine.bytes.byte()]),
    b"j": lambda machine: machine.push(machine.memo[machine.bytes.integer(4)]),
    # containers
    b"a": lambda machine: machine.append([machine.stack.pop()]),
    b"e": lambda machine: machine.append(machine.pop_to_mark()),
    b"s": _Machine.set_item,
    b"u": lambda machine: machine.set_items(machine.pop_to_mark()),
    b"\x90": lambda machine: machine.add(machine.pop_to_mark()),
    b"l": lambda machine: machine.push(machine.pop_to_mark()),
    b"d": lambda machine: machine.push(_pairs(machine.pop_to_mark())),
    b"t": lambda machine: machine.push(tuple(machine.pop_to_mark())),
    b"\x91": lambda machine: machine.push(frozenset(map(_as_key, machine.pop_to_mark()))),
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
    b"b": _Machine.build,
    # transport
    b"\x80": _protocol,
    b"\x95": _frame,
    b"\x97": _out_of_band,
    b"\x98": _out_of_band,
}

_OPERATIONS: dict[int, Callable[[_Machine], None]] = {
    **{code[0]: _literal(read) for code, read in _LITERALS.items()},
    **{code[0]: effect for code, effect in _EFFECTS.items()},
}
