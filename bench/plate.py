"""A 384-well plate as OMERO.web asks for it, 8 requests of 50, against the least that its OMERO needs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .load import KEY
from .omeros import configuration
from .processes import ROOT, BrokenMeasurement, get, service
from .rows import Goal, Row

_PAGE = 50


class Plate:
    """The row, filled round by round."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._row = Row(
            "plate",
            "384-well plate, realistic latencies: our time / OMERO's own minimum",
            Goal(at_most=1.15, note="(what truth costs: OMERO is asked no more than a few things at once)"),
        )

    def round(self) -> None:
        """A plate that nobody has asked for, at a service that was just started."""
        command = [sys.executable, "-m", "bench.plate_omero"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as omero:
            assert omero.stdout is not None
            assert omero.stdin is not None
            said = json.loads(omero.stdout.readline())
            with service(self._folder, configuration(said["port"], secure=True)) as (address, _pid):
                took = _fill(address, said["images"], said["key"])
            omero.stdin.close()
        self._row.values.append(took / said["minimum"])
        self._row.note("ms", took * 1000)
        self._row.note("minimum ms", said["minimum"] * 1000)

    def rows(self) -> list[Row]:
        """What came of it."""
        return [self._row]


def _fill(address: str, images: list[int], key: str) -> float:
    pages = [images[start : start + _PAGE] for start in range(0, len(images), _PAGE)]
    paths = ["/webclient/get_thumbnails/?" + "&".join(f"id={one}" for one in page) for page in pages]
    with ThreadPoolExecutor(len(paths)) as pool:
        began = time.perf_counter()
        bodies = [pool.submit(get, address + path, {KEY: key}) for path in paths]
        answers = [json.loads(body.result()) for body in bodies]
        took = time.perf_counter() - began
    if sum(value is not None for answer in answers for value in answer.values()) != len(images):
        raise BrokenMeasurement("the plate was not filled")
    return took
