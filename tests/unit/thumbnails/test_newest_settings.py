"""OMERO takes the newest settings by their event's time; what is kept is always what it would give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omero_embedded.model.data import Event, RenderingDefRow
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from tests.unit.embedded.truth import PEOPLE, Stage
from tests.unit.thumbnails.model_session import Asker

SECOND = 1_000_000


class Settings:
    """Several settings of one image, all the owner's, and a clock that may be set back."""

    def __init__(self) -> None:
        self.stage = Stage("rwrw--", 1)
        self.now = 1_796_000_000 * SECOND
        self.stage.step("owner saves red", 0)
        self.save(self.first, "red")

    def _event(self) -> Event:
        """The next by its number, at what the clock says."""
        self.now += SECOND
        return replace(self.stage.database.new_event(PEOPLE["owner"], 503), time=self.now)

    @property
    def _defs(self) -> Any:
        return self.stage.database.rendering_defs

    def add(self, look: str) -> int:
        """Make new settings beside those that there are."""
        made = RenderingDefRow(self._defs.next_id(), 2001, PEOPLE["owner"], self._event(), look)
        self._defs.put(made)
        return made.id

    def save(self, number: int, look: str) -> None:
        """Save one of them anew."""
        self._defs.put(replace(self._defs.get(number), event=self._event(), look=look))

    def delete(self, number: int) -> None:
        self._defs.delete(number)

    @property
    def first(self) -> int:
        return min(self._defs.of(2001))


async def _look(settings: Settings, caches: Caches, **asked: Any) -> str:
    """What `member` sees, who has no settings: with what is kept, and as a new service shows it."""
    request = ThumbnailRequest(1001, 64, stored=False, **asked)
    shown = []
    for kept in (caches, Caches(facts_life=0)):
        async with Asker(settings.stage, "member", caches=kept) as member:
            for _ in range(2):
                ((_, _, look),) = await member.ask(request)
            shown.append(look)
    assert shown[0] == shown[1]
    return str(shown[0])


@pytest.mark.parametrize("asked", [{}, {"height": 32}, {"z": 0, "t": 0}], ids=str)
async def test_with_a_clock_that_is_set_back_and_the_newest_deleted(asked: dict[str, Any]) -> None:
    settings = Settings()
    caches = Caches(MemoryCache(bytes_max=1 << 20, life=3600), facts_life=0)
    assert await _look(settings, caches, **asked) == "red"
    second = settings.add("green")
    assert await _look(settings, caches, **asked) == "green"
    # an event with a higher number and an earlier time
    settings.now -= 3600 * SECOND
    settings.save(settings.first, "blue")
    assert await _look(settings, caches, **asked) == "green"
    settings.delete(second)
    assert await _look(settings, caches, **asked) == "blue"
    settings.save(settings.first, "red")
    assert await _look(settings, caches, **asked) == "red"
    settings.add("green")
    assert await _look(settings, caches, **asked) == "green"


async def test_nothing_is_kept_where_two_have_the_same_time() -> None:
    settings = Settings()
    memory = MemoryCache(bytes_max=1 << 20, life=3600)
    one, other = settings.add("green"), settings.add("blue")
    event = settings._defs.get(one).event
    settings._defs.put(replace(settings._defs.get(other), event=event))
    async with Asker(settings.stage, "member", caches=Caches(memory, facts_life=0)) as member:
        for _ in range(2):
            await member.ask(ThumbnailRequest(1001, 64, stored=False))
    assert len(memory) == 0


async def test_another_database_behind_the_same_address_meets_no_old_picture() -> None:
    settings = Settings()
    caches = Caches(MemoryCache(bytes_max=1 << 20, life=3600), facts_life=0)
    assert await _look(settings, caches) == "red"
    # restored: the same ids and events, made at another time
    restored = Settings()
    restored.stage.database.uuid = settings.stage.database.uuid
    restored.now = settings.now + 86_400 * SECOND
    restored.delete(restored.first)
    restored.add("blue")
    assert await _look(restored, caches) == "blue"
    elsewhere = Settings()
    elsewhere.stage.database.uuid = "another"
    for number, one in list(elsewhere._defs.of(2001).items()):
        elsewhere._defs.put(replace(one, look="green"))
        assert number == one.id
    assert await _look(elsewhere, caches) == "green"
