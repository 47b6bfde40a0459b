"""What `check` says of the Redis that pictures are shared through: a real one, as good or bad as each test makes it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
import redis

from omero_ms_thumbnail.check.cache_diagnoses import CACHE_REFUSES
from omero_ms_thumbnail.config import load_settings
from omero_ms_thumbnail.parts import caches
from tests.unit.check.site import Checked, Site
from tests.unit.websession.redis_server import RedisServer, free_port

STEP = "shared cache"
SECRET = "8f14e45fceea167a5a36dedd4bea2543"
WRITES = ("get", "set", "unlink", "hset", "hincrby", "hmget", "pttl", "pexpire")


def _check(site: Site, **cache: Any) -> Checked:
    checked = site.check(cookie=None, cache={"redis-uri": site.uri(2), "secret": SECRET, **cache})
    assert SECRET not in checked.output
    # thumbnails are shown without it
    assert checked.failed == []
    return checked


def test_one_that_works(site: Site) -> None:
    checked = _check(site)
    assert checked.step(STEP)["outcome"] == "ok"
    with site.client() as client:
        client.select(2)
        # what was tried is gone soon
        assert all(0 < client.pttl(name) <= 5_000 for name in client.keys("*"))


def test_there_is_none(site: Site) -> None:
    assert STEP not in [step["step"] for step in site.check(cookie=None).steps]


@pytest.mark.parametrize("cache", [{"picture-life": 0}, {"by-content": False}])
def test_nothing_is_kept(site: Site, cache: dict[str, Any]) -> None:
    assert _check(site, **cache).step(STEP)["outcome"] == "skipped"


def test_without_a_secret(site: Site) -> None:
    checked = site.check(cookie=None, cache={"redis-uri": site.uri(2)})
    step = checked.step(STEP)
    assert (step["outcome"], step["diagnosis"]["code"]) == ("warning", "shared-cache-per-user")
    assert "cache: secret_file" in step["diagnosis"]["change"]


def test_it_is_down(site: Site) -> None:
    checked = _check(site, **{"redis-uri": f"redis://127.0.0.1:{free_port()}/2"})
    assert checked.codes == ["shared-cache-unreachable"]


def _as_user(site: Site, rules: list[str]) -> Checked:
    with site.client() as client:
        client.execute_command("ACL", "SETUSER", "sharer", "on", ">pw", "resetchannels", "-@all", *rules)
    try:
        return _check(site, **{"redis-uri": f"redis://sharer:pw@127.0.0.1:{site.redis.port}/2"})
    finally:
        with site.client() as client:
            client.acl_deluser("sharer")


def _advised() -> list[str]:
    advised = re.search(r"`ACL SETUSER <user> ([^`]+)`", CACHE_REFUSES.change)
    assert advised is not None
    return advised[1].split()


def test_the_user_that_we_advise(site: Site) -> None:
    assert _as_user(site, _advised()).step(STEP)["outcome"] == "ok"


@pytest.mark.parametrize("command", WRITES)
def test_the_user_that_we_advise_has_nothing_too_much(site: Site, command: str) -> None:
    rules = [rule for rule in _advised() if rule != f"+{command}"]
    assert len(rules) == len(_advised()) - 1
    checked = _as_user(site, rules)
    assert checked.codes == ["shared-cache-refuses"]
    assert command in checked.step(STEP)["found"]


def test_a_command_was_renamed(site: Site) -> None:
    server = RedisServer(site.folder / "managed", options=('rename-command HMGET ""', 'rename-command INFO ""'))
    server.start()
    try:
        checked = _check(site, **{"redis-uri": f"redis://127.0.0.1:{server.port}/2"})
        assert checked.codes == ["shared-cache-refuses"]
    finally:
        server.kill()


def test_no_script_and_no_look_at_the_server_is_needed(site: Site) -> None:
    renamed = [f'rename-command {name} ""' for name in ("EVAL", "EVALSHA", "SCRIPT", "INFO", "MULTI", "SCAN", "CONFIG")]
    server = RedisServer(site.folder / "managed", options=tuple(renamed))
    server.start()
    try:
        checked = _check(site, **{"redis-uri": f"redis://127.0.0.1:{server.port}/2"})
        assert checked.step(STEP)["outcome"] == "ok"
    finally:
        server.kill()


def test_there_is_too_little_room(site: Site) -> None:
    with site.client() as client:
        client.config_set("maxmemory", "100mb")
        try:
            step = _check(site).step(STEP)
            assert step["diagnosis"]["code"] == "shared-cache-full"
            assert "maxmemory of 100 MiB" in step["found"]
            assert _check(site, **{"redis-memory": "32 MiB"}).step(STEP)["outcome"] == "ok"
            client.config_set("maxmemory", 1)
            assert _check(site, **{"redis-memory": "32 MiB"}).codes == ["shared-cache-full"]
        finally:
            client.config_set("maxmemory", 0)


def test_what_pictures_take_already_is_room_for_them(site: Site) -> None:
    with redis.Redis(port=site.redis.port) as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + (40 << 20))
        try:
            assert _check(site, **{"redis-memory": "32 MiB"}).step(STEP)["outcome"] == "ok"
            asyncio.run(_put_pictures(site, 20 << 20))
            assert client.info("memory")["used_memory"] > client.info("memory")["maxmemory"] - (32 << 20)
            assert _check(site, **{"redis-memory": "32 MiB"}).step(STEP)["outcome"] == "ok"
        finally:
            client.config_set("maxmemory", 0)


async def _put_pictures(site: Site, size: int) -> None:
    settings = load_settings(site.folder / "config.yaml", {})
    shared = caches(settings, settings.omero.all_servers[0]).shared
    assert shared is not None
    await shared.put_all(2, {b"%d" % number: b"\xff\xd8" + bytes(100_000) for number in range(size // 100_000)})
    assert shared.failures == 0
    await shared.close()
