"""What is known of one session's user and images, and what follows for the way to a thumbnail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..omero.session import JoinedSession
from . import facts
from .ahead import ReadAhead
from .batches import Item
from .careful import SYSTEM_GROUP
from .model import ImageFacts, ThumbnailRequest
from .ways import DIRECT, STORED, Viewer, Way, way_of

#: the size in which stored thumbnails are looked for until one is asked for that is stored: OMERO.web's
_STORED_SIZE: Final = 96


class Knowledge:
    """Facts are remembered, and those of images that are likely to be asked for next come with the others."""

    def __init__(self, session: JoinedSession) -> None:
        self._session = session
        self._remembered = facts.RememberedFacts()
        self._viewer: Viewer | None = None
        self._ahead = ReadAhead()
        #: the size in which stored thumbnails are looked for
        self.size = _STORED_SIZE

    @property
    def is_due(self) -> bool:
        """Whether facts had better be asked for now, though nothing waits for them."""
        return self._ahead.is_due

    def wants(self, image_id: int) -> None:
        """Somebody wants the image."""
        self._ahead.asked(image_id)

    def of(self, request: ThumbnailRequest) -> ImageFacts | None:
        """What is remembered, if it is all that `request` has to know."""
        found = self._remembered.get(request.image_id)
        return None if found is None or (request.is_plain and found.size != request.width) else found

    def forget(self, image_id: int) -> None:
        """What is remembered of it has proved wrong, or soon will."""
        self._remembered.forget(image_id)

    def are_alike(self, items: Iterable[Item]) -> bool:
        """Whether what is known of items of one lane is of this second, so that they are alike now."""
        return self._remembered.are_fresh(item.facts for item in items if item.facts is not None)

    async def ask(self, image_ids: set[int]) -> dict[int, ImageFacts]:
        """Facts of `image_ids`, and on the way of those that are likely to be asked for next.

        Raises what OMERO throws, or IceException.
        """
        viewer = await self._know_viewer()
        ahead = {image_id for image_id in self._ahead.after(image_ids) if self._remembered.get(image_id) is None}
        asked = sorted(image_ids | ahead)
        if not asked:
            return {}
        found = await facts.ask(self._session, asked, user_id=viewer.user_id, size=self.size)
        self._remembered.remember(found.values())
        return found

    def way_of(self, item: Item, found: ImageFacts) -> Way:
        """The way of an item of which `found` was told."""
        assert self._viewer is not None  # noqa: S101 - nothing is told before it is asked for whom
        way = way_of(item.request, found, self._viewer)
        if item.is_lost or (self._session.is_known_to_be_read_only and not found.has_row):
            # a read-only OMERO has what is stored, and draws the rest without storing it
            return DIRECT
        return STORED if way.lane is not None and item.is_single else way

    async def _know_viewer(self) -> Viewer:
        if self._viewer is None:
            context = await self._session.event_context()
            self._viewer = Viewer(context.userId, SYSTEM_GROUP in context.memberOfGroups)
        return self._viewer
