"""What a pickle calls for its values is made as Python makes it, by both readers; anything else is made by neither."""

from __future__ import annotations

import datetime
import pickle
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omero_ms_thumbnail.websession import plain_pickles
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.placeholder import Placeholder
from omero_ms_thumbnail.websession.unpickling import loads
from tests.unit.websession import colliding

LIMITS = Limits()
_EMPTY = b"\x80\x04}\x94"

zones = st.none() | st.integers(-1439, 1439).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))
named = st.builds(datetime.timezone, st.just(datetime.timedelta(hours=2)), st.sampled_from(["CEST", "x"]))
small = st.integers(-(2**63), 2**63 - 1)
called = st.one_of(
    st.dates(),
    st.datetimes(timezones=zones | named),
    st.times(timezones=zones),
    st.timedeltas(),
    st.binary(),
    st.sets(small | st.text() | st.dates()),
    st.frozensets(small | st.text() | st.binary() | st.tuples(small, st.text())),
    st.dictionaries(small | st.floats(allow_nan=False) | st.dates() | st.tuples(small, small), st.booleans()),
)


@settings(deadline=None)  # the patterns are compiled in the first
@given(value=st.lists(called), protocol=st.integers(2, 5))
def test_it_is_what_python_makes(value: list[object], protocol: int) -> None:
    data = pickle.dumps({"a": value}, protocol)
    read = plain_pickles.read(data, LIMITS)
    assert read == {"a": value}
    assert loads(data, LIMITS) == {"a": value}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("count", [1, 4, 5, 6, 101, 999, 1000, 1001, 1500])
def test_many_of_them(protocol: int, count: int) -> None:
    numbers = [(-7) ** (n % 22) + n for n in range(count)]
    value = {
        "set": set(numbers),
        "frozen": frozenset(numbers),
        "texts": {str(n) for n in numbers},
        "mixed": {*numbers, *map(str, numbers), None, 1.5},
        "by number": dict.fromkeys(numbers, "x"),
        "by both": {key: n for n in numbers for key in (n, str(n))},
        "by pair": {(n, "x"): [n] for n in numbers[:100]},
        "by time": {datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=n): n for n in range(count)},
    }
    read = plain_pickles.read(pickle.dumps(value, protocol), LIMITS)
    assert read == value
    assert [*map(type, read)] == [*map(type, value)]
    assert isinstance(read["by both"], dict)
    assert [*read["by both"]] == [*value["by both"]]  # type: ignore[call-overload]


_DATE = b"cdatetime\ndate\nC\x04\x07\xea\x01\x02\x85R"
_SET = b"c__builtin__\nset\n](K\x01K\x02e\x85R"
_BYTES = b"c_codecs\nencode\n\x8c\x01a\x8c\x06latin1\x86R"


@pytest.mark.parametrize("call", [_DATE, _SET, _BYTES])
def test_a_byte_that_is_another_makes_nothing_else(call: bytes) -> None:
    assert plain_pickles.read(_EMPTY + b"\x8c\x01x" + call + b"s.", LIMITS) is not None
    for at in range(len(call)):
        for code in range(256):
            data = _EMPTY + b"\x8c\x01x" + call[:at] + bytes([code]) + call[at + 1 :] + b"s."
            read = plain_pickles.read(data, LIMITS)
            if read is not None:
                assert repr(read) == repr(loads(data, LIMITS))


