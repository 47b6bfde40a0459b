"""Load from `wrk`: bounded in time, requests from a Lua script; what it says, as numbers.

The script makes wrk print its summary as one line of JSON, so that nothing is read out of wrk's own prose, and counts
every connection that broke and every answer that was no success.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .processes import BrokenMeasurement

COOKIE = "Cookie"
#: the header in which the service takes a session key
KEY = "X-OMERO-Session-Key"

#: loads until a service that answers nothing is given up
_ATTEMPTS = 3

_DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "bytes": %d, "broken": %d, "refused": %d, "p50": %f, "p99": %f}',
    summary.requests, summary.duration / 1e6, summary.bytes, e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
"""


@dataclass(frozen=True)
class Load:
    """What a run saw. Times are in seconds."""

    requests: int
    per_second: float
    bytes_each: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Questions:
    """Which requests a load is made of: the image ids from `first` on, `count` of them, over and over.

    The header named `header` has the next of `who` after each `run` requests. With `pause`, a connection waits before
    each request, on average so many seconds, as a user would; else it asks again at once. With `own_connections` each
    of `who` has as many connections, as browsers have, and asks for every image that is that one's in turn.
    """

    header: str
    who: Sequence[str]
    first: int
    count: int
    run: int = 1
    pause: float = 0.0
    path: str = "/webclient/render_thumbnail/%d/"
    own_connections: bool = False


def wrk(address: str, folder: Path, questions: Questions, *, connections: int, seconds: float) -> Load:
    """Ask with `questions`; raises BrokenMeasurement unless every answer was a success."""
    script = folder / "questions.lua"
    script.write_text(_script(questions) + _DONE)
    threads = len(questions.who) if questions.own_connections else 1
    return _run([address], script, connections, seconds, threads)


def wrk_one(
    url: str, folder: Path, *, connections: int, seconds: float, headers: Mapping[str, str] | None = None
) -> Load:
    """Ask for one URL over and over, with `headers`."""
    script = folder / "one.lua"
    script.write_text(_DONE)
    given = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    return _run([*given, url], script, connections, seconds)


def _run(target: list[str], script: Path, connections: int, seconds: float, threads: int = 1) -> Load:
    for _ in range(_ATTEMPTS):
        load = _try(target, script, connections, seconds, threads)
        if load is not None:
            return load
    raise BrokenMeasurement(f"{target[-1]} answered nothing in {_ATTEMPTS} loads of {seconds:g} s")


def _try(target: list[str], script: Path, connections: int, seconds: float, threads: int) -> Load | None:
    """None where the load was over before the first answer, as with a service that pauses for longer."""
    # in whole seconds, as wrk wants it
    shares = [f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    command = ["wrk", *shares, "--timeout", "30s", "-s", str(script)]
    said = subprocess.run([*command, *target], capture_output=True, text=True, check=False, timeout=seconds + 60)
    last = said.stdout.strip().splitlines()[-1:]
    if said.returncode or not last or not last[0].startswith("{"):
        raise BrokenMeasurement(f"wrk failed:\n{said.stdout}{said.stderr}")
    saw = json.loads(last[0])
    if saw["broken"] or saw["refused"]:
        raise BrokenMeasurement(
            f"of {saw['requests']} requests to {target[-1]}, {saw['refused']} were answered with an error, "
            f"and {saw['broken']} connections broke"
        )
    if not saw["requests"]:
        return None
    return Load(
        saw["requests"],
        saw["requests"] / saw["seconds"],
        saw["bytes"] / saw["requests"],
        saw["p50"],
        saw["p99"],
    )


def _script(questions: Questions) -> str:
    listed = ", ".join(f'"{one}"' for one in questions.who)
    pause = (
        f"delay = function() return math.floor(-math.log(1 - math.random()) * {questions.pause * 1000} + 0.5) end"
        if questions.pause
        else ""
    )
    # one thread asks for all of them in turn, or each for one of them
    each = (
        "local threads = 0; setup = function(thread) thread:set('mine', threads); threads = threads + 1 end; "
        f"init = function() i = mine - {len(questions.who)} end; local step = {len(questions.who)}"
        if questions.own_connections
        else "local step = 1"
    )
    return f"""local headers = {{}}
for i, one in ipairs({{{listed}}}) do headers[i] = {{["{questions.header}"] = one}} end
i = -1
{each}
request = function()
  i = i + step
  local path = string.format("{questions.path}", {questions.first} + i % {questions.count})
  return wrk.format("GET", path, headers[math.floor(i / {questions.run}) % #headers + 1])
end
{pause}
"""
