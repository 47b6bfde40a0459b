"""Which images a page is going to ask for next, told by the ids that it has asked for: decisions only, no I/O.

Images are imported one after the other, so the ids of a dataset, of a plate, or of one field of every well of a plate
lie at even distances, and pages ask for them in order. Where that is seen, a query for the facts of some images asks
for those of the next ones too, and their thumbnails need no query of their own. Once half of those has been asked for,
the next are due: a page that goes on waits for no further query.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from .model import IMAGE_ID_MAX

#: images whose facts are asked for ahead, in one query, at least
AHEAD_MIN: Final = 24
#: and how many more, by chance of the id: users who began together then do not all ask at the same moment
AHEAD_SPREAD: Final = 17
#: ids asked for last, from which the distance is told
_SEEN: Final = 9
#: the largest distance between two ids that counts as one
_DISTANCE_MAX: Final = 1_000
#: how many times the distance two ids may lie apart that belong to it
_STEPS_MAX: Final = 4


@dataclass(slots=True)
class ReadAhead:
    """The ids that one session has asked for last, and what they say of the next."""

    _seen: deque[int] = field(default_factory=lambda: deque(maxlen=_SEEN))
    #: the last of those asked for ahead, and the one with which the next are due; 0 where none were
    _until: int = 0
    _due_from: int = 0

    def asked(self, image_id: int) -> None:
        """Somebody wants the image."""
        self._seen.append(image_id)

    @property
    def is_due(self) -> bool:
        """Whether those that were asked for ahead are half used up."""
        return self._until > 0 and self._due_from <= self._seen[-1] <= self._until

    def after(self, image_ids: Collection[int]) -> list[int]:
        """The ids that are likely to be asked for after `image_ids`; none where no even distance is seen.

        After none, those that follow what was asked for ahead the last time, once they are due.
        """
        last, distance = max(image_ids, default=self._until if self.is_due else 0), self._distance()
        if not last:
            return []
        if not distance:
            self._until = 0
            return []
        count = AHEAD_MIN + last % AHEAD_SPREAD
        self._until = last + distance * count
        self._due_from = self._until - distance * (count // 2)
        return [after for number in range(1, count + 1) if (after := last + distance * number) <= IMAGE_ID_MAX]

    def _distance(self) -> int:
        """The distance that most of the ids seen last have, or a few times that; 0 where there is none.

        Not all have it: requests overtake one another on their way, a page may leave some images out, and where there
        are several workers, each sees only some of its requests.
        """
        distances = [later - earlier for earlier, later in pairwise(sorted(set(self._seen)))]
        if len(distances) < _SEEN // 2:
            return 0
        fitting = {one: sum(_fits(other, one) for other in distances) for one in set(distances) if one <= _DISTANCE_MAX}
        distance = max(fitting, key=lambda one: (fitting[one], one), default=0)
        return distance if distance and fitting[distance] * 2 > len(distances) else 0


def _fits(distance: int, step: int) -> bool:
    return distance % step == 0 and distance <= _STEPS_MAX * step
