"""Reads class instances and user exceptions in encoding 1.1; `encoding` has the rules."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from .errors import MarshalException, NoValueFactoryException, UnknownUserException, shortened
from .slice_format import (
    FIRST_INDEX,
    ICE_OBJECT,
    INDEX_MAX,
    INDIRECTION_TABLE,
    INLINE,
    LAST_SLICE,
    OPTIONAL_END,
    OPTIONAL_MEMBERS,
    SLICE_SIZE,
    TRAILING,
    TYPE_ID_COMPACT,
    TYPE_ID_INDEX,
    TYPE_ID_MASK,
    TYPE_ID_STRING,
    NumberForm,
    TextForm,
)
from .streams import CHARACTER_BYTES, OBJECT_BYTES, InputStream
from .types import Sliced, UserException, Value

#: memory that they take while a message is read, in bytes: an instance with its number, and a reference that waits
INSTANCE_BYTES: Final = 256
_WAITING_BYTES: Final = 768

#: how deep instances may be nested in one another before a message is refused
CLASS_GRAPH_DEPTH_MAX: Final = 100

#: bytes before the number or text: that the instance stands here, that its type has an index, and the index
_HEAD_SIZE: Final = 3
#: the byte before a size that does not fit into one
_LONG_SIZE: Final = 255
_INT: Final = struct.Struct("<i")


class _SliceHeader:
    """The header of the slice being read, and the members that wait for its indirection table."""

    __slots__ = ("end", "flags", "type_id", "waiting")

    def __init__(self, flags: int, type_id: str, end: int | None) -> None:
        self.flags = flags
        self.type_id = type_id
        self.end = end
        self.waiting: list[tuple[int, Callable[[Value | None], None]]] = []

    @property
    def is_last(self) -> bool:
        return self.flags & LAST_SLICE != 0


#: all slices of the compact format but the first have one of these headers; a query's answer has thousands of them
_BARE: Final = {flags: _SliceHeader(flags, "", None) for flags in (0, LAST_SLICE)}


class InstanceReader:
    """Reads the class instances of one encapsulation.

    Hands an instance over at once, or behind its slice where the slice has an indirection table.
    """

    def __init__(self, inp: InputStream) -> None:
        self._inp = inp
        self._type_ids: list[str] = []
        self._instances: dict[int, Value] = {}
        self._depth = 0
        self._slice: _SliceHeader | None = None
        self._next_index = FIRST_INDEX
        #: who waits for instances whose first slices are still being passed over
        self._waiting: dict[int, list[Callable[[Value | None], None]]] = {}
        #: the types of instances that were passed over altogether
        self._passed_over: dict[int, str] = {}
        self._forms: dict[bytes, NumberForm | TextForm] = {}

    def read(self, put: Callable[[Value | None], None]) -> None:
        """Read a reference; `put` gets the instance, now or once what it stands in has been read."""
        if self._forms and (alike := self.read_alike(1, Value)):
            put(alike[0])
            return
        index = self._inp.read_size()
        if index == 0:
            put(None)
        elif self._slice is not None and self._has_table:
            self._inp.charge(_WAITING_BYTES)
            self._slice.waiting.append((index, put))
        else:
            self._refer(self._read_instance() if index == INLINE else index, put)

    @property
    def _has_table(self) -> bool:
        """Whether members refer to instances that stand behind their slice."""
        return self._slice is not None and self._slice.flags & INDIRECTION_TABLE != 0

    def _refer(self, index: int, put: Callable[[Value | None], None]) -> None:
        instance = self._instances.get(index)
        if instance is not None:
            put(instance)
        elif index in self._passed_over:
            raise NoValueFactoryException(self._passed_over[index])
        elif FIRST_INDEX <= index < self._next_index:
            self._inp.charge(_WAITING_BYTES)
            self._waiting.setdefault(index, []).append(put)
        else:
            raise MarshalException(f"class instance {index} was referred to and never sent")

    def read_alike(self, most: int, value_class: type[Value]) -> list[Value]:
        """Instances of one class, derived from `value_class`, that hold a number or a text each: those here.

        Up to `most` at once; fewer, or none, where others follow, which are to be read one by one.
        """
        inp = self._inp
        form = self._forms.get(inp.data[inp.position : inp.position + _HEAD_SIZE])
        if form is None or self._has_table or self._depth >= CLASS_GRAPH_DEPTH_MAX:
            return []
        if not issubclass(form.value_class, value_class):
            # what comes is refused when it is read by itself
            return []
        found = self._read_numbers(most, form) if isinstance(form, NumberForm) else self._read_texts(most, form)
        self._instances.update(enumerate(found, self._next_index))
        self._next_index += len(found)
        return found

    def _read_numbers(self, most: int, form: NumberForm) -> list[Any]:
        inp = self._inp
        data, position, end = inp.data, inp.position, inp.end
        known, member, number, head, tail = form
        new, unpack = known.__new__, number.unpack_from
        behind = _HEAD_SIZE + number.size
        size = behind + len(tail)
        found = []
        # one more than there is memory for is refused below
        for _ in range(min(most, inp.allowance // INSTANCE_BYTES + 1)):
            after = position + size
            if after > end or data[position + behind : after] != tail or data[position : position + _HEAD_SIZE] != head:
                break
            instance = new(known)
            setattr(instance, member, unpack(data, position + _HEAD_SIZE)[0])
            found.append(instance)
            position = after
        inp.charge(len(found) * INSTANCE_BYTES)
        inp.position = position
        return found

    def _read_texts(self, most: int, form: TextForm) -> list[Any]:
        inp = self._inp
        data, position, end = inp.data, inp.position, inp.end
        known, member, head, tail = form
        found: list[Any] = []
        charged = 0
        # what does not fit, in whatever way, is read by itself, and refused there in words
        while len(found) < most and position + _HEAD_SIZE < end:
            begin = position + _HEAD_SIZE + 1
            size = data[begin - 1]
            if size == _LONG_SIZE and begin + _INT.size <= end:
                size, begin = _INT.unpack_from(data, begin)[0], begin + _INT.size
            after = begin + size + len(tail)
            if size < 0 or after > end or data[begin + size : after] != tail:
                break
            charged += INSTANCE_BYTES + OBJECT_BYTES + size * CHARACTER_BYTES
            if data[position : position + _HEAD_SIZE] != head or charged > inp.allowance:
                break
            try:
                text = data[begin : begin + size].decode()
            except UnicodeDecodeError:
                break
            instance = known.__new__(known)
            setattr(instance, member, text)
            found.append(instance)
            inp.charge(charged)
            charged = 0
            position = after
        inp.position = position
        return found

    def _remember_form(self, begin: int, value_class: type[Sliced]) -> None:
        """How others of a class look, of which one has been read from `begin` on, behind the byte that it is here."""
        number, text = value_class.LONE_NUMBER, value_class.LONE_TEXT
        data, at = self._inp.data, begin - 1 + _HEAD_SIZE
        head = data[begin - 1 : at]
        if head[:2] != bytes((INLINE, TYPE_ID_INDEX)) or head[2] > INDEX_MAX:
            return
        if number is not None:
            behind = at + number[1].size
        elif text is not None:
            size = data[at]
            behind = at + 1 + size if size < _LONG_SIZE else at + 1 + _INT.size + _INT.unpack_from(data, at + 1)[0]
        else:
            return
        tail = data[behind : self._inp.position]
        # other headers would say more than that a slice begins, and might not say it again
        if not tail or tail != bytes(len(tail) - 1) + bytes((LAST_SLICE,)):
            return
        if number is not None:
            self._forms[head] = NumberForm(value_class, *number, head, tail)
        elif text is not None:
            self._forms[head] = TextForm(value_class, text, head, tail)

    def _read_instance(self) -> int:
        """Read the instance that begins here; returns its index."""
        begin = self._inp.position
        index, self._next_index = self._next_index, self._next_index + 1
        self._depth += 1
        if self._depth > CLASS_GRAPH_DEPTH_MAX:
            raise MarshalException(f"class instances are nested deeper than {CLASS_GRAPH_DEPTH_MAX}")
        self._inp.charge(INSTANCE_BYTES)
        outer, self._slice = self._slice, None
        header = self._read_header(is_exception=False)
        most_derived = header.type_id
        while (value_class := Value.known.get(header.type_id)) is None:
            if header.end is None:
                raise NoValueFactoryException(most_derived)
            self._skip_slice(header)
            if header.is_last:
                break
            header = self._read_header(is_exception=False)
        if value_class is not None:
            instance = value_class.__new__(value_class)
            assert isinstance(instance, Value)  # noqa: S101 - the registry holds nothing else
            # before its members, since a cycle may lead back to it
            self._instances[index] = instance
            self._read_slices(header, instance, is_exception=False)
            if header.flags == TYPE_ID_INDEX:
                self._remember_form(begin, value_class)
        else:
            # only who refers to it has to know it
            self._passed_over[index] = most_derived
        for put in self._waiting.pop(index, ()):
            self._refer(index, put)
        self._slice = outer
        self._depth -= 1
        return index

    def read_exception(self) -> UserException:
        """Read a user exception."""
        header = self._read_header(is_exception=True)
        most_derived = header.type_id
        while (exception_class := UserException.known.get(header.type_id)) is None:
            if header.end is None or header.is_last:
                raise UnknownUserException(f"the peer threw {shortened(most_derived)}, which is not known here")
            self._skip_slice(header)
            header = self._read_header(is_exception=True)
        exception = exception_class()
        self._read_slices(header, exception, is_exception=True)
        assert isinstance(exception, UserException)  # noqa: S101 - the registry holds nothing else
        return exception

    def _read_header(self, *, is_exception: bool) -> _SliceHeader:
        inp = self._inp
        flags = inp.read_byte()
        if flags in _BARE and not is_exception:
            return _BARE[flags]
        type_id = ""
        if is_exception:
            type_id = inp.read_string()
        elif flags & TYPE_ID_MASK == TYPE_ID_STRING:
            type_id = inp.read_string()
            self._type_ids.append(type_id)
        elif flags & TYPE_ID_MASK == TYPE_ID_INDEX:
            type_id = self._type_id(inp.read_size())
        elif flags & TYPE_ID_MASK == TYPE_ID_COMPACT:
            # OMERO and Glacier2 define no compact ids, so the number stands for an unknown type
            type_id = str(inp.read_size())
        end = None
        if flags & SLICE_SIZE:
            at = inp.position
            size = inp.read_int()
            if size < 4 or size > inp.end - at:
                raise MarshalException("a slice lies about its size")
            end = at + size
        return _SliceHeader(flags, type_id, end)

    def _type_id(self, index: int) -> str:
        if not 1 <= index <= len(self._type_ids):
            raise MarshalException(f"type id index {index} was never defined")
        return self._type_ids[index - 1]

    def _read_slices(self, header: _SliceHeader, instance: Value | Sliced, *, is_exception: bool) -> None:
        for number, slice_class in enumerate(instance.slices):
            if number:
                if header.is_last:
                    raise MarshalException(f"the slice {slice_class.ICE_ID} is missing")
                header = self._read_header(is_exception=is_exception)
                # the compact format names the first slice of an instance only
                if header.type_id not in ("", slice_class.ICE_ID):
                    raise MarshalException(f"the slice {slice_class.ICE_ID} is missing")
            self._slice = header
            if slice_class.MEMBERS:
                self._read_members(slice_class, instance)
            if header.flags & TRAILING:
                self._end_slice(header)
        while not header.is_last:
            # bases that only the peer knows; IcePy also ends some chains with an empty ::Ice::Object slice
            header = self._read_header(is_exception=is_exception)
            if header.end is not None:
                self._skip_slice(header)
            elif header.type_id not in ("", ICE_OBJECT) or not header.is_last:
                raise MarshalException(f"the base slice {shortened(header.type_id)} is not known and has no size")
        self._slice = None

    def _read_members(self, slice_class: type[Sliced], instance: object) -> None:
        for name, kind in slice_class.MEMBERS:
            if kind.uses_classes:
                kind.read_into(self._inp, _attribute_setter(instance, name))
            else:
                setattr(instance, name, kind.read(self._inp))

    def _end_slice(self, header: _SliceHeader) -> None:
        inp = self._inp
        if header.flags & OPTIONAL_MEMBERS:
            skip_optionals(inp)
        if header.end is not None:
            if inp.position > header.end:
                raise MarshalException("a slice is longer than it says")
            inp.position = header.end
        if header.flags & INDIRECTION_TABLE:
            table = self._read_table()
            for index, put in header.waiting:
                if index > len(table):
                    raise MarshalException(f"entry {index} of an indirection table is missing")
                self._refer(table[index - 1], put)

    def _read_table(self) -> list[int]:
        """The indexes of the instances in an indirection table; those that are in it for the first time are read."""
        self._slice = None
        return [self._read_entry() for _ in range(self._inp.read_count(1))]

    def _read_entry(self) -> int:
        index = self._inp.read_size()
        if index == INLINE:
            return self._read_instance()
        if not FIRST_INDEX <= index < self._next_index:
            raise MarshalException(f"class instance {index} was referred to and never sent")
        return index

    def _skip_slice(self, header: _SliceHeader) -> None:
        """Pass over an unknown slice, which must have a size."""
        assert header.end is not None  # noqa: S101 - what to raise where there is none is the caller's to know
        self._inp.position = header.end
        if header.flags & INDIRECTION_TABLE:
            # later references may lead to what stands in it
            self._read_table()


def skip_optionals(inp: InputStream) -> None:
    """Pass over optional members or parameters up to their end marker or the stream's end."""
    while inp.remaining:
        head = inp.read_byte()
        if head == OPTIONAL_END:
            return
        kind = head & 0x07
        if head >> 3 == 30:  # tags from 30 on stand in a size of their own
            inp.read_size()
        if kind <= 3:
            inp.skip(1 << kind)
        elif kind == 4:
            inp.read_size()
        elif kind == 5:
            inp.skip(inp.read_size())
        elif kind == 6:
            inp.skip(inp.read_int())
        else:
            (inp.instances or InstanceReader(inp)).read(lambda _value: None)


def _attribute_setter(instance: object, name: str) -> Callable[[Any], None]:
    """A `put` that sets an attribute."""

    def put(value: object) -> None:
        setattr(instance, name, value)

    return put
