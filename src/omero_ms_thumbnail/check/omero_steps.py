"""The steps as a user: join the OMERO session, ask for an image, get its thumbnail, leave again.

They take the service's own way, through its pool and its heart, so that what works here works there.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..ice.errors import IceException
from ..ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from ..ice.types import UserException
from ..omero.faults import Fault, described, fault_of
from ..omero.images import images_in_progress, newest_images, readable_images
from ..omero.pool import SessionPool
from ..omero.session import JoinedSession, OmeroServer
from ..omero.thumbnail_rows import pixels_of
from ..thumbnails import pixels
from ..thumbnails.model import (
    ImageUnavailable,
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    ThumbnailError,
    ThumbnailRequest,
)
from ..thumbnails.question_mode import TIMES_IN_A_ROW, QuestionMode
from ..thumbnails.service import Thumbnails
from .diagnoses import (
    CONTENT_SLOW,
    IMAGE_UNAVAILABLE,
    IMPORT_IN_PROGRESS,
    NO_IMAGES,
    OMERO_BEHIND_ROUTER,
    OMERO_CONNECTION_LOST,
    OMERO_NOT_LET_IN,
    OMERO_SESSION_ENDED,
    OMERO_SLOW,
    QUERY_REFUSED,
    RENDERING_FAILED,
    Diagnosis,
)
from .finding import Finding, Outcome, Stopwatch, Trouble
from .names import JOIN, QUERY, THUMBNAIL
from .stored import draw_now, look_at_stored

#: seconds that leaving waits for: a join that is broken off would end the user's session
_PATIENCE = 60.0

#: the share of the time allowed from which a step counts as slow
_SLOW = 0.5

_DIAGNOSES = {
    Fault.SESSION_GONE: OMERO_SESSION_ENDED,
    Fault.NOT_LET_IN: OMERO_NOT_LET_IN,
    Fault.JOIN_GONE: OMERO_CONNECTION_LOST,
    Fault.UNAVAILABLE: OMERO_BEHIND_ROUTER,
    Fault.TOO_SLOW: OMERO_SLOW,
    Fault.REFUSED: QUERY_REFUSED,
}
_THUMBNAIL_DIAGNOSES: dict[type[ThumbnailError], Diagnosis] = {
    ImageUnavailable: RENDERING_FAILED,
    OmeroTooSlow: OMERO_SLOW,
    OmeroUnavailable: OMERO_BEHIND_ROUTER,
    SessionRefused: OMERO_SESSION_ENDED,
}


def _unsaid(_why: str) -> None:
    """What is found is said by `check` itself."""


class OmeroSteps:
    """The steps of one user; `size` is the thumbnail's longest side in pixels, `data_dir` that of OMERO's files."""

    def __init__(
        self, server: OmeroServer, session_key: str, *, timeout: float, size: int, data_dir: Path | None = None
    ) -> None:
        self._key = session_key
        self._timeout = timeout
        self._size = size
        self._data_dir = data_dir
        self._pool = SessionPool(partial(JoinedSession.join, server), idle_timeout=_PATIENCE, join_timeout=timeout)
        self._thumbnails = Thumbnails(self._pool, timeout=timeout, stores=1)

    async def close(self) -> None:
        """Leave OMERO; the user's session goes on."""
        await self._pool.close(_PATIENCE)

    async def join(self) -> Finding:
        """Join the OMERO session. Raises Trouble."""
        watch = Stopwatch()
        try:
            async with self._pool.lend(self._key) as session:
                who = await session.event_context()
        except (IceException, UserException) as error:
            raise _trouble(error) from error
        found = f"OMERO user {who.userId}, group {who.groupId}{', administrator' if who.isAdmin else ''}"
        return self._timed(Finding(JOIN, Outcome.OK, found, watch.seconds))

    async def query(self, image_id: int | None) -> tuple[Finding, int | None]:
        """Whether the user may read the image, or which image is a new one. Raises Trouble."""
        watch = Stopwatch()
        try:
            async with self._pool.lend(self._key) as session:
                if image_id is None:
                    newest = await newest_images(session, 1)
                    if not newest:
                        return Finding(QUERY, Outcome.WARNING, "no image", watch.seconds, NO_IMAGES), None
                    found, image_id = f"image {newest[0]} is the newest", newest[0]
                elif not await readable_images(session, [image_id]):
                    raise Trouble(IMAGE_UNAVAILABLE, f"image {image_id} is not to be had")
                else:
                    found = f"image {image_id} can be read"
                finding = self._timed(Finding(QUERY, Outcome.OK, found, watch.seconds))
                slow = await self._why_not_by_content(session, image_id)
        except (IceException, UserException) as error:
            raise _trouble(error) from error
        if slow is not None:
            finding = Finding(QUERY, Outcome.WARNING, f"{found}, but {slow}", watch.seconds, CONTENT_SLOW)
        return finding, image_id

    async def _why_not_by_content(self, session: JoinedSession, image_id: int) -> str | None:
        """Why OMERO would not be asked what pictures show, as the service decides it; None where it would be."""
        user_id, mode = (await session.event_context()).userId, QuestionMode(warn=_unsaid)
        watch = Stopwatch()
        try:
            await pixels.ask(session, [image_id], user_id=user_id, size=self._size)
        except UserException as error:
            if fault_of(error) is not Fault.REFUSED:
                raise
            return f"OMERO does not take the question what it shows ({type(error).__name__})"
        took = watch.seconds
        for _ in range(TIMES_IN_A_ROW):
            mode.took(took, 1, with_content=True)
            if mode.with_content:
                return None
            watch = Stopwatch()
            await pixels.ask(session, [image_id], user_id=user_id, size=self._size, with_content=False)
            mode.took(watch.seconds, 1, with_content=False)
        return (
            None
            if mode.with_content
            else f"the question what it shows took {took:.1f} s, a plain one {watch.seconds:.1f} s"
        )

    async def stored(self, image_id: int) -> list[Finding]:
        """What OMERO has stored of the image's thumbnail, and whether it is right; leaves nothing. Raises Trouble."""
        try:
            async with self._pool.lend(self._key) as session:
                return await look_at_stored(session, image_id, self._size, self._data_dir)
        except (IceException, UserException) as error:
            raise _trouble(error) from error

    async def thumbnail(self, image_id: int) -> Finding:
        """Get a thumbnail. Raises Trouble."""
        watch = Stopwatch()
        try:
            thumbnail = await self._thumbnails.get(self._key, ThumbnailRequest(image_id, self._size))
        except ThumbnailError as error:
            raise Trouble(_THUMBNAIL_DIAGNOSES.get(type(error), RENDERING_FAILED), str(error)) from error
        try:
            async with self._pool.lend(self._key) as session:
                is_clock = thumbnail.in_progress or await self._is_clock(session, image_id)
        except (IceException, UserException) as error:
            raise _trouble(error) from error
        found = f"{len(thumbnail.jpeg)} bytes of image {image_id}, longest side {self._size}"
        if is_clock:
            return Finding(THUMBNAIL, Outcome.WARNING, f"a clock, {found}", watch.seconds, IMPORT_IN_PROGRESS)
        return self._timed(Finding(THUMBNAIL, Outcome.OK, found, watch.seconds))

    async def _is_clock(self, session: JoinedSession, image_id: int) -> bool:
        """Whether OMERO shows a clock now: of a set it does not tell, and a row that was one once may be no more."""
        if image_id not in await images_in_progress(session, [image_id]):
            return False
        pixels = (await pixels_of(session, [image_id])).get(image_id)
        now = await draw_now(session, pixels, self._size) if pixels is not None else None
        # without settings there would have been no picture
        return now is None or now.is_clock

    def _timed(self, finding: Finding) -> Finding:
        """The finding, as a warning where it took much of the time that there is."""
        if finding.seconds < self._timeout * _SLOW:
            return finding
        found = f"{finding.found}, but it took {finding.seconds:.1f} s of {self._timeout:g} s allowed"
        return Finding(finding.step, Outcome.WARNING, found, finding.seconds, OMERO_SLOW)


def _trouble(error: IceException | UserException) -> Trouble:
    diagnosis = _DIAGNOSES[fault_of(error)]
    # what OMERO throws may hold whatever it was sent: only what this program itself says is shown
    is_own = isinstance(error, IceException | PermissionDeniedException | CannotCreateSessionException)
    return Trouble(diagnosis, described(error) if is_own else f"OMERO answers {type(error).__name__}")
