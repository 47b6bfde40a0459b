"""Writes class instances and user exceptions in encoding 1.1; `encoding` has the rules."""

from __future__ import annotations

import struct
from typing import Any

from .slice_format import (
    FIRST_INDEX,
    INDEX_MAX,
    INDIRECTION_TABLE,
    INLINE,
    LAST_SLICE,
    SLICE_SIZE,
    TYPE_ID_INDEX,
    TYPE_ID_STRING,
    NumberForm,
)
from .streams import OutputStream
from .types import UserException, Value


class InstanceWriter:
    """Writes the class instances of one encapsulation, each where it is first met."""

    def __init__(self, out: OutputStream) -> None:
        self._out = out
        self._type_ids: dict[str, int] = {}
        self._ids: dict[int, int] = {}
        # ids are by object identity, so every instance must live as long as the writer
        self._alive: list[Value] = []
        self._table: list[Value] | None = None
        self._forms: dict[type[Value], NumberForm] = {}

    def write(self, value: Value | None) -> None:
        """Write a reference to `value`, and `value` itself where it is met for the first time."""
        if value is None:
            self._out.write_size(0)
        elif self._table is not None:
            # in a slice of the sliced format, members refer to a table that follows the slice
            if all(entry is not value for entry in self._table):
                self._table.append(value)
            self._out.write_size(next(i for i, entry in enumerate(self._table, 1) if entry is value))
        else:
            self._write_instance(value)

    def _write_instance(self, value: Value) -> None:
        known = self._ids.get(id(value))
        if known is not None:
            self._out.write_size(known)
            return
        self._alive.append(value)
        self._ids[id(value)] = len(self._ids) + FIRST_INDEX
        form = self._forms.get(type(value))
        if form is not None and self._write_number(form, getattr(value, form.member)):
            return
        self._out.write_size(INLINE)
        self._write_slices(value, is_exception=False)
        if form is None:
            self._remember_form(value)

    def _write_number(self, form: NumberForm, number: Any) -> bool:
        """Write an instance that holds a number; nothing where it is none, which is then refused in words."""
        try:
            self._out.buffer += form.head + form.number.pack(number) + form.tail
        except (struct.error, OverflowError):
            return False
        return True

    def _remember_form(self, value: Value) -> None:
        """How others of the class of `value` look, of which one is written now."""
        value_class = type(value)
        member = value_class.LONE_NUMBER
        index = self._type_ids.get(value_class.ICE_ID, INDEX_MAX + 1)
        bases = len(value.slices) - 1
        if member is not None and bases and not self._out.sliced and index <= INDEX_MAX:
            head, tail = bytes((INLINE, TYPE_ID_INDEX, index)), bytes(bases - 1) + bytes((LAST_SLICE,))
            self._forms[value_class] = NumberForm(value_class, *member, head, tail)

    def write_exception(self, exception: UserException) -> None:
        """Write a user exception."""
        self._write_slices(exception, is_exception=True)

    def _write_slices(self, instance: Value | UserException, *, is_exception: bool) -> None:
        out = self._out
        chain = instance.slices
        outer_table = self._table
        for index, slice_class in enumerate(chain):
            flags_at = len(out.buffer)
            out.write_byte(0)
            flags = self._write_type_id(slice_class.ICE_ID, is_exception=is_exception, first=index == 0)
            if index == len(chain) - 1:
                flags |= LAST_SLICE
            size_at = len(out.buffer)
            if out.sliced:
                flags |= SLICE_SIZE
                out.write_int(0)
                self._table = []
            for name, kind in slice_class.MEMBERS:
                kind.write(out, getattr(instance, name))
            if out.sliced:
                out.patch_int(size_at, len(out.buffer) - size_at)
                table, self._table = self._table or [], None
                if table:
                    flags |= INDIRECTION_TABLE
                    out.write_size(len(table))
                    for entry in table:
                        self._write_instance(entry)
            out.buffer[flags_at] = flags
        self._table = outer_table

    def _write_type_id(self, type_id: str, *, is_exception: bool, first: bool) -> int:
        if is_exception:
            self._out.write_string(type_id)
            return 0
        if not (first or self._out.sliced):
            return 0
        known = self._type_ids.get(type_id)
        if known is not None:
            self._out.write_size(known)
            return TYPE_ID_INDEX
        self._type_ids[type_id] = len(self._type_ids) + 1
        self._out.write_string(type_id)
        return TYPE_ID_STRING
