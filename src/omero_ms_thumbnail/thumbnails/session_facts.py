"""What OMERO says to one session of its user and of images, and what follows: the way to a thumbnail, and its key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ..ice.errors import IceException
from ..ice.types import UserException
from ..omero.faults import Fault, fault_of
from ..omero.session import JoinedSession
from . import content, pixels
from .caches import Caches
from .facts_cache import FactsCache
from .item import Item
from .model import ImageFacts, Saved, ThumbnailRequest
from .single import SYSTEM_GROUP
from .ways import DIRECT, STORED, Viewer, Way, way_of

log: Final = logging.getLogger(__name__)

#: seconds for which facts without content are cached: an image may be moved to another group or be given to another
#: user. What they show is asked of OMERO each time
_LIFE_WITHOUT_CONTENT: Final = 60.0
#: seconds between two questions about which groups a session's user is in
_VIEWER_LIFE: Final = 60.0


class QueryResult(NamedTuple):
    """What OMERO has answered, asked at `asked_at` by the loop's clock: facts by image, named settings by their id."""

    asked_at: float
    found: dict[int, ImageFacts]
    named: dict[int, tuple[int, Saved]]


class SessionFacts:
    """Those of one session. `cache` has what it need not ask again."""

    def __init__(self, session: JoinedSession, caches: Caches) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._caches = caches
        life = caches.facts_life if caches.by_content else _LIFE_WITHOUT_CONTENT
        self.cache = FactsCache(life, caches.count_facts)
        self._viewer: Viewer | None = None
        self._viewer_until = 0.0
        self._groups: frozenset[int] = frozenset()
        self._database = ""

    def cached(self, request: ThumbnailRequest) -> ImageFacts | None:
        """The facts that are in the cache, if they are all that `request` needs; nothing for one with a `version`."""
        if request.version or request.rendering_def_id is not None:
            return None
        found = self.cache.get(request.image_id)
        return None if found is None or (request.is_plain and found.size != request.width) else found

    def forget(self, image_id: int) -> None:
        """Its facts have proved wrong, or soon will."""
        self.cache.forget(image_id)

    def expire_viewer(self) -> None:
        """OMERO has refused what they may see: the next question asks who they are, too."""
        self._viewer_until = 0.0

    async def is_viewer_still(self, viewer: Viewer) -> bool:
        """Whether, asked now, OMERO says what it said of the session's user. Raises what it throws, or IceException."""
        self.expire_viewer()
        return await self.load_viewer() == viewer

    def forget_all(self) -> None:
        """The session is over."""
        self.cache.clear()

    def are_alike(self, items: Iterable[Item]) -> bool:
        """Whether the facts of items of one lane are of this second, so that they are alike now."""
        return self.cache.are_fresh(item.facts for item in items if item.facts is not None)

    async def ask(self, requests: Sequence[ThumbnailRequest], size: int) -> QueryResult:
        """Facts of the images of `requests`, with what is stored in `size`, and settings that are named.

        Raises what OMERO throws, or IceException.
        """
        viewer = await self.load_viewer()
        images = sorted({request.image_id for request in requests})
        mode = self._caches.questions
        with_content = self._caches.by_content and mode.with_content
        asked_at = self._loop.time()
        try:
            found = await pixels.ask(
                self._session, images, user_id=viewer.user_id, size=size, with_content=with_content
            )
            seconds = self._loop.time() - asked_at
            mode.took(seconds, len(images), with_content=with_content)
            self._caches.watcher.facts_asked(seconds, len(images))
        except UserException as error:
            if not with_content or fault_of(error) is not Fault.REFUSED:
                raise
            found = await pixels.ask(self._session, images, user_id=viewer.user_id, size=size, with_content=False)
            mode.refused(error)
        named = {number for request in requests if (number := request.rendering_def_id) is not None}
        settings = await pixels.ask_named(self._session, named) if named else {}
        self.cache.remember(found.values(), asked_at)
        return QueryResult(asked_at, found, settings)

    def named_of(self, item: Item, answer: QueryResult) -> Saved | None:
        """The settings that an item names, if they are those of the image."""
        found = answer.found.get(item.request.image_id)
        named = answer.named.get(item.request.rendering_def_id or 0)
        return named[1] if named is not None and found is not None and named[0] == found.pixels_id else None

    def way_of(self, item: Item, found: ImageFacts) -> Way:
        """The way of an item of which OMERO said `found`."""
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

    def cached_key(self, request: ThumbnailRequest) -> bytes | None:
        """The key of what OMERO would give for `request` by the facts in the cache, which has it from then on."""
        found = self.cached(request)
        if found is None:
            return None
        key = self.key_of(request, found, self._way_of(request, found), None)
        if key is not None:
            self.cache.remember_key(request, found, key)
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
        assert self._viewer is not None  # noqa: S101 - nothing is asked before it is known for whom
        return self._viewer

    def _is_drawn_for_them(self, found: ImageFacts) -> bool:
        """Whether OMERO draws it: it gives facts of one's own in a group that one has left, and refuses to draw."""
        return self.viewer.is_admin or found.group_id in self._groups

    async def load_viewer(self) -> Viewer:
        """Who the session's user is, asked of OMERO once a minute. Raises what it throws, or IceException."""
        now = asyncio.get_running_loop().time()
        if self._viewer is None or now >= self._viewer_until:
            context = await self._session.event_context(anew=self._viewer is not None)
            self._viewer_until = now + _VIEWER_LIFE
            groups = frozenset(context.memberOfGroups)
            if groups != self._groups:
                # what they may see is another now, and how they come to it
                self.cache.clear()
            self._groups = groups
            self._viewer = Viewer(context.userId, SYSTEM_GROUP in groups)
        return self._viewer

    def begin_database(self) -> None:
        """Ask, in the background, for what `load_database` waits for."""
        if self._caches.by_content and not self._database:
            self._session.begin_database()

    async def load_database(self) -> None:
        """Ask which database keys are of. Not to be waited for in a flight: it needs a permit of its own."""
        if self._database or not self._caches.by_content:
            return
        try:
            self._database = await self._session.database()
        except (IceException, UserException) as error:
            # nothing is kept then, and OMERO is asked for each
            log.info("OMERO does not say which database it has: %s", error)
