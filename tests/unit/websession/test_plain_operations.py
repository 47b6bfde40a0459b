"""A pickle is taken apart as Python takes it apart, and no constant becomes a key that was not counted."""

from __future__ import annotations

import contextlib
import io
import itertools
import pickle
import pickletools
import random
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from omero_ms_thumbnail.websession import plain_filling, plain_operations, plain_pickles
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.pickle_keys import Places
from omero_ms_thumbnail.websession.pickle_machine import Machine
from omero_ms_thumbnail.websession.pickle_operations import OPERATIONS
from omero_ms_thumbnail.websession.plain_filling import FILL, Filling
from omero_ms_thumbnail.websession.plain_operations import plain_pickle
from omero_ms_thumbnail.websession.unpickling import loads
from tests.unit.websession import colliding

LIMITS = Limits()
SEED = 20261130
#: what is in place of operations that fill containers, and behind those that make tuples
GIVEN = {
    **{
        name: code + b"Q"
        for name, code in {"TUPLE": b"t", "TUPLE1": b"\x85", "TUPLE2": b"\x86", "TUPLE3": b"\x87"}.items()
    },
    "SETITEM": b"\x86\x97\x87Q",
    "SETITEMS": b"l\x97\x87Q",
    "ADDITEMS": b"l\x86\x97\x86Q",
    "FROZENSET": b"lQ",
}

PLAIN = {
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "MARK"),
    *("FROZENSET", "GLOBAL", "STACK_GLOBAL", "REDUCE"),
    *("MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "PROTO", "FRAME", "STOP"),
}

VALUES: list[Callable[[random.Random], object]] = [
    lambda chance: chance.randrange(300),
    lambda chance: chance.randrange(-(2**63), 2**63),
    lambda chance: chance.random(),
    lambda chance: chance.choice([None, True, False, (), "", b""]),
    lambda chance: "é" * chance.randrange(1, 300),
    lambda chance: bytes(chance.randrange(1, 20)),
]


def value(chance: random.Random, depth: int = 0) -> object:
    """Some plain data, with keys of every kind."""
    if depth > 3 or chance.random() < 0.4:
        return chance.choice(VALUES)(chance)
    items = [value(chance, depth + 1) for _ in range(chance.choice([0, 1, 1, 2, 3, 4, 7]))]
    match chance.randrange(5):
        case 0:
            return tuple(items)
        case 1:
            return {chance.choice(VALUES)(chance) for _ in items}
        case 2 | 3:
            return {chance.choice(VALUES[-3:] if depth % 2 else VALUES)(chance): item for item in items}
        case _:
            return items


def pickles(chance: random.Random, count: int) -> Iterator[bytes]:
    """Sound ones of protocols 2 to 5, and the same with some bytes changed."""
    for number in range(count):
        data = pickle.dumps({"a": value(chance), "b": value(chance)}, chance.choice([2, 3, 4, 5]))
        for _ in range(number % 3):
            at = chance.randrange(len(data))
            data = data[:at] + chance.randbytes(chance.randrange(3)) + data[at + chance.randrange(3) :]
        yield data


def programs(chance: random.Random, count: int) -> Iterator[bytes]:
    """Operations as they come, most of which leave what the next one needs."""
    operations = [
        *(bytes([code]) for code in b"}}}](((N)\x88\x89\x94aaeeusss\x85\x86\x87t\x8f\x90"),
        *(b"K%c" % number for number in range(4)),
        *(b"h%c" % number for number in range(4)),
        *(b"\x8c\x01%c" % letter for letter in b"abc"),
        *(b"q\x00", b"q\x01", b"M\x00\x01", b"J\0\0\1\0", b"C\x01x", b"X\x01\0\0\0y", b"G" + struct.pack(">d", 1.5)),
        *(b"h\x00K\x01Ns", b"(h\x00K\x07]s", b"}q\x00", b"]q\x01", b"](K\x01", b"}(\x8c\x01aK\x02", b"h\x00(K\x09Nu"),
    ]
    for _ in range(count):
        body = b"".join(chance.choices(operations, k=chance.randrange(1, 18)))
        yield b"\x80\x04}q\x00" + body + chance.choice([b"", b"s", b"u", b"ue", b"se", b"eu", b"au"]) + b"."


def taken_apart(data: bytes) -> list[tuple[str, bytes]]:
    """Each operation up to STOP with its bytes, by Python's own table of them."""
    taken, at = [], 0
    while not taken or taken[-1][0] != "STOP":
        operation = pickletools.code2op[data[at : at + 1].decode("latin-1")]
        size = 1
        if operation.name == "GLOBAL":
            size = data.index(b"\n", data.index(b"\n", at) + 1) + 1 - at
        elif operation.arg is not None:
            width = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4U: 4}.get(operation.arg.n, 0)
            size += width + int.from_bytes(data[at + 1 : at + 1 + width], "little") if width else operation.arg.n
        taken.append((operation.name, data[at : at + size]))
        at += size
    return taken


