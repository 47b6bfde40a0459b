"""Facts of images are kept for as long as `cache.life` says, from the question on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from omero_ms_thumbnail.thumbnails.facts_cache import _REMEMBERED_MAX, FRESH, FactsCache
from omero_ms_thumbnail.thumbnails.model import ImageFacts
from tests.support.simulated.loop import VirtualLoop, end

LIFE = 5.0


def in_virtual_time(test: Callable[[VirtualLoop, FactsCache], None], life: float = LIFE) -> Counter[str]:
    """Runs `test`; how many are counted at its end."""
    counted: Counter[str] = Counter()
    loop = VirtualLoop()
    test(loop, loop.do(lambda: FactsCache(life, lambda more: counted.update(facts=more))))
    end(loop)
    return counted


def facts_of(*image_ids: int) -> list[ImageFacts]:
    return [ImageFacts(image_id, 1_000 + image_id, 3, 10) for image_id in image_ids]


def test_they_age_from_the_question() -> None:
    def test(loop: VirtualLoop, cache: FactsCache) -> None:
        asked_at = loop.time()
        loop.pass_time(3)
        cache.remember(facts_of(1, 2), asked_at)
        loop.pass_time(LIFE - 3.1)
        assert cache.get(1) == facts_of(1)[0]
        cache.forget(1)
        assert cache.get(1) is None
        loop.pass_time(0.2)
        assert cache.get(2) is None

    assert in_virtual_time(test)["facts"] == 1


def test_nothing_is_given_where_that_has_no_life_but_it_is_known_what_is_of_this_second() -> None:
    def test(loop: VirtualLoop, cache: FactsCache) -> None:
        cache.remember(facts_of(1, 2), loop.time())
        assert cache.get(1) is None
        loop.pass_time(FRESH - 0.1)
        assert cache.are_fresh(facts_of(1, 2))
        assert not cache.are_fresh([facts_of(1)[0]._replace(group_id=4)])
        loop.pass_time(0.2)
        assert not cache.are_fresh(facts_of(1, 2))

    in_virtual_time(test, life=0.0)


def test_those_that_are_over_go_with_those_that_come() -> None:
    def test(loop: VirtualLoop, cache: FactsCache) -> None:
        cache.remember(facts_of(*range(100)), loop.time())
        loop.pass_time(LIFE / 2)
        cache.remember(facts_of(7), loop.time())
        loop.pass_time(LIFE / 2 + 0.1)
        cache.remember(facts_of(*range(1_000, 1_030)), loop.time())
        # what was told anew is not over
        assert set(cache._facts) == {7, *range(1_000, 1_030)}

    assert in_virtual_time(test)["facts"] == 31


def test_there_are_never_too_many_and_none_once_the_session_is_over() -> None:
    def test(loop: VirtualLoop, cache: FactsCache) -> None:
        for begin in range(0, 2 * _REMEMBERED_MAX, 500):
            cache.remember(facts_of(*range(begin, begin + 500)), loop.time())
        assert len(cache) == _REMEMBERED_MAX
        assert cache.get(2 * _REMEMBERED_MAX - 1) is not None
        cache.clear()
        assert len(cache) == 0

    assert in_virtual_time(test)["facts"] == 0
