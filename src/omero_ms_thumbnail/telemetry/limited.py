"""Warnings that come with every request while something is wrong: each at once, then at most one every few seconds.

A store that is down fails every request; its log must still be readable when somebody comes to look.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Final

_SECONDS_BETWEEN: Final = 5.0
_KEPT_MAX: Final = 100

_NUMBER: Final = re.compile(r"\d+")

_last: dict[str, tuple[float, int]] = {}


def warn_limited(log: logging.Logger, text: str, *, every: float = _SECONDS_BETWEEN) -> None:
    """Warn of `text` in `log`, once in `every` seconds, and say how often it would have been meanwhile."""
    now = time.monotonic()
    # what is said of one image and of the next is the same
    same = _NUMBER.sub("#", text)
    said, held_back = _last.get(same, (-every, 0))
    if now - said < every:
        _last[same] = (said, held_back + 1)
        return
    if len(_last) >= _KEPT_MAX:
        _last.clear()
    _last[same] = (now, 0)
    log.warning("%s%s", text, f" (and {held_back} more of these)" if held_back else "")
