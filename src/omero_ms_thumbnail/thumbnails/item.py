"""A thumbnail on its way, and where it is.

Whoever waits for it is answered at the first *done*; what follows is done behind that. The first column is its
`ItemState`.

===========  ==============================  ==================================================================
state        known of it                     what ends that
===========  ==============================  ==================================================================
ASKED_ABOUT  the request                     OMERO's answer: LOOKED_FOR; or done, as no image that they may read
LOOKED_FOR   facts, way, key                 found kept, or the client has it: done; else whoever has to draws it
WAITING      another session draws its key,  that one's picture is certain: done; it failed: LINED_UP;
             or makes its settings           settings were made: ASKED_ABOUT
LINED_UP     its lane in the `BatchQueue`    a call takes it: ON_ITS_WAY
ON_ITS_WAY   the call that it is in          the picture: done, and HAD; another way: LINED_UP;
                                             refused, or to be tried again: ASKED_ABOUT, once; else failed: done
HAD          the picture, since when         a later query gives the same key: kept; another, or none: dropped
===========  ==============================  ==================================================================

In every state but HAD it may also be done because nobody waits any more, the time is over or the session has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from .model import ImageFacts, NotModified, Saved, Thumbnail, ThumbnailRequest
from .ways import DIRECT, Viewer, Way


class ItemState(Enum):
    """Where an `Item` is; its value is how a person reads it. See the module."""

    ASKED_ABOUT = "asked about"
    LOOKED_FOR = "looked for"
    WAITING = "waiting for another"
    LINED_UP = "lined up"
    ON_ITS_WAY = "on its way"
    HAD = "had"


#: which states may follow one another; the table of the module, for tests to hold the code to
FOLLOWING: Final = {
    ItemState.ASKED_ABOUT: {ItemState.LOOKED_FOR},
    ItemState.LOOKED_FOR: {ItemState.WAITING, ItemState.LINED_UP, ItemState.HAD},
    ItemState.WAITING: {ItemState.LINED_UP, ItemState.ASKED_ABOUT},
    ItemState.LINED_UP: {ItemState.ON_ITS_WAY},
    ItemState.ON_ITS_WAY: {ItemState.HAD, ItemState.LINED_UP, ItemState.WAITING, ItemState.ASKED_ABOUT},
    ItemState.HAD: set(),
}


@dataclass(eq=False, slots=True, repr=False)
class Item:
    """A thumbnail on its way: `waiters` requests share `done`."""

    request: ThumbnailRequest
    done: asyncio.Future[Thumbnail | NotModified]
    waiters: int = 0
    facts: ImageFacts | None = None
    way: Way = DIRECT
    #: not in a set: one left it out, or OMERO threw for all of it, or its settings were saved
    is_single: bool = False
    #: what is stored of it is empty
    is_lost: bool = False
    #: OMERO has said once to try again
    was_tried_again: bool = False
    #: what was known of the image, and of who asks, when OMERO refused it
    refused_with: tuple[ImageFacts, Viewer] | None = None
    #: the rendering settings that are named, if they are those of this image
    named: Saved | None = None
    #: under which the picture is kept, if it can be; see `content`
    key: bytes | None = None
    #: OMERO has been asked about the image for it
    is_asked: bool = False
    #: what all who wait for it have already, by `content.tag_of`
    tags: frozenset[str] = frozenset()
    #: what OMERO's folder has of it, which was not shown but is to be compared
    file: bytes | None = None
    #: where the picture came from
    source: str = ""
    #: of whoever asked first: what is done for it is logged and counted as that one's
    context: Context = field(default_factory=copy_context)
    #: where it is
    state: ItemState = ItemState.ASKED_ABOUT

    def becomes(self, state: ItemState) -> None:
        """It is there now; `FOLLOWING` says from where."""
        self.state = state

    def __repr__(self) -> str:
        done = f", {_ending(self.done)}" if self.done.done() else ""
        return (
            f"<Item image {self.request.image_id} at {self.request.width}: {self.state.value}{done}, "
            f"{self.waiters} wait>"
        )


def wanted(items: Iterable[Item]) -> list[Item]:
    """Those that somebody waits for; the others are over, and cost OMERO nothing."""
    found = []
    for item in items:
        if item.waiters:
            found.append(item)
        else:
            item.done.cancel()
    return found


def _ending(done: asyncio.Future[Thumbnail | NotModified]) -> str:
    if done.cancelled():
        return "given up"
    return "answered" if done.exception() is None else "failed"
