"""Two replicas behind nginx with one Redis between them ask OMERO for each thumbnail once."""

from __future__ import annotations

from pathlib import Path

from bench.replicas import WELLS, serve_a_plate
from tests.real.conformance.harness import OmeroStandin
from tests.support.parts import require


def test_a_plate_costs_one_render_for_each_well(omero_standin: OmeroStandin, tmp_path: Path) -> None:
    require("nginx")
    require("redis-server")
    served = serve_a_plate(omero_standin, tmp_path)
    # twice through nginx, once more from each replica
    assert served.thumbnails == 4 * len(WELLS)
    assert served.renders == len(WELLS)
    assert served.joins == 2
