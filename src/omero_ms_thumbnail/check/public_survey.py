"""The step about the public user: whether OMERO lets it in, as whom, and which paths are public."""

from __future__ import annotations

import re
from typing import Final

from ..config import Settings
from ..ice.errors import IceException
from ..ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from ..ice.types import UserException
from ..omero.faults import Fault, described, fault_of
from ..omero.session import JoinedSession, OmeroServer
from .diagnoses import OMERO_BEHIND_ROUTER, PUBLIC_ADMINISTRATOR, PUBLIC_NOTHING, PUBLIC_REFUSED
from .finding import Finding, Outcome, Stopwatch, Trouble
from .names import PUBLIC

#: seconds that OMERO has for each step of leaving
_LEAVE: Final = 5.0

_PATHS: Final = tuple(
    f"/{application}/{path}"
    for application in ("webclient", "webgateway")
    for path in ("render_thumbnail/1/", "render_birds_eye_view/1/", "get_thumbnail/1/", "get_thumbnails/")
)


async def log_in(settings: Settings, server: OmeroServer) -> Finding:
    """Whether the public user may log in; the OMERO session that is made for it ends. Raises Trouble."""
    public, watch = settings.omero_web.public, Stopwatch()
    try:
        session = await JoinedSession.create(server, public.user or "", public.password or "")
        try:
            await session.end_on_leaving()
            who = await session.event_context()
        finally:
            await session.leave(_LEAVE)
    except (PermissionDeniedException, CannotCreateSessionException) as error:
        is_key = fault_of(error) is Fault.SESSION_GONE
        said = "the user name or the password is wrong" if is_key else described(error)
        raise Trouble(PUBLIC_REFUSED, f"{public.user!r} is refused at {server}: {said}") from error
    except (IceException, UserException) as error:
        raise Trouble(OMERO_BEHIND_ROUTER, f"{server} answers {type(error).__name__}") from error
    prefix = settings.omero_web.prefix.rstrip("/")
    wanted = re.compile(public.url_filter or "a^")
    open_paths = [path for path in _PATHS if wanted.search(prefix + path)]
    found = f"OMERO user {who.userId} at {server}; public are {len(open_paths)} of {len(_PATHS)} kinds of paths"
    if who.isAdmin:
        return Finding(PUBLIC, Outcome.WARNING, f"{found}; an administrator", watch.seconds, PUBLIC_ADMINISTRATOR)
    if not open_paths:
        return Finding(PUBLIC, Outcome.WARNING, found, watch.seconds, PUBLIC_NOTHING)
    return Finding(PUBLIC, Outcome.OK, found, watch.seconds)
