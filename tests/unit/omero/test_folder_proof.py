"""Whether a folder is this OMERO's: what is shown of a wrong one, by a model that Hypothesis drives."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from omero_ms_thumbnail.omero.folder_proof import DISTRUST, FIRST_PICTURES, FIRST_ROWS, PAUSE, FolderProof

EVERY = 5
BLANK = b"an empty well"


def picture(row_id: int) -> bytes:
    return b"picture %d" % row_id


class Mounting(RuleBasedStateMachine):
    """An administrator mounts the right folder or that of another OMERO, while people look at pages.

    Even rows are pictures that look alike in both.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.proof = FolderProof(every=EVERY, now=lambda: self.now)
        self.is_right = True
        self.pictures: set[bytes] = set()
        self.rows: set[int] = set()
        self.since_compared = 0
        self.asked_at = 0.0
        self.distrusted_until = 0.0

    def stored(self, row_id: int) -> bytes:
        return BLANK if row_id % 2 == 0 else picture(row_id) if self.is_right else picture(-row_id)

    def given(self, row_id: int) -> bytes:
        return BLANK if row_id % 2 == 0 else picture(row_id)

    @rule(row_id=st.integers(1, 100), is_given=st.booleans())
    def look(self, row_id: int, is_given: bool) -> None:
        if self.proof.is_distrusted:
            assert self.now < self.distrusted_until
            return
        stored = self.stored(row_id)
        if not self.proof.wants_comparison():
            assert len(self.pictures) >= FIRST_PICTURES or len(self.rows) >= FIRST_ROWS
            self.since_compared += 1
            assert self.since_compared < EVERY or self.now < self.asked_at + PAUSE
            return
        self.since_compared, self.asked_at = 0, self.now
        # OMERO may fail, or the row change meanwhile
        if is_given:
            self.compare(row_id, stored)

    @rule(row_id=st.integers(1, 100), is_old=st.booleans())
    def late_answer(self, row_id: int, is_old: bool) -> None:
        """One that was read before whatever happened since."""
        self.compare(row_id, picture(-row_id) if is_old else self.given(row_id))

    def compare(self, row_id: int, stored: bytes) -> None:
        given = self.given(row_id)
        was_distrusted = self.proof.is_distrusted
        assert self.proof.compared(row_id, stored, given) is (stored == given)
        if stored != given:
            self.pictures.clear()
            self.rows.clear()
            self.distrusted_until = self.now + DISTRUST
            assert self.proof.is_distrusted
            assert not self.proof.is_proven
        elif not was_distrusted:
            self.pictures.add(stored)
            self.rows.add(row_id)
            self.asked_at = self.now

    @rule(is_right=st.booleans())
    def mount(self, is_right: bool) -> None:
        self.is_right = is_right

    @rule(hours=st.sampled_from([0.3, 1.0]))
    def time_goes_by(self, hours: float) -> None:
        self.now += hours * 3600

    @invariant()
    def is_distrusted_for_an_hour(self) -> None:
        assert self.proof.is_distrusted is (self.now < self.distrusted_until)


TestMounting = Mounting.TestCase


def test_blank_pictures_prove_nothing_but_in_numbers() -> None:
    proof = FolderProof()
    for row_id in range(1, FIRST_ROWS):
        assert proof.compared(row_id, BLANK, BLANK)
        assert proof.wants_comparison()
    assert proof.compared(FIRST_ROWS, BLANK, BLANK)
    assert proof.is_proven


def test_the_same_row_over_and_over_proves_nothing() -> None:
    proof = FolderProof()
    for _ in range(100):
        proof.compared(7, picture(7), picture(7))
    assert proof.wants_comparison()


def test_three_different_pictures_prove_it_and_then_one_of_many_is_compared() -> None:
    now = 1000.0
    proof = FolderProof(every=EVERY, now=lambda: now)
    for row_id in range(1, FIRST_PICTURES + 1):
        assert proof.wants_comparison()
        proof.compared(row_id, picture(row_id), picture(row_id))
    for _ in range(2):
        # however many are shown within a minute
        assert [proof.wants_comparison() for _ in range(3 * EVERY)] == [False] * 3 * EVERY
        now += PAUSE
        assert proof.wants_comparison()
    now += PAUSE
    assert [proof.wants_comparison() for _ in range(EVERY)] == [*[False] * (EVERY - 1), True]
