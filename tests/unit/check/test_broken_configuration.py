"""Configurations that are wrong, and OMERO.webs that say something else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from omero_ms_thumbnail.check.configuration import compare, settings_of
from omero_ms_thumbnail.check.diagnoses import OMERO_WEB_CACHE
from omero_ms_thumbnail.check.finding import Stopwatch
from omero_ms_thumbnail.check.omero_web import OmeroWebUnreadable, read_omero_web, same_redis
from omero_ms_thumbnail.config import SessionStoreSettings, Settings
from tests.unit.check.site import PASSWORD, Site, omero_web

CACHE_ENGINE = "django.contrib.sessions.backends.cache"


def _web(site: Site, **caches: object) -> dict[str, str]:
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": site.uri(), **caches}
    return {
        "omero.web.session_engine": CACHE_ENGINE,
        "omero.web.caches": json.dumps({"default": cache}),
        "omero.web.server_list": json.dumps([["127.0.0.1", site.omero.omero.ssl_port, "omero"]]),
    }


def _one_property(name: str, value: str) -> str:
    return f'<icegrid><properties id="default"><property name="{name}" value="{value}"/></properties></icegrid>'


def test_typo(site: Site) -> None:
    checked = site.check(sesion__store={"type": "redis"})
    assert checked.failed == ["configuration-wrong"]
    assert "session-store" in checked.step("configuration")["found"]
    assert {step["outcome"] for step in checked.steps[1:]} == {"skipped"}


def test_no_file(site: Site) -> None:
    assert site.run("--config", "elsewhere.yaml").failed == ["configuration-missing"]


def test_ca_file_without_certificates(site: Site) -> None:
    empty = site.folder / "empty.pem"
    empty.write_text("nothing\n")
    assert site.check(omero={"tls": {"verify": True, "ca_file": str(empty)}}).failed == ["configuration-wrong"]


def test_omero_web_that_agrees(site: Site) -> None:
    web = omero_web(site.folder, _web(site))
    checked = site.check("--omeroweb-dir", str(web))
    assert checked.status == 0
    assert checked.step("OMERO.web's configuration")["outcome"] == "ok"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("redis://localhost:6379/1", "redis://:secret@127.0.0.1/1", True),
        ("redis://localhost:6379/1", "redis://localhost:6379/2", False),
        ("redis://localhost:6379/1", "redis://localhost:6380/1", False),
        ("unix:///run/redis.sock", "redis-socket:///run/redis.sock", True),
        ("redis://localhost", "memcached://localhost", False),
    ],
)
def test_same_redis(one: str, other: str, same: bool) -> None:
    assert same_redis(one, other) is same


@pytest.mark.parametrize(
    ("changes", "outcome", "code"),
    [
        ({"omero.web.session_cookie_name": "omero"}, "failed", "omeroweb-cookie-name"),
        ({"omero.web.caches": "{}"}, "failed", "omeroweb-session-engine"),
        ({"omero.web.server_list": '[["elsewhere", 4064, "o"]]'}, "warning", "omeroweb-server"),
        (
            {"omero.web.caches": f'{{"default": {{"BACKEND": "x.Redis", "LOCATION": "redis://:{PASSWORD}@h:1/7"}}}}'},
            "warning",
            "omeroweb-cache",
        ),
    ],
)
def test_omero_web_that_differs(site: Site, changes: dict[str, str], outcome: str, code: str) -> None:
    web = omero_web(site.folder, _web(site) | changes)
    checked = site.check("--omeroweb-dir", str(web))
    assert checked.codes == [code]
    assert checked.step("OMERO.web's configuration")["outcome"] == outcome


def test_key_prefix_of_omero_web(tmp_path: Path) -> None:
    caches = {"default": {"BACKEND": "x.Redis", "LOCATION": "redis://localhost/1", "KEY_PREFIX": "web"}}
    properties = {"omero.web.session_engine": CACHE_ENGINE, "omero.web.caches": json.dumps(caches)}
    web = read_omero_web(omero_web(tmp_path, properties), {})
    there = Settings(session_stores=(SessionStoreSettings(uri="redis://localhost/1", key_prefix="web"),))
    elsewhere = Settings(session_stores=(SessionStoreSettings(uri="redis://localhost/1"),))
    assert [finding.diagnosis for finding in compare(there, web, Stopwatch())] == [None]
    assert [finding.diagnosis for finding in compare(elsewhere, web, Stopwatch())] == [OMERO_WEB_CACHE]
    assert settings_of(web).session_stores == there.session_stores


@pytest.mark.parametrize(
    "content",
    [
        "not XML",
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><icegrid>&b;</icegrid>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><icegrid/>',
        _one_property("omero.web.caches", f"{{{PASSWORD}"),
        _one_property("omero.web.server_list", "[1]"),
        _one_property("omero.web.session_cookie_age", "a day"),
    ],
)
def test_omero_web_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    web = omero_web(tmp_path, {})
    (web / "etc" / "grid" / "config.xml").write_text(content)
    with pytest.raises(OmeroWebUnreadable) as raised:
        read_omero_web(web, {})
    assert "config.xml" in str(raised.value)
    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None or PASSWORD not in str(raised.value.__cause__)


def test_profile_that_the_environment_names(tmp_path: Path) -> None:
    web = omero_web(tmp_path, {"omero.web.session_cookie_name": "mine"}, profile="production")
    assert read_omero_web(web, {}).cookie_name == "mine"
    assert read_omero_web(web, {"OMERO_CONFIG": "default"}).cookie_name == "sessionid"


def test_no_omero_web_there(site: Site, tmp_path: Path) -> None:
    checked = site.check("--omeroweb-dir", str(tmp_path))
    assert checked.failed == ["omeroweb-unreadable"]
    # the configuration's own settings are still tried
    assert checked.step("thumbnail")["outcome"] == "ok"


def test_options_that_are_wrong() -> None:
    command = [sys.executable, "-m", "omero_ms_thumbnail", "check", "--image", "one"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "'one' is not a whole number" in ended.stderr
