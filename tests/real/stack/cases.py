"""What is asked of both, this service and OMERO.web: every path there is, and everything that may be odd about it.

A `Case` that is answered differently names the `Difference` that explains it; docs/compatibility.md lists them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from tests.real.stack.world import CAREFUL, MANY

PREFIXES = ("webclient", "webgateway")

_MISSING = 99_999
#: images that alice can see
_HERS = (11, 12, 13, 14, 21, 31, 44, 100)
_BOBS = 13
#: images that alice cannot be shown: missing, two of others, three that cannot be drawn
_NONE = (_MISSING, 22, 61, 43, 47, 48)

_IDENTIFIERS = ("cb", "jQuery110205_1700000000000", "OME.page.show")


class Difference(Enum):
    """Why an answer differs. The value is the heading of its row in docs/compatibility.md."""

    NO_PLACEHOLDER = "No placeholder picture in place of an image"
    NOT_A_SERVER_ERROR = "An image that is missing is no server error"
    REFUSED_NOT_REDIRECTED = "Nobody is redirected to the login page"
    RETRIED = "What a set leaves out is tried again"
    BATCH_LIMIT = "Too many images in one request"
    NOT_A_NUMBER = "Not a number"
    SIZE_LIMIT = "Sizes that cannot be"
    NO_SLASH = "The trailing slash"
    MORE_PATH = "Whatever follows"
    CALLBACK = "Names of JSONP callbacks"
    METHODS = "Methods"
    SET_AS_SINGLES = "`set as single views`"
    SHAPE = "`right shape`"
    CHOSEN_SETTINGS = "`chosen settings leave no rows`"


@dataclass(frozen=True)
class Case:
    """One request. `user` is who is logged in, None for nobody; `renew` names images that lose their settings first."""

    path: str
    user: str | None = "alice"
    method: str = "GET"
    by_script: bool = False
    renew: tuple[int, ...] = ()
    differs: Difference | None = None

    def __str__(self) -> str:
        who = self.user or "nobody"
        return f"{self.method} {self.path} ({who}{', by script' if self.by_script else ''})"


def all_cases() -> list[Case]:
    """Every case, each once."""
    found = dict.fromkeys(
        itertools.chain(
            _every_path(),
            _rendering(),
            _not_there(),
            _without_settings(),
            _sets(),
            _jsonp(),
            _cache_busters(),
            _others(),
            _odd(),
            _nobody(),
            _methods(),
        )
    )
    return list(found)


def _paths(image: object) -> Iterator[str]:
    """Every path of one image."""
    for prefix in PREFIXES:
        yield f"/{prefix}/render_thumbnail/{image}/"
        yield f"/{prefix}/get_thumbnail/{image}/"
        yield f"/{prefix}/render_birds_eye_view/{image}/"
        yield f"/{prefix}/render_birds_eye_view/{image}/256/"
    yield f"/webgateway/render_thumbnail/{image}/96/"
    yield f"/webgateway/render_thumbnail/{image}/200/"
    yield f"/webgateway/render_thumbnail/{image}/64/48/"
    yield f"/webgateway/get_thumbnail/{image}/32/"
    yield f"/webclient/render_thumbnail/size/32/{image}/"
    yield f"/webclient/render_thumbnail/size/96/{image}/"


def _every_path() -> Iterator[Case]:
    for image in _HERS:
        for path in _paths(image):
            # of bob's in a group where she may only read: nothing can be stored, and what is not stored is a square
            is_square = image == _BOBS and path.endswith(f"/{image}/") and "/size/" not in path
            yield Case(path, differs=Difference.SHAPE if is_square else None)
    for width, height in ((1, 1), (16, 200), (300, 5), (1000, 1000)):
        yield Case(f"/webgateway/render_thumbnail/12/{width}/{height}/")
        yield Case(f"/webgateway/render_thumbnail/13/{height}/")
        yield Case(f"/webclient/render_thumbnail/size/{width}/14/")


def _rendering() -> Iterator[Case]:
    paths = (
        "/webclient/render_thumbnail/11/",
        "/webgateway/render_thumbnail/11/64/48/",
        "/webgateway/get_thumbnail/11/",
    )
    # 603 belongs to another image, 999 to none
    queries = ("rdefId=601", "rdefId=602", "rdefId=603", "rdefId=999", "z=1&t=1", "z=4", "t=3", "z=0&t=0")
    for path, query in itertools.product(paths, (*queries, "rdefId=602&z=3&t=1", "rdefId=601&_=17")):
        yield Case(f"{path}?{query}", differs=_chosen(path, query))
    for path, query in itertools.product(paths, ("rdefId=", "z=&t=")):
        yield Case(f"{path}?{query}", differs=Difference.NOT_A_NUMBER)
    for query in ("rdefId=602", "z=1&t=1", "rdefId=601&z=2&t=0"):
        yield Case(f"/webgateway/get_thumbnails/?id=11&{query}", differs=_chosen("/get_thumbnails/", query))
        yield Case(f"/webgateway/get_thumbnails/64/?id=11&{query}")
        yield Case(f"/webgateway/get_thumbnails/?id=11&id=12&{query}")
        yield Case(
            f"/webclient/render_birds_eye_view/11/?{query}",
            differs=_chosen("/webclient/render_birds_eye_view/11/", query),
        )


def _chosen(path: str, query: str) -> Difference | None:
    """Others' settings at the size that OMERO stores: OMERO.web shows what is stored, which is newer than they are."""
    others = query in ("rdefId=602", "rdefId=603")
    return Difference.CHOSEN_SETTINGS if others and not path.endswith("/64/48/") else None


