"""The composition root: settings, a session, the images that are meant, the work, a summary, and leaving OMERO."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TextIO

from ..config import ConfigError, OmeroServerSettings, Settings, load_settings
from ..ice.errors import IceException
from ..ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from ..ice.messages import MESSAGE_SIZE_MAX
from ..ice.types import UserException
from ..omero.faults import Fault, described, fault_of
from ..omero.images import NoSuchContainer, images_in
from ..omero.pool import SessionPool
from ..omero.session import JoinedSession, OmeroServer
from ..omero.thumbnail_rows import StoredPixels, pixels_of
from ..parts import omero_server
from .making import ThumbnailMaker
from .pace import Pace
from .progress import Count, Progress, progress_on
from .state import StateUnusable, WarmState
from .targets import IMAGE, Target, parse_targets
from .whose import Warmer, by_owner
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
    server: str | None = None,
    size: int,
    concurrency: int,
    state: Path | None,
    out: TextIO,
) -> int:
    """Warm the images of `targets` up; the exit status. `size` is in pixels. Raises CannotWarm.

    `server` is the number or the name of one of several OMERO.servers; None: that of requests that name none.
    """
    try:
        settings = load_settings(config, environ)
        chosen = _server(settings, server)
        omero = omero_server(settings, chosen)
        asked = [*parse_targets(targets)]
    except (ConfigError, ValueError) as error:
        raise CannotWarm(str(error)) from error
    if not asked:
        raise CannotWarm("nothing is named: write Project:1, Dataset:2, … or ids on standard input")
    try:
        done = WarmState(state, omero=str(omero), server=chosen.id if settings.omero.servers else None, size=size)
    except StateUnusable as error:
        raise CannotWarm(str(error)) from error
    try:
        return asyncio.run(_Run(omero, who, size, concurrency, done, progress_on(out)).run(asked))
    except StateUnusable as error:
        raise CannotWarm(str(error)) from error
    finally:
        done.close()


def _server(settings: Settings, server: str | None) -> OmeroServerSettings:
    """The OMERO.server that is meant. Raises CannotWarm."""
    omero = settings.omero
    if server is None:
        return omero.all_servers[0]
    if not omero.servers:
        raise CannotWarm(
            f"--server {server}: the configuration names one OMERO only, at {omero.all_servers[0]}; leave --server "
            "out, or write omero.servers"
        )
    chosen = omero.server(server)
    if chosen is None:
        known = ", ".join(f"{one.id} ({one.name or one})" for one in omero.all_servers)
        raise CannotWarm(f"--server {server}: none of omero.servers has that number or name; there are {known}")
    return chosen


class _Run:
    """One run of the command."""

    def __init__(
        self, server: OmeroServer, who: Who, size: int, concurrency: int, state: WarmState, progress: Progress
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
            warmer, images = await self._images(targets)
            await self._warming(warmer).run(images)
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

    async def _images(self, targets: Sequence[Target]) -> tuple[Warmer, list[StoredPixels]]:
        """Who warms, and all images that are to be warmed, each once: in the order of `targets`, by owner."""
        try:
            async with self._pool.lend(self._who.user) as session:
                who = await session.event_context()
                warmer = Warmer(who.userId, who.isAdmin)
                named = await self._named(session, targets)
                wanted = [one for one in named if one not in self._state]
                found = await pixels_of(session, wanted)
        except (PermissionDeniedException, CannotCreateSessionException) as error:
            raise CannotWarm(self._why_not_let_in(error)) from error
        except IceException as error:
            raise CannotWarm(f"{error}; `omero-ms-thumbnail check` says more") from error
        except UserException as error:
            raise CannotWarm(f"OMERO at {self._server} answers {type(error).__name__}") from error
        self._count.total += len(named)
        self._count.before = len(named) - len(wanted)
        for image_id in wanted:
            if image_id not in found:
                self._miss(f"image {image_id} does not exist, or the user may not read it")
        images = [found[one] for one in wanted if one in found and warmer.can_help(found[one].owner_id)]
        self._count.others = len(found) - len(images)
        if self._count.others:
            self._progress.say(
                f"{self._count.others} of {self._count.total} images are another user's and left out: what this user "
                "makes of them would help nobody else. Warm them as an administrator, or as their owner."
            )
        return warmer, by_owner(images)

    async def _named(self, session: JoinedSession, targets: Sequence[Target]) -> list[int]:
        """The ids of all images that are meant, each once. Raises Interrupted, or as a call does."""
        images: dict[int, None] = {}
        for target in targets:
            if self._stop.is_set():
                raise Interrupted
            if target.kind == IMAGE:
                images[target.id] = None
                continue
            try:
                images.update(dict.fromkeys(await images_in(session, target.kind, target.id)))
            except NoSuchContainer as error:
                self._count.total += 1
                self._miss(str(error))
        return [*images]

    def _miss(self, sentence: str) -> None:
        """Something that was named is not there."""
        self._count.failed += 1
        self._progress.say(sentence)

    def _why_not_let_in(self, error: PermissionDeniedException | CannotCreateSessionException) -> str:
        if fault_of(error) is not Fault.SESSION_GONE:
            return f"OMERO at {self._server} does not let you in: {described(error)}"
        key = "the session key is not known, or its session has ended"
        what = key if self._who.is_session else "the user name or the password is wrong"
        return f"OMERO at {self._server} does not let you in: {what}"

    def _warming(self, warmer: Warmer) -> Warming:
        maker = ThumbnailMaker(self._pool, self._who.user, warmer, size=self._size, at_once=self._concurrency)
        return Warming(
            maker,
            pace=Pace(self._concurrency),
            state=self._state,
            progress=self._progress,
            count=self._count,
            stop=self._stop,
        )

    def _summarise(self, seconds: float, ending: str) -> None:
        count = self._count
        before = f", {count.before} done before" if count.before else ""
        others = f", {count.others} of other users left out" if count.others else ""
        left = count.total - count.over
        not_tried = f", {left} not tried" if left else ""
        failed = f"{count.failed} failed{not_tried}; {seconds:.1f} s"
        self._progress.say(f"{count.done} thumbnails of {count.total} images{before}{others}, {failed}")
        if not ending:
            return
        self._progress.say(ending)
        if self._state.path is not None:
            self._progress.say(f"The same command goes on from there: {self._state.path} says what is done.")
        else:
            self._progress.say("The same command begins anew; with --state FILE it would go on from there.")
