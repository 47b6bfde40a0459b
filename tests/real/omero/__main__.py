"""`make omero-replay`: plays recorded scenarios on an OMERO, and says which came out otherwise.

    python -m tests.real.omero [--scenarios FILE] [--omero embedded|stubs|host:port] [--root-password-file FILE]
        [--data-dir DIR]

Exit status 0 if all were as recorded or so by a rule, 1 if any differs, 2 if nothing could be played.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real.omero.all_drivers import EMBEDDED, STUBS, CannotDrive, driving
from tests.real.omero.command_driver import CommandFailed
from tests.real.omero.replay import replay
from tests.real.omero.report import failed, lines_of, summary
from tests.real.omero.scenario import STORE_SCENARIOS, WEB_SCENARIOS, read_scenarios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.real.omero.comparing import Outcome
    from tests.real.omero.scenario import Scenario


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make omero-replay", description="Play recorded scenarios on an OMERO.")
    parser.add_argument("--scenarios", type=Path, default=STORE_SCENARIOS, help="a file of scenarios, one a line")
    parser.add_argument("--omero", default=EMBEDDED, help="embedded, stubs, or host:port of one meant for tests")
    parser.add_argument("--root-password-file", type=Path, help="with host:port: the password of its root")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="omero.data_dir of the service: a new folder for the embedded one and the stubs, that of a real one",
    )
    asked = parser.parse_args(arguments)
    try:
        scenarios = read_scenarios(asked.scenarios)
        known = read_scenarios(WEB_SCENARIOS) if any(scenario.is_of_requests for scenario in scenarios) else []
        outcomes = asyncio.run(_play(scenarios, known, asked))
    except (OSError, ValueError, CannotDrive, CommandFailed) as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(outcomes))
    return 1 if failed(outcomes) else 0


async def _play(scenarios: Sequence[Scenario], known: Sequence[Scenario], asked: argparse.Namespace) -> list[Outcome]:
    with tempfile.TemporaryDirectory(prefix="omero-replay-") as folder:
        async with driving(asked.omero, Path(folder), asked.root_password_file, asked.data_dir) as driver:
            print(f"{len(scenarios)} scenarios on {driver.name}", flush=True)
            if asked.omero not in (EMBEDDED, STUBS):
                print(
                    "there it makes groups and people named thumbnail-replay…, and images, all of which stay",
                    flush=True,
                )
            began = time.monotonic()
            outcomes = await replay(scenarios, driver, Path(folder), known=known, say=_say)
            print(f"played in {time.monotonic() - began:.0f} s")
    return outcomes


def _say(outcome: Outcome) -> None:
    if outcome.differs or outcome.left_out:
        print("\n".join(lines_of(outcome)), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