def _not_there() -> Iterator[Case]:
    for path in itertools.chain.from_iterable(map(_paths, _NONE)):
        # OMERO.web has a placeholder for these two only
        if path.startswith(("/webclient/render_thumbnail", "/webclient/get_thumbnail")):
            yield Case(path, differs=Difference.NO_PLACEHOLDER)
        elif path.startswith("/webgateway/get_thumbnail/"):
            yield Case(path, differs=Difference.NOT_A_SERVER_ERROR)
        else:
            yield Case(path)


def _without_settings() -> Iterator[Case]:
    for path in ("/webclient/render_thumbnail/41/", "/webgateway/render_thumbnail/41/64/48/"):
        yield Case(path, renew=(41,))
    yield Case("/webgateway/get_thumbnails/?id=41&id=11", renew=(41,))
    yield Case("/webgateway/get_thumbnails/?id=41&id=11", user="root", renew=(41,))
    yield Case("/webgateway/render_thumbnail/41/64/48/", user="root", renew=(41,))
    yield Case("/webgateway/render_thumbnail/42/", user="bob", renew=(42,))
    for path in ("/webclient/render_thumbnail/41/", "/webgateway/get_thumbnail/41/32/"):
        yield Case(path, user="root", renew=(41,))
    # of somebody else, in a group where one may not write
    yield Case("/webgateway/render_thumbnail/42/", renew=(42,))
    yield Case("/webgateway/get_thumbnails/?id=42", renew=(42,))


def _sets() -> Iterator[Case]:
    for prefix, count in itertools.product(PREFIXES, (0, 1, 2, 7, 49, 50)):
        yield Case(_set(f"/{prefix}/get_thumbnails/", MANY[:count]))
    for size, count in itertools.product((1, 32, 96, 200), (1, 3, 50)):
        yield Case(_set(f"/webgateway/get_thumbnails/{size}/", MANY[:count]))
    for prefix, count in itertools.product(PREFIXES, (51, 60)):
        yield Case(_set(f"/{prefix}/get_thumbnails/", MANY[:count]), differs=Difference.BATCH_LIMIT)
    for prefix in PREFIXES:
        address = f"/{prefix}/get_thumbnails/"
        yield Case(_set(address, [100, 100, 101, 100, 101]))
        yield Case(_set(address, [*MANY[:50], *MANY[:50]]))
        yield Case(_set(address, [11, 21, 31, 13]), differs=Difference.SET_AS_SINGLES)
        yield Case(_set(address, [44, 11, 44]))
        yield Case(_set(address, [31, 21]))
        for image in _NONE:
            yield Case(_set(address, [image]))
            yield Case(_set(address, [11, image, 12]))
        yield Case(_set(address, _NONE))
        yield Case(_set(address, [45, 46, 11]), differs=Difference.RETRIED)
        yield Case(_set(address, CAREFUL), differs=Difference.RETRIED)
        yield Case(_set(address, CAREFUL[:1]))


def _set(address: str, images: object) -> str:
    query = "&".join(f"id={image}" for image in images)  # type: ignore[attr-defined]
    return f"{address}?{query}" if query else address


def _jsonp() -> Iterator[Case]:
    for prefix, name in itertools.product(PREFIXES, _IDENTIFIERS[:2]):
        yield Case(f"/{prefix}/get_thumbnails/?callback={name}&id=11&id=12&_=1700000000000")
        yield Case(f"/{prefix}/get_thumbnails/?callback={name}&id={_MISSING}")
        yield Case(f"/{prefix}/get_thumbnail/11/?callback={name}")
        yield Case(f"/{prefix}/render_thumbnail/11/?callback={name}")
    yield Case("/webgateway/get_thumbnails/?callback=alert(1)//&id=11")
    yield Case("/webgateway/get_thumbnails/?callback=a-b&id=11")
    yield Case(f"/webgateway/get_thumbnails/?callback={_IDENTIFIERS[2]}&id=11", differs=Difference.CALLBACK)


