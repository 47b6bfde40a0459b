"""What OMERO.web does on a request's way in, beside the real one: public user, other origins, a prefix, two servers.

Both are asked directly, without nginx, and answer the same: the status, the picture, and the headers that browsers and
caches go by. OMERO.web redirects a person who is not logged in, so both are asked as its scripts do.
"""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from omero_ms_thumbnail.websession import RedisSessionStore
from tests.real.conformance.glacier2 import free_port
from tests.real.conformance.harness import OmeroStandin
from tests.real.conformance.standin.pictures import what_is_shown
from tests.real.stack.omeroweb import CACHE, OmeroWeb
from tests.real.stack.running import Parts
from tests.real.stack.service import Service
from tests.real.stack.visitor import Visitor
from tests.real.stack.world import BOB, PASSWORDS, WORLD
from tests.support.parts import require

#: the public user, who sees images of the read-only lab, one of them his own, and not alice's private one
PUBLIC = "bob"
OPEN, ALICES, PRIVATE = 13, 12, 21
FILTER = r"/(webclient|webgateway)/(render_thumbnail|get_thumbnails)/"

#: seconds in which a log-out counts, however it is known of the session store
LOG_OUT_WITHIN = 1.0

ORIGIN, OTHER_ORIGIN = "https://viewer.example.org", "https://elsewhere.example.org"

_SCRIPT = {"x-requested-with": "XMLHttpRequest"}
_ALLOWED = "access-control-allow-origin"
#: what means nothing to a browser without the other; OMERO.web sends credentials to every origin
_CORS = ("access-control-allow-credentials", "access-control-max-age")


@dataclass(frozen=True)
class Pair:
    """OMERO.web and the service, with all of it switched on. `prefix` is where both are."""

    omeroweb: OmeroWeb
    service: Service
    prefix: str
    redis_uri: str

    def visitor(self) -> Visitor:
        """Somebody at OMERO.web's own pages."""
        return Visitor(self.omeroweb.address + self.prefix)

    def ask(self, path: str, cookie: str = "", method: str = "GET", **headers: str) -> tuple[Any, Any]:
        """Both answers to whoever has that session cookie: ours, and OMERO.web's."""
        sent = {**_SCRIPT, **headers, **({"cookie": f"sessionid={cookie}"} if cookie else {})}
        with httpx.Client(timeout=30.0) as client:
            ours, theirs = (
                client.request(method, one.address + self.prefix + path, headers=sent)
                for one in (self.service, self.omeroweb)
            )
        return ours, theirs


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OmeroStandin]:
    """Another OMERO, whose users and images are numbered as those of the first."""
    folder = tmp_path_factory.mktemp("second")
    omero = OmeroStandin(require("omero-py (Python 3.10)"), require("glacier2router"), folder)
    world = copy.deepcopy(WORLD)
    for image in world["images"]:
        if image["id"] == ALICES:
            image["size"] = [100, 400]
    omero.reset(world)
    yield omero
    omero.stop()


