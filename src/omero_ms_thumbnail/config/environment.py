"""Environment variables that override keys, and which of the variables with our prefix are not ours.

A key's variable is its name in capitals with the prefix; with ``_FILE`` after it, the variable names a file that holds
the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .definition import ENVIRONMENT_PREFIX
from .entries import Entry
from .table import VARIABLES, suggest_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .entries import Place

# Kubernetes gives these to every container beside a Service named omero-ms-thumbnail, as Docker's links did
# (kubernetes.io, "Discovering services", environment variables). PORT is then a URL and none of an administrator's.
_SERVICE_LINK = re.compile(
    re.escape(ENVIRONMENT_PREFIX) + r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)"
)
_SERVICE_LINK_URL = re.compile(r"(tcp|udp|sctp)://.*")


def read_environment(environ: Mapping[str, str], problems: list[str]) -> dict[Place, Entry]:
    """The values given by environment variables; unknown and doubled ones are appended to ``problems``."""
    entries: dict[Place, Entry] = {}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or _is_service_link(variable, value):
            continue
        is_file = variable not in VARIABLES and variable.endswith("_FILE")
        key = VARIABLES.get(variable.removesuffix("_FILE") if is_file else variable)
        if key is None:
            nearest = suggest_variable(variable)
            hint = f"did you mean {nearest}?" if nearest else "docs/configuration.md lists those that there are"
            problems.append(f"environment: {variable}: there is no such variable; {hint}")
        elif (key.name, 0) in entries:
            problems.append(f"environment: {variable}: {entries[key.name, 0].name} is set too; keep one of them")
        else:
            entries[key.name, 0] = Entry("environment", variable, value, is_file=is_file)
    return entries


def _is_service_link(variable: str, value: str) -> bool:
    if variable == f"{ENVIRONMENT_PREFIX}PORT":
        return _SERVICE_LINK_URL.fullmatch(value) is not None
    return _SERVICE_LINK.fullmatch(variable) is not None