def _cache_busters() -> Iterator[Case]:
    for query in ("version=3", "_=0.8128", "version=1&_=2", "version=", "_=", "version=a%20b", "unknown=1"):
        yield Case(f"/webclient/render_thumbnail/11/?{query}")
        yield Case(f"/webclient/render_thumbnail/size/32/12/?{query}")
        yield Case(f"/webgateway/get_thumbnails/?id=11&id=13&{query}", differs=Difference.SET_AS_SINGLES)


def _others() -> Iterator[Case]:
    """The same of an administrator, who sees everything, and of somebody who sees other things."""
    for user, image in itertools.product(("root", "bob"), (11, 13, 22)):
        for path in _paths(image):
            yield Case(path, user=user)
    for user, prefix in itertools.product(("root", "bob"), PREFIXES):
        # a set with images of a private group, in which an administrator may make nothing, is all empty
        differs = Difference.SET_AS_SINGLES if user == "root" else None
        yield Case(_set(f"/{prefix}/get_thumbnails/", [11, 13, 21, 22, 31, 61]), user=user, differs=differs)
        yield Case(f"/{prefix}/render_thumbnail/11/?rdefId=601", user=user)
    yield Case("/webgateway/render_thumbnail/61/", user="root")
    yield Case("/webgateway/render_thumbnail/31/", user="bob")
    yield Case("/webgateway/render_thumbnail/21/", user="bob")


def _odd() -> Iterator[Case]:
    for path in (
        "/webgateway/render_thumbnail/abc/",
        "/webclient/get_thumbnail/1x/",
        "/webgateway/render_thumbnail/-1/",
    ):
        yield Case(path)
    for query in ("rdefId=abc", "z=abc", "t=1.5", "z=-1&t=0"):
        yield Case(f"/webgateway/render_thumbnail/11/?{query}", differs=Difference.NOT_A_NUMBER)
    yield Case("/webgateway/get_thumbnails/?id=11&id=abc", differs=Difference.NOT_A_NUMBER)
    yield Case("/webgateway/get_thumbnails/?id=", differs=Difference.NOT_A_NUMBER)
    yield Case("/webgateway/get_thumbnails/?id=-5", differs=Difference.NOT_A_NUMBER)
    yield Case("/webgateway/render_thumbnail/11/4001/", differs=Difference.SIZE_LIMIT)
    yield Case("/webclient/render_thumbnail/size/5000/11/", differs=Difference.SIZE_LIMIT)
    yield Case("/webgateway/render_thumbnail/11/0/", differs=Difference.SIZE_LIMIT)
    yield Case("/webgateway/get_thumbnails/4001/?id=11", differs=Difference.SIZE_LIMIT)
    # a share's, which nginx leaves to OMERO.web
    yield Case("/webclient/get_thumbnails/7/?id=11&id=12")
    yield Case("/webclient/get_thumbnails/7?id=11", by_script=True)
    yield Case("/webclient/render_thumbnail/11/7/")
    yield Case("/webclient/render_thumbnail/size/32/11/7/")
    yield Case("/webclient/get_thumbnail/11/7/")
    for path in (
        "/webclient/render_thumbnail/11",
        "/webgateway/get_thumbnails/96?id=11",
        "/webgateway/get_thumbnail/11",
    ):
        yield Case(path, differs=Difference.NO_SLASH)
    for path in ("/webgateway/render_thumbnail/11/96/48/3/", "/webclient/render_thumbnail/11/x/y/z"):
        yield Case(path, differs=Difference.MORE_PATH)
    yield Case("/webgateway/render_birds_eye_view/11/96/more/", differs=Difference.MORE_PATH)
    for path in ("/webgateway/render_thumbnail/", "/webclient/render_birds_eye_view/", "/webgateway/get_thumbnail/"):
        yield Case(path)


def _nobody() -> Iterator[Case]:
    for path in (
        "/webclient/render_thumbnail/11/",
        "/webgateway/get_thumbnails/?id=11",
        "/webgateway/get_thumbnail/11/",
    ):
        yield Case(path, user=None, by_script=True)
        yield Case(path, user=None, differs=Difference.REFUSED_NOT_REDIRECTED)
        # a cookie that is no session's
        yield Case(path, user="stranger", by_script=True)
        yield Case(path, user="stranger", differs=Difference.REFUSED_NOT_REDIRECTED)


def _methods() -> Iterator[Case]:
    plain = [Case("/webgateway/render_thumbnail/11/"), Case("/webclient/get_thumbnails/?id=11&id=12")]
    for case in plain:
        yield replace(case, method="HEAD")
        # refused by both: OMERO.web wants a CSRF token
        yield replace(case, method="POST")
        yield replace(case, method="DELETE")
    yield Case("/webgateway/render_thumbnail/11/", method="OPTIONS", differs=Difference.METHODS)
