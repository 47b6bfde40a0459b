"""What Python's own unpickler is given to read: only pickles of plain data, and none that costs too much."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import gc
import pickle
import re
import tracemalloc
import types
import uuid
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.websession import inert_unpickler, plain_operations, plain_pickles, unpickling
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.session import web_session
from omero_ms_thumbnail.websession.unpickling import loads

LIMITS = Limits()
#: the most that tracemalloc may see, whatever is read
BYTES = 41_000_000

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda values: st.lists(values) | st.dictionaries(st.text(max_size=20) | st.integers(0, 2**31), values),
    max_leaves=30,
)


def is_plain(data: bytes) -> bool:
    return plain_pickles.read(data, LIMITS) is not None


def by_the_machine(data: bytes, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patched:
        patched.setattr(plain_pickles, "LARGE", 2**30)
        return loads(data, LIMITS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@given(value=st.dictionaries(st.text(), plain))
def test_plain_data(protocol: int, value: dict[str, object]) -> None:
    assert plain_pickles.read(pickle.dumps(value, protocol), LIMITS) == value


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 1000, 70_000])
@pytest.mark.parametrize("protocol", [2, 4])
def test_texts_of_any_length(protocol: int, length: int) -> None:
    value = {"a": ["x" * length, "é" * length, "雪" * length, "🔬" * length, "\ud800" * length], "b": 1}
    assert plain_pickles.read(pickle.dumps(value, protocol), LIMITS) == value


class Thing:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return print, ("called",)


@pytest.mark.parametrize(
    ("value", "protocols"),
    [
        (Thing(), range(6)),
        (2**64, range(2, 6)),
        (frozenset(), (4, 5)),
        (bytearray(b"x"), (5,)),
        ({(1, 2): 3}, range(6)),
        ({1: {(1, 2): 3}}, range(6)),
        ({1: {(1, 2)}}, (4, 5)),
        (map(int, "1"), range(6)),
        (range, (5,)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain(value: object, protocols: Iterable[int]) -> None:
    for protocol in protocols:
        plain = is_plain(pickle.dumps({"a": ["b" * 30] * 1000, "value": value}, protocol))
        # a type of data is, by its name alone
        assert plain == (value is range)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        ((1, (2, 3)), ()),
        (1, 2, 3, "x", None),
        {1, "x", 2.5},
        b"x" * 300,
        b"\xff",
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC),
        decimal.Decimal("1.5"),
        uuid.UUID(int=7),
        collections.OrderedDict(a=1),
        types.SimpleNamespace(x=(1, 2)),
        argparse.Namespace,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_sessions_have_besides(protocol: int, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps({"a": ["b" * 30] * 1000, "value": [value] * 2, "other": {"x": value}}, protocol)
    read = plain_pickles.read(data, LIMITS)
    if value is argparse.Namespace:
        assert read is None  # as it is refused
        return
    assert read is not None
    assert shown(read) == shown(by_the_machine(data, monkeypatch))


def shown(value: object) -> str:
    return re.sub("0x[0-9a-f]+", "", repr(value))


class Connector:
    """Named as OMERO.web's."""


def test_the_connector_of_an_old_site(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector()
    connector.__dict__.update(omero_session_key="key", user_id=7)
    for protocol in range(6):
        data = pickle.dumps({"connector": connector, "more": ["x" * 30] * 2000}, protocol)
        named = data.replace(b"c%b\nConnector\n" % __name__.encode(), b"comeroweb.connector\nConnector\n").replace(
            b"\x8c%b%b" % (bytes([len(__name__)]), __name__.encode()), b"\x8c\x12omeroweb.connector"
        )
        named = re.sub(rb"\x95.{8}", b"", named, count=1, flags=re.DOTALL)
        read = plain_pickles.read(named, LIMITS)
        assert read is not None
        found = web_session(read)
        assert found is not None
        assert (found.omero_session_key, found.user_id) == ("key", 7)
        assert web_session(by_the_machine(named, monkeypatch)) == found


@pytest.mark.parametrize(
    "program",
    [
        b"c%b\nX\n}(\x8c\x01aNub" % b"a",  # a state for a class
        b"]}b",
        b"K\x01)R",
        b"K\x01)\x81",
        b"(K\x01K\x02t)R",
        b"}N}\x8c\x03getK\x01s\x86b",
        b"cos\nsystem\n\x8c\x01a\x85R",
        b"cbuiltins\ngetattr\ncdatetime\ndatetime\n\x8c\x03now\x86R",
        b"\x8c\x02os\x8c\x06system\x93",
        b"ca\nb\n)R)R",
        b"N)\x94" * 3 + b"h\x07",
    ],
    ids=repr,
)
def test_what_is_called_or_given_a_state_is_made_of_a_name(program: bytes) -> None:
    data = b"\x80\x04}\x8c\x01a" + program + b"s."
    assert not is_plain(data)


def test_names_are_counted() -> None:
    data = b"\x80\x04}\x8c\x01a](%bes." % (b"ca\nb\n" * 1001)
    assert not is_plain(data)
    assert is_plain(data.replace(b"ca\nb\n", b"N", 1))


def test_reading_leaves_the_collector_as_it_was() -> None:
    data = pickle.dumps({"a": [1]})
    assert gc.isenabled()
    assert is_plain(data)
    assert not is_plain(pickle.dumps({(1, 2): 3}))
    assert gc.isenabled()


def test_tuples_of_one_hash_are_never_compared() -> None:
    # each is another, and their hashes are made only where somebody looks for a key
    tuples = pickle.dumps({"a": [(n, n + 1) for n in range(3000)]}, 4)
    read = plain_pickles.read(tuples, LIMITS)
    assert read is not None
    assert read == pickle.loads(tuples)
    (items,) = read.values()
    assert isinstance(items, list)
    with pytest.raises(TypeError):
        hash(items[0])


#: each byte that is an operation which makes, calls or looks up something else
OTHERS = [
    code
    for code in range(256)
    if bytes([code]) not in b"}](N\x88\x89\x94eausKhqXMJGjr.CUBTRbct)\x81\x93\x85\x86\x87\x8f\x90" + b"\x8c\x8a\x95\x80"
]


@pytest.mark.parametrize("code", OTHERS)
def test_an_operation_that_is_not_plain(code: int) -> None:
    data = b"\x80\x04}(\x8c\x01aN" + bytes([code]) + b"\0" * 20 + b"\x8c\x01bNu."
    assert plain_operations.plain_pickle(data) is None


@given(st.binary(max_size=200), st.integers(0, 400))
def test_a_pickle_that_was_changed_is_read_alike_or_left_to_the_machine(noise: bytes, at: int) -> None:
    value = {"connector": {"omero_session_key": "key", "user_id": 7}, "a": [1, 300, 70_000, 1.5, None, "é"], "b": {}}
    data = pickle.dumps(value, 4)
    data = data[: at % len(data)] + noise + data[at % len(data) :]
    read = plain_pickles.read(data, LIMITS)
    if read is not None:
        assert repr(pickle.loads(data)) == repr(read)


@pytest.mark.parametrize("protocol", [2, 4])
def test_the_machine_reads_the_same(protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {
        "connector": {"omero_session_key": "key"},
        "jobs": [{"id": n, "name": f"é{n}", "x": [n]} for n in range(2000)],
    }
    data = pickle.dumps(value, protocol) + b"\n"
    assert is_plain(data)
    assert loads(data, LIMITS) == by_the_machine(data, monkeypatch) == value


def test_one_operation_of_another_kind_leaves_all_to_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"jobs": [{"id": n} for n in range(5000)], "last": frozenset({1, 2})}
    data = pickle.dumps(value, 4)
    assert len(data) > plain_pickles.LARGE
    assert not is_plain(data)
    assert loads(data, LIMITS) == value


def test_small_ones_are_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickling.plain_pickles, "read", lambda *_: pytest.fail("asked"))
    assert loads(pickle.dumps({"a": 1}), LIMITS) == {"a": 1}


