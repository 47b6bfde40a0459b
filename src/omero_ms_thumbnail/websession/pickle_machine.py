"""The stack machine that reads a pickle: its state, and the operations that nearly all of a large session are."""

from __future__ import annotations

import struct
from sys import getsizeof
from typing import TYPE_CHECKING, cast

from . import pickle_globals, pickle_runs
from .decode_error import SessionDecodeError
from .pickle_bytes import PickleBytes, damaged
from .pickle_costs import (
    DICT,
    FIRST_ITEM,
    INSTANCE,
    INTEGER,
    ITEM,
    LIST,
    MEMBER,
    NAMED,
    OTHER_NUMBER_IN_MEMO,
    PAIR,
    SET,
    SMALL_SET,
    TEXT,
)
from .pickle_keys import Keys
from .pickle_memo import Memo
from .pickle_types import INSTANCE_MAKERS, NESTED_NAME
from .pickle_values import NAMES, SETS, Values
from .placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .limits import Limits

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

pack_index = struct.Struct("<I").pack

# Names are put together anew each time, of two texts that the memo may hold only once.
_MAX_NAME = 500


class Machine:
    """The state of one run: the stack, the stacks that MARK set aside, the memo, and what may still be used up."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.bytes = PickleBytes(data)
        self.stack: list[object] = []
        self.memo = Memo()
        self.keys = Keys()
        #: bytes of memory that values may still take
        self.room = limits.memory
        self._marked: list[list[object]] = []
        self._limits = limits
        self._values = Values(lambda _: None)

    def run(self, operations: Mapping[int, Callable[[Machine], None]]) -> object:  # noqa: C901 - one loop, as a call takes longer than most of what it would do
        """Run to STOP. What nearly all operations of a large session are is done here, the rest in operations.

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
                room -= length + TEXT
                if data[end] == _MEMOIZE and is_memo_dense:
                    memo.append(text)
                    position = end + 1
                    if data[position] == _SHORT_TEXT and data[position + 1] == length:
                        position, texts = pickle_runs.texts(data, position, length)
                        room -= len(texts) * (length + TEXT)
                        stack += texts
                        memo += texts
                        if room < 0:
                            break
                else:
                    position = end
            elif code == _GET and is_memo_dense:
                stack.append(memo[data[position]])
                room -= ITEM
                position += 1
            elif code in pickle_runs.INTEGERS:
                size = pickle_runs.INTEGERS[code]
                end = position + size
                if data[end] == code:
                    position, integers = pickle_runs.integers(data, position - 1, code)
                    room -= len(integers) * INTEGER
                    stack += integers
                    if room < 0:
                        break
                else:
                    stack.append(int.from_bytes(data[position:end], "little", signed=size == 4))
                    position = end
                    room -= INTEGER
            elif code == _MEMOIZE and is_memo_dense:
                memo.append(stack[-1])
                room -= ITEM
            elif code in _CONSTANTS:
                stack.append(_CONSTANTS[code])
                room -= ITEM
            elif code == _MARK and len(marked) < self._limits.depth:
                marked.append(stack)
                stack = []
            elif code == _EMPTY_DICT:
                stack.append({})
                room -= DICT
            elif code == _EMPTY_LIST:
                stack.append([])
                room -= LIST
            elif code == _TEXT_4:
                end = position + 4 + int.from_bytes(data[position : position + 4], "little")
                code = data[end]  # cut off where there is none: a text is never the last of a pickle
                stack.append(data[position + 4 : end].decode("utf-8", "surrogatepass"))
                room -= getsizeof(stack[-1]) + ITEM
                position = end
                if code == _PUT and is_memo_dense and data[end + 1] == len(memo):
                    memo.append(stack[-1])
                    position = end + 2
            elif code == _PUT and is_memo_dense and data[position] == len(memo):
                memo.append(stack[-1])
                room -= ITEM
                position += 1
            elif code == _LONG_PUT and is_memo_dense and data[position : position + 4] == pack_index(len(memo)):
                memo.append(stack[-1])
                room -= ITEM
                position += 4
            elif code == _TUPLE_2 and len(stack) > 1:
                second = stack.pop()
                stack.append((stack.pop(), second))
                room -= LIST + 2 * ITEM
            elif code == _SET_ITEMS and marked and type(marked[-1][-1]) is dict:
                items, stack = stack, marked.pop()
                target = cast("dict[object, object]", stack[-1])
                room -= PAIR * len(items) // 2 + FIRST_ITEM
                target.update(self.keys.pairs(items, len(target)))
            elif code == _APPENDS and marked and type(marked[-1][-1]) is list:
                items, stack = stack, marked.pop()
                cast("list[object]", stack[-1]).extend(items)
                room -= ITEM * len(items)
            elif code == _STOP:
                self.stack, self.room = stack, room
                return self._result()
            else:
                operation = operations.get(code)
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
        self.charge(OTHER_NUMBER_IN_MEMO if self.memo.put(index, self.stack[-1]) else ITEM)

    def append(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            self.charge(ITEM * len(items))
            target.extend(items)
        elif not isinstance(target, Placeholder):
            raise damaged("it appends to something else than a list")

    def add(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, set):
            size = len(target) + len(items)
            if size > SMALL_SET:
                self.charge(MEMBER * (len(items) if len(target) > SMALL_SET else size) + FIRST_ITEM)
            target.update(self.keys.members(items, len(target)))
        elif not isinstance(target, Placeholder):
            raise damaged("it adds to something else than a set")

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            self.charge(PAIR * len(items) // 2 + (0 if target else FIRST_ITEM))
            target.update(self.keys.pairs(items, len(target)))
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
            self.push_new(_nested(name, arguments), NAMED)
            return
        if name in NAMES and isinstance(arguments, tuple) and self._push_value(name, arguments):
            return
        if name in INSTANCE_MAKERS and isinstance(arguments, tuple) and arguments:
            first = arguments[0]
            name = first.name if isinstance(first, Placeholder) else name
        self.push_new(Placeholder(name), INSTANCE)

    def _push_value(self, name: str, arguments: tuple[object, ...]) -> bool:
        """Push the value that such a call makes, if it makes one here."""
        if name in SETS:
            match arguments:
                case (list() as items,):
                    self.charge(SET + MEMBER * len(items))
                    members = {*self.keys.members(items, 0)}
                    self.push(frozenset(members) if SETS[name] else members)
                    return True
                case _:
                    return False
        maker = self._values.maker(name)
        if maker is None:
            return False
        # a text may be made into bytes as often as one likes
        self.charge(sum(len(argument) for argument in arguments if isinstance(argument, str)))
        try:
            value = maker(*arguments)
        except (TypeError, ValueError, OverflowError):
            return False
        self.push_new(value, getsizeof(value) + ITEM)
        return True

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


def named(module: str, name: str) -> Placeholder:
    """What a pickle names, if it may; SessionDecodeError if not."""
    if len(module) + len(name) > _MAX_NAME:
        raise damaged("a name is too long")
    pickle_globals.check_name(module, name)
    return Placeholder(f"{module}.{name}")


def _nested(getattr_name: str, arguments: object) -> Placeholder:
    match arguments:
        case (Placeholder(name=owner), str() as name):
            module, _, last = owner.rpartition(".")
            return named(module, f"{last}.{name}")
        case _:
            raise pickle_globals.refused(getattr_name)
