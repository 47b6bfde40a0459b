"""How long what is kept is shown, to the second, in virtual time."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import SessionRefused, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.omero.small_omero import LEAVE_WITHIN, key_of
from tests.simulated.loop import VirtualLoop, end
from tests.simulated.omero import SimulatedOmero

LIFE = 60.0
REQUEST = ThumbnailRequest(101, 48)


class Stage:
    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.omero = SimulatedOmero(self.loop)
        self.pool = self.loop.do(lambda: SessionPool(self.omero.join, idle_timeout=10 * LIFE, join_timeout=10 * LIFE))
        caches = Caches(MemoryCache(bytes_max=1 << 20, life=LIFE, clock=self.loop.time))
        self.thumbnails = self.loop.do(lambda: Thumbnails(self.pool, timeout=LIFE, stores=2, caches=caches))

    def ask(self, key: str) -> int:
        """Ask for the picture; how many times OMERO was asked to draw for it."""
        before = self._drawn()
        self.loop.run_until_complete(self.thumbnails.get(key, REQUEST))
        # it is kept behind the answer
        self.loop.pass_time(0.1)
        return self._drawn() - before

    def _drawn(self) -> int:
        return sum(count for name, count in self.omero.omero.workload.calls.items() if name.startswith("getThumbnail"))

    def close(self) -> None:
        self.loop.run_until_complete(self.pool.close(LEAVE_WITHIN))
        end(self.loop)


@pytest.fixture
def stage():
    made = Stage()
    yield made
    made.close()


def test_a_session_that_has_ended_is_not_shown_what_another_session_of_the_user_keeps_fresh(stage: Stage) -> None:
    ended, other = stage.omero.keys["researcher"], key_of(stage.omero.omero)
    stage.ask(ended)
    stage.ask(other)
    stage.omero.omero.sessions.end(ended)
    stage.loop.pass_time(LIFE - 1)
    # not known yet, and within the life of what was kept
    assert stage.ask(ended) == 0
    stage.loop.pass_time(2)
    assert stage.ask(other) == 1
    stage.loop.settle()
    with pytest.raises(SessionRefused):
        stage.ask(ended)


def test_a_session_that_omero_was_not_asked_for_long_is_shown_what_is_kept_once_it_was(stage: Stage) -> None:
    quiet, other = stage.omero.keys["researcher"], key_of(stage.omero.omero)
    stage.ask(quiet)
    stage.ask(other)
    # the last that was heard of it was that its idle store was closed
    stage.loop.pass_time(LIFE + 3)
    assert stage.ask(other) == 1
    stage.loop.settle()
    assert stage.ask(quiet) == 1
    assert stage.ask(quiet) == 0


def test_what_is_kept_is_as_old_as_the_question_and_not_as_the_keeping(stage: Stage) -> None:
    key = stage.omero.keys["researcher"]
    stage.ask(key)
    stage.loop.pass_time(LIFE + 1)
    # so long does OMERO take to say that it is no clock, before it is kept
    stage.omero.take(query=9_000.0)
    assert stage.ask(key) == 1
    stage.loop.pass_time(LIFE - 1)
    assert stage.ask(key) == 0
    stage.loop.pass_time(2)
    assert stage.ask(key) == 1
