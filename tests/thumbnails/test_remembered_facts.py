"""Facts of images are believed for a minute, and take no memory for much longer."""

from __future__ import annotations

from collections.abc import Callable

from omero_ms_thumbnail.thumbnails.facts import _LIFE, _REMEMBERED_MAX, RememberedFacts
from omero_ms_thumbnail.thumbnails.model import ImageFacts
from tests.simulated.loop import VirtualLoop, end


def in_virtual_time(test: Callable[[VirtualLoop, RememberedFacts], None]) -> None:
    loop = VirtualLoop()
    test(loop, loop.do(RememberedFacts))
    end(loop)


def facts_of(*image_ids: int) -> list[ImageFacts]:
    return [ImageFacts(image_id, 1_000 + image_id, 3, 10) for image_id in image_ids]


def test_they_are_believed_for_a_minute() -> None:
    def test(loop: VirtualLoop, remembered: RememberedFacts) -> None:
        remembered.remember(facts_of(1, 2))
        loop.pass_time(_LIFE - 1)
        assert remembered.get(1) == facts_of(1)[0]
        remembered.forget(1)
        assert remembered.get(1) is None
        loop.pass_time(2)
        assert remembered.get(2) is None

    in_virtual_time(test)


def test_those_that_are_over_go_with_those_that_come() -> None:
    def test(loop: VirtualLoop, remembered: RememberedFacts) -> None:
        remembered.remember(facts_of(*range(100)))
        loop.pass_time(_LIFE / 2)
        remembered.remember(facts_of(7))
        loop.pass_time(_LIFE / 2 + 1)
        remembered.remember(facts_of(*range(1_000, 1_030)))
        assert len(remembered._facts) == 100 - 60 + 30
        remembered.remember(facts_of(*range(1_030, 1_060)))
        # what was told anew is not over
        assert set(remembered._facts) == {7, *range(1_000, 1_060)}

    in_virtual_time(test)


def test_there_are_never_too_many() -> None:
    def test(loop: VirtualLoop, remembered: RememberedFacts) -> None:
        for begin in range(0, 2 * _REMEMBERED_MAX, 500):
            remembered.remember(facts_of(*range(begin, begin + 500)))
        assert len(remembered._facts) == _REMEMBERED_MAX
        assert remembered.get(2 * _REMEMBERED_MAX - 1) is not None

    in_virtual_time(test)
