"""What Python's own unpickler is given to read: only pickles of plain data, and none that costs too much."""

from __future__ import annotations

import contextlib
import copyreg
import datetime
import gc
import pickle
import tracemalloc
import uuid
import zoneinfo
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.websession import plain_operations, plain_pickles, unpickling
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.unpickling import loads

LIMITS = Limits()
#: the most that tracemalloc may see, whatever is read
BYTES = 39_500_000

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


@given(value=st.dictionaries(st.text(), plain))
def test_plain_data(value: dict[str, object]) -> None:
    for protocol in (2, 3, 4, 5):
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
        (bytearray(b"x"), range(6)),
        (uuid.UUID(int=7), range(6)),
        ({((1, 2), 3): 3}, range(6)),
        ({frozenset({1})}, range(6)),
        ({datetime.timedelta(1): 3}, range(6)),
        (datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC")), range(6)),
        (range, range(6)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain(value: object, protocols: Iterable[int]) -> None:
    for protocol in protocols:
        assert not is_plain(pickle.dumps({"a": ["b" * 30] * 1000, "value": value}, protocol))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", [(), (1,), (1, (2, 3)), (1, 2, 3, "x", None), (((((),),),),)], ids=repr)
def test_tuples(protocol: int, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps({"a": ["t" * 30] * 1000, "value": [value] * 2, "other": {"x": value}}, protocol)
    assert plain_pickles.read(data, LIMITS) == by_the_machine(data, monkeypatch)


def test_bytes() -> None:
    value = {"a": [b"", b"x" * 255, b"\xff" * 256, b"t\x85" * 1000]}
    assert plain_pickles.read(pickle.dumps(value, 4), LIMITS) == value


@pytest.mark.parametrize(
    "program",
    [
        b"}}.",  # more than one value is left
        b"(}.",
        b"](}.",
        b"\x96" + bytes(8) + b"(}t\x86.",  # what is put around each
        b"\x96" + bytes(8) + b"}\x85\x86.",
        b"K\x00(}.",
        b"}]K\x01as.",
        b"}Q.",
        b"}}b.",
        b"}2.",
        b"}N0.",
    ],
    ids=repr,
)
def test_what_leaves_more_than_one_dict_is_the_machines(program: bytes) -> None:
    assert is_plain(b"\x80\x04}.")
    assert not is_plain(b"\x80\x04" + program)


def test_reading_leaves_the_collector_as_it_was() -> None:
    data = pickle.dumps({"a": [1]})
    assert gc.isenabled()
    assert is_plain(data)
    assert not is_plain(pickle.dumps({((1,), 2): 3}))
    assert gc.isenabled()


@pytest.mark.parametrize("value", [[*range(9000)], {n: {n} for n in range(9000)}, datetime.date(2026, 1, 2), Thing()])
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_was_read_goes_at_once(protocol: int, value: object) -> None:
    # in no circle, which would be there until the collector comes
    data = pickle.dumps({"a": value, "b": {1, 2}, "c": b"x", "d": ["x" * 30] * 1000}, protocol)
    gc.collect()
    gc.disable()
    try:
        for payload in (data, data.replace(b"x" * 30, b"\x85" * 30), data[:-1]):
            with contextlib.suppress(SessionDecodeError):
                plain_pickles.read(payload, LIMITS)
                loads(payload, LIMITS)
        with contextlib.suppress(SessionDecodeError):
            loads(pickle.dumps({"a": value, "b": 2**70}, protocol), LIMITS)
        assert gc.collect() == 0
    finally:
        gc.enable()


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
    if bytes([code]) not in b"}](N)\x88\x89\x94eausKhqXMJGjr.CBt\x85\x86\x87R\x8f\x90\x91\x93" + b"\x8c\x8a\x95"
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
    value = {"jobs": [{"id": n} for n in range(5000)], "last": 2**70}
    data = pickle.dumps(value, 4)
    assert len(data) > plain_pickles.LARGE
    assert not is_plain(data)
    assert loads(data, LIMITS) == value


def test_small_ones_are_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickling.plain_pickles, "read", lambda *_: pytest.fail("asked"))
    assert loads(pickle.dumps({"a": 1}), LIMITS) == {"a": 1}


def test_the_unpickler_finds_no_class() -> None:
    for protocol in range(6):
        with pytest.raises(pickle.UnpicklingError):
            plain_pickles._loaded([pickle.dumps(Thing(), protocol)[:-1]], 10**9)


def test_a_wrong_cut_would_still_run_nothing() -> None:
    # even if the patterns let such through: what a number of copyreg's registry stands for is found like any class
    copyreg.add_extension("os", "system", 0x42)
    try:
        for program in (b"\x82\x42", b"(ios\nsystem\n", b"(cos\nsystem\no", b"P1\n", b"\x97"):
            with contextlib.suppress(pickle.UnpicklingError):
                assert plain_pickles._loaded([b"\x80\x04", program], 10**9) is None
    finally:
        copyreg.remove_extension("os", "system", 0x42)


def estimate(data: bytes) -> int:
    plain = plain_operations.plain_pickle(data)
    assert plain is not None
    gets, texts = plain_pickles._count(data, b"hj"), plain_pickles._count(data, b"\x8cCXB")
    return plain_pickles._memory(data, plain, gets, texts)


def largest(unit: bytes, before: bytes = b"](", behind: bytes = b"e") -> bytes:
    """The largest pickle of so many of these that is read at all."""

    def program(count: int) -> bytes:
        return b"\x80\x04}\x8c\x01a\x8c\x01x\x94s\x8c\x01b" + before + unit * count + behind + b"s."

    few, some = 20_000 // len(unit), 40_000 // len(unit)
    each = (estimate(program(some)) - estimate(program(few))) / (some - few)
    count = min(int(LIMITS.plain_memory / each), (LIMITS.decoded_bytes - 50) // len(unit))
    while estimate(program(count)) > LIMITS.plain_memory:
        count = count * 99 // 100
    return program(count)


@pytest.mark.long
@pytest.mark.parametrize(
    "unit",
    [
        b"]",
        b"}",
        b"}(h\x00Nu",
        b"}h\x00Ns",
        b"}(h\x00}h\x00]u",
        b"\x8c\x02\xc4\x80\x94",
        b"]K\x01a",
        b"](K\x01K\x01e",
        b"\x8c\x06ab\xf0\x9f\x98\x80",
        b"\x8f(N\x90",
        b")\x85",
        b"(t",
        b"(K\x01K\x02K\x01K\x02t\x94",
    ],
    ids=repr,
)
def test_memory_of_the_worst_that_is_read(unit: bytes) -> None:
    read_in_bounds(largest(unit))


@pytest.mark.long
@pytest.mark.parametrize(
    ("unit", "before", "behind"),
    [
        (b"(" + b"N" * 1000 + b"e", b"]", b""),
        (b"N", b"(", b"t"),
        (b"K\x01", b"(", b"t"),
        (b"}h\x00Ns", b"](\x8c\x01yr\xff\xff\x01\x00", b"e"),
    ],
)
def test_memory_of_one_large_tuple_and_a_memo_with_gaps(unit: bytes, before: bytes, behind: bytes) -> None:
    read_in_bounds(largest(unit, before, behind))


def read_in_bounds(data: bytes) -> None:
    tracemalloc.start()
    try:
        assert plain_pickles.read(data, LIMITS) is not None
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("each", [b"N", b"]", b"}", b"}h\x00Ns"])
def test_memory_of_one_large_dict(each: bytes) -> None:
    # just behind where its table grows, which is at two thirds of a power of two
    pairs = [b"\x8c\x05%05x" % n + each for n in range(87_382)]
    batches = (b"(" + b"".join(pairs[first : first + 1000]) + b"u" for first in range(0, len(pairs), 1000))
    read_in_bounds(b"\x80\x04}\x8c\x01x\x94Ns" + b"".join(batches) + b".")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04}" + b"r\xff\xff\xff\x7f" * 5000 + b".",
        b"\x80\x04}" + b"r\xff\xff\x02\x00" * 5000 + b".",
        b"\x80\x04" + b"]" * 1_900_000 + b".",
        b"\x80\x04}(" + b"".join(b"J%bN" % n.to_bytes(4, "little") for n in range(300_000)) + b"u.",
        b"\x80\x04}" + b"(" * 1_900_000 + b".",
        b"\x80\x04}N." + b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f" * 3000 + b".",
    ],
    ids=["memo", "memo of 200,000", "lists", "a dict", "marks", "frames"],
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
