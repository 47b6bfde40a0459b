"""Cache hits and 304s of this checkout against those of another, asked in turn in short rounds.

``python -m bench.checkouts OTHER [--rounds N] [--seconds S]``: OTHER is the folder of another checkout. Both run their
demo under the Python of this one; `wrk` asks for one thumbnail that is kept in memory, with the headers
that a browser sends. Each round asks the one right after the other, so that the machine's other work falls on both
alike; what is printed are medians, and medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import usage
from .load import wrk_one
from .peers import CONNECTIONS
from .processes import ROOT, BrokenMeasurement, free_port, process, wait_for_http

#: what Firefox sends with a picture, and nginx adds
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "https://omero.example.org/webclient/?show=dataset-1",
    "Sec-Fetch-Dest": "image",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Site": "same-origin",
    "X-Request-ID": "6d3f5c0f8b7a4e1f9c2d1e0f3a4b5c6d",  # pragma: allowlist secret
}
_PATH = "/webclient/render_thumbnail/101/"
_DEADLINE = 60.0


@dataclass
class Kind:
    """A request that is asked for over and over, and what each of the two made of it."""

    name: str
    headers: dict[str, str] = field(repr=False)
    per_second: dict[str, list[float]] = field(default_factory=lambda: {"this": [], "other": []})
    microseconds: dict[str, list[float]] = field(default_factory=lambda: {"this": [], "other": []})

    def line(self) -> str:
        """A row of the table."""
        cells = [
            *(f"{statistics.median(self.per_second[who]):,.0f}" for who in ("this", "other")),
            f"{_ratio(self.per_second):.2f}",
            *(f"{statistics.median(self.microseconds[who]):.0f} us" for who in ("this", "other")),
            f"{_ratio(self.microseconds):.2f}",
        ]
        return f"| {self.name} | {' | '.join(cells)} |"


def _ratio(seen: dict[str, list[float]]) -> float:
    return statistics.median(one / other for one, other in zip(seen["this"], seen["other"], strict=True))


@contextlib.contextmanager
def _demo(checkout: Path, folder: Path) -> Iterator[tuple[str, str, int]]:
    """Its address, its user's cookie and its process id."""
    port, log = free_port(), folder / f"{checkout.name}-{id(checkout)}.log"
    module = f"import sys; sys.path.insert(0, {str(checkout / 'src')!r}); from omero_ms_thumbnail.cli import main; "
    arguments = ["demo", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-c", f"{module}sys.exit(main({arguments!r}))"]
    with process(command, log=log, cwd=checkout) as child:
        wait_for_http(f"http://127.0.0.1:{port}/healthz", _DEADLINE)
        deadline = time.monotonic() + _DEADLINE
        while (found := re.search(r"The cookie:\s+(sessionid=\w+)", log.read_text())) is None:
            if time.monotonic() > deadline:
                raise BrokenMeasurement(f"{checkout} names no cookie:\n{log.read_text()}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", found.group(1), child.pid


def _etag(address: str, cookie: str) -> str:
    request = urllib.request.Request(address + _PATH, headers={**HEADERS, "Cookie": cookie})
    with urllib.request.urlopen(request, timeout=_DEADLINE) as answer:
        return str(answer.headers["ETag"])


def compare(other: Path, rounds: int, seconds: float) -> Sequence[Kind]:
    """Ask both in turn."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as running:
        folder = Path(name)
        both = {who: running.enter_context(_demo(path, folder)) for who, path in (("this", ROOT), ("other", other))}
        etags = {who: _etag(address, cookie) for who, (address, cookie, _) in both.items()}
        kinds = [Kind("hit", {}), Kind("304", {"If-None-Match": ""})]
        for _ in range(rounds):
            for kind in kinds:
                for who, (address, cookie, pid) in both.items():
                    asked = {**HEADERS, "Cookie": f"{cookie}; csrftoken=5JqPf8dXyVn2", **kind.headers}
                    if "If-None-Match" in asked:
                        asked["If-None-Match"] = etags[who]
                    used = usage.of_tree(pid)
                    load = wrk_one(address + _PATH, folder, connections=CONNECTIONS, seconds=seconds, headers=asked)
                    kind.per_second[who].append(load.per_second)
                    kind.microseconds[who].append((usage.of_tree(pid) - used) / load.requests * 1e6)
    return kinds


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.checkouts", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("other", type=Path, help="the folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    print("| | this/s | other/s | ratio | this: processor time of each | other | ratio |\n| --- |" + " --- |" * 6)
    for kind in compare(arguments.other.resolve(), arguments.rounds, arguments.seconds):
        print(kind.line())


if __name__ == "__main__":
    main()
