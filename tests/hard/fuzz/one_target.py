"""Looks for bytes that one target fails on, guided by what it executes.

    python -m tests.hard.fuzz.one_target TARGET SECONDS

Begins with the target's corpus. What fails is left in the working directory; put it into the corpus, so that the tests
read it from then on. Needs the package atheris, which ends the process that it fuzzed in: so each target has its own.
"""

from __future__ import annotations

import importlib
import sys
import tempfile

import atheris

from tests.hard.fuzz.targets import TARGETS

SECONDS_EACH = 2
MEGABYTES = 512
LONGEST = 4096


def main() -> None:
    target = TARGETS[sys.argv[1]]
    with atheris.instrument_imports(include=[target.covers]):
        function = getattr(importlib.import_module(target.module), target.function)
    with tempfile.TemporaryDirectory() as found:
        options = [
            f"-max_total_time={int(sys.argv[2])}",
            f"-timeout={SECONDS_EACH}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-max_len={LONGEST}",
            "-print_final_stats=1",
        ]
        # What is new goes into the first folder, which is not kept.
        atheris.Setup([sys.argv[0], *options, found, str(target.corpus)], function)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
