"""docs/security.md names tests, keys and targets that there are."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest
import redis.asyncio

from omero_ms_thumbnail.check.cache_diagnoses import CACHE_REFUSES
from omero_ms_thumbnail.config.table import KEYS
from omero_ms_thumbnail.thumbnails.redis_cache import RedisCache
from tests.support.parts import ROOT, require
from tests.unit.websession.redis_server import RedisServer

SESSION = b":1:django.contrib.sessions.cacheq3f6u2m9x0c7v5b1n8k4j2h6g3d9s1a7"

TEXT = (ROOT / "docs" / "security.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[\w/.]+)`", TEXT)))


def test_it_names_tests() -> None:
    assert len(TESTS) > 20
    # no other way of writing one, which would not be checked
    assert set(re.findall(r"tests/[\w/]+\.\w+", TEXT)) == set(TESTS)


@pytest.mark.parametrize("path", TESTS)
def test_each_of_them_is_there(path: str) -> None:
    assert re.search(r"^(async )?def test_", (ROOT / path).read_text(), re.MULTILINE)


def _attacks() -> list[list[str]]:
    """The rows of the tables of what could be tried: what, what comes of it, test."""
    tables = re.findall(r"^\| what could be tried.*\n\| ---.*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [line[2:-1].split(" | ") for table in tables for line in table.splitlines()]


def test_each_attack_names_a_test_or_says_that_it_succeeds() -> None:
    assert len(_attacks()) > 20
    for what, outcome, test in _attacks():
        assert "`tests/" in test or outcome.startswith("succeeds"), what


def test_keys_and_targets_are_there() -> None:
    switches = TEXT.partition("## Switches")[2].partition("## ")[0]
    keys = re.findall(r"^\| `([\w.]+)`", switches, re.MULTILINE)
    assert len(keys) == 6
    assert set(keys) <= set(KEYS)
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([\w-]+)`", TEXT):
        assert f"\n{target}:" in makefile


def test_the_user_for_pictures_is_the_one_that_check_advises_and_tries() -> None:
    (advised,) = re.findall(r"ACL SETUSER <user> on ><password> (.*)", TEXT)
    assert f"`ACL SETUSER <user> {advised}`" in CACHE_REFUSES.change
    assert "`+cluster|slots +command`" in TEXT
    assert "`+cluster|slots +command`" in CACHE_REFUSES.change


async def test_pictures_can_be_taken_out(tmp_path: Path) -> None:
    (command,) = re.findall(r"^    (redis-cli --scan .*)$", TEXT, re.MULTILINE)
    server = RedisServer(tmp_path)
    server.start()
    try:
        async with redis.asyncio.Redis(port=server.port) as client:
            await client.set(SESSION, b"somebody")
            cache = RedisCache(client, realm="omero:4064", life=60, secret=bytes(32), timeout=30)
            await cache.put_all(2, {b"key": b"\xff\xd8jpeg"})
            assert await cache.get_all(2, [b"key"])
            here = command.replace("redis-cli", f"{require('redis-cli')} -p {server.port}")
            taken_out = await asyncio.create_subprocess_shell(here, stdout=subprocess.DEVNULL)
            assert await taken_out.wait() == 0
            assert await cache.get_all(2, [b"key"]) == {}
            assert await client.keys("*") == [SESSION]
            # and more come
            await cache.put_all(2, {b"key": b"\xff\xd8jpeg"})
            assert await cache.get_all(2, [b"key"])
    finally:
        server.kill()
