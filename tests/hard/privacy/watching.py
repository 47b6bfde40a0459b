"""Watches over answers: each is right if OMERO itself would have answered so at some moment that counts.

Those are the moments from the request's beginning, less what a session believes what it was told, to its end. A
thumbnail that is on its way for another request of the same session is shared, so a call that had begun counts too: no
call takes longer than the longest request that has been seen. How long pictures are kept does not count: each is only
given to whom OMERO has told that it is what they see.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.hard.privacy.oracle import Oracle
from tests.hard.privacy.questions import Question, pictures

#: seconds
_PERIOD = 30.0


@dataclass
class Wrong(AssertionError):
    """An answer that OMERO would not have given."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass
class Watch:
    """`life` is how long sessions believe, in seconds. Counts are of pictures, refusals among them."""

    oracle: Oracle = field(repr=False)
    life: float
    #: whether something was not there for who asked at that moment: then one of many pictures may be null
    is_excused: Callable[[float], bool] = field(default=lambda _began: False, repr=False)
    answers: int = 0
    shown: int = 0
    refused: int = 0
    logged_out: int = 0
    unchanged: int = 0
    #: refused while what matters was changing, though at no one moment OMERO would have refused
    torn: int = 0
    #: 503 and 504
    unanswered: int = 0
    longest: float = 0.0
    _under_way: set[float] = field(default_factory=set, repr=False)
    _longest_before: float = field(default=0.0, repr=False)
    _longest_now: float = field(default=0.0, repr=False)
    _next_period: float = field(default=0.0, repr=False)

    def begin(self) -> float:
        now = time.monotonic()
        self._under_way.add(now)
        return now

    def gave_up(self, began: float) -> None:
        self._under_way.discard(began)

    def _took(self, now: float, seconds: float) -> None:
        """A slow time is forgotten after a while."""
        if now > self._next_period:
            self._next_period = now + _PERIOD
            self._longest_before, self._longest_now = self._longest_now, 0.0
        self._longest_now = max(self._longest_now, seconds)
        self.longest = max(self._longest_before, self._longest_now)

    def end(
        self, began: float, user: int, session_key: str, question: Question, status: int, body: bytes, had: bytes
    ) -> None:
        """Judge an answer; raises Wrong. `had` is the picture that the request said that it had already."""
        end = time.monotonic()
        self._under_way.discard(began)
        self._took(end, end - began)
        call = max(self.longest, end - min(self._under_way, default=end))
        alive = self.oracle.was_alive(session_key, began - max(self.life, call), end)
        window = call if question.is_fresh else max(self.life, call)
        self.answers += len(question.asked)
        where = f"{question.path}?{question.query} of user {user}: {status}"
        if status in (503, 504):
            self.unanswered += 1
        elif status == 403:
            self.logged_out += 1
            if False not in alive:
                raise Wrong(f"{where}, though the session was alive")
        elif status not in (200, 304, 404):
            raise Wrong(where)
        elif True not in alive:
            raise Wrong(f"{where}, though the session had ended")
        elif status == 304:
            self.unchanged += 1
            (asked,) = question.asked
            right = self.oracle.answers(user, asked, began - window, end)
            if had not in right:
                raise Wrong(f"{where}, though it is not {had!r} but one of {right}")
        else:
            given = pictures(question, body) if status == 200 else [None]
            for asked, picture in zip(question.asked, given, strict=True):
                right = self.oracle.answers(user, asked, began - window, end)
                self.shown += picture is not None
                self.refused += picture is None
                if picture in right:
                    continue
                if picture is None and (
                    not self.oracle.is_steady(user, asked, began - call, end)
                    or self.oracle.was_locked_out(session_key, user, began - window, end)
                ):
                    self.torn += 1
                    continue
                if picture is None and len(question.asked) > 1 and self.is_excused(began):
                    self.unanswered += 1
                    continue
                raise Wrong(f"{where} {asked}: {picture!r} instead of one of {right}")
