"""Python's unpickler, as large pickles are read by it, and our own machine: the same value, or left to the machine."""

from __future__ import annotations

import datetime
import pickle
import struct

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omero_ms_thumbnail.websession import plain_pickles
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.pickle_machine import Machine
from omero_ms_thumbnail.websession.pickle_operations import OPERATIONS

LIMITS = Limits()

keys = st.text(max_size=9) | st.integers(-(2**63), 2**63 - 1) | st.none() | st.booleans() | st.floats() | st.binary()
# the order of a set's members is that of their hashes, and what is no number has a hash of its own each time
members = st.text(max_size=9) | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary()
zones = st.none() | st.integers(-840, 840).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))
dates = st.dates() | st.datetimes(timezones=zones) | st.times() | st.timedeltas()
values = st.recursive(
    keys | st.sampled_from(["x" * 255, "é" * 128]) | st.integers(-(2**80), 2**80) | st.just(object) | dates,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(keys, inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.tuples(st.integers()), inner)
        | st.sets(members)
        | st.frozensets(members)
    ),
    max_leaves=8,
)

texts = st.binary(max_size=5)
# most operations with operands that fit them, so that many programs are sound, and now and then anything
operations = st.one_of(
    st.sampled_from(
        [bytes([code]) for code in b"}](N)\x88\x89\x94eaust\x85\x86\x87" * 3 + b"l d0 12Qob\x81\x8f\x90\x91R"]
    ),
    st.builds(lambda code, index: bytes([code, index]), st.sampled_from(b"Khq"), st.integers(0, 5)),
    st.builds(lambda code, text: bytes([code, len(text)]) + text, st.sampled_from(b"\x8cCU\x8a"), texts),
    st.builds(lambda code, text: bytes([code, len(text), 0, 0, 0]) + text, st.sampled_from(b"XBT\x8b"), texts),
    st.builds(lambda code, index: bytes([code, index, 0, 0, 0]), st.sampled_from(b"jr"), st.integers(0, 5)),
    st.floats().map(lambda number: b"G" + struct.pack(">d", number)),
    st.sampled_from([b"M..", b"Jtttt", b"\x80\x04", b"\x95" + bytes(8), b"I01\n", b"I010\n", b"L5L\n", b"ca\nb\n"]),
    st.sampled_from([b"c__builtin__\nset\n](K\x01K\x02e\x85R", b"c_codecs\nencode\nX\1\0\0\0a\x8c\x06latin1\x86R"]),
    st.binary(max_size=3),
)


def by_the_machine(data: bytes) -> object:
    """The value; a text that says why it refuses."""
    try:
        return Machine(data, LIMITS).run(OPERATIONS)
    except (SessionDecodeError, IndexError, KeyError, ValueError) as error:
        return str(error)


def agree(data: bytes) -> None:
    read = plain_pickles.read(data, LIMITS)
    if read is not None:
        by_machine = by_the_machine(data)
        # as text, in which a number that is none is equal to itself
        assert repr(read).replace("FrozenSet(", "frozenset(") == repr(by_machine)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.integers(0, 5))
def test_pickles_of_all_protocols(value: dict[str, object], protocol: int) -> None:
    agree(pickle.dumps(value, protocol))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.integers(0, 5), st.data())
def test_pickles_with_some_bytes_changed(value: dict[str, object], protocol: int, draw: st.DataObject) -> None:
    data = pickle.dumps(value, protocol)
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, len(data)))
        data = data[:at] + draw.draw(st.binary(max_size=2)) + data[at + draw.draw(st.integers(0, 2)) :]
    agree(data)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(operations, max_size=25).map(b"".join))
def test_programs_of_operations(program: bytes) -> None:
    agree(b"\x80\x04" + program + b".")
    agree(b"\x80\x04}(" + program + b"u.")
    agree(b"\x80\x04}\x8c\x01a](" + program + b"es.")
