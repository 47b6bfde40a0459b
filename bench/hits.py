"""Thumbnails that are kept in memory: this service against nginx and a file of the same bytes."""

from __future__ import annotations

import sys

from . import usage
from .load import COOKIE, Questions, wrk, wrk_one
from .peers import CONNECTIONS, check_load
from .processes import BrokenMeasurement, free_port, get, nginx, process, service, wait_for_port
from .routing import SESSION
from .rows import Goal, Row
from .site import FIRST_IMAGE, Site

#: few enough that every worker soon has all of them
_IMAGES = 200

#: seconds without a call to OMERO
_STEADY = 3
#: seconds in which all of them must be kept
_FILLINGS_MAX = 15


class Hits:
    """The rows, filled round by round."""

    def __init__(self, site: Site, seconds: float) -> None:
        self._site = site
        self._seconds = seconds
        self._bare = Row(
            "hits/bare",
            "cache hits/s, one worker: ours / a bare ASGI application with look-ups in dictionaries, same server",
            Goal(at_least=0.8),
        )
        self._nginx = Row("hits/nginx", "cache hits/s, one worker: ours / nginx static file, one worker")
        self._rsgi = Row(
            "hits/rsgi", "cache hits/s: a bare RSGI application with look-ups in dictionaries / nginx static file"
        )
        self._workers = Row("workers/hits", "two workers / one worker, cache hits")

    def round(self) -> None:
        """Every peer once."""
        one, one_cpu = self._ours(1)
        static = self._static()
        bare, rsgi = self._prototype("table on ASGI"), self._prototype("table on RSGI")
        two, two_cpu = self._ours(2)
        self._nginx.values.append(one / static)
        self._nginx.note("ours/s", one)
        self._nginx.note("nginx/s", static)
        self._bare.values.append(one / bare)
        self._bare.note("its/s", bare)
        self._rsgi.values.append(rsgi / static)
        self._rsgi.note("its/s", rsgi)
        self._workers.values.append(two / one)
        self._workers.note("as many processor seconds of ours would give", 2 * one_cpu / two_cpu, 2)

    def _ours(self, workers: int) -> tuple[float, float]:
        """Hits a second, and our processor time for each, in seconds."""
        site = self._site
        # believed for as long as it is measured, or some of it would be questions
        text = site.configuration(cache_life=600)
        with service(site.folder, text, "--workers", str(workers)) as (address, pid):
            body = get(f"{address}/webclient/render_thumbnail/{FIRST_IMAGE}/", {COOKIE: site.cookies[0]})
            self._body = body
            questions = Questions(COOKIE, site.cookies[:1], FIRST_IMAGE, _IMAGES)
            self._fill(address, questions)
            calls, used = site.calls(), usage.of_tree(pid)
            load = wrk(address, site.folder, questions, connections=CONNECTIONS, seconds=self._seconds)
            used = usage.of_tree(pid) - used
            if site.calls() != calls:
                raise BrokenMeasurement("OMERO was asked, so some of the cache hits were none")
            check_load(load, len(body))
        site.omero.wait_until_left()
        return load.per_second, used / load.requests

    def _fill(self, address: str, questions: Questions) -> None:
        """Ask until OMERO is asked for nothing any more, in every worker.

        Thumbnails are kept behind their answers, and a ThumbnailStore that nobody needs is closed some seconds later.
        """
        steady = 0
        for _ in range(_FILLINGS_MAX):
            calls = self._site.calls()
            wrk(address, self._site.folder, questions, connections=CONNECTIONS, seconds=1)
            steady = steady + 1 if self._site.calls() == calls else 0
            if steady == _STEADY:
                return
        raise BrokenMeasurement("OMERO is asked again and again for what should be kept")

    def _prototype(self, name: str) -> float:
        """What `bench.routing` compares frameworks by: routes, sessions in a dictionary, one picture."""
        port, folder = free_port(), self._site.folder
        command = [sys.executable, "-m", "bench.routing", "--serve", name, "--port", str(port)]
        with process(command, log=folder / "prototype.log"):
            wait_for_port(port)
            questions = Questions(COOKIE, [f"sessionid={SESSION}"], FIRST_IMAGE, _IMAGES)
            load = wrk(f"http://127.0.0.1:{port}", folder, questions, connections=CONNECTIONS, seconds=self._seconds)
        return load.per_second

    def _static(self) -> float:
        folder = self._site.folder
        files = folder / "static"
        files.mkdir(exist_ok=True)
        (files / "thumbnail.jpg").write_bytes(self._body)
        with nginx(folder / "nginx", f"server {{ listen 127.0.0.1:PORT; root {files}; }}", "/thumbnail.jpg") as url:
            load = wrk_one(url, folder, connections=CONNECTIONS, seconds=self._seconds)
        check_load(load, len(self._body))
        return load.per_second

    def rows(self) -> list[Row]:
        """What came of it."""
        return [self._bare, self._nginx, self._rsgi, self._workers]
