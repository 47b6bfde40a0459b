"""The composition root: settings, a session, the images that are meant, the work, a summary, and leaving OMERO."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TextIO

from ..config import ConfigError, load_settings
from ..ice.errors import IceException
from ..ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from ..ice.messages import MESSAGE_SIZE_MAX
from ..ice.values import UserException
from ..omero.faults import Fault, described, fault_of
from ..omero.pool import SessionPool
from ..omero.queries import NoSuchContainer, images_in, images_in_progress, newest_images
from ..omero.session import JoinedSession, OmeroServer
from ..server import omero_server
from ..thumbnails.model import OmeroUnavailable, SessionRefused
from ..thumbnails.service import Thumbnails
from .pace import Pace
from .progress import Count, Progress, progress_on
from .state import State, StateUnusable
from .targets import IMAGE, Target, parse_targets
from .work import GivenUp, Interrupted, Warming

#: seconds that one call, and one chunk, may take: nobody waits for it, and breaking off would only make more work
_PATIENCE: Final = 300.0
#: seconds that leaving OMERO may take
_LEAVE: Final = 30.0
#: the exit status of a command that was interrupted
_INTERRUPTED: Final = 130


class CannotWarm(Exception):
    """The command cannot do its work; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose thumbnails: a user name and password, or the key of an OMERO session as both."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    #: a session is joined that lives on; not told by the two being the same, which a user and a password may be too
    is_session: bool = False

    @classmethod
    def of_session(cls, key: str) -> Who:
        """The owner of the OMERO session."""
        return cls(key, key, is_session=True)


def warm(
    config: Path,
    environ: Mapping[str, str],
    *,
    targets: Iterable[str],
    who: Who,
    size: int,
    concurrency: int,
    state: Path | None,
    out: TextIO,
) -> int:
    """Warm the images of `targets` up; the exit status. `size` is in pixels. Raises CannotWarm."""
    try:
        server = omero_server(load_settings(config, environ))
        asked = [*parse_targets(targets)]
    except (ConfigError, ValueError) as error:
        raise CannotWarm(str(error)) from error
    if not asked:
        raise CannotWarm("nothing is named: write Project:1, Dataset:2, … or ids on standard input")
    try:
        done = State(state, omero=str(server), size=size)
    except StateUnusable as error:
        raise CannotWarm(str(error)) from error
    try:
        return asyncio.run(_Run(server, who, size, concurrency, done, progress_on(out)).run(asked))
    except StateUnusable as error:
        raise CannotWarm(str(error)) from error
    finally:
        done.close()


