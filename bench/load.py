"""Load from `wrk`: bounded in time, one thread, requests from a Lua script; what it says, as numbers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .processes import BrokenMeasurement

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Load:
    """What a run saw. Times are in seconds."""

    requests: int
    per_second: float
    p50: float
    p99: float


def wrk(url: str, *, connections: int, seconds: float, script: Path | None = None, cookie: str = "") -> Load:
    """Run `wrk`; every answer must be a success."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "30s"]
    if script is not None:
        command += ["-s", str(script)]
    if cookie:
        command += ["-H", f"Cookie: {cookie}"]
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise BrokenMeasurement(f"not every request was answered with a success:\n{said}")
    return Load(
        int(_find(r"(\d+) requests in", said)),
        float(_find(r"Requests/sec:\s+([\d.]+)", said)),
        _time(_find(r"50%\s+(\S+)", said)),
        _time(_find(r"99%\s+(\S+)", said)),
    )


def distinct_images(folder: Path, name: str, cookies: Sequence[str], first: int, count: int) -> Path:
    """A script that asks for image after image, each for the next of `cookies`, over and over from the first."""
    listed = ", ".join(f'"{cookie}"' for cookie in cookies)
    script = folder / f"{name}.lua"
    script.write_text(
        f"""local cookies = {{{listed}}}
local headers = {{}}
for i, cookie in ipairs(cookies) do headers[i] = {{["Cookie"] = cookie}} end
local i = -1
request = function()
  i = i + 1
  return wrk.format("GET", "/webclient/render_thumbnail/" .. ({first} + i % {count}) .. "/", headers[i % #cookies + 1])
end
"""
    )
    return script


def _find(pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    if found is None:
        raise BrokenMeasurement(f"wrk said something else:\n{said}")
    return found.group(1)


def _time(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]
