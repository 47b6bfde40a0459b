"""Plain data comes out of a pickle as it went in; everything else as a placeholder."""

from __future__ import annotations

import collections
import datetime
import decimal
import pickle
import pickletools
import sys
import types
import uuid
import zoneinfo
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload
from omero_ms_thumbnail.websession.placeholder import Placeholder
from omero_ms_thumbnail.websession.unpickling import loads
from omero_ms_thumbnail.websession.web_session import WebSession, web_session

LIMITS = Limits()
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
EXPECTED = WebSession("0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55", 52, 128)
DATA = Path(__file__).parent / "data"

every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


def data(protocol: int) -> st.SearchStrategy[object]:
    """Values that the protocol has operations for; older ones call functions to make bytes and sets."""
    text = st.text(st.characters(codec=None)) | st.text(st.characters(categories=["Cs"]), max_size=3)
    integers = st.integers() | st.integers(-(2**3000), 2**3000)
    scalars = st.none() | st.booleans() | integers | st.floats(allow_nan=False) | text
    keys = text | st.integers(-(2**64) + 1, 2**64 - 1) | st.booleans() | st.none() | st.tuples(st.integers(0, 9), text)
    if protocol >= 3:
        scalars |= st.binary()
        keys |= st.binary()
    if protocol >= 4:
        scalars |= st.frozensets(keys, max_size=5) | st.sets(keys, max_size=5)
    if protocol >= 5:
        scalars |= st.binary().map(bytearray)
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=8)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(keys, inner, max_size=8)
        ),
        max_leaves=20,
    )


