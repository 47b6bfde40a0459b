"""Which images a page is going to ask for next, told by the ids that it has asked for: decisions only, no I/O.

Images are imported one after the other, so the ids of a dataset, of a plate, or of one field of every well of a plate
lie at even distances, and pages ask for them in order. Where that is seen, a query for the facts of some images asks
for those of the next ones too, and their thumbnails need no query of their own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

#: images whose facts are asked for ahead, in one query
AHEAD: Final = 32
#: ids asked for last, from which the distance is told
_SEEN: Final = 9
#: the largest distance between two ids that counts as one
_DISTANCE_MAX: Final = 1_000


@dataclass(slots=True)
class ReadAhead:
    """The ids that one session has asked for last, and what they say of the next."""

    _seen: deque[int] = field(default_factory=lambda: deque(maxlen=_SEEN))

    def asked(self, image_id: int) -> None:
        """Somebody wants the image."""
        self._seen.append(image_id)

    def after(self, image_ids: Iterable[int]) -> list[int]:
        """The ids that are likely to be asked for after `image_ids`; none where no even distance is seen.

        Most of the distances between the ids seen last have to be the same: requests overtake one another on their
        way, and a page may leave some images out.
        """
        distances = Counter(later - earlier for earlier, later in pairwise(sorted(set(self._seen))))
        if distances.total() < _SEEN // 2:
            return []
        distance, count = distances.most_common(1)[0]
        if count * 2 <= distances.total() or distance > _DISTANCE_MAX:
            return []
        last = max(image_ids)
        return [last + distance * number for number in range(1, AHEAD + 1)]
