"""How long what is believed is shown, to the second, in virtual time."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import ImageUnavailable, SessionRefused, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.support.simulated.loop import VirtualLoop, end
from tests.support.simulated.omero import SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of

LIFE = 60.0
REQUEST = ThumbnailRequest(101, 48)


class Stage:
    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.omero = SimulatedOmero(self.loop)
        self.pool = self.loop.do(lambda: SessionPool(self.omero.join, idle_timeout=10 * LIFE, join_timeout=10 * LIFE))
        caches = Caches(MemoryCache(bytes_max=1 << 20, life=86_400, clock=self.loop.time), facts_life=LIFE)
        self.thumbnails = self.loop.do(lambda: Thumbnails(self.pool, timeout=LIFE, stores=2, caches=caches))

    def ask(self, key: str) -> int:
        """Ask for the picture; how many times OMERO was asked what is seen for it."""
        before = self.omero.omero.workload.calls.get("projection", 0)
        self.loop.run_until_complete(self.thumbnails.get(key, REQUEST))
        asked = self.omero.omero.workload.calls.get("projection", 0) - before
        # it is kept behind the answer
        self.loop.pass_time(0.1)
        return asked

    def close(self) -> None:
        self.loop.run_until_complete(self.pool.close(LEAVE_WITHIN))
        end(self.loop)


@pytest.fixture
def stage():
    made = Stage()
    yield made
    made.close()


def test_a_session_believes_for_as_long_as_is_said_and_from_the_question_on(stage: Stage) -> None:
    key = stage.omero.keys["researcher"]
    stage.ask(key)
    stage.ask(key)
    stage.loop.pass_time(LIFE + 1)
    # so long does OMERO take to answer
    stage.omero.take(query=9_000.0)
    assert stage.ask(key) == 1
    stage.loop.pass_time(LIFE - 9.5)
    assert stage.ask(key) == 0
    stage.loop.pass_time(1)
    assert stage.ask(key) == 1


def test_no_session_believes_what_another_of_the_user_was_told(stage: Stage) -> None:
    ended, other = stage.omero.keys["researcher"], key_of(stage.omero.omero)
    for key in (ended, other, ended, other):
        stage.ask(key)
    stage.omero.omero.sessions.end(ended)
    stage.loop.pass_time(LIFE - 1)
    # not known yet
    assert stage.ask(ended) == 0
    assert stage.ask(other) == 0
    stage.loop.pass_time(2)
    assert stage.ask(other) == 1
    with pytest.raises(SessionRefused):
        stage.ask(ended)


def test_a_belief_goes_with_the_join(stage: Stage) -> None:
    key = stage.omero.keys["researcher"]
    stage.ask(key)
    stage.ask(key)
    assert stage.ask(key) == 0
    session = stage.loop.do(lambda: stage.pool.joined(key))
    assert session is not None
    stage.loop.do(lambda: stage.pool.drop(key, session))
    stage.loop.settle()
    assert stage.ask(key) == 1


def test_a_member_who_is_removed_from_a_group_sees_nothing_new_after_what_is_believed(stage: Stage) -> None:
    world, key = stage.omero.omero.world, stage.omero.keys["colleague"]
    stage.ask(key)
    colleague = world.user_named("colleague")
    assert colleague is not None
    world.people.set_groups(colleague.id, (1,))
    stage.loop.pass_time(LIFE + 0.1)
    with pytest.raises(ImageUnavailable):
        stage.ask(key)
