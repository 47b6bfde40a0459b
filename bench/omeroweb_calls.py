"""OMERO.web's calls of OMERO for thumbnails, through omero-py's client: what a page costs it, HTTP and Django left out.

Runs in the Python 3.10 that has omero-py: ``python omeroweb_calls.py HOST PORT PROCESSES``. As OMERO.web's gunicorn,
so many processes each answer one request at a time. Each line of standard input is a JSON object, each is answered by
one: {"do": "pages", "key", "pages", "size"} for ``get_thumbnails`` of each page, all at once, and {"do": "singles",
"keys", "first", "count", "seconds"} for ``render_thumbnail`` of one image after the other by everybody in turn, and
{"do": "query", "key", "images", "times"} for the time of one query about those images, in a session that is joined.

The calls are those that OMERO.web 5.33 was seen to make (`webgateway.views`, `omero.gateway`), in their order. In place
of the two queries of a single that fetch objects there are two projections. Each request joins the session and leaves
it, as OMERO.web's do.
"""

import json
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import omero
from omero.rtypes import rint

QUERY = "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"
EVERYWHERE = {"omero.group": "-1"}


class Joined:
    """A session that is joined for one request."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._client = omero.client(pmap={"omero.host": f"tcp://{host}:{port}"})
        self._key = key

    def __enter__(self) -> Any:
        session = self._client.joinSession(self._key)
        session.detachOnDestroy()
        return session

    def __exit__(self, *_: object) -> None:
        self._client.closeSession()


def query(service: Any, images: list[int], context: dict[str, str]) -> list[Any]:
    """Pixels, image, and group of each."""
    found = service.projection(QUERY, omero.sys.ParametersI().addIds(images), context)
    return [[column.val for column in row[:3]] for row in found]


def page(where: tuple[str, int], key: str, images: list[int], size: int) -> dict[int, bytes]:
    """As ``BlitzGateway.getThumbnailSet``: the JPEGs by image."""
    with Joined(*where, key) as session:
        found = {pixels: image for pixels, image, _ in query(session.getQueryService(), images, EVERYWHERE)}
        store = session.createThumbnailStore()
        try:
            thumbnails = store.getThumbnailByLongestSideSet(rint(size), list(found), EVERYWHERE)
        finally:
            store.close()
    return {found[pixels]: jpeg for pixels, jpeg in thumbnails.items()}


def single(where: tuple[str, int], key: str, image: int, size: int) -> bytes:
    """As ``ImageWrapper.getThumbnail`` of an image that has settings, in the size that OMERO.web stores."""
    with Joined(*where, key) as session:
        service = session.getQueryService()
        ((pixels, _, group),) = query(service, [image], EVERYWHERE)
        context = {"omero.group": str(group)}
        query(service, [image], context)
        store = session.createThumbnailStore()
        try:
            store.setPixelsId(pixels, context)
            jpeg = store.getThumbnailByLongestSide(rint(size), context)
            store.isInProgress(context)
        finally:
            store.close()
    return bytes(jpeg)


def check(image: int, size: int, jpeg: bytes) -> None:
    """Raise where a picture does not show what it should."""
    if b"<image %d at %d>" % (image, size) not in jpeg[:100]:
        raise RuntimeError(f"image {image}: {len(jpeg)} bytes of something else")


def pages_one(where: tuple[str, int], asked: dict[str, Any], images: list[int]) -> float:
    """One page, looked at; seconds."""
    began = time.perf_counter()
    shown = page(where, asked["key"], images, asked["size"])
    took = time.perf_counter() - began
    for image in images:
        check(image, asked["size"], shown.get(image, b""))
    return took


def query_time(where: tuple[str, int], asked: dict[str, Any]) -> float:
    """The median of some queries, one after the other; seconds."""
    took = []
    with Joined(*where, asked["key"]) as session:
        service = session.getQueryService()
        for _ in range(asked["times"]):
            began = time.perf_counter()
            query(service, asked["images"], EVERYWHERE)
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def singles_some(where: tuple[str, int], asked: dict[str, Any], number: int, processes: int) -> int:
    """What one of the processes does until the time is over; how many."""
    done, keys = 0, asked["keys"]
    deadline = time.perf_counter() + asked["seconds"]
    while time.perf_counter() < deadline:
        place = (number + done * processes) % asked["count"]
        image = asked["first"] + place
        check(image, 96, single(where, keys[place % len(keys)], image, 96))
        done += 1
    return done


def main() -> None:
    """Answer."""
    where, processes = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3])
    with ProcessPoolExecutor(processes) as pool:
        for line in sys.stdin:
            asked = json.loads(line)
            began = time.perf_counter()
            if asked["do"] == "pages":
                ended = [pool.submit(pages_one, where, asked, images) for images in asked["pages"]]
                each = [one.result() for one in ended]
                said = {"took": time.perf_counter() - began, "each": each}
            elif asked["do"] == "query":
                said = {"took": pool.submit(query_time, where, asked).result()}
            else:
                ended = [pool.submit(singles_some, where, asked, number, processes) for number in range(processes)]
                done = sum(one.result() for one in ended)
                said = {"took": time.perf_counter() - began, "done": done}
            print(json.dumps(said), flush=True)


main()
