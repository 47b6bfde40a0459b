"""Images that a page has loaded again by themselves, with a new cache buster: their settings were probably just saved.

OMERO.web loads single thumbnails after "Save to all" since sets failed there; they are not to become sets again here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from .model import ThumbnailRequest

#: images that are remembered for each session
_REMEMBERED_MAX: Final = 20_000


class _LastRequest(NamedTuple):
    """Of an image: the `version` of its last request that had one, and whether one came alone with a new version."""

    version: str
    was_reloaded_alone: bool = False


class Reloads:
    """Those of one session."""

    def __init__(self) -> None:
        self._last: OrderedDict[int, _LastRequest] = OrderedDict()

    def requested(self, request: ThumbnailRequest, *, is_alone: bool) -> None:
        """Take note of a request; `is_alone` if no other image is asked for with it."""
        before = self._last.get(request.image_id)
        if before is None:
            self._last[request.image_id] = _LastRequest(request.version)
            if len(self._last) > _REMEMBERED_MAX:
                self._last.popitem(last=False)
        elif request.version and before.version != request.version:
            self._last[request.image_id] = _LastRequest(request.version, before.was_reloaded_alone or is_alone)

    def was_reloaded_alone(self, image_id: int) -> bool:
        """Whether the image was once requested with a new version, and alone."""
        last = self._last.get(image_id)
        return last is not None and last.was_reloaded_alone
