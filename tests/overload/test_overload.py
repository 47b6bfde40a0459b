"""More than OMERO can do, smaller than ``make faults`` has it, and clients that leave."""

from __future__ import annotations

from pathlib import Path

from tests.faults.site import value
from tests.overload import crowds


async def test_a_crowd_and_clients_that_leave(tmp_path: Path) -> None:
    async with crowds.slow_site(tmp_path, sessions=16) as at:
        crowd = await crowds.crowd_at(at, connections=300, alone=0.6, seconds=1.0)
        assert crowd.broken == []
        assert crowd.during[200] > 5
        assert crowd.during[503] > 50
        left = await crowds.leavers_at(at, count=100)
        assert left.broken == []
        # nothing is left of anybody
        await crowds.idle(at)
        said = await at.metrics()
    assert 'reason="client left"' in said
    assert value(said, "thumbnail_stores") <= 12 * 4
