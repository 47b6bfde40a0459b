"""The Java microservice's calls for each thumbnail, through omero-py's client: the peer that a join per request is.

Join, detach, query, create a store, setPixelsId, get, close, leave, in a pool of twice as many threads as cores, as its
`worker_pool_size` is by default. Runs in the Python 3.10 that has omero-py:
``python reference_sequence.py HOST PORT SECONDS FIRST_IMAGE COUNT KEY…``; prints one JSON line.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import omero
from omero.rtypes import rint

QUERY = "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"


def thumbnail(host: str, port: int, key: str, image: int) -> None:
    client = omero.client(pmap={"omero.host": f"ssl://{host}:{port}"})
    try:
        session = client.joinSession(key)
        session.detachOnDestroy()
        parameters = omero.sys.ParametersI().addIds([image])
        row = session.getQueryService().projection(QUERY, parameters, {"omero.group": "-1"})[0]
        pixels, group = row[0].val, row[2].val
        context = {"omero.group": str(group)}
        store = session.createThumbnailStore()
        try:
            store.setPixelsId(pixels, context)
            assert store.getThumbnailByLongestSide(rint(96), context)
        finally:
            store.close()
    finally:
        client.closeSession()


def main() -> None:
    host, port, seconds, first, count = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:6])
    keys = sys.argv[6:]
    lock = threading.Lock()
    state = {"next": 0, "done": 0, "failed": 0}
    deadline = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < deadline:
            with lock:
                number = state["next"]
                state["next"] += 1
            try:
                thumbnail(host, port, keys[number % len(keys)], first + number % count)
                with lock:
                    state["done"] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, the run is broken and says so
                with lock:
                    state["failed"] += 1
                print(type(error).__name__, error, file=sys.stderr)

    began, used = time.monotonic(), time.process_time()
    threads = 2 * (os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(work)
    took = time.monotonic() - began
    cpu = time.process_time() - used
    print(
        json.dumps({"per_second": state["done"] / took, "done": state["done"], "failed": state["failed"], "cpu": cpu})
    )


main()
