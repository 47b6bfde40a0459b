"""What `constraints.txt` pins."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CONSTRAINTS = Path(__file__).resolve().parent.parent / "constraints.txt"


def pins(file: Path) -> dict[str, Version]:
    """The one version of each package. Raises ValueError for a line that pins none."""
    found: dict[str, Version] = {}
    for line in file.read_text().splitlines():
        requirement = Requirement(line)
        (exactly,) = requirement.specifier
        if exactly.operator != "==":
            raise ValueError(f"{line} does not pin a version")
        found[canonicalize_name(requirement.name)] = Version(exactly.version)
    return found
