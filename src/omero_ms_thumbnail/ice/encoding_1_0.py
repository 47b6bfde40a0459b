"""Class instances and exceptions in encoding 1.0.

A reference is a number; the instances stand behind all other data, each slice with its size, so that an unknown slice
can always be passed over. The last slice of an instance is that of ``::Ice::Object``.
Source: "Data Encoding for Classes", ZeroC Ice manual 3.7, section on the 1.0 encoding.
"""

from __future__ import annotations

from collections.abc import Callable

from .errors import MarshalException, NoValueFactoryException, UnknownUserException, shortened
from .instances import ICE_OBJECT, InstanceReader, InstanceWriter, new_instance, write_members
from .streams import InputStream, OutputStream
from .values import Sliced, UserException, Value


class Writer10(InstanceWriter):
    """Writes references at once and the instances behind everything else."""

    def __init__(self, out: OutputStream) -> None:
        super().__init__(out)
        self._pending: list[Value] = []

    def write(self, value: Value | None) -> None:
        if value is None:
            self._out.write_int(0)
            return
        known = self._ids.get(id(value))
        if known is None:
            known = self._new_id(value, 1)
            self._pending.append(value)
        self._out.write_int(-known)

    def finish(self) -> None:
        out = self._out
        while self._pending:
            now, self._pending = self._pending, []
            out.write_size(len(now))
            for value in now:
                out.write_int(self._ids[id(value)])
                for slice_class in value.slices:
                    self._write_type_id(slice_class.ICE_ID)
                    self._write_slice(slice_class, value)
                # the root's slice holds the facet map of Ice 1.x, always empty
                self._write_type_id(ICE_OBJECT)
                out.write_int(4 + 1)
                out.write_size(0)
        out.write_size(0)

    def write_exception(self, exception: UserException) -> None:
        uses_classes = any(kind.uses_classes for base in exception.slices for _, kind in base.MEMBERS)
        self._out.write_bool(uses_classes)
        for slice_class in exception.slices:
            self._out.write_string(slice_class.ICE_ID)
            self._write_slice(slice_class, exception)
        if uses_classes:
            self.finish()

    def _write_slice(self, slice_class: type[Sliced], instance: object) -> None:
        size_at = len(self._out.buffer)
        self._out.write_int(0)
        write_members(self._out, slice_class, instance)
        self._out.patch_int(size_at, len(self._out.buffer) - size_at)

    def _write_type_id(self, type_id: str) -> None:
        known = self._type_ids.get(type_id)
        self._out.write_bool(known is not None)
        if known is not None:
            self._out.write_size(known)
        else:
            self._type_ids[type_id] = len(self._type_ids) + 1
            self._out.write_string(type_id)


class Reader10(InstanceReader):
    """Hands instances over when those behind everything else have been read."""

    def __init__(self, inp: InputStream) -> None:
        super().__init__(inp)
        self._waiting: dict[int, list[Callable[[Value | None], None]]] = {}

    def read(self, put: Callable[[Value | None], None]) -> None:
        reference = self._inp.read_int()
        if reference > 0:
            raise MarshalException("a reference to a class instance is positive")
        if reference == 0:
            put(None)
        elif -reference in self._instances:
            put(self._instances[-reference])
        else:
            self._charge_waiting()
            self._waiting.setdefault(-reference, []).append(put)

    def finish(self) -> None:
        inp = self._inp
        # an instance takes its id, a type id and a slice size at least
        while count := inp.read_count(4 + 2 + 4):
            for _ in range(count):
                self._read_instance()
        if self._waiting:
            raise MarshalException("class instances were referred to and never sent")

    def _read_instance(self) -> None:
        self._charge_instance()
        number = self._inp.read_int()
        type_id = self._read_type_id()
        most_derived = type_id
        while (value_class := Value.known.get(type_id)) is None:
            if type_id == ICE_OBJECT:
                raise NoValueFactoryException(most_derived)
            self._inp.position = self._slice_end()
            type_id = self._read_type_id()
        instance = new_instance(value_class)
        self._instances[number] = instance
        for index, slice_class in enumerate(value_class.slices):
            if index and self._read_type_id() != slice_class.ICE_ID:
                raise MarshalException(f"the slice {slice_class.ICE_ID} is missing")
            end = self._slice_end()
            self._read_members(slice_class, instance)
            self._end_slice(end)
        while type_id != ICE_OBJECT:
            type_id = self._read_type_id()
            self._inp.position = self._slice_end()
        for put in self._waiting.pop(number, ()):
            put(instance)

    def read_exception(self) -> UserException:
        inp = self._inp
        uses_classes = inp.read_bool()
        type_id = inp.read_string()
        most_derived = type_id
        while (exception_class := UserException.known.get(type_id)) is None:
            try:
                inp.position = self._slice_end()
                type_id = inp.read_string()
            except MarshalException:
                # 1.0 does not mark the last slice, and instances may follow it: what is no slice tells that it was it
                raise UnknownUserException(
                    f"the peer threw {shortened(most_derived)}, which is not known here"
                ) from None
        exception = exception_class()
        for index, slice_class in enumerate(exception_class.slices):
            if index and inp.read_string() != slice_class.ICE_ID:
                raise MarshalException(f"the slice {slice_class.ICE_ID} is missing")
            end = self._slice_end()
            self._read_members(slice_class, exception)
            self._end_slice(end)
        if uses_classes:
            self.finish()
        assert isinstance(exception, UserException)  # noqa: S101 - the registry holds nothing else
        return exception

    def _read_type_id(self) -> str:
        return self._type_id(self._inp.read_size()) if self._inp.read_bool() else self._new_type_id()

    def _slice_end(self) -> int:
        at = self._inp.position
        size = self._inp.read_int()
        if size < 4 or size > self._inp.end - at:
            raise MarshalException("a slice lies about its size")
        return at + size

    def _end_slice(self, end: int) -> None:
        if self._inp.position > end:
            raise MarshalException("a slice is longer than it says")
        self._inp.position = end
