"""What the service asks of its own processes and of the system that runs them: limits, collections, an end."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import resource
import signal
from typing import Final

log: Final = logging.getLogger(__name__)

#: objects made between two collections of the youngest; how many of those make one of the middle-aged, and of all. A
#: collection of the youngest is a pause of some 0.5 ms for each thousand
_GARBAGE_THRESHOLDS: Final = (20_000, 20, 20)


def raise_open_files(wanted: int) -> int:
    """Let `wanted` files and connections be open, or as many as the system lets this user have; how many that is.

    The limit that is usually in force, 1,024, is there for programs that use ``select``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(hard, wanted)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):
        # macOS has a limit of its own below the one that it names
        return soft
    return wanted


def collect_garbage_less_often() -> None:
    """Leave out of garbage collections what lives as long as the process, and have fewer of them.

    They are 13 % of the processor time of an uncached thumbnail otherwise (measured), and the longest pauses.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


def end_with_starter() -> None:
    """See to it that this worker ends if the process that started it is killed: nobody else could stop it then."""
    starter = multiprocessing.parent_process()
    if starter is None:
        # workers are threads where Python has no global lock
        return
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(starter.sentinel)
        log.error("the process that started this worker is gone; it ends too")
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(starter.sentinel, end)
