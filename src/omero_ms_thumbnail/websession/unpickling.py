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
value, and no key can be expensive to hash (`_as_key`). No step recurses, so depth costs nothing either. What values
take in memory is added up while they are made (`_Machine.charge`), with what CPython's `sys.getsizeof` says of them.
"""

from __future__ import annotations

import struct
from sys import getsizeof
from typing import TYPE_CHECKING, cast

from omero_ms_thumbnail.websession import pickle_bytes, pickle_globals, pickle_runs
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.pickle_bytes import PickleBytes, damaged
from omero_ms_thumbnail.websession.pickle_memo import Memo
from omero_ms_thumbnail.websession.pickle_types import NESTED_NAME
from omero_ms_thumbnail.websession.placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from omero_ms_thumbnail.websession.limits import Limits

_HIGHEST_PROTOCOL = 5
_STOP = ord(".")
_SHORT_TEXT = 0x8C  # SHORT_BINUNICODE
_MEMOIZE = 0x94
_GET = ord("h")  # BINGET
_MARK = ord("(")
_EMPTY_DICT = ord("}")
_EMPTY_LIST = ord("]")
_TEXT_4 = ord("X")  # BINUNICODE
_PUT = ord("q")  # BINPUT
_LONG_PUT = ord("r")
_SET_ITEMS = ord("u")
_APPENDS = ord("e")
_TUPLE_2 = 0x86
_CONSTANTS: dict[int, object] = {ord("N"): None, 0x88: True, 0x89: False, ord(")"): ()}

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

_MAX_ESCAPES = 60_000

# Bytes of memory: of values without what is in them, of each item in them, and of what else a pickle makes grow. Tables
# of dicts and sets are counted at the moment at which they grow.
_TEXT = 72
_INTEGER = 40
_LIST, _DICT, _FIRST_ITEM, _SET = 56, 64, 120, 216
_ITEM, _PAIR, _MEMBER = 8, 64, 72
_OTHER_NUMBER_IN_MEMO = 150
# What is named is judged, which takes the time of a thousand bytes' worth of values.
_NAMED = 1000
_INSTANCE = 56


def loads(data: bytes, limits: Limits) -> object:
    """The value that data begins with the pickle of; what follows its end is nobody's, as to Python's own unpickler.

    Raises `SessionDecodeError` if the pickle is damaged, cut off or exceeds a limit.
    """
    # Text of protocol 0 is undone escape by escape, which is the one thing here that one operation does often.
    if data.count(b"\\") > _MAX_ESCAPES:
        raise SessionDecodeError("too-large", f"its pickle has more than {_MAX_ESCAPES} escapes")
    try:
        return _Machine(data, limits).run()
    except (IndexError, KeyError):
        raise damaged("it is cut off, or an operation lacks its operand") from None
    except ValueError:
        # Numbers and text that do not parse; without the cause, as it carries the bytes.
        raise damaged("a literal cannot be read") from None


class _Machine:
    """The state of one run: the stack, the stacks that MARK set aside, the memo, and what may still be used up."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.bytes = PickleBytes(data)
        self.stack: list[object] = []
        self.memo = Memo()
        #: bytes of memory that values may still take
        self.room = limits.memory
        self._marked: list[list[object]] = []
        self._limits = limits

    def run(self) -> object:  # noqa: C901 - one loop, as a call takes longer than most of what it would do
        """Run to STOP. What nearly all operations of a large session are is done here, the rest in `_OPERATIONS`.

        Position, stack, memo and room are in variables meanwhile.
        """
        read, data, marked = self.bytes, self.bytes.data, self._marked
        stack, memo, room, position = self.stack, self.memo.dense, self.room, 0
        is_memo_dense = True
        for step in range(self._limits.values):
            if not step & 0x3FF and room < 0:
                break
            code = data[position]
            position += 1
            if code == _SHORT_TEXT:
                length = data[position]
                end = position + 1 + length
                text = data[position + 1 : end].decode("utf-8", "surrogatepass")
                stack.append(text)
                room -= length + _TEXT
                if data[end] == _MEMOIZE and is_memo_dense:
                    memo.append(text)
                    position = end + 1
                    if data[position] == _SHORT_TEXT and data[position + 1] == length:
                        position, texts = pickle_runs.texts(data, position, length)
                        room -= len(texts) * (length + _TEXT)
                        stack += texts
                        memo += texts
                else:
                    position = end
            elif code == _GET and is_memo_dense:
                stack.append(memo[data[position]])
                room -= _ITEM
                position += 1
            elif code in pickle_runs.INTEGERS:
                size = pickle_runs.INTEGERS[code]
                end = position + size
                if data[end] == code:
                    position, integers = pickle_runs.integers(data, position - 1, code)
                    room -= len(integers) * _INTEGER
                    stack += integers
                else:
                    stack.append(int.from_bytes(data[position:end], "little", signed=size == 4))
                    position = end
                    room -= _INTEGER
            elif code == _MEMOIZE and is_memo_dense:
                memo.append(stack[-1])
                room -= _ITEM
            elif code in _CONSTANTS:
                stack.append(_CONSTANTS[code])
                room -= _ITEM
            elif code == _MARK and len(marked) < self._limits.depth:
                marked.append(stack)
                stack = []
            elif code == _EMPTY_DICT:
                stack.append({})
                room -= _DICT
            elif code == _EMPTY_LIST:
                stack.append([])
                room -= _LIST
            elif code == _TEXT_4:
                end = position + 4 + int.from_bytes(data[position : position + 4], "little")
                code = data[end]  # cut off where there is none: a text is never the last of a pickle
                stack.append(data[position + 4 : end].decode("utf-8", "surrogatepass"))
                room -= getsizeof(stack[-1]) + _ITEM
                position = end
                if code == _PUT and is_memo_dense and data[end + 1] == len(memo):
                    memo.append(stack[-1])
                    position = end + 2
            elif code == _PUT and is_memo_dense and data[position] == len(memo):
                memo.append(stack[-1])
                room -= _ITEM
                position += 1
            elif code == _LONG_PUT and is_memo_dense and data[position : position + 4] == pack_index(len(memo)):
                memo.append(stack[-1])
                room -= _ITEM
                position += 4
            elif code == _TUPLE_2 and len(stack) > 1:
                second = stack.pop()
                stack.append((stack.pop(), second))
                room -= _LIST + 2 * _ITEM
            elif code == _SET_ITEMS and marked and type(marked[-1][-1]) is dict:
                items, stack = stack, marked.pop()
                target = cast("dict[object, object]", stack[-1])
                room -= _PAIR * len(items) // 2 + _FIRST_ITEM
                target.update(_pairs(items))
            elif code == _APPENDS and marked and type(marked[-1][-1]) is list:
                items, stack = stack, marked.pop()
                cast("list[object]", stack[-1]).extend(items)
                room -= _ITEM * len(items)
            elif code == _STOP:
                self.stack, self.room = stack, room
                return self._result()
            else:
                operation = _OPERATIONS.get(code)
                if operation is None:
                    raise damaged("it has an operation that does not exist")
                read.position, self.stack, self.room = position, stack, room
                operation(self)
                position, stack, room = read.position, self.stack, self.room
                is_memo_dense = not self.memo.is_sparse
        self.room = room
        self.charge(0)
        raise SessionDecodeError("too-large", f"its pickle takes more than {self._limits.values} steps to read")

    def charge(self, size: int) -> None:
        """Raise if size bytes more are more than all values may take."""
        self.room -= size
        if self.room < 0:
            raise SessionDecodeError("too-large", f"its values take more than {self._limits.memory} bytes of memory")

    def _result(self) -> object:
        self.charge(0)
        result = self.stack.pop()
        if self.stack or self._marked:
            raise damaged("it ends in the middle of a value")
        return result

    def push(self, value: object) -> None:
        self.stack.append(value)

    def push_new(self, value: object, size: int) -> None:
        """Push a value that takes so many bytes of memory."""
        self.charge(size)
        self.stack.append(value)

    def too_deep(self) -> None:
        """MARK, where it may not be."""
        raise SessionDecodeError("too-large", f"its pickle nests more than {self._limits.depth} deep")

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
        self.charge(_OTHER_NUMBER_IN_MEMO if self.memo.put(index, self.stack[-1]) else _ITEM)

    def append(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            self.charge(_ITEM * len(items))
            target.extend(items)
        elif not isinstance(target, Placeholder):
            raise damaged("it appends to something else than a list")

    def add(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, set):
            self.charge(_MEMBER * len(items))
            target.update(map(_as_key, items))
        elif not isinstance(target, Placeholder):
            raise damaged("it adds to something else than a set")

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            self.charge(_PAIR * len(items) // 2 + (0 if target else _FIRST_ITEM))
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
        if name in NESTED_NAME:
            self.push_new(_nested(name, arguments), _NAMED)
            return
        if name in _INSTANCE_MAKERS and isinstance(arguments, tuple) and arguments:
            first = arguments[0]
            name = first.name if isinstance(first, Placeholder) else name
        self.push_new(Placeholder(name), _INSTANCE)

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


def _pairs(items: list[object]) -> Iterator[tuple[object, object]]:
    keys = items[::2]
    if len(items) % 2:
        raise damaged("a key has no value")
    if {*map(type, keys)} == {str} and max(map(len, cast("list[str]", keys))) <= _MAX_KEY_TEXT:
        return zip(keys, items[1::2], strict=True)
    return zip(map(_as_key, keys), items[1::2], strict=True)


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
    machine.push_new(_named(module, machine.bytes.name()), _NAMED)


def _stack_global(machine: _Machine) -> None:
    name = machine.stack.pop()
    module = machine.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise damaged("a name is not text")
    machine.push_new(_named(module, name), _NAMED)


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
    machine.push_new(Placeholder("persistent id"), _INSTANCE)


def _binary_persistent_id(machine: _Machine) -> None:
    machine.stack.pop()
    machine.push_new(Placeholder("persistent id"), _INSTANCE)


def _inst(machine: _Machine) -> None:
    module = machine.bytes.name()
    name = machine.bytes.name()
    machine.charge(_NAMED)
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
        machine.push_new(tuple(items), _LIST + _ITEM * count)

    return build


def _tuple_of_items(machine: _Machine) -> None:
    items = machine.pop_to_mark()
    machine.push_new(tuple(items), _LIST + _ITEM * len(items))


def _dict_of_items(machine: _Machine) -> None:
    items = machine.pop_to_mark()
    machine.push_new({}, _DICT)
    machine.set_items(items)


def _frozen_set(machine: _Machine) -> None:
    items = machine.pop_to_mark()
    machine.charge(_SET + _MEMBER * len(items))
    machine.push(frozenset(map(_as_key, items)))


def _out_of_band(machine: _Machine) -> None:
    raise damaged("it refers to a buffer outside itself")


def _literal(read: Callable[[PickleBytes], object]) -> Callable[[_Machine], None]:
    def push(machine: _Machine) -> None:
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

pack_index = struct.Struct("<I").pack

_EFFECTS: dict[bytes, Callable[[_Machine], None]] = {
    # stack
    b"(": _Machine.too_deep,
    b"0": _Machine.pop,
    b"1": _discard_to_mark,
    b"2": lambda machine: machine.push_new(machine.stack[-1], _ITEM),
    # memo
    b"p": lambda machine: machine.put(pickle_bytes.decimal(machine.bytes.line())),
    b"q": lambda machine: machine.put(machine.bytes.byte()),
    b"r": lambda machine: machine.put(machine.bytes.integer(4)),
    b"\x94": lambda machine: machine.put(len(machine.memo)),
    b"g": lambda machine: machine.push_new(machine.memo.get(pickle_bytes.decimal(machine.bytes.line())), _ITEM),
    b"h": lambda machine: machine.push_new(machine.memo.get(machine.bytes.byte()), _ITEM),
    b"j": lambda machine: machine.push_new(machine.memo.get(machine.bytes.integer(4)), _ITEM),
    # containers
    b"a": lambda machine: machine.append([machine.stack.pop()]),
    b"e": lambda machine: machine.append(machine.pop_to_mark()),
    b"s": _Machine.set_item,
    b"u": lambda machine: machine.set_items(machine.pop_to_mark()),
    b"\x90": lambda machine: machine.add(machine.pop_to_mark()),
    b"l": lambda machine: machine.push_new(machine.pop_to_mark(), _LIST),
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
