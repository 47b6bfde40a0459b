"""Nothing that a pickle can say runs, and nothing costs more than its limits."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload
from omero_ms_thumbnail.websession.placeholder import Placeholder
from omero_ms_thumbnail.websession.unpickling import loads
from tests.support.parts import ROOT
from tests.unit.websession import hostile
from tests.unit.websession.measuring import Cost, measuring

LIMITS = Limits()
BOMBS = hostile.bombs()
#: far above the 0.1 s that it takes at most on a quiet machine: a bound, not a measurement
CPU_SECONDS = 2.0
BYTES = 32_000_000


@pytest.fixture
def attacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[bytes, Path]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    return hostile.live(tmp_path)


@pytest.fixture(scope="module")
def cost() -> Iterator[Callable[[bytes], Cost]]:
    with measuring() as one:
        yield one


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fail the test if it takes more memory than any session may."""
    # patterns are compiled when they are first needed, once and for all: under `tracemalloc` that takes many seconds
    loads(pickle.dumps({"callback": [str(number) for number in range(9_000)]}, 4), LIMITS)
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < BYTES


def decoded(payload: bytes) -> object:
    try:
        return loads(payload, LIMITS)
    except SessionDecodeError:
        return None


def test_the_attacks_are_real(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.websession.hostile", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == list(hostile.live(tmp_path))
    assert len(json.loads(ran.stdout)) >= 40


def test_no_attack_runs(attacks: dict[str, tuple[bytes, Path]]) -> None:
    modules = set(sys.modules)
    for name, (payload, canary) in attacks.items():
        decoded(payload)
        assert not canary.exists(), name
    # Python loads a codec when it is first used.
    assert [name for name in set(sys.modules) - modules if not name.startswith("encodings.")] == []


def test_no_part_of_an_attack_runs(attacks: dict[str, tuple[bytes, Path]], tmp_path: Path) -> None:
    for payload, _ in attacks.values():
        for length in range(len(payload)):
            with pytest.raises(SessionDecodeError):
                loads(payload[:length], LIMITS)
        for start in range(1, len(payload)):
            decoded(payload[start:])
    assert not list(tmp_path.glob("canary-*"))


def test_every_attack_is_refused_as_a_whole(attacks: dict[str, tuple[bytes, Path]]) -> None:
    reasons = {}
    for name, (payload, _) in attacks.items():
        with pytest.raises(SessionDecodeError) as raised:
            decode_payload(payload, LIMITS)
        reasons[name] = raised.value.reason
    # It names nothing of Python's own, and its value is no session.
    assert reasons.pop("import with side effects") == "not-a-session"
    assert set(reasons.values()) == {"pickle-global"}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb(name: str, cost: Callable[[bytes], Cost]) -> None:
    read = cost(BOMBS[name])
    assert read.refused
    assert read.seconds < CPU_SECONDS
    assert read.bytes < BYTES


# Sound pickles, only in excess or of no use as a session: these are read, at a cost in proportion to their size.
@pytest.mark.parametrize(("name", "kind", "depth"), [("nested lists", list, 29_000), ("nested tuples", tuple, 59_001)])
@pytest.mark.usefixtures("bounded")
def test_depth_costs_nothing(name: str, kind: type, depth: int) -> None:
    value = loads(BOMBS[name], LIMITS)
    found = 0
    while isinstance(value, (list, tuple)):
        assert type(value) is kind
        found += 1
        value = value[0] if value else None
    assert value is None
    assert found == depth


@pytest.mark.usefixtures("bounded")
def test_what_is_in_itself_is_read() -> None:
    value = loads(BOMBS["list in itself"], LIMITS)
    assert isinstance(value, list)
    assert value[0] is value
    assert isinstance(loads(BOMBS["state in itself"], LIMITS), Placeholder)


@pytest.mark.usefixtures("bounded")
def test_keys_that_collide_become_placeholders() -> None:
    payload = BOMBS["keys that collide"].removesuffix(b"0N.") + b"."
    session = decode_payload(payload, LIMITS)
    assert len(session) == 28_999
    assert sum(isinstance(key, int) for key in session) <= 8


@pytest.mark.usefixtures("bounded")
def test_key_whose_hash_is_exponential_becomes_a_placeholder() -> None:
    payload = BOMBS["key whose hash is exponential"].removesuffix(b"0.") + b"."
    (key,) = decode_payload(payload, LIMITS)
    assert isinstance(key, Placeholder)


@pytest.mark.parametrize(
    ("limits", "payload"),
    [
        (Limits(values=10), b"N0" * 5 + b"}."),
        (Limits(depth=2), b"(((ltt."),
        (Limits(stored_bytes=10), pickle.dumps({"a": "b" * 10})),
    ],
)
def test_limits(limits: Limits, payload: bytes) -> None:
    with pytest.raises(SessionDecodeError) as raised:
        decode_payload(payload, limits)
    assert raised.value.reason == "too-large"
    assert loads(payload, LIMITS) is not None


def test_decimals_are_bounded_where_python_was_told_not_to() -> None:
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(SessionDecodeError):
            loads(b"L" + b"9" * 10_000 + b"L\n.", LIMITS)
    finally:
        sys.set_int_max_str_digits(digits)


@pytest.mark.parametrize(
    "payload",
    [b"c\xffPRIVATE\n\xff\n.", b"X\x08\x00\x00\x00PRIVATE\xff.", b"FPRIVATE\n.", b"IPRIVATE\n.", b"SPRIVATE\n."],
)
def test_errors_carry_nothing_of_the_pickle(payload: bytes) -> None:
    with pytest.raises(SessionDecodeError) as raised:
        loads(payload, LIMITS)
    assert "PRIVATE" not in str(raised.value)
    assert raised.value.__cause__ is None


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_are_a_value_or_the_one_error(payload: bytes) -> None:
    decoded(payload)


# Every operation but those with long operands, so that chance writes programs and not only broken ones.
OPERATIONS = st.sampled_from(
    [bytes([code]) for code in b"(012)]}NabdehlostuRQ\x81\x85\x86\x87\x88\x8f\x90\x91\x92\x93\x94"]
    + [b"K\x01", b"h\x00", b"h\x01", b"q\x00", b"\x8c\x01x", b"U\x01y", b"ca\nb\n", b"C\x01z", b"\x82\x01", b"ia\nb\n"]
)


@given(st.lists(OPERATIONS, max_size=40))
@settings(max_examples=500)
def test_any_program_is_a_value_or_the_one_error(program: list[bytes]) -> None:
    decoded(b"".join(program) + b".")


class _NothingNamed(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(module, name)


DATA_OPERATIONS = st.sampled_from(
    [bytes([code]) for code in b"(012)]}Nadehlstu\x85\x86\x87\x88\x8f\x90\x91\x94"]
    + [b"K\x01", b"h\x00", b"h\x01", b"q\x00", b"\x8c\x01x", b"C\x01z"]
)


@given(st.lists(DATA_OPERATIONS, max_size=25))
@settings(max_examples=500)
def test_program_of_plain_data_makes_what_python_makes_of_it(program: list[bytes]) -> None:
    payload = b"".join(program) + b"."
    try:
        expected = _NothingNamed(io.BytesIO(payload)).load()
    except Exception:
        return
    try:
        value = loads(payload, LIMITS)
    except SessionDecodeError as error:
        # Python ignores what is left behind on the stack, and where nothing is to be appended, what to.
        if "ends in the middle of a value" in str(error) or "to something else" in str(error):
            return
        if "sets items of something else" in str(error):
            return
        raise
    # By repr first, as a list can hold itself; a key that is costly to hash is a placeholder here.
    assert repr(value) == repr(expected) or "placeholder" in repr(value) or value == expected
