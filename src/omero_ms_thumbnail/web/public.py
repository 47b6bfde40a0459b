"""OMERO.web's public user: who is nobody's session may be answered as that user, for the paths that are public.

OMERO.web looks for ``omero.web.public.url_filter`` in Django's ``request.path``: ``PUBLIC_URL_FILTER.search`` of
`login_required.is_valid_public_url` in omeroweb/decorators.py. That path begins with ``omero.web.prefix``, is
percent-decoded and has no query. It wants GET (``omero.web.public.get_only``); here HEAD, its twin, is as good.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PublicVisitors:
    """Who may be served without a session, and as whom.

    `session_key` stands for the public user's OMERO session. `is_refused` says whether OMERO has not let that user in
    and is not to be asked for now: nothing is public then, as in OMERO.web.
    """

    session_key: str = field(repr=False)
    url_filter: re.Pattern[str]
    is_refused: Callable[[], bool]
    server_id: int | None = None

    def may_see(self, path: str) -> bool:
        """Whether `path`, with the prefix, is public."""
        return self.url_filter.search(path) is not None
