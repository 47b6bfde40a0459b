"""Compares the pinned versions with the advisories that are kept here, without a network; fails if one is affected.

python -m audit                      compare
python -m audit refresh FOLDER DAY   keep anew what a work tree of pypa/advisory-database of that day says
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.version import Version

from audit.advisories import Advisory, cut_out, read
from audit.pins import CONSTRAINTS, pins


def affected(versions: dict[str, Version], advisories: dict[str, list[Advisory]]) -> list[str]:
    """A line for each pinned version that an advisory is about."""
    return [
        f"{package} {version}: {advisory}"
        for package, version in versions.items()
        for advisory in advisories.get(package, ())
        if advisory.affects(version)
    ]


def main(arguments: list[str]) -> int:
    pinned = pins(CONSTRAINTS)
    if arguments[:1] == ["refresh"]:
        folder, as_of = arguments[1:]
        print(f"{cut_out(Path(folder), pinned, as_of)} advisories kept")
        return 0
    as_of, advisories = read()
    found = affected(pinned, advisories)
    for line in found:
        print(line)
    known = sum(len(some) for some in advisories.values())
    print(f"{len(pinned)} pinned packages, {known} advisories about them as of {as_of}: {len(found)} affected")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