def is_as_given(parts: bytes, operations: list[tuple[str, bytes]]) -> bool:
    """Whether parts are these operations, each as it is or as it is given to what fills containers."""
    at = 0
    for name, raw in operations:
        if name in ("FRAME", "STOP"):
            continue
        given = GIVEN.get(name, raw)
        took = next((one for one in (given, raw) if parts.startswith(one, at)), None)
        if took is None:
            return False
        at += len(took)
    return at == len(parts)


@pytest.mark.parametrize("made", [pickles, programs])
def test_it_is_taken_apart_as_by_python(made: Callable[[random.Random, int], Iterator[bytes]]) -> None:
    agreed = 0
    for data in made(random.Random(SEED), 3000):
        plain = plain_pickle(data)
        if plain is None:
            continue
        operations = taken_apart(data)
        assert {name for name, _ in operations} <= PLAIN
        assert is_as_given(b"".join(plain.parts), operations)
        called = sum(
            name == "REDUCE" and operations[number - 1][0] not in ("TUPLE", "TUPLE3", "EMPTY_TUPLE")
            for number, (name, _) in enumerate(operations)
        )
        tuples = sum(name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3") for name, _ in operations)
        assert plain.tuples <= tuples <= plain.tuples + called
        agreed += 1
    assert agreed > 500


class Watching(Filling):
    """Counts the keys that it puts into each container, which it keeps."""

    def __init__(self) -> None:
        super().__init__(10**9)
        self.filled: dict[int, tuple[object, set[object]]] = {}

    def take(self, items: tuple[Any, ...]) -> object:
        taken = super().take(items)
        if items and items[-1] is FILL and isinstance(taken, (dict, set)):
            _, keys = self.filled.setdefault(id(taken), (taken, set()))
            keys.update(items[1][::2] if isinstance(taken, dict) else items[0][1])
        return taken


class Containers(pickle.Unpickler):
    """What there is in the memo is all that a later operation may fill."""

    def __init__(self, data: bytes, filling: Filling) -> None:
        super().__init__(io.BytesIO(data), buffers=itertools.repeat(FILL))
        self.persistent_load = filling.take


def containers(value: object) -> Iterator[dict[object, object] | set[object]]:
    """All of them, in lists, tuples and dicts."""
    there, seen = [value], set()
    while there:
        one = there.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, (dict, set)):
            yield one
        if isinstance(one, (dict, list, tuple)):
            there += one.values() if isinstance(one, dict) else one


@pytest.mark.parametrize("made", [pickles, programs])
def test_all_but_a_few_constants_that_become_keys_were_looked_at(
    made: Callable[[random.Random, int], Iterator[bytes]],
) -> None:
    some = 0
    for data in made(random.Random(SEED + 1), 6000):
        plain = plain_pickle(data)
        if plain is None or b"R" in data:
            continue
        filling, read = Watching(), None
        with contextlib.suppress(Exception):
            read = Containers(b"".join([*plain.parts, b"."]), filling).load()
        for container in containers(read):
            looked_at = filling.filled.get(id(container), (None, set()))[1]
            constants = [key for key in container if key is None or isinstance(key, (int, float)) or key == ()]
            some += bool(constants)
            assert len([key for key in constants if key not in looked_at]) <= 5, data
    assert some > 10


def by_the_machine(data: bytes) -> object:
    return Machine(data, LIMITS).run(OPERATIONS)


def number(value: int) -> bytes:
    return b"J" + value.to_bytes(4, "little")


#: ways to put numbers into one dict, or one set, which are all looked at
FILLING: list[Callable[[int], bytes]] = [
    lambda n: number(n) + b"Ns",
    lambda n: b"(" + number(n) + b"Nu",
    lambda n: b"(\x8c\x01aN" + number(n) + b"]u",
    lambda n: b"(" + number(n) + b"](K\x01K\x02eu",
    lambda n: b"\x8c\x01b](h\x00" + number(n) + b"Nses",
    lambda n: b"\x8c\x01b](h\x00" + number(n) + b"]ses",
    lambda n: b"\x8c\x01b}(\x8c\x01ch\x00" + number(n) + b"]sus",
    lambda n: b"\x8c\x01b(h\x00" + number(n) + b"Nsts",
    lambda n: b"\x8c\x01b(h\x00(" + number(n) + b"Nuts",
    lambda n: b"\x8c\x01b}(\x8c\x01ah\x00" + number(n) + b"Nsus",
    lambda n: b"\x8c\x01bh\x00" + number(n) + b"\x88ss",
    lambda n: b"G" + struct.pack(">d", n) + b"Ns",
    lambda n: b"\x8a\x05" + number(n)[1:] + b"\0Ns",
]


def numbers_in(read: object) -> int:
    """How many number keys there are in all containers together."""
    return sum(isinstance(key, (int, float)) for one in containers(read) for key in one)