@pytest.fixture(scope="module", params=["", "/omero"], ids=["at the root", "below a prefix"])
def pair(request: pytest.FixtureRequest, parts: Parts, second: OmeroStandin) -> Iterator[Pair]:
    prefix = request.param
    folder = parts.folder / f"ways-in{prefix.replace('/', '-')}"
    folder.mkdir()
    parts.omero.reset(WORLD)
    routers = parts.omero.self_signed, second.self_signed
    settings = {
        "omero.web.secure": "true",
        "omero.web.server_list": json.dumps([[one.host, one.port, f"omero{n}"] for n, one in enumerate(routers, 1)]),
        "omero.web.upgrades.url": "",
        "omero.web.public.enabled": "true",
        "omero.web.public.user": PUBLIC,
        "omero.web.public.password": PASSWORDS[PUBLIC],
        "omero.web.public.url_filter": f"^{prefix}{FILTER}",
        "omero.web.public.cache.enabled": "true",
        # CORS as OMERO.web's documentation switches it on
        "omero.web.apps": json.dumps(["corsheaders"]),
        "omero.web.middleware": json.dumps(
            [*_middleware(), {"index": 0.5, "class": "corsheaders.middleware.CorsMiddleware"}]
        ),
        "omero.web.cors_origin_whitelist": json.dumps([ORIGIN]),
        **({"omero.web.prefix": prefix} if prefix else {}),
        **parts.places.settings(CACHE),
    }
    more = {
        "omero": {"servers": [{"id": n, "host": one.host, "port": one.port} for n, one in enumerate(routers, 1)]},
        "omero.web": {
            "prefix": prefix,
            "cors_origin_whitelist": [ORIGIN],
            "public": {
                "enabled": True,
                "user": PUBLIC,
                "password": PASSWORDS[PUBLIC],
                "url_filter": f"^{prefix}{FILTER}",
                "cache": {"enabled": True},
            },
        },
    }
    omeroweb = OmeroWeb(require("OMERO.web new"), folder, settings, parts.places, free_port())
    try:
        service = Service(folder / "service", routers[0], CACHE, parts.places, omeroweb.secret_key, free_port(), more)
        try:
            yield Pair(omeroweb, service, prefix, parts.places.redis_uri)
        finally:
            service.stop()
    finally:
        omeroweb.stop()


def _middleware() -> list[dict[str, Any]]:
    """OMERO.web's own, by default, and that of CORS before them."""
    names = ("common.BrokenLinkEmails", "common.Common", "", "csrf.CsrfView", "", "clickjacking.XFrameOptions")
    classes = [f"django.middleware.{name}Middleware" for name in names]
    classes[2] = "django.contrib.sessions.middleware.SessionMiddleware"
    classes[4] = "django.contrib.messages.middleware.MessageMiddleware"
    classes.insert(0, "corsheaders.middleware.CorsMiddleware")
    return [{"index": number, "class": name} for number, name in enumerate(classes)]


def _same(ours: httpx.Response, theirs: httpx.Response) -> None:
    assert ours.status_code == theirs.status_code, (ours.text, theirs.text[:300])
    if theirs.status_code == 200 and theirs.headers["content-type"] == "image/jpeg":
        assert what_is_shown(ours.content) == what_is_shown(theirs.content)
    elif theirs.status_code == 200 and theirs.headers["content-type"] == "application/json":
        assert ours.json() == theirs.json()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/webclient/render_thumbnail/{OPEN}/", 200),
        (f"/webgateway/render_thumbnail/{OPEN}/64/", 200),
        (f"/webgateway/render_thumbnail/{PRIVATE}/", 404),
        (f"/webgateway/get_thumbnails/?id={OPEN}&id={PRIVATE}", 200),
        (f"/webclient/render_birds_eye_view/{OPEN}/", 403),
        (f"/webgateway/get_thumbnail/{OPEN}/", 403),
    ],
)
def test_the_public_user(pair: Pair, path: str, status: int) -> None:
    for cookie in ("", "0" * 32):
        ours, theirs = pair.ask(path, cookie)
        assert ours.status_code == status
        _same(ours, theirs)
        assert "Cookie" in ours.headers["vary"]


def test_head_is_public_here(pair: Pair) -> None:
    """OMERO.web takes HEAD for no GET; a proxy that renews what it keeps may ask so."""
    ours, theirs = pair.ask(f"/webclient/render_thumbnail/{OPEN}/", method="HEAD")
    assert (ours.status_code, theirs.status_code) == (200, 403)


def test_a_session_that_omero_web_gave_a_visitor(pair: Pair) -> None:
    """It is of the public user, and so good for what is public alone."""
    with httpx.Client(timeout=30.0) as client:
        address = f"{pair.omeroweb.address}{pair.prefix}/webclient/render_thumbnail/{OPEN}/"
        client.get(address, headers=_SCRIPT).raise_for_status()
        cookie = client.cookies["sessionid"]
    for path, status in (("render_thumbnail", 200), ("render_birds_eye_view", 403)):
        ours, theirs = pair.ask(f"/webclient/{path}/{OPEN}/", cookie)
        assert ours.status_code == status
        _same(ours, theirs)