@pytest.mark.parametrize(
    "call",
    [
        b"c_codecs\nencode\n\x8c\x01a\x8c\x05rot13\x86R",
        b"c_codecs\nencode\n\x8c\x02\xc4\x80\x8c\x06latin1\x86R",
        b"c_codecs\nencode\nC\x01a\x8c\x06latin1\x86R",
        b"c_codecs\nencode\n\x8c\x01a\x85R",
        b"c__builtin__\nset\nX\x01\0\0\0a\x85R",
        b"c__builtin__\nset\n]]a\x85R",
        b"c__builtin__\nset\nK\x05\x85R",
        b"c__builtin__\nbytes\nK\x05\x85R",
        b"cdatetime\ndate\nC\x04\x07\xea\x0d\x02\x85R",
        b"cdatetime\ndate\nC\x04\x07\xea\x02\x1e\x85R",
        b"cdatetime\ndate\nC\x04\0\0\x01\x01\x85R",
        b"cdatetime\ndate\n\x8c\x04\x07\x6a\x01\x02\x85R",
        b"cdatetime\ndate\nM\xea\x07K\x01K\x02\x87R",
        b"cdatetime\ndatetime\nC\x0a\x07\xea\x01\x02\x19\0\0\0\0\0\x85R",
        b"cdatetime\ndatetime\nC\x0a\x07\xea\x01\x02\x01\0\0\0\0\0K\x01\x86R",
        b"cdatetime\ntimezone\nK\x01\x85R",
        b"cdatetime\ntimedelta\nJ\xff\xff\xff\x7fK\0K\0\x87R",
        b"\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R",
        b"\x8c\x08datetime\x8c\x0cdatetime.now\x93)R",
        b"\x8c\x01a)R",
        b"h\0)R",
        _DATE + b")R",
    ],
)
def test_what_no_pickler_calls_is_not_made(call: bytes) -> None:
    assert plain_pickles.read(_EMPTY + b"\x8c\x01x" + call + b"s.", LIMITS) is None


def test_a_name_that_is_not_called_is_a_placeholder() -> None:
    data = pickle.dumps({"a": [datetime.datetime, datetime.date]}, 4)
    read = plain_pickles.read(data, LIMITS)
    assert read is not None
    assert repr(read) == repr(loads(data, LIMITS))
    (names,) = read.values()
    assert isinstance(names, list)
    assert all(isinstance(name, Placeholder) for name in names)


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _many_calls() -> dict[str, bytes]:
    numbers = b"".join(map(_number, range(20_000)))
    text = b"X" + (200_000).to_bytes(4, "little") + b"x" * 200_000
    zone = b"cdatetime\ntimezone\nq\x01cdatetime\ntimedelta\nq\x02K\0K\x07K\0\x87R\x85R"
    delta = b"h\x01h\x02K\0%bK\0\x87R\x85Ra"
    one_list = b"\nq\x01](" + numbers + b"eq\x02\x85Rs"
    one_text_often = b"\nq\x01](" + b"\x8c\x01x" * 20_000 + b"eq\x02\x85Rs"
    again = b"\x8c\x01bh\x01h\x02\x85Rs" * 9_000
    one_text = text + b"q\x02\x8c\x06latin1q\x03\x86Rs"
    return {
        "sets of one list": b"c__builtin__\nset" + one_list + again,
        "sets of one text": b"c__builtin__\nset" + one_text_often + again,
        "frozen sets of one list": b"c__builtin__\nfrozenset" + one_list + again,
        "one text": b"c_codecs\nencode\nq\x01" + one_text + b"\x8c\x01bh\x01h\x02h\x03\x86Rs" * 290,
        "names": b"Ns" + b"\x8c\x01bcdatetime\ndate\ns" * 9_000,
        "zones": zone + b"s\x8c\x01b]" + b"".join(delta % _number(n) for n in range(1, 200)) + b"s",
    }


@pytest.mark.parametrize("what", _many_calls())
def test_what_is_called_more_often_than_it_is_written_is_left_to_the_machine(what: str) -> None:
    assert plain_pickles.read(_EMPTY + b"\x8c\x01a" + _many_calls()[what] + b".", LIMITS) is None


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numbers_that_collide(protocol: int) -> None:
    numbers = colliding.in_a_dict(15)
    for keys in (numbers, [number / 1 for number in numbers]):
        value = {"a": {"x": 1, **dict.fromkeys(keys)}, "b": {"x", *keys}}  # type: ignore[dict-item]
        read = plain_pickles.read(pickle.dumps(value, protocol), LIMITS)
        assert read is not None
        assert [*map(type, read.values())] == [dict, set]
        for left, there in zip(read.values(), value.values(), strict=True):
            assert isinstance(left, (dict, set))
            assert "x" in left
            assert left <= there if isinstance(left, set) else left.items() <= there.items()  # type: ignore[operator, union-attr]
            assert len(left) < 5_000
    same = [(2**61 - 1) * n for n in range(1, 4)]
    assert plain_pickles.read(pickle.dumps({"a": {*same}, "b": dict.fromkeys(same)}, protocol), LIMITS)
