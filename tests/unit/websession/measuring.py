"""What reading a payload costs, in a process that has read nothing before: forked for each from one that is ready.

    with measuring() as cost:
        cost(payload).bytes

The memory is what the system gave the process, at its highest, which is what an administrator sees; looking at each
allocation (`tracemalloc`) would take ten times as long.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload
from tests.support.parts import ROOT

_LENGTH_BYTES = 8
_TIMES = 2


class Cost(NamedTuple):
    """`seconds` of processor time, the best of a few times; `bytes` at its highest; why it was refused, or empty.

    `pace` is the seconds that a loop which counts to a million took just then, where that was asked for.
    """

    seconds: float
    bytes: int
    refused: str
    pace: float


@contextmanager
def measuring(*, paced: bool = False) -> Iterator[Callable[[bytes], Cost]]:
    """What tells the cost of `decode_payload` for a payload, with the default limits."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.websession.measuring", *(["paced"] if paced else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    given, told = process.stdin, process.stdout

    def cost(payload: bytes) -> Cost:
        given.write(len(payload).to_bytes(_LENGTH_BYTES, "big") + payload)
        given.flush()
        line = told.readline()
        assert line, "the process that measures has ended"
        return Cost(*json.loads(line))

    try:
        yield cost
    finally:
        given.close()
        told.close()
        process.wait()


def _status(field: str) -> int:
    """Bytes, of one of the fields of /proc that are in kB."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _measured(payload: bytes) -> Cost:
    limits = Limits()
    # from here on the highest is counted anew: proc(5)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    seconds, most, refused = [], 0, ""
    for _ in range(_TIMES):
        began = time.thread_time()
        try:
            decode_payload(payload, limits)
        except SessionDecodeError as error:
            refused = error.reason
        seconds.append(time.thread_time() - began)
        most = most or _status("VmHWM") - before
    return Cost(min(seconds), most, refused, _count_to_a_million() if "paced" in sys.argv else 0)


def _count_to_a_million() -> float:
    began = time.thread_time()
    number = 0
    while number < 1_000_000:
        number += 1
    return time.thread_time() - began


def _serve(given: BinaryIO) -> None:
    # whatever is imported or made when it is first used
    decode_payload(b"\x80\x04}.", Limits())
    decode_payload(pickle.dumps({"callback": [str(number) for number in range(9_000)]}, 4), Limits())
    while length := given.read(_LENGTH_BYTES):
        payload = given.read(int.from_bytes(length, "big"))
        child = os.fork()
        if not child:
            print(json.dumps(_measured(payload)), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    _serve(sys.stdin.buffer)
