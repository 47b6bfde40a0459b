"""One thumbnail alone: call by call on a ThumbnailStore that was made for it.

The order of calls, and that an administrator makes default settings as the image's owner, is that of OMERO.web
(`BlitzGateway._prepareTB` and `getThumbnail` of omero-py).
"""

from __future__ import annotations

import logging
from typing import Final

from ..omero.exceptions import ApiUsageException, ConcurrencyException, SecurityViolation, ValidationException
from ..omero.queries import DEFAULT_SECTION
from ..omero.rtypes import RLong
from ..omero.session import GROUP, USER, JoinedSession
from ..omero.stores import ThumbnailStore
from .model import ImageFacts, Thumbnail, ThumbnailRequest

log: Final = logging.getLogger(__name__)

#: the group whose members are administrators
SYSTEM_GROUP: Final = 0

#: how `resetDefaults` says that there are settings (``ThumbnailBean._resetDefaults`` of omero-server)
_ONLY_EMPTY: Final = "only resets"


async def render_one(
    session: JoinedSession, store: ThumbnailStore, facts: ImageFacts, request: ThumbnailRequest, *, is_direct: bool
) -> Thumbnail:
    """Ask for one thumbnail on a new `store`. Raises what OMERO throws, or IceException.

    Without `is_direct` it is the stored one, and is stored where it was not; its JPEG is empty where that file is.
    """
    context = {GROUP: str(facts.group_id)}
    has_settings = await store.set_pixels_id(facts.pixels_id, context)
    chosen = await _choose_settings(store, request, context)
    if not chosen and not has_settings:
        await _make_default_settings(session, store, facts, context)
    jpeg = await _get(session, store, request, context, is_direct=is_direct)
    return Thumbnail(jpeg, in_progress=await store.is_in_progress(context))


async def _choose_settings(store: ThumbnailStore, request: ThumbnailRequest, context: dict[str, str]) -> bool:
    if request.rendering_def_id is None:
        return False
    try:
        await store.set_rendering_def_id(request.rendering_def_id, context)
    except ValidationException:
        # as OMERO.web: settings that are gone do not cost the picture
        log.info("rendering settings %d of image %d do not exist", request.rendering_def_id, request.image_id)
        return False
    return True


async def _make_default_settings(
    session: JoinedSession, store: ThumbnailStore, facts: ImageFacts, context: dict[str, str]
) -> None:
    as_owner = dict(context)
    if SYSTEM_GROUP in (await session.event_context()).memberOfGroups:
        as_owner[USER] = str(facts.owner_id)
    try:
        try:
            await store.reset_defaults(as_owner)
        except SecurityViolation:
            if as_owner == context:
                raise
            # an administrator when the session was joined, and one no longer
            as_owner = context
            await store.reset_defaults(as_owner)
    except ConcurrencyException as error:
        # no pixels or no pyramid yet: OMERO then answers with a clock
        log.info("no default settings for image %d yet: %s", facts.image_id, error)
        return
    except ApiUsageException as error:
        if _ONLY_EMPTY not in error.message:
            raise
        # somebody else has made them meanwhile
        log.info("image %d has settings by now", facts.image_id)
    await store.set_pixels_id(facts.pixels_id, as_owner)


async def _get(
    session: JoinedSession,
    store: ThumbnailStore,
    request: ThumbnailRequest,
    context: dict[str, str],
    *,
    is_direct: bool,
) -> bytes:
    if not is_direct:
        return await store.get_thumbnail_by_longest_side(request.width, context)
    if not request.is_section:
        if request.height is None:
            return await store.get_thumbnail_by_longest_side_direct(request.width, context)
        return await store.get_thumbnail_direct(request.width, request.height, context)
    z, t = request.z, request.t
    if z is None or t is None:
        default_z, default_t = await _default_section(session, store, context)
        z = default_z if z is None else z
        t = default_t if t is None else t
    if request.height is None:
        return await store.get_thumbnail_for_section_by_longest_side(z, t, request.width, context)
    return await store.get_thumbnail_for_section(z, t, request.width, request.height, context)


async def _default_section(session: JoinedSession, store: ThumbnailStore, context: dict[str, str]) -> tuple[int, int]:
    try:
        settings = await store.get_rendering_def_id(context)
    except ApiUsageException:
        # none while the image is in progress: a clock shows no section
        return 0, 0
    for row in await session.projection(DEFAULT_SECTION, {"id": RLong(settings)}, patiently=True):
        match row:
            case [int(z), int(t)]:
                return z, t
    return 0, 0
