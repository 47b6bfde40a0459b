"""More than OMERO can do, smaller than ``make faults`` has it, and clients that leave."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hard.faults.site import value
from tests.hard.overload import crowds


@pytest.mark.long
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


@pytest.mark.parametrize(
    ("soft", "hard", "files"), [(256, 1024, 1024), (256, 65_536, 32_768), (65_536, 65_536, 32_768)]
)
def test_as_many_files_as_the_system_allows(soft: int, hard: int, files: int) -> None:
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if allowed != resource.RLIM_INFINITY:
        soft, hard, files = min(soft, allowed), min(hard, allowed), min(files, allowed)
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from omero_ms_thumbnail.runtime.process import raise_open_files
print(raise_open_files(32_768), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said == [str(files), str(max(files, soft))]
