"""Sessions that real OMERO.webs saved, the newest and the oldest: read, and refused once they are no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.parts import require
from tests.unit.websession import document, session_cells


@pytest.fixture(scope="module")
def site() -> Iterator[session_cells.Site]:
    require("postgres")
    require("redis-server")
    with session_cells.site() as stores:
        yield stores


@pytest.mark.parametrize("which", ["new", "old"])
async def test_sessions_of(which: str, site: session_cells.Site) -> None:
    cells = await site.cells(require(f"OMERO.web {which}"))
    assert [cell for cell in cells if not cell.passes] == []
    # cache and cached_db times their serializers, three others times two; cached_db once more after an eviction.
    caches = 4 if which == "new" else 3
    assert len(cells) == (2 * caches + 6) * len(session_cells.STATES) + caches
    # The document has the line of each, as it was written.
    written = document.DOCUMENT.read_text()
    missing = [line for line in session_cells.table(cells).splitlines()[2:] if line not in written]
    assert missing == [], "run python -m tests.unit.websession.session_cells"
