"""Sessions of a megabyte, and what each serializer's takes to read.

Run as a program it writes the table in docs/sessions.md anew: `python -m tests.unit.websession.large_sessions`.
"""

from __future__ import annotations

import datetime
import json
import os
import pickle
import platform
import random
import sys
import zlib
from collections.abc import Callable

import msgpack

from tests.unit.websession import document
from tests.unit.websession.measuring import Cost, measuring

KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"
_NEW_YEAR = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

_SEED = 20261130


def _random_numbers(count: int) -> list[int]:
    chance = random.Random(_SEED)
    return [chance.getrandbits(31) for _ in range(count)]


#: what a job in OMERO.web's `callback` looks like, for so many images
CONTENTS: dict[str, Callable[[int], object]] = {
    "ids of a deletion": lambda count: {
        "job": {"job_type": "delete", "dreport": [str(1_000_000 + n) for n in range(count)]}
    },
    "numbers": lambda count: [1_000_000 + n for n in range(count)],
    "numbers that grow": lambda count: list(range(count)),
    "small numbers": lambda count: [n % 200 for n in range(count)],
    "negative numbers": lambda count: [-n for n in range(count)],
    "short texts": lambda count: ["%02x" % (n % 256) for n in range(count)],
    "texts of many lengths": lambda count: ["é" * (n % 50) for n in range(count)],
    "numbers by text": lambda count: {str(n): n for n in range(count)},
    "objects": lambda count: [{"id": n, "name": f"image {n}.tiff", "done": True, "z": [1, 2]} for n in range(count)],
    "small objects": lambda count: [{"a": n} for n in range(count)],
    "objects by text": lambda count: {str(n): {"status": "done", "error": None, "n": n} for n in range(count)},
    "nested lists": lambda count: [[[n], [n, [n + 1]]] for n in range(count)],
    "rows": lambda count: [[n, n + 1, "x", 1.5] for n in range(count)],
    "yes and no": lambda count: [bool(n % 3) for n in range(count)],
    "one long text": lambda count: ["word " * (count // 5 or 1)],
    "large numbers": lambda count: [3_000_000_000 + n for n in range(count)],
    "pairs": lambda count: [(n, n + 1) for n in range(count)],
    "triples": lambda count: [(n, "t", n / 7) for n in range(count)],
    "one tuple": lambda count: tuple(range(count)),
    "floats": lambda count: [n / 7 for n in range(count)],
    "bytes": lambda count: [b"%06d" % n for n in range(count)],
}
#: what only pickles have as it is
PICKLED: dict[str, Callable[[int], object]] = {
    "sets of two numbers": lambda count: [{n, n + 1} for n in range(count)],
    "frozen sets of texts": lambda count: [frozenset({str(n), "t"}) for n in range(count)],
    "one set of numbers": lambda count: set(range(count)),
    "one set of texts": lambda count: {str(n) for n in range(count)},
    "one set of random numbers": lambda count: set(_random_numbers(count)),
    "random numbers by number": lambda count: dict.fromkeys(_random_numbers(count), 1),
    "numbers by pair": lambda count: {(n, "t"): n for n in range(count)},
    "numbers by number": lambda count: {n: n for n in range(count)},
    "objects by number": lambda count: {n: {"name": f"image {n}.tiff", "z": [1, 2]} for n in range(count)},
    "objects with a date": lambda count: [
        {"id": n, "at": _NEW_YEAR + datetime.timedelta(seconds=n)} for n in range(count)
    ],
    "dates": lambda count: [_NEW_YEAR.date() + datetime.timedelta(days=n % 9000) for n in range(count)],
    "durations": lambda count: [datetime.timedelta(seconds=n) for n in range(count)],
}
SERIALIZERS: dict[str, Callable[[object], bytes]] = {
    **{f"pickle {protocol}": lambda value, protocol=protocol: pickle.dumps(value, protocol) for protocol in (2, 4, 5)},
    "json": lambda value: json.dumps(value).encode(),
    "msgpack": lambda value: msgpack.packb(value),
    "compressed": lambda value: zlib.compress(pickle.dumps(value, 5)),
}

#: the table's columns
COLUMNS = {"pickle 2": "pickle 2", "pickle 4": "pickle 4", "pickle 5": "pickle 5", "msgpack": "msgpack", "json": "JSON"}
ATTEMPTS = 3
#: seconds that a loop which counts to a million takes where the times are as they are told
PACE = 0.04


def session(content: object) -> dict[str, object]:
    """What OMERO.web's has under `callback`."""
    return {"connector": {"omero_session_key": KEY, "user_id": 1}, "callback": content}


def megabyte(content: Callable[[int], object], dump: Callable[[object], bytes]) -> dict[str, object]:
    """The largest session of that content that is no longer than a million bytes, or nearly."""
    plain = dump if dump is not SERIALIZERS["compressed"] else SERIALIZERS["pickle 5"]
    few = len(plain(session(content(20_000)))) / 20_000
    count = int(970_000 / few)
    while len(plain(session(content(count)))) > 1_000_000:
        count = count * 9 // 10
    return session(content(count))


def can_be_written(content: str, serializer: str) -> bool:
    """Whether there is such a session."""
    if serializer in ("msgpack", "json"):
        return content not in PICKLED and (content, serializer) != ("bytes", "json")
    return True


def _cell(payload: bytes, cost: Callable[[bytes], Cost]) -> str:
    costs = [cost(payload) for _ in range(ATTEMPTS)]
    milliseconds = 1000 * PACE * min(one.seconds / one.pace for one in costs)
    if costs[0].refused:
        return f"refused after {milliseconds:.0f} ms"
    return f"{milliseconds:.0f} ms, {min(one.bytes for one in costs) / 1e6:.0f} MB"


def table() -> str:
    """What each takes, as Markdown."""
    lines = [f"| a megabyte of | {' | '.join(COLUMNS.values())} |", "|" + " --- |" * (len(COLUMNS) + 1)]
    with measuring(paced=True) as cost:
        for name, content in {**CONTENTS, **PICKLED}.items():
            cells = [
                _cell(SERIALIZERS[by](megabyte(content, SERIALIZERS[by])), cost) if can_be_written(name, by) else "–"
                for by in COLUMNS
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    load, cores = os.getloadavg()[1], os.cpu_count()
    note = (
        f"Python {platform.python_version()}, {cores} cores, under a load of {load:.0f}; processor time, the best of "
        f"{2 * ATTEMPTS}, made as long as where a loop that counts to a million takes {PACE * 1000:.0f} ms; memory as "
        "the system gave it, at its highest."
    )
    return "\n".join([*lines, "", note]) + "\n"


if __name__ == "__main__":
    written = table()
    if "--print" not in sys.argv:
        document.write("large", written)
    print(written)
