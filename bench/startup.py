"""How soon the service is there."""

from __future__ import annotations

import time
from pathlib import Path

from .omeros import configuration
from .processes import service, wait_for_http
from .rows import Goal, Row


class Startup:
    """The row, filled round by round."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._row = Row("start", "start to ready, without OMERO's answer", Goal(at_most=0.6), "s")

    def round(self) -> None:
        """From the command to the first answer."""
        began = time.perf_counter()
        with service(self._folder, configuration(4064, secure=True)) as (address, _pid):
            self._row.values.append(wait_for_http(f"{address}/healthz") - began)

    def rows(self) -> list[Row]:
        """What came of it."""
        return [self._row]