def test_the_unpickler_finds_no_class() -> None:
    for protocol in range(6):
        with pytest.raises((pickle.UnpicklingError, SessionDecodeError)):
            inert_unpickler.load([pickle.dumps(Thing(), protocol)])


def largest(unit: bytes) -> bytes:
    """The largest pickle of a list of so many of these that is read at all."""
    low, high, best = 1, 2_000_000 // len(unit), b""
    while low <= high:
        count = (low + high) // 2
        data = b"\x80\x04}\x8c\x01aca\nb\nq\x00s\x8c\x01b](" + unit * count + b"es."
        plain = plain_operations.plain_pickle(data)
        assert plain is not None
        if plain_pickles._memory(plain, plain.codes(), data) <= LIMITS.plain_memory:
            low, best = count + 1, data
        else:
            high = count - 1
    return best


@pytest.mark.parametrize(
    "unit",
    [
        b"]",
        b"]\x94",
        b"}",
        b"}(K\x01Nu",
        b"}K\x01Ns",
        b"N",
        b"M\xff\xff",
        b"\x8c\x01x",
        b"\x8c\x02\xc4\x80\x94",
        b"]K\x01a",
        b"](K\x01K\x01e",
        b"\x8c\x06ab\xf0\x9f\x98\x80",
        b"K\x01K\x02\x86",
        b")\x85",
        b"(K\x01K\x02K\x01K\x02t\x94",
        b"\x8f(K\x01\x90",
        b"\x8f(M\xff\xff\x8c\x01x\x90",
        b"h\x00)R",
        b"h\x00)\x81\x94",
    ],
    ids=repr,
)
def test_memory_of_the_worst_that_is_read(unit: bytes) -> None:
    data = largest(unit)
    tracemalloc.start()
    try:
        assert plain_pickles.read(data, LIMITS) is not None
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04}" + b"r\xff\xff\xff\x7f" * 5000 + b".",
        b"\x80\x04}" + b"r\xff\xff\x08\x00" * 5000 + b".",
        b"\x80\x04" + b"]" * 1_900_000 + b".",
        b"\x80\x04}(" + b"".join(b"J%bN" % n.to_bytes(4, "little") for n in range(300_000)) + b"u.",
        b"\x80\x04}" + b"(" * 1_900_000 + b".",
        b"\x80\x04}N." + b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f" * 3000 + b".",
    ],
    ids=["memo", "memo of a million", "lists", "a dict", "marks", "frames"],
)
def test_memory_of_what_is_refused(data: bytes) -> None:
    tracemalloc.start()
    try:
        plain_pickles.read(data, LIMITS)
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


def test_texts_that_are_compared_for_ever_are_left_to_the_machine() -> None:
    text = b"x" * 500_000
    long = b"X" + len(text).to_bytes(4, "little") + text
    program = b"\x80\x04}" + long + b"q\x00Ns" + long + b"q\x01Ns" + b"h\x00Nsh\x01Ns" * 150_000 + b"."
    assert not is_plain(program)


@pytest.mark.parametrize("program", [b"N.", b"].", b"K\x01.", b"\x8c\x01a."])
def test_what_is_no_dict_is_the_machines(program: bytes) -> None:
    assert not is_plain(b"\x80\x04" + program)


def test_a_cut_off_pickle_says_why() -> None:
    data = pickle.dumps({"jobs": [{"id": n} for n in range(5000)]}, 4)
    with pytest.raises(SessionDecodeError, match="cut off"):
        loads(data[:-1], LIMITS)
