"""Looks for bytes that the decoders fail on, guided by what they execute.

    python -m tests.websession.fuzz [seconds]          default: 60

Begins with the files in ``corpus``. What fails is left in the working directory; put it into ``corpus``, so that the
tests read it from then on. Needs the package atheris, which `make fuzz` installs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["omero_ms_thumbnail.websession"]):
    from tests.websession.decoding import decode_everywhere

CORPUS = Path(__file__).with_name("corpus")
SECONDS_EACH = 1
MEGABYTES = 512
LONGEST = 4096


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as found:
        options = [
            f"-max_total_time={seconds}",
            f"-timeout={SECONDS_EACH}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-max_len={LONGEST}",
            "-print_final_stats=1",
        ]
        # What is new goes into the first folder, which is not kept.
        atheris.Setup([sys.argv[0], *options, found, str(CORPUS)], decode_everywhere)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
