"""Fuzzes every target, or those that are named, one after the other; fails if one does.

python -m tests.hard.fuzz [--seconds SECONDS_EACH] [TARGET ...]
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from tests.hard.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hard.fuzz", description="Coverage-guided fuzzing.")
    parser.add_argument("--seconds", type=int, default=30, help="for each target (default: 30)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)")
    asked = parser.parse_args()
    unknown = set(asked.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    failed = []
    for name in asked.targets or TARGETS:
        print(f"== {name}, {asked.seconds} s", flush=True)
        command = [sys.executable, "-m", "tests.hard.fuzz.one_target", name, str(asked.seconds)]
        if subprocess.run(command).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}; what they failed on is in the working directory", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
