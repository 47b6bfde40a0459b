"""Several OMERO.servers: a session is of the one that it names, and nothing of one is ever taken for another's."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from tests.real.end_to_end.site import Site, get
from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE, free_port

#: the key of a session on both: users, images and keys of one OMERO are numbered and named as those of another
KEY = "7c7a5f0e-1111-4222-8333-944455556666"


@pytest.fixture(scope="module")
def omeros() -> Iterator[tuple[EmbeddedThread, EmbeddedThread]]:
    both = EmbeddedThread(), EmbeddedThread()
    both[0].session_key("researcher", KEY)
    both[1].session_key("pathologist", KEY)
    yield both
    for one in both:
        one.stop()


def _entry(number: int, omero: EmbeddedThread, **more: Any) -> dict[str, Any]:
    return {"id": number, "host": "127.0.0.1", "port": omero.omero.ssl_port, **more}


def _servers(omeros: tuple[EmbeddedThread, EmbeddedThread], site: Site) -> dict[str, Any]:
    second = {"id": 2, "host": "127.0.0.1", "port": omeros[1].omero.tcp_port, "secure": False, "name": "second"}
    return {
        "omero": {"servers": [_entry(1, omeros[0]), second]},
        # shared by both, as by all workers
        "cache": {"redis-uri": f"redis://127.0.0.1:{site.store.port}/2"},
    }


@pytest.fixture
def images(omeros: tuple[EmbeddedThread, EmbeddedThread]) -> tuple[int, int]:
    """One that the session's user may see on the first alone, and one on the second alone."""
    first, second = set(omeros[0].readable("researcher")), set(omeros[1].readable("pathologist"))
    return min(first - second), min(second - first)


def test_the_same_key_is_of_another_on_each(
    site: Site, omeros: tuple[EmbeddedThread, EmbeddedThread], images: tuple[int, int]
) -> None:
    on_first, on_second = images
    cookies = {server_id: site.log_in(KEY, 2, server_id=server_id) for server_id in ("1", 1, "2", 2, "second", None)}
    expected = {"1": 0, 1: 0, "2": 1, 2: 1, "second": 1, None: 0}
    with site.serve(_servers(omeros, site)) as service:
        for _ in range(2):
            for server_id, cookie in cookies.items():
                statuses = [
                    get(service, f"/webclient/render_thumbnail/{image}/", cookie).status_code
                    for image in (on_first, on_second)
                ]
                assert statuses == ([200, 404], [404, 200])[expected[server_id]], server_id
                many = get(service, f"/webclient/get_thumbnails/?id={on_first}&id={on_second}", cookie).json()
                assert [many[str(image)] is not None for image in images] == [status == 200 for status in statuses]
        by_key = f"/webclient/render_thumbnail/{on_second}/?bsession={KEY}"
        assert get(service, by_key).status_code == 404
        assert get(service, f"{by_key}&server=2").status_code == 200
        assert get(service, f"{by_key}&server=3").status_code == 403


def test_what_one_shows_a_user_is_not_kept_for_the_same_number_on_another(
    site: Site, omeros: tuple[EmbeddedThread, EmbeddedThread]
) -> None:
    """Neither in a worker's memory nor in the Redis that all share."""
    image = omeros[0].readable("researcher")[-1]
    elsewhere = omeros[1].omero.world.images[image]
    was = elsewhere.owner_id, elsewhere.group_id
    # there it is private to somebody else
    other = omeros[1].omero.world.user_named("pathologist")
    assert other is not None
    elsewhere.owner_id, elsewhere.group_id = other.id, other.groups[0]
    try:
        cookies = [
            site.log_in(omero.session_key("researcher"), 2, server_id=number) for number, omero in enumerate(omeros, 1)
        ]
        with site.serve(_servers(omeros, site)) as service:
            for _ in range(3):
                for cookie, status in zip(cookies, (200, 404), strict=True):
                    assert get(service, f"/webclient/render_thumbnail/{image}/", cookie).status_code == status
            _wait_until_shared(site)
        # what a worker that starts now remembers nothing of, but Redis does
        with site.serve(_servers(omeros, site)) as service:
            assert get(service, f"/webclient/render_thumbnail/{image}/", cookies[1]).status_code == 404
            assert get(service, f"/webclient/render_thumbnail/{image}/", cookies[0]).status_code == 200
    finally:
        elsewhere.owner_id, elsewhere.group_id = was