@pytest.mark.parametrize("one", FILLING)
def test_numbers_that_may_be_in_each_others_place_are_left_out_beyond_some(one: Callable[[int], bytes]) -> None:
    program = b"\x80\x04}\x94" + b"".join(map(one, colliding.in_a_dict(15))) + b"\x8c\x01zNs."
    read = plain_pickles.read(program, LIMITS)
    assert read is not None
    assert numbers_in(read) < 5_000
    assert read["z"] is None
    # as many as may be there
    program = b"\x80\x04}\x94" + b"".join(map(one, range(70_000, 74_000))) + b"."
    assert plain_pickles.read(program, LIMITS) is not None


@pytest.mark.parametrize("again", [b"h\x01", b"\x8c\x00", b"C\x00", b"X\0\0\0\0"])
def test_an_empty_text_is_looked_for_only_as_often_as_its_way_is_short(again: bytes) -> None:
    numbers = b"".join(number(n) + b"Ns" for n in range(70_000, 72_500))
    program = b"\x80\x04}\x94" + numbers + b"\x8c\x00\x94Ns"
    looked = []
    for times in (0, 50_000):
        with pytest.MonkeyPatch.context() as patch:
            places = Places()
            patch.setattr(plain_filling, "Places", lambda places=places: places)
            assert plain_pickles.read(program + (again + b"Ns") * times + b".", LIMITS) is not None
            looked.append(10_000_000 - places._left)
    assert 3_000_000 < looked[0] < looked[1] <= 10_000_000


@pytest.mark.parametrize("constant", [b"K\x01", b"N", b"\x88", b")"])
def test_a_constant_that_comes_into_the_memo_is_the_machines(constant: bytes) -> None:
    for put in (b"\x94", b"q\x05", b"r\x05\0\0\0", b"\x95" + bytes(8) + b"\x94"):
        for program in (
            b"]%b%ba",
            b"](%b%be",
            b"\x8c\x01a%b%bs",
            b"(\x8c\x01a%b%bu",
            b"](K\x02%b%b]e",
            b"\x8c\x01a%b%b]ss",
        ):
            data = b"\x80\x04}" + program % (constant, put) + b"."
            assert plain_pickle(data) is None, data
    assert plain_pickle(b"\x80\x04}\x8c\x01a%bs." % constant) is not None


def test_both_readers_leave_the_same_numbers_out() -> None:
    numbers = colliding.in_a_dict(15)
    assert len(numbers) > 18_000
    for fill in (b"u", b"Ns"):
        pairs = [number(n) + b"N" for n in numbers] if fill == b"u" else [number(n) + b"Ns" for n in numbers]
        data = b"\x80\x04}" + (b"(" + b"".join(pairs) + b"u" if fill == b"u" else b"".join(pairs)) + b"."
        assert plain_pickles.read(data, LIMITS) == by_the_machine(data)
    members = b"\x80\x04}\x8c\x01a\x8f(" + b"".join(map(number, numbers)) + b"\x90s."
    assert plain_pickles.read(members, LIMITS) == by_the_machine(members)


def test_one_of_many_sets_has_all_its_members() -> None:
    value = {"a": [{n, n + 1, n + 2, n + 3, n + 4} for n in range(12_000)]}
    assert loads(pickle.dumps(value, 4), LIMITS) == value


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_most_dicts_as_they_are_are_filled_by_python(protocol: int) -> None:
    texts = itertools.cycle(["a", "é" * 100, "x" * 300])
    rows = [[n, next(texts), None, n / 7, (n, n + 1), (n, "t", True, 5)] for n in range(3_000)]
    objects = [
        {"id": n, "name": f"image {n}", "z": [n, 1], "done": n % 2 == 0, "sub": {"n": n}, "last": -n}
        for n in range(3_000)
    ]
    value = {"rows": rows, "objects": objects, "by text": {str(n): n for n in range(5_000)}, "ids": [*range(99_000)]}
    plain = plain_pickle(pickle.dumps(value, protocol))
    assert plain is not None
    assert b"".join(plain.parts).count(GIVEN["SETITEMS"]) < 100


def test_patterns_that_are_being_compiled_keep_nobody_waiting() -> None:
    payload = pickle.dumps({"callback": [str(number) for number in range(10_000)]}, 4)
    with pytest.MonkeyPatch.context() as patch:
        begun, go_on = threading.Event(), threading.Event()

        def compile_slowly() -> None:
            begun.set()
            go_on.wait()

        patch.setattr(plain_operations, "_preparing", None)
        patch.setattr(plain_operations, "_patterns", compile_slowly)
        patch.setattr(plain_operations, "_in_thread", False)
        plain_operations.prepare_when_needed()
        assert not begun.is_set()
        assert not plain_operations.is_ready()
        begun.wait()
        # for the reader that looks at each operation
        assert plain_pickles.read(payload, Limits()) is None
        go_on.set()
        preparing = plain_operations._preparing
        assert preparing is not None
        preparing.join()
        assert plain_operations.is_ready()
    assert plain_pickles.read(payload, Limits()) == pickle.loads(payload)