class _Run:
    """One run of the command."""

    def __init__(
        self, server: OmeroServer, who: Who, size: int, concurrency: int, state: State, progress: Progress
    ) -> None:
        self._server = replace(
            server,
            call_timeout=_PATIENCE,
            thumbnail_stores=concurrency,
            # the ids of a screen's images come in one message
            message_size_max=max(server.message_size_max, MESSAGE_SIZE_MAX),
        )
        self._who = who
        self._size = size
        self._concurrency = concurrency
        self._state = state
        self._progress = progress
        self._count = Count()
        self._stop = asyncio.Event()
        self._pool = SessionPool(self._join, idle_timeout=24 * 3600.0, join_timeout=_PATIENCE)

    async def run(self, targets: Sequence[Target]) -> int:
        """Do it; the exit status. Raises CannotWarm."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)
        began = time.monotonic()
        ending, status = "", 0
        try:
            images = await self._images(targets)
            await self._warming().run([one for one in images if one not in self._state])
        except GivenUp as error:
            ending, status = f"Given up: {error}.", 1
        except Interrupted:
            ending, status = "Interrupted.", _INTERRUPTED
        finally:
            await self._pool.close(_LEAVE)
            self._progress.end()
        self._summarise(time.monotonic() - began, ending)
        return status or int(self._count.failed > 0)

    def _interrupt(self) -> None:
        self._stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            # a second one ends it at once
            asyncio.get_running_loop().remove_signal_handler(number)

    async def _join(self, _key: str) -> JoinedSession:
        if self._who.is_session:
            return await JoinedSession.join(self._server, self._who.user)
        session = await JoinedSession.create(self._server, self._who.user, self._who.password)
        await session.end_on_leaving()
        return session

    async def _images(self, targets: Sequence[Target]) -> list[int]:
        """All images that are meant, each once, in the order of `targets`."""
        images: dict[int, None] = {}
        missing = 0
        try:
            async with self._pool.lend(self._who.user) as session:
                for target in targets:
                    if self._stop.is_set():
                        raise Interrupted
                    if target.kind == IMAGE:
                        images[target.id] = None
                        continue
                    try:
                        images.update(dict.fromkeys(await images_in(session, target.kind, target.id)))
                    except NoSuchContainer as error:
                        self._progress.say(str(error))
                        missing += 1
        except (PermissionDeniedException, CannotCreateSessionException) as error:
            raise CannotWarm(self._why_not_let_in(error)) from error
        except IceException as error:
            raise CannotWarm(f"{error}; `omero-ms-thumbnail check` says more") from error
        except UserException as error:
            raise CannotWarm(f"OMERO at {self._server} answers {type(error).__name__}") from error
        before = sum(one in self._state for one in images)
        self._count.total, self._count.before, self._count.failed = len(images) + missing, before, missing
        return [*images]

    def _why_not_let_in(self, error: PermissionDeniedException | CannotCreateSessionException) -> str:
        if fault_of(error) is not Fault.SESSION_GONE:
            return f"OMERO at {self._server} does not let you in: {described(error)}"
        key = "the session key is not known, or its session has ended"
        what = key if self._who.is_session else "the user name or the password is wrong"
        return f"OMERO at {self._server} does not let you in: {what}"

    def _warming(self) -> Warming:
        thumbnails = Thumbnails(self._pool, timeout=_PATIENCE, stores=self._concurrency)
        return Warming(
            thumbnails,
            self._who.user,
            size=self._size,
            query=self._small_query,
            clocks=self._clocks,
            pace=Pace(self._concurrency),
            state=self._state,
            progress=self._progress,
            count=self._count,
            stop=self._stop,
        )

    async def _small_query(self) -> None:
        """What says how busy OMERO is. Raises ThumbnailError."""
        with _as_thumbnail_errors():
            async with self._pool.lend(self._who.user) as session:
                await newest_images(session, 1)

    async def _clocks(self, image_ids: list[int]) -> set[int]:
        """Those of which there is only a clock. Raises ThumbnailError."""
        with _as_thumbnail_errors():
            async with self._pool.lend(self._who.user) as session:
                return await images_in_progress(session, image_ids)

    def _summarise(self, seconds: float, ending: str) -> None:
        count = self._count
        before = f", {count.before} done before" if count.before else ""
        left = count.total - count.over
        not_tried = f", {left} not tried" if left else ""
        failed = f"{count.failed} failed{not_tried}; {seconds:.1f} s"
        self._progress.say(f"{count.done} thumbnails of {count.total} images{before}, {failed}")
        if not ending:
            return
        self._progress.say(ending)
        if self._state.path is not None:
            self._progress.say(f"The same command goes on from there: {self._state.path} says what is done.")
        else:
            self._progress.say("The same command begins anew; with --state FILE it would go on from there.")


@contextmanager
def _as_thumbnail_errors() -> Iterator[None]:
    """The service's heart names what goes wrong with OMERO; what is asked beside it is named alike."""
    try:
        yield
    except (IceException, UserException) as error:
        if fault_of(error) is Fault.SESSION_GONE:
            raise SessionRefused("the OMERO session has ended") from error
        said = str(error) if isinstance(error, IceException) else f"it answers {type(error).__name__}"
        raise OmeroUnavailable(said) from error
