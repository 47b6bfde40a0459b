"""Thumbnails that OMERO draws and keeps, made as the images' owners: in sets, and singly where a set will not do.

The call that makes a set sends no pictures back and says nothing of what became of each image; and one of which there
is a row may still have no picture, since OMERO makes the rows of a set before it draws, and a full disk leaves an empty
file. So what was made is read once, as the owner's page will read it, which costs OMERO a millisecond an image. What
has a row already is only read: OMERO draws it again where its file is lost.

What reading does not give, and what was once a clock, is made alone. So is what has a row older than its settings: a
set that cannot draw it leaves the old picture as that of the new settings (the row has been changed by then, and the
set is not undone), a single call leaves all as it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from ..ice.errors import IceException, UnknownException
from ..ice.types import UserException
from ..omero.breaker import JoinsSuspended
from ..omero.exceptions import ApiUsageException, ConcurrencyException, SecurityViolation
from ..omero.faults import Fault, fault_of
from ..omero.pool import SessionPool
from ..omero.session import JoinedSession
from ..omero.stores import ThumbnailStore
from ..omero.thumbnail_rows import (
    PROGRESS_VERSION,
    StoredPixels,
    StoredThumbnail,
    pixels_of,
    settings_of,
    thumbnails_of,
)
from ..thumbnails.model import OmeroTooSlow, OmeroUnavailable, SessionRefused
from .whose import Known, Warmer, sets_of

log: Final = logging.getLogger(__name__)


class NotMade(NamedTuple):
    """There is no thumbnail, for a reason that can follow the image's name; `again`: it is worth another try."""

    why: str
    again: bool = False


#: what became of each image: None where its thumbnail is there
Outcomes = dict[int, NotMade | None]