def types_in(value: object) -> object:
    """The types of a value and all in it: 1, 1.0 and True are equal."""
    if isinstance(value, (list, tuple)):
        return type(value), [types_in(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return type(value), {types_in(item) for item in value if not isinstance(item, tuple)}
    if isinstance(value, dict):
        return type(value), [(type(key), types_in(item)) for key, item in value.items()]
    return type(value)


@every_protocol
@given(drawn=st.data())
def test_plain_data(protocol: int, drawn: st.DataObject) -> None:
    value = drawn.draw(data(protocol))
    dumped = pickle.dumps(value, protocol)
    read = loads(dumped, LIMITS)
    assert read == value
    assert types_in(read) == types_in(value)
    assert loads(pickletools.optimize(dumped), LIMITS) == value


@every_protocol
@pytest.mark.parametrize(
    "value",
    [
        list(range(2500)),
        dict.fromkeys(range(2500)),
        "x" * 70_000,
        ["é" * length for length in (127, 128, 255, 256)],
        [0, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**2100, -(2**2100)],
        [float("inf"), -0.0, 1e308],
        "\\ \n \r \0 \x1a ' \" \ud800 😀",
        ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    ],
    ids=["list", "dict", "long text", "texts", "integers", "floats", "escapes", "tuples"],
)
def test_sizes_at_which_the_operations_change(protocol: int, value: object) -> None:
    assert repr(loads(pickle.dumps(value, protocol), LIMITS)) == repr(value)


@every_protocol
def test_what_is_shared_stays_shared(protocol: int) -> None:
    shared: list[int] = []
    read = loads(pickle.dumps({"a": shared, "b": [shared, shared]}, protocol), LIMITS)
    assert isinstance(read, dict)
    assert read["a"] is read["b"][0] is read["b"][1]


@every_protocol
def test_what_holds_itself_holds_itself(protocol: int) -> None:
    value: dict[str, object] = {}
    value["tuple"] = ([value],)
    read = loads(pickle.dumps(value, protocol), LIMITS)
    assert isinstance(read, dict)
    assert read["tuple"][0][0] is read


@every_protocol
@pytest.mark.parametrize(
    "thing",
    [
        datetime.datetime(2024, 5, 6, tzinfo=zoneinfo.ZoneInfo("UTC")),
        decimal.Decimal("1.5"),
        uuid.UUID(int=7),
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.deque([1, 2]),
        collections.Counter("aab"),
        range(3),
        complex(1, 2),
        Path("x"),
        ValueError("x"),
        datetime.datetime,
    ],
    ids=lambda thing: f"{type(thing).__module__}.{type(thing).__qualname__}",
)
def test_a_type_of_data_without_an_operation_of_its_own_is_a_placeholder(protocol: int, thing: object) -> None:
    read = loads(pickle.dumps([thing, "the rest"], protocol), LIMITS)
    assert isinstance(read, list)
    placeholder, rest = read
    assert isinstance(placeholder, Placeholder)
    assert rest == "the rest"


@every_protocol
def test_placeholder_can_be_a_key_and_a_member(protocol: int) -> None:
    number = decimal.Decimal("1.5")
    read = loads(pickle.dumps({number: 1, ("a", number): {number}}, protocol), LIMITS)
    assert isinstance(read, dict)
    first, second = read
    assert isinstance(first, Placeholder)
    assert first.name == "decimal.Decimal"
    assert isinstance(second, tuple)
    assert isinstance(second[1], Placeholder)


def test_placeholder_shows_its_name_and_nothing_else() -> None:
    placeholder = Placeholder("module.name" * 100)
    placeholder.attributes = {"omero_session_key": "secret"}
    assert repr(placeholder).startswith("<placeholder for 'module.name")
    assert len(repr(placeholder)) < 200
    assert "secret" not in repr(placeholder)


@pytest.fixture
def connector_class(monkeypatch: pytest.MonkeyPatch) -> type:
    """The class of OMERO.web before 5.6, importable only while something is pickled."""
    module = types.ModuleType("omeroweb.connector")

    class Connector:
        pass

    Connector.__module__ = module.__name__
    Connector.__qualname__ = "Connector"
    module.Connector = Connector  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "omeroweb", types.ModuleType("omeroweb"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Connector


@every_protocol
def test_connector_instance_of_python_3(protocol: int, connector_class: type) -> None:
    connector = connector_class()
    connector.__dict__ = {
        "server_id": "1",
        "is_secure": False,
        "omero_session_key": EXPECTED.omero_session_key,
        "user_id": EXPECTED.user_id,
    }
    session = {"connector": connector, "server_settings": {"browser": {"thumb_default_size": 128}}}
    assert web_session(decode_payload(pickle.dumps(session, protocol), LIMITS)) == EXPECTED


@pytest.mark.parametrize("protocol", [4, 5])
def test_instance_of_another_class_is_no_connector(protocol: int, connector_class: type) -> None:
    connector_class.__qualname__ = "Connector.Connector"
    connector_class.Connector = connector_class  # type: ignore[attr-defined]
    connector = connector_class()
    connector.__dict__ = {"omero_session_key": EXPECTED.omero_session_key}
    dumped = pickle.dumps(connector, protocol)
    session = b"\x80\x04}\x8c\x09connector" + dumped[2:-1] + b"s."
    assert web_session(decode_payload(session, LIMITS)) is None


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_session_of_python_2(protocol: int) -> None:
    session = decode_payload((DATA / f"python2-protocol{protocol}.pickle").read_bytes(), LIMITS)
    assert web_session(session) == EXPECTED


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_session_of_python_2_cut_off_anywhere(protocol: int) -> None:
    dumped = (DATA / f"python2-protocol{protocol}.pickle").read_bytes()
    for length in range(len(dumped)):
        with pytest.raises(SessionDecodeError):
            loads(dumped[:length], LIMITS)


@every_protocol
def test_session_cut_off_anywhere(protocol: int) -> None:
    session = {"connector": {"omero_session_key": "key", "user_id": 2**40}, "a": [1.5, None, (1,)]}
    dumped = pickle.dumps(session, protocol)
    for length in range(len(dumped)):
        with pytest.raises(SessionDecodeError):
            loads(dumped[:length], LIMITS)


KEY = b"0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"


@pytest.mark.parametrize(
    "connector",
    [
        # An old-style class, as a module before OMERO 5 might have had it: INST, and OBJ in protocol 1.
        b"(iomeroweb.connector\nConnector\n(dS'omero_session_key'\nS'" + KEY + b"'\nsb",
        b"(comeroweb.connector\nConnector\no}U\x11omero_session_keyU$" + KEY + b"sb",
        # A state of __dict__ and __slots__.
        b"comeroweb.connector\nConnector\n)\x81}U\x11omero_session_keyU$" + KEY + b"sN\x86b",
        # LONG_BINPUT and LONG_BINGET, keys from the memo, unicode for the value.
        b"U\x11omero_session_keyr\x00\x01\x00\x000}j\x00\x01\x00\x00X$\x00\x00\x00" + KEY + b"s",
        b"comeroweb.connector\nConnector\n)}\x92}(U\x11omero_session_keyV" + KEY + b"\nub",
    ],
    ids=["inst", "obj", "slots", "memo", "newobj-ex"],
)
def test_connector_as_other_picklers_write_it(connector: bytes) -> None:
    session = decode_payload(b"}S'connector'\n" + connector + b"s.", LIMITS)
    assert web_session(session) == WebSession(KEY.decode())


@given(st.binary())
@example(b"'\"\\ \n\t\r\x00\x7f\xff")
@example("é".encode())
def test_str_of_python_2(raw: bytes) -> None:
    # What Python 2's repr of a str is but for the b and the choice of quotes.
    line = b"S" + repr(raw)[1:].encode() + b"\n."
    try:
        expected: object = raw.decode()
    except UnicodeDecodeError:
        expected = raw
    assert loads(line, LIMITS) == expected
    assert loads(b"T" + len(raw).to_bytes(4, "little") + raw + b".", LIMITS) == expected


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (rb"S'\x41\101\7\a\b\f\v\\\'\"'", "AA\a\a\b\f\v\\'\""),
        (rb"S'\q\x4'", "\\q\\x4"),
        (rb'S"it\'s"', "it's"),
        (b"I01", True),
        (b"I00", False),
        (b"I1", 1),
        (b"I-7", -7),
        (b"L5", 5),
        (b"L-5L", -5),
        (b"F-1e3", -1000.0),
    ],
)
def test_literal_of_protocol_0(literal: bytes, value: object) -> None:
    read = loads(literal + b"\n.", LIMITS)
    assert read == value
    assert type(read) is type(value)


@every_protocol
@pytest.mark.parametrize("after", [b"\n", b"\0", b"garbage", pickle.dumps({}), b"cos\nsystem\n."])
def test_what_follows_the_end_is_nobodys(protocol: int, after: bytes) -> None:
    session = {"connector": {"omero_session_key": EXPECTED.omero_session_key}}
    payload = pickle.dumps(session, protocol) + after
    assert pickle.loads(payload) == session
    assert decode_payload(payload, LIMITS) == session


def test_session_of_omeroweb_5_4() -> None:
    payload = (DATA / "omeroweb-5.4.pickle").read_bytes()
    session = decode_payload(payload, LIMITS)
    assert web_session(session) == WebSession(EXPECTED.omero_session_key, 2, 96)
    assert web_session(decode_payload(payload + b"\n", LIMITS)) == WebSession(EXPECTED.omero_session_key, 2, 96)


def colliding(count: int) -> list[tuple[int, int]]:
    """Tuples of one hash: what CPython's `tuplehash` does to its items can be undone."""
    size, first, second, last = 2**64, 11400714785074694791, 14029467366897019727, 2870177450012600261

    def turned(value: int, bits: int) -> int:
        return (value << bits | value >> (64 - bits)) % size

    wanted = turned((1 - (2 ^ last ^ 3527539)) * pow(first, -1, size) % size, 33)
    found: list[tuple[int, int]] = []
    number = 0
    while len(found) < count:
        number += 1
        other = (wanted - turned((last + number * second) % size, 31) * first) * pow(second, -1, size) % size
        other -= size if other >= size // 2 else 0
        if abs(other) < 2**61 - 1 and other != -1:
            found.append((number, other))
    return found


@every_protocol
@pytest.mark.parametrize("is_set", [False, True])
def test_only_a_few_tuples_are_compared_with_each_other(protocol: int, is_set: bool) -> None:
    keys = colliding(3000)
    assert len({hash(key) for key in keys}) == 1
    value = dict.fromkeys(keys) if not is_set else keys
    dumped = pickle.dumps(value, protocol)
    if is_set:
        # as pickles of protocol 4 write sets, which would take long to make here
        dumped = b"\x80\x04\x8f(" + b"".join(pickle.dumps(key, 2)[2:-1] for key in keys) + b"\x90."
    read = loads(dumped, LIMITS)
    assert isinstance(read, (dict, set))
    assert len(read) <= 1500
    few = loads(pickle.dumps(dict.fromkeys(keys[:1000]), protocol), LIMITS)
    assert isinstance(few, dict)
    assert [*few] == keys[:1000]
