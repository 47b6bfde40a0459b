"""When the plain question takes over from the one about what pictures show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omero_embedded.model.omero_errors import OmeroError
from omero_ms_thumbnail.omero.queries import FACTS, FACTS_AND_CONTENT
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.question_mode import PLAIN_FOR, SLOW, TIMES_IN_A_ROW, QuestionMode
from tests.unit.embedded.truth import Stage
from tests.unit.thumbnails.model_session import Asker


class _At:
    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[str] = []
        self.mode = QuestionMode(clock=lambda: self.now, warn=self.said.append)


@pytest.fixture
def at() -> _At:
    return _At()


def test_one_that_is_slow_is_compared_with_a_plain_one_and_rests_where_that_is_much_faster(at: _At) -> None:
    for number in range(TIMES_IN_A_ROW):
        assert at.mode.with_content
        at.mode.took(SLOW + 0.1, 50, with_content=True)
        assert not at.mode.with_content
        assert at.said == []
        at.mode.took(0.1, 50, with_content=False)
        assert at.mode.with_content is (number < TIMES_IN_A_ROW - 1)
    assert len(at.said) == 1
    at.now += PLAIN_FOR + 1
    assert at.mode.with_content


@pytest.mark.parametrize(
    "told",
    [
        # OMERO is slow, whatever it is asked
        lambda mode: (mode.took(SLOW + 0.1, 50, with_content=True), mode.took(0.9, 50, with_content=False)),
        # for so many it may take that long
        lambda mode: mode.took(SLOW + 0.1, 400, with_content=True),
        lambda mode: mode.took(SLOW - 0.1, 50, with_content=True),
        # a plain one alone says nothing
        lambda mode: mode.took(0.001, 50, with_content=False),
        lambda mode: mode.took(0.0, 0, with_content=False),
        # a busy moment now and then
        lambda mode: [
            (
                mode.took(SLOW + 0.1, 50, with_content=True),
                mode.took(0.01, 50, with_content=False),
                mode.took(0.01, 50, with_content=True),
            )
            for _ in range(10)
        ],
    ],
)
def test_else_it_goes_on(at: _At, told: Callable[[QuestionMode], object]) -> None:
    told(at.mode)
    assert at.mode.with_content
    assert at.said == []


async def test_an_omero_that_does_not_take_it_is_asked_the_plain_one_and_nothing_is_kept() -> None:
    stage = Stage("rwrw--", 2)
    for number in range(2):
        stage.step("owner saves red", number)
    said: list[str] = []
    memory = MemoryCache(bytes_max=1 << 20, life=60)
    caches = Caches(memory, facts_life=0, questions=QuestionMode(warn=said.append))
    async with Asker(stage, "owner", caches=caches) as owner:
        for _ in range(TIMES_IN_A_ROW):
            stage.server.limits.fail(OmeroError("ApiUsageException", "no such function: to_char"), "projection")
            assert await owner.see(0, 1) == [[96, 72, "red"]] * 2
        assert await owner.see(0, 1) == [[96, 72, "red"]] * 2
        asked = [one[1] for one in owner.session.asked if one[0] == "projection"]
        assert asked.count(FACTS_AND_CONTENT) == TIMES_IN_A_ROW
        assert asked.count(FACTS) > TIMES_IN_A_ROW
    assert len(said) == 1
    assert len(memory) == 0
