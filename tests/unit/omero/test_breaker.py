"""When joins are held back: the breaker's decisions, with a clock and a chance of the test's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.ice.errors import ConnectFailedException
from omero_ms_thumbnail.omero.breaker import (
    FAILURES_TO_OPEN,
    FIRST_WAIT,
    LONGEST_WAIT,
    TRIES_MAX,
    CircuitBreaker,
    JoinsSuspended,
)

REASON = ConnectFailedException("no connection to omero:4064")


class Site:
    """A breaker, and the time as it goes by."""

    def __init__(self, chance: Callable[[], float] = lambda: 1.0) -> None:
        self.now = 1000.0
        self.breaker = CircuitBreaker(now=lambda: self.now, chance=chance)

    def fail(self) -> None:
        self.breaker.check()
        self.breaker.failed(self.breaker.begin(), REASON)

    def open(self) -> None:
        while not self.breaker.is_open:
            self.fail()

    def may_join(self) -> bool:
        try:
            self.breaker.check()
        except JoinsSuspended:
            return False
        return True

    def wait_for_a_try(self) -> float:
        began = self.now
        while not self.may_join():
            self.now += 0.001
        return self.now - began


def test_it_opens_after_a_few_failures_in_a_row() -> None:
    site = Site()
    for _ in range(FAILURES_TO_OPEN - 1):
        site.fail()
    site.breaker.succeeded()
    for _ in range(FAILURES_TO_OPEN - 1):
        site.fail()
        assert not site.breaker.is_open
    site.fail()
    assert site.breaker.is_open
    with pytest.raises(JoinsSuspended, match=str(REASON)):
        site.breaker.check()


def test_many_that_fail_together_open_it_once() -> None:
    site = Site()
    begun = [site.breaker.begin() for _ in range(100)]
    for one in begun:
        site.breaker.failed(one, REASON)
    assert site.wait_for_a_try() == pytest.approx(FIRST_WAIT, abs=0.01)


def test_one_may_try_and_the_wait_grows_to_its_limit() -> None:
    site = Site()
    site.open()
    waits = []
    for _ in range(8):
        waits.append(site.wait_for_a_try())
        begun = site.breaker.begin()
        assert not site.may_join()
        site.breaker.failed(begun, REASON)
    assert waits[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8], abs=0.01)
    assert waits[4:] == pytest.approx([LONGEST_WAIT] * 4, abs=0.01)


def test_any_answer_closes_it() -> None:
    site = Site()
    site.open()
    site.wait_for_a_try()
    site.breaker.begin()
    site.breaker.succeeded()
    assert not site.breaker.is_open
    assert site.may_join()
    # and it is as patient as ever
    site.fail()
    assert site.may_join()


def test_tries_that_hang_are_followed_by_a_few_others_only() -> None:
    site = Site()
    site.open()
    tries = []
    for _ in range(TRIES_MAX):
        site.wait_for_a_try()
        tries.append(site.breaker.begin())
    for one in tries:
        # that nobody waits for them any more does not mean that OMERO has less to do
        site.breaker.timed_out(one, REASON)
    site.now += 3600
    assert not site.may_join()
    site.breaker.failed(tries[0])
    site.now += LONGEST_WAIT
    assert site.may_join()


def test_what_began_before_it_opened_says_nothing_new() -> None:
    site = Site()
    early = site.breaker.begin()
    site.open()
    site.breaker.failed(early, REASON)
    assert site.wait_for_a_try() == pytest.approx(FIRST_WAIT, abs=0.01)


@given(st.lists(st.floats(0, 1), min_size=50, max_size=50))
def test_the_time_between_tries_is_drawn_within_its_limits(chances: list[float]) -> None:
    drawn = iter(chances)
    site = Site(lambda: next(drawn))
    site.open()
    for _ in range(12):
        waited = site.wait_for_a_try()
        assert FIRST_WAIT / 2 - 0.01 <= waited <= LONGEST_WAIT + 0.01
        site.breaker.failed(site.breaker.begin(), REASON)
    assert site.wait_for_a_try() >= LONGEST_WAIT / 2 - 0.01
