"""Warnings of what keeps requests from being answered: each at once, then at most one every few seconds.

A store that is down fails every request; its log must still be readable when somebody comes to look.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Final

log: Final = logging.getLogger(__name__)

_SECONDS_BETWEEN: Final = 5.0
_KEPT_MAX: Final = 100

_NUMBER: Final = re.compile(r"\d+")

_last: dict[str, tuple[float, int]] = {}


def complain(status: int, text: str) -> None:
    """Warn that a request was answered with `status`, and how many were since the same was last said."""
    now = time.monotonic()
    # what is said of one image and of the next is the same
    same = _NUMBER.sub("#", text)
    said, held_back = _last.get(same, (-_SECONDS_BETWEEN, 0))
    if now - said < _SECONDS_BETWEEN:
        _last[same] = (said, held_back + 1)
        return
    if len(_last) >= _KEPT_MAX:
        _last.clear()
    _last[same] = (now, 0)
    log.warning("%d: %s%s", status, text, f" (and {held_back} more of these)" if held_back else "")
