"""Advisories as this project keeps them: what is affected, cut out of the Python Packaging Advisory Database.

`advisories.json` holds only packages that `constraints.txt` pins, and of each advisory only what a decision needs. The
database is published under CC BY 4.0 by the Python Packaging Authority, in the form of OSV
(https://ossf.github.io/osv-schema/).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

FILE = Path(__file__).with_name("advisories.json")


@dataclass(frozen=True)
class Advisory:
    """One advisory about one package. A range is where it begins, where it is mended, and the last that is affected."""

    id: str
    aliases: tuple[str, ...]
    ranges: tuple[tuple[str, str | None, str | None], ...]
    versions: tuple[str, ...]

    def affects(self, version: Version) -> bool:
        """Whether that version of the package is vulnerable."""
        return any(_is_within(version, one) for one in self.ranges) or version in map(Version, self.versions)

    def __str__(self) -> str:
        return f"{self.id} ({', '.join(self.aliases)})" if self.aliases else self.id


def _is_within(version: Version, one: tuple[str, str | None, str | None]) -> bool:
    introduced, fixed, last_affected = one
    return (
        version >= Version(introduced)
        and (fixed is None or version < Version(fixed))
        and (last_affected is None or version <= Version(last_affected))
    )


def from_osv(document: Mapping[str, Any], package: str) -> Advisory | None:
    """What an OSV document says of `package`; None if it was withdrawn or says nothing of it."""
    if "withdrawn" in document:
        return None
    ranges: list[tuple[str, str | None, str | None]] = []
    versions: list[str] = []
    for affected in document.get("affected", ()):
        if canonicalize_name(affected["package"]["name"]) != package:
            continue
        found = [_ranges(one["events"]) for one in affected.get("ranges", ()) if one["type"] == "ECOSYSTEM"]
        ranges += [one for some in found for one in some]
        if not found:
            versions += map(str, affected.get("versions", ()))
    if not ranges and not versions:
        return None
    return Advisory(document["id"], tuple(document.get("aliases", ())), tuple(ranges), tuple(versions))


def _ranges(events: Iterable[Mapping[str, str]]) -> list[tuple[str, str | None, str | None]]:
    ranges: list[tuple[str, str | None, str | None]] = []
    for event in events:
        if "introduced" in event:
            ranges.append((str(event["introduced"]), None, None))
        elif "fixed" in event:
            ranges[-1] = (ranges[-1][0], str(event["fixed"]), None)
        elif "last_affected" in event:
            ranges[-1] = (ranges[-1][0], None, str(event["last_affected"]))
    return ranges


def read(file: Path = FILE) -> tuple[str, dict[str, list[Advisory]]]:
    """The day that the advisories are of, and those of each package."""
    kept = json.loads(file.read_text())
    return kept["as_of"], {
        package: [
            Advisory(
                one["id"], tuple(one["aliases"]), tuple(tuple(some) for some in one["ranges"]), tuple(one["versions"])
            )
            for one in advisories
        ]
        for package, advisories in kept["packages"].items()
    }


def cut_out(database: Path, packages: Iterable[str], as_of: str, file: Path = FILE) -> int:
    """Keep what a work tree of the database says of `packages`; how many advisories that are."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for package in sorted(packages):
        documents = sorted((database / "vulns" / package).glob("*.yaml"))
        found = [from_osv(yaml.safe_load(document.read_text()), package) for document in documents]
        advisories = [vars(one) for one in found if one is not None]
        if advisories:
            kept[package] = advisories
    source = "Python Packaging Advisory Database, CC BY 4.0, https://github.com/pypa/advisory-database"
    file.write_text(json.dumps({"source": source, "as_of": as_of, "packages": kept}, indent=1) + "\n")
    return sum(len(advisories) for advisories in kept.values())