class ThumbnailMaker:
    """Makes thumbnails of one size; `size` is the longest side in pixels, `at_once` the calls at a time."""

    def __init__(self, pool: SessionPool, session_key: str, warmer: Warmer, *, size: int, at_once: int) -> None:
        self._pool = pool
        self._key = session_key
        self._warmer = warmer
        self._size = size
        self._at_once = at_once
        self._has_ended = False

    async def look(self, image_ids: Sequence[int]) -> list[Known]:
        """What there is of those images that are still there, and still the warmer's to help with.

        Raises SessionRefused, OmeroUnavailable, OmeroTooSlow.
        """
        async with self._session() as session:
            found = await pixels_of(session, image_ids)
            pixels = [one for one in found.values() if self._warmer.can_help(one.owner_id)]
            ids = [one.pixels_id for one in pixels]
            settings = _newest(
                (one.pixels_id, one.owner_id, one.update_event) for one in await settings_of(session, ids)
            )
            rows = await thumbnails_of(session, ids)
        return [self._known(one, settings, [row for row in rows if row.pixels_id == one.pixels_id]) for one in pixels]

    def _known(
        self, pixels: StoredPixels, settings: dict[tuple[int, int], int], rows: Sequence[StoredThumbnail]
    ) -> Known:
        saved = settings.get((pixels.pixels_id, pixels.owner_id))
        size = pixels.thumbnail_size(self._size)
        drawn = [row.update_event for row in rows if (row.owner_id, row.size) == (pixels.owner_id, size)]
        is_stale = saved is not None and bool(drawn) and max(drawn) < saved
        return Known(pixels, has_settings=saved is not None, has_row=bool(drawn), is_stale=is_stale)

    async def make(self, images: Sequence[Known]) -> Outcomes:
        """Make their thumbnails. Raises SessionRefused, OmeroUnavailable, OmeroTooSlow where OMERO cannot be asked."""
        outcomes: Outcomes = {}
        async with self._session() as session:
            sets = [self._make_set(session, alike) for alike in sets_of(images, self._at_once)]
            for made in await asyncio.gather(*sets, return_exceptions=True):
                if isinstance(made, BaseException):
                    raise made
                outcomes.update(made)
        self._has_ended = False
        return outcomes

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[JoinedSession]:
        """The joined session; what goes wrong with it is named as the heart of the service names it."""
        session = None
        try:
            async with self._pool.lend(self._key) as session:
                yield session
        except JoinsSuspended as error:
            raise OmeroUnavailable(str(error)) from error
        except (IceException, UserException) as error:
            fault = fault_of(error)
            if session is None and fault is Fault.SESSION_GONE:
                raise SessionRefused("OMERO does not know this session, or it has ended") from error
            if session is not None and fault in (Fault.SESSION_GONE, Fault.JOIN_GONE):
                # a fresh join tells whether the session itself is gone
                self._pool.drop(self._key, session)
                if self._has_ended:
                    raise SessionRefused("the OMERO session has ended") from error
                self._has_ended = fault is Fault.SESSION_GONE
            raise (OmeroTooSlow if fault is Fault.TOO_SLOW else OmeroUnavailable)(_said(error)) from error

    # sets

    async def _make_set(self, session: JoinedSession, alike: Sequence[Known]) -> Outcomes:
        pixels = [one.pixels for one in alike]
        context = self._warmer.context(pixels[0].group_id, pixels[0].owner_id)
        try:
            if alike[0].is_stale:
                there: set[int] = set()
            else:
                there = await self._there_after_set(session, pixels, context, have_rows=alike[0].has_row)
        except (IceException, UserException) as error:
            if fault_of(error) not in (Fault.TOO_SLOW, Fault.UNAVAILABLE):
                raise
            return {one.image_id: NotMade(_said(error), again=True) for one in pixels}
        outcomes: Outcomes = {}
        for one in pixels:
            outcomes[one.image_id] = None if one.pixels_id in there else await self._make_alone(session, one, context)
        return outcomes

    async def _there_after_set(
        self, session: JoinedSession, pixels: Sequence[StoredPixels], context: dict[str, str], *, have_rows: bool
    ) -> set[int]:
        """The Pixels of which the owner has a thumbnail that is no clock, once OMERO has been told to make them all."""
        ids = [one.pixels_id for one in pixels]
        try:
            if not have_rows:
                async with session.stores.lend() as store:
                    await store.create_thumbnails_by_longest_side_set(self._size, ids, context)
            async with session.stores.lend() as store:
                read = await store.get_thumbnail_by_longest_side_set(self._size, ids, context)
        except (UserException, UnknownException) as error:
            if fault_of(error) is not Fault.REFUSED:
                raise
            log.info("OMERO refused a set of %d thumbnails: %s", len(ids), type(error).__name__)
            return set()
        expected = {(one.pixels_id, one.owner_id, one.thumbnail_size(self._size)) for one in pixels}
        return {
            row.pixels_id
            for row in await thumbnails_of(session, ids)
            if (row.pixels_id, row.owner_id, row.size) in expected
            and row.version != PROGRESS_VERSION
            and read.get(row.pixels_id)
        }

    # single images

    async def _make_alone(
        self, session: JoinedSession, pixels: StoredPixels, context: dict[str, str]
    ) -> NotMade | None:
        has_settings = True
        try:
            async with session.stores.lend() as store:
                if not await store.set_pixels_id(pixels.pixels_id, context):
                    has_settings = await _make_settings(store, pixels.pixels_id, context)
                jpeg = await store.get_thumbnail_by_longest_side(self._size, context)
                # a set does not tell of each image, and a row with the version of a clock tells of the past
                is_clock = await store.is_in_progress(context)
        except SecurityViolation:
            return NotMade(
                f"OMERO lets nothing be stored for its owner, user {pixels.owner_id}: it is read-only, or this user "
                "may not act as others"
            )
        except (IceException, UserException) as error:
            fault = fault_of(error)
            if fault in (Fault.SESSION_GONE, Fault.JOIN_GONE):
                raise
            if fault is not Fault.REFUSED or isinstance(error, ConcurrencyException):
                return NotMade(_said(error), again=True)
            if not has_settings:
                return NotMade(
                    f"OMERO makes no rendering settings for it ({type(error).__name__}): it is read-only, or the "
                    "image's file cannot be read"
                )
            return NotMade(f"OMERO cannot draw it ({type(error).__name__})")
        if is_clock:
            return NotMade(
                "OMERO shows a clock: it is still being imported, its pyramid is being made, "
                "or its file cannot be read now"
            )
        if not jpeg:
            return NotMade(
                "the thumbnail that OMERO keeps is empty, as a full disk leaves it; see to OMERO's disk, "
                "then save the image's rendering settings once more"
            )
        return None


async def _make_settings(store: ThumbnailStore, pixels_id: int, context: dict[str, str]) -> bool:
    """Default settings, where there are still none; whether there are any now."""
    try:
        await store.reset_defaults(context)
    except ApiUsageException:
        log.info("OMERO made no settings of Pixels %d: somebody has meanwhile, or nobody may", pixels_id)
    except ConcurrencyException as error:
        # no pixels or no pyramid yet: OMERO then answers with a clock
        log.info("no default settings of Pixels %d yet: %s", pixels_id, type(error).__name__)
        return False
    return await store.set_pixels_id(pixels_id, context)


def _newest(events: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int], int]:
    """The newest event by Pixels and owner."""
    newest: dict[tuple[int, int], int] = {}
    for pixels_id, owner_id, event in events:
        newest[pixels_id, owner_id] = max(event, newest.get((pixels_id, owner_id), event))
    return newest


def _said(error: IceException | UserException) -> str:
    """What OMERO throws may hold whatever it was sent: only what this program itself says is shown."""
    return str(error) if isinstance(error, IceException) else f"OMERO answers {type(error).__name__}"
