"""What is known of one session's user and images, and what follows: the way to a thumbnail, and its key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from ..ice.errors import IceException
from ..ice.types import UserException
from ..omero.faults import Fault, fault_of
from ..omero.session import JoinedSession
from . import content, pixels
from .beliefs import Beliefs
from .caches import Caches
from .item import Item
from .model import ImageFacts, Saved, ThumbnailRequest
from .single import SYSTEM_GROUP
from .ways import DIRECT, STORED, Viewer, Way, way_of

log: Final = logging.getLogger(__name__)

#: seconds for which facts without content are believed: an image may be moved to another group or be given to another
#: user. What they show is asked of OMERO each time
_LIFE_WITHOUT_CONTENT: Final = 60.0
#: seconds for which a session's user is believed to be in the groups that OMERO told of
_VIEWER_LIFE: Final = 60.0


class QueryResult(NamedTuple):
    """What OMERO has told, asked at `asked_at` by the loop's clock: facts by image, named settings by their id."""

    asked_at: float
    found: dict[int, ImageFacts]
    named: dict[int, tuple[int, Saved]]


class Knowledge:
    """Of one session. `beliefs`, what is believed of images, go with it."""

    def __init__(self, session: JoinedSession, caches: Caches) -> None:
        self._session = session
        self._caches = caches
        life = caches.belief if caches.by_content else _LIFE_WITHOUT_CONTENT
        self.beliefs = Beliefs(life, caches.count_facts)
        self._viewer: Viewer | None = None
        self._viewer_until = 0.0
        self._groups: frozenset[int] = frozenset()
        self._database = ""

    def of(self, request: ThumbnailRequest) -> ImageFacts | None:
        """What is believed, if it is all that `request` has to know; nothing for one that comes with a `version`."""
        if request.version or request.rendering_def_id is not None:
            return None
        found = self.beliefs.get(request.image_id)
        return None if found is None or (request.is_plain and found.size != request.width) else found

    def forget(self, image_id: int) -> None:
        """What is remembered of it has proved wrong, or soon will."""
        self.beliefs.forget(image_id)

    def expire_viewer(self) -> None:
        """OMERO has refused what they may see: the next question asks who they are, too."""
        self._viewer_until = 0.0

    async def is_viewer_still(self, viewer: Viewer) -> bool:
        """Whether, asked now, OMERO says what it said of the session's user. Raises what it throws, or IceException."""
        self.expire_viewer()
        return await self.know_viewer() == viewer

    def forget_all(self) -> None:
        """The session is over."""
        self.beliefs.clear()

    def are_alike(self, items: Iterable[Item]) -> bool:
        """Whether what is known of items of one lane is of this second, so that they are alike now."""
        return self.beliefs.are_fresh(item.facts for item in items if item.facts is not None)

    async def ask(self, image_ids: set[int], size: int, named: Collection[int] = ()) -> QueryResult:
        """Facts of `image_ids`, with what is stored in `size`, and settings that are `named`.

        Raises what OMERO throws, or IceException.
        """
        viewer = await self.know_viewer()
        asked_at = asyncio.get_running_loop().time()
        found = await self._ask(sorted(image_ids), viewer.user_id, size)
        told = await pixels.ask_named(self._session, named) if named else {}
        self.beliefs.remember(found.values(), asked_at)
        return QueryResult(asked_at, found, told)

    async def _ask(self, image_ids: list[int], user_id: int, size: int) -> dict[int, ImageFacts]:
        mode = self._caches.questions
        with_content = self._caches.by_content and mode.with_content
        began = asyncio.get_running_loop().time()
        try:
            found = await pixels.ask(self._session, image_ids, user_id=user_id, size=size, with_content=with_content)
        except UserException as error:
            if not with_content or fault_of(error) is not Fault.REFUSED:
                raise
            found = await pixels.ask(self._session, image_ids, user_id=user_id, size=size, with_content=False)
            mode.refused(error)
            return found
        seconds = asyncio.get_running_loop().time() - began
        mode.took(seconds, len(image_ids), with_content=with_content)
        self._caches.watcher.facts_asked(seconds, len(image_ids))
        return found

    def named_of(self, item: Item, answer: QueryResult) -> Saved | None:
        """The settings that an item names, if they are those of the image."""
        found = answer.found.get(item.request.image_id)
        named = answer.named.get(item.request.rendering_def_id or 0)
        return named[1] if named is not None and found is not None and named[0] == found.pixels_id else None

    def way_of(self, item: Item, found: ImageFacts) -> Way:
        """The way of an item of which `found` was told."""
        if item.is_lost:
            return DIRECT
        way = self._way_of(item.request, found)
        is_single = item.is_single or content.is_marked(found)
        return STORED if way.lane is not None and is_single else way

    def _way_of(self, request: ThumbnailRequest, found: ImageFacts) -> Way:
        if self._session.is_known_to_be_read_only and not found.has_row:
            # a read-only OMERO has what is stored, and draws the rest without storing it
            return DIRECT
        return way_of(request, found, self.viewer)

    def believed_key(self, request: ThumbnailRequest) -> bytes | None:
        """The key of what OMERO would give for `request`, if what was told of its image is believed to say that.

        From then on `beliefs` have it.
        """
        found = self.of(request)
        if found is None:
            return None
        key = self.key_of(request, found, self._way_of(request, found), None)
        if key is not None:
            self.beliefs.found_key(request, found, key)
        return key

    def key_of(self, request: ThumbnailRequest, found: ImageFacts, way: Way, named: Saved | None) -> bytes | None:
        """The key of what OMERO gives that way, if there is one."""
        if not self._database or not self._is_drawn_for_them(found):
            return None
        if not way.is_direct:
            return content.stored_key(self._database, found)
        if request.rendering_def_id is not None and named is None:
            # settings that are gone, or another image's
            return None
        return content.drawn_key(self._database, found, request, named)

    @property
    def viewer(self) -> Viewer:
        """The session's user, once something was asked."""
        assert self._viewer is not None  # noqa: S101 - nothing is told before it is asked for whom
        return self._viewer

    def _is_drawn_for_them(self, found: ImageFacts) -> bool:
        """Whether OMERO draws what it tells of: it tells of one's own in a group that one has left, and refuses it."""
        return self.viewer.is_admin or found.group_id in self._groups

    async def know_viewer(self) -> Viewer:
        """Know who the session's user is, asked of OMERO once a minute. Raises what it throws, or IceException."""
        now = asyncio.get_running_loop().time()
        if self._viewer is None or now >= self._viewer_until:
            context = await self._session.event_context(anew=self._viewer is not None)
            self._viewer_until = now + _VIEWER_LIFE
            groups = frozenset(context.memberOfGroups)
            if groups != self._groups:
                # what they may see is another now, and how they come to it
                self.beliefs.clear()
            self._groups = groups
            self._viewer = Viewer(context.userId, SYSTEM_GROUP in groups)
        return self._viewer

    def begin_database(self) -> None:
        """Ask, in the background, for what `know_database` waits for."""
        if self._caches.by_content and not self._database:
            self._session.begin_database()

    async def know_database(self) -> None:
        """Know which database keys are of. Not to be waited for in a flight: it needs a permit of its own."""
        if self._database or not self._caches.by_content:
            return
        try:
            self._database = await self._session.database()
        except (IceException, UserException) as error:
            # nothing is kept then, and OMERO is asked for each
            log.info("OMERO does not say which database it has: %s", error)