def _wait_until_shared(site: Site) -> None:
    deadline = time.monotonic() + DEADLINE
    with redis.Redis(port=site.store.port, db=2) as client:
        while not client.dbsize():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_server_that_is_not_known_is_403(
    site: Site, omeros: tuple[EmbeddedThread, EmbeddedThread], images: tuple[int, int]
) -> None:
    with site.serve(_servers(omeros, site)) as service:
        for server_id in (3, "3", "third", 0, -1, "", True, [1], 10**30):
            cookie = site.log_in(KEY, 2, server_id=server_id)
            answer = get(service, f"/webclient/render_thumbnail/{images[0]}/", cookie)
            assert answer.status_code == 403, server_id
            assert "omero.servers" in answer.text


def test_without_a_list_every_session_is_of_the_one_there_is(
    site: Site, omeros: tuple[EmbeddedThread, EmbeddedThread], images: tuple[int, int]
) -> None:
    omero = {"host": "127.0.0.1", "port": omeros[0].omero.ssl_port}
    with site.serve({"omero": omero}) as service:
        for server_id in (1, "2", "whatever"):
            cookie = site.log_in(KEY, 2, server_id=server_id)
            assert get(service, f"/webclient/render_thumbnail/{images[0]}/", cookie).status_code == 200


def test_omero_host_is_one_of_them(
    site: Site, omeros: tuple[EmbeddedThread, EmbeddedThread], images: tuple[int, int]
) -> None:
    """It is the first, where no other has that number, and that of requests that name none."""
    host = {"host": "127.0.0.1", "port": omeros[0].omero.ssl_port}
    with site.serve({"omero": {**host, "servers": [_entry(2, omeros[1])]}}) as service:
        for server_id, image in zip((1, 2), images, strict=True):
            cookie = site.log_in(KEY, 2, server_id=server_id)
            assert get(service, f"/webclient/render_thumbnail/{image}/", cookie).status_code == 200
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/?bsession={KEY}").status_code == 200


def test_one_that_is_down_leaves_the_other(
    site: Site, omeros: tuple[EmbeddedThread, EmbeddedThread], images: tuple[int, int]
) -> None:
    down = free_port()
    configuration = {
        "omero": {"servers": [_entry(1, omeros[0]), {"id": 2, "host": "127.0.0.1", "port": down, "secure": False}]}
    }
    there, gone = site.log_in(KEY, 2, server_id=1), site.log_in(KEY, 2, server_id=2)
    with site.serve(configuration) as service:
        path = f"/webclient/render_thumbnail/{images[0]}/"
        # often enough for a breaker that both shared to be open
        for _ in range(6):
            assert get(service, path, gone).status_code == 503
        assert get(service, path, there).status_code == 200
        ready = httpx.get(f"{service.address}/readyz")
        assert ready.status_code == 200
        said = ready.json()
        assert (said["status"], said["OMERO 1"]) == ("ready", "ok")
        assert str(down) in said["OMERO 2"]
        metrics = httpx.get(f"{service.address}/metrics").text
        assert set(re.findall(r'omero_permits\{kind="calls",server="(.*)"\}', metrics)) == {"1", "2"}


def test_the_public_user_is_of_one_of_them(
    site: Site, omeros: tuple[EmbeddedThread, EmbeddedThread], images: tuple[int, int]
) -> None:
    configuration = _servers(omeros, site)
    public = {"enabled": True, "user": "pathologist", "password": "thumbnails", "url_filter": "/", "server_id": 2}
    configuration["omero.web"] = {"public": public}
    unknown = site.log_in(KEY, 2, server_id=3)
    with site.serve(configuration) as service:
        paths = [f"/webclient/render_thumbnail/{image}/" for image in images]
        assert [get(service, path).status_code for path in paths] == [404, 200]
        # a session of a server that is not known is somebody's
        assert get(service, paths[1], unknown).status_code == 403
