"""Whose settings have probably just been saved: a page asks again, for that image alone, with a new cache buster.

OMERO.web loads single thumbnails after "Save to all" since sets failed there; they are not to become sets again here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from .model import ThumbnailRequest

#: images that are remembered for each session
_REMEMBERED_MAX: Final = 20_000


class Look(NamedTuple):
    """What was seen of an image: the `version` that it was asked for with last, and whether it was saved meanwhile."""

    version: str
    was_saved: bool = False


class Saves:
    """What one session has asked for, and which of it anew."""

    def __init__(self) -> None:
        self._looks: OrderedDict[int, Look] = OrderedDict()

    def is_anew(self, request: ThumbnailRequest, *, is_alone: bool) -> bool:
        """Whether the image was asked for before with another version; `is_alone` if no other is asked for with it."""
        before = self._looks.get(request.image_id)
        if before is None:
            self._looks[request.image_id] = Look(request.version)
            if len(self._looks) > _REMEMBERED_MAX:
                self._looks.popitem(last=False)
            return False
        if before.version == request.version or not request.version:
            return False
        self._looks[request.image_id] = Look(request.version, before.was_saved or is_alone)
        return True

    def was_saved(self, image_id: int) -> bool:
        """Whether the image was once asked for anew, and alone."""
        look = self._looks.get(image_id)
        return look is not None and look.was_saved
