"""One site for all peers: an OMERO on the official stubs behind the real glacier2router, Redis, and OMERO.web itself.

The stand-in is the lean one, for everybody alike. Users log in at OMERO.web's own page, so that its Django sessions are
real ones in the Redis that this service reads too, and each peer asks as the same users.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.real.conformance.glacier2 import Router, free_port
from tests.real.conformance.harness import OmeroStandin
from tests.real.stack.omeroweb import CACHE, OmeroWeb, Places
from tests.real.stack.visitor import Visitor
from tests.support.parts import require
from tests.unit.websession.redis_server import RedisServer

GROUP = 3
USERS = 20
FIRST_IMAGE = 1_000
#: more than any peer is asked for in one load, so that nothing is asked for twice
IMAGES = 40_000
#: the longest side of the thumbnails that OMERO has stored: the stand-in's `thumb_default_size`
STORED = 120


def world() -> dict[str, Any]:
    """20 users in one read-only group, and images that all may read."""
    return {
        "groups": [
            {"id": 0, "name": "system", "permissions": "rw----"},
            {"id": 1, "name": "user", "permissions": "rwr---"},
            {"id": 2, "name": "guest", "permissions": "rw----"},
            {"id": GROUP, "name": "lab", "permissions": "rwr---"},
        ],
        "users": [
            # as whom OMERO.web finds out whether its OMERO is up
            {"id": 1, "name": "guest", "password": "guest", "groups": [2]},  # pragma: allowlist secret
            *(
                {"id": 10 + number, "name": f"user{number}", "password": f"password{number}", "groups": [GROUP, 1]}
                for number in range(USERS)
            ),
        ],
        # whoever they belong to has looked at them: OMERO has a stored thumbnail for all
        "images": [
            {"id": FIRST_IMAGE + number, "group": GROUP, "owner": 10, "stored": STORED} for number in range(IMAGES)
        ],
    }


#: seconds
_WORLD_WITHIN = 120.0


class Site:
    """Running parts. `cookies` and `keys` are of the same users, in the same order."""

    def __init__(self, folder: Path, ending: contextlib.ExitStack) -> None:
        self.folder = folder
        self.omero = OmeroStandin(require("omero-py (Python 3.10)"), require("glacier2router"), folder, lean=True)
        ending.callback(self.omero.stop)
        self.omero.reset(world(), within=_WORLD_WITHIN)
        self.redis = RedisServer(folder / "redis")
        self.redis.start()
        ending.callback(self.redis.kill)
        files = folder / "session-files"
        files.mkdir()
        places = Places(self.redis.port, 0, "", "", files)
        settings = {
            "omero.web.secure": "true",
            "omero.web.server_list": json.dumps([[self.router.host, self.router.port, "omero"]]),
            "omero.web.upgrades.url": "",
            **places.settings(CACHE),
        }
        self.omeroweb_workers = 2 * (os.cpu_count() or 1) + 1
        # as many workers as its documentation recommends (omero.web.wsgi_workers)
        self.omeroweb = OmeroWeb(
            require("OMERO.web new"),
            folder / "omeroweb",
            settings,
            places,
            free_port(),
            workers=self.omeroweb_workers,
        )
        ending.callback(self.omeroweb.stop)
        self._log_in()

    def _log_in(self) -> None:
        before = set(self.omero.stats()["sessions"])
        self.cookies: list[str] = []
        self.keys: list[str] = []
        for number in range(USERS):
            visitor = Visitor(self.omeroweb.address)
            visitor.log_in(f"user{number}", f"password{number}")
            self.cookies.append(f"sessionid={visitor.cookie}")
            visitor.close()
            (key,) = set(self.omero.stats()["sessions"]) - before
            self.keys.append(key)
            before.add(key)

    @property
    def router(self) -> Router:
        """Where every peer connects: TLS with a certificate, as `omero certificates` makes one."""
        return self.omero.self_signed

    def calls(self) -> int:
        """Calls that OMERO has been asked so far, those between its router and itself aside."""
        counts: dict[str, int] = self.omero.stats()["calls"]
        return sum(number for name, number in counts.items() if name not in ("checkPermissions", "create"))

    def configuration(self, *, cache_life: float | None = 0.0) -> str:
        """This service's; without an access log, as the peers have none.

        A `cache_life` of None leaves its default; of 0 keeps nothing, as the peers have no cache.
        """
        keeping = "" if cache_life else ", picture-life: 0"
        cache = "" if cache_life is None else f"cache: {{life: {cache_life:g}{keeping}}}\n"
        return f"""omero: {{host: "{self.router.host}", port: {self.router.port}}}
session-store: {{type: redis, uri: "redis://127.0.0.1:{self.redis.port}/1"}}
omero.web: {{session_cookie_name: sessionid}}
access-log: false
{cache}"""


@contextlib.contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A site while it is needed."""
    folder.mkdir()
    with contextlib.ExitStack() as ending:
        yield Site(folder, ending)
