"""What the embedded OMERO says of its own configuration: IConfig, as far as it is asked."""

from __future__ import annotations

import re
from typing import ClassVar

from ..ice.server import Current
from ..omero.services import ICONFIG
from .joins import JoinServant


class ConfigServant(JoinServant):
    """``omero::api::IConfig``."""

    ICE_IDS = ("::omero::api::IConfig", "::Ice::Object", "::omero::api::ServiceInterface")
    OPERATIONS = ICONFIG
    #: this OMERO can always be written to
    VALUES: ClassVar[dict[str, str]] = {
        "omero.cluster.read_only.runtime.db": "false",
        "omero.cluster.read_only.runtime.repo": "false",
    }

    async def getConfigValues(self, _current: Current, key_regex: str) -> dict[str, str]:  # noqa: N802
        """Those whose keys have a match of the expression."""
        omero = self.join.omero
        async with omero.workload.call("getConfigValues", omero.workload.latency.query):
            return {key: value for key, value in self.VALUES.items() if re.search(key_regex, key)}