def test_who_is_logged_in_is_not_the_public_user(pair: Pair) -> None:
    visitor = pair.visitor()
    visitor.log_in("alice")
    for path in (f"/webclient/render_thumbnail/{PRIVATE}/", f"/webclient/render_birds_eye_view/{ALICES}/"):
        ours, theirs = pair.ask(path, visitor.cookie)
        assert ours.status_code == 200
        _same(ours, theirs)
    # once they have left, their cookie is nobody's
    cookie = visitor.cookie
    visitor.log_out()
    visitor.close()
    deadline = time.monotonic() + LOG_OUT_WITHIN
    while True:
        ours, theirs = pair.ask(f"/webgateway/render_thumbnail/{PRIVATE}/", cookie)
        if ours.status_code != 200 or time.monotonic() > deadline:
            break
    assert ours.status_code == 404
    _same(ours, theirs)


def test_omero_webs_own_session_of_the_public_user_is_found(pair: Pair) -> None:
    """As OMERO.web has it pickled into its cache: an instance of its Connector."""
    pair.ask(f"/webclient/render_thumbnail/{OPEN}/")

    async def look() -> Any:
        store = RedisSessionStore(pair.redis_uri)
        try:
            return await store.connector("omero.web.public.cache.key")
        finally:
            await store.close()

    found = asyncio.run(look())
    assert (found.user_id, found.is_public, found.server_id) == (BOB, True, 1)
    assert found.omero_session_key


def test_other_origins(pair: Pair) -> None:
    path = f"/webclient/render_thumbnail/{OPEN}/"
    for origin, asked in (
        (ORIGIN, path),
        (OTHER_ORIGIN, path),
        ("", path),
        (ORIGIN, f"/webgateway/render_thumbnail/{PRIVATE}/"),
        (ORIGIN, f"/webclient/render_birds_eye_view/{OPEN}/"),
    ):
        ours, theirs = pair.ask(asked, **({"origin": origin} if origin else {}))
        _same(ours, theirs)
        for name in (_ALLOWED, *(_CORS if origin == ORIGIN else ())):
            assert ours.headers.get(name) == theirs.headers.get(name), (origin, asked, name)
        assert ours.headers.get(_ALLOWED) == (ORIGIN if origin == ORIGIN else None)
        for one in (ours, theirs):
            assert "Origin" in one.headers["vary"]


def test_a_preflight(pair: Pair) -> None:
    for origin in (ORIGIN, OTHER_ORIGIN):
        headers = {"origin": origin, "access-control-request-method": "GET"}
        ours, theirs = pair.ask(f"/webclient/render_thumbnail/{OPEN}/", method="OPTIONS", **headers)
        assert ours.status_code == theirs.status_code == 200
        for name in (_ALLOWED, *(_CORS if origin == ORIGIN else ())):
            assert ours.headers.get(name) == theirs.headers.get(name), name
        if origin != ORIGIN:
            continue
        wanted = theirs.headers.get("access-control-allow-headers", "")
        assert set(wanted.split(", ")) <= {*ours.headers.get("access-control-allow-headers", "").split(", ")}


def test_two_servers(pair: Pair) -> None:
    shapes = []
    for server in (1, 2):
        visitor = pair.visitor()
        visitor.log_in("alice", server=server)
        for path in (
            f"/webgateway/render_thumbnail/{ALICES}/96/",
            f"/webclient/get_thumbnails/?id={ALICES}&id={PRIVATE}",
        ):
            ours, theirs = pair.ask(path, visitor.cookie)
            assert ours.status_code == 200
            _same(ours, theirs)
            if "render" in path:
                shapes.append(what_is_shown(ours.content)["height"])
        visitor.close()
    # the same image of the same user, and another picture
    assert shapes[0] != shapes[1]


def test_what_is_below_the_prefix_alone(pair: Pair) -> None:
    """OMERO.web knows no path beside it; the service, which may have a proxy that takes it off, answers both."""
    if not pair.prefix:
        return
    bare = f"/webclient/render_thumbnail/{OPEN}/"
    assert httpx.get(pair.service.address + bare).status_code == 200
    assert httpx.get(pair.service.address + pair.prefix + bare).status_code == 200
