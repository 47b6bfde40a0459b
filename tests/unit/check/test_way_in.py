"""`check` on what OMERO.web does on a request's way in: several servers, a prefix, a public user, other origins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from omero_embedded.model.people import ROOT
from omero_ms_thumbnail.config import load_settings
from tests.support.embedded_thread import EmbeddedThread
from tests.unit.check.site import COOKIE, SESSION_KEY, Site, omero_web, session_of

#: of everybody in the embedded OMERO
PASSWORD = "thumbnails"
FILTER = r"^/web(client|gateway)/(render|get)_thumbnails?\b"
PUBLIC = {"enabled": True, "user": "colleague", "password": PASSWORD, "url_filter": FILTER}


@pytest.fixture(scope="module")
def second() -> Iterator[EmbeddedThread]:
    thread = EmbeddedThread()
    yield thread
    thread.stop()


def _web(site: Site, **settings: str) -> dict[str, str]:
    return {
        "omero.web.session_engine": "django.contrib.sessions.backends.cache",
        "omero.web.caches": json.dumps(
            {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": site.uri()}}
        ),
        "omero.web.server_list": json.dumps([["127.0.0.1", site.omero.omero.ssl_port, "omero"]]),
        **{f"omero.web.{name}": value for name, value in settings.items()},
    }


def _written(site: Site, found: str, base: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the line that was found, which can be read."""
    match = re.search(r"write (omero\.web|omero): (\{.*\})$", found)
    assert match is not None, found
    line = yaml.safe_load(match[2])
    merged = {**base, match[1]: {**base.get(match[1], {}), **line}}
    file = site.folder / "written.yaml"
    file.write_text(yaml.safe_dump(merged))
    secret = site.folder / "password"
    secret.write_text(PASSWORD)
    file.write_text(file.read_text().replace("/path/of/a/file/with/its/password", str(secret)))
    load_settings(file, {})
    return yaml.safe_load(file.read_text())


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"prefix": "/omero"}, "omeroweb-prefix"),
        ({"force_script_name": "/omero/"}, "omeroweb-prefix"),
        ({"cors_origin_whitelist": '["https://viewer.example.org"]'}, "omeroweb-origins"),
        (
            {f"public.{name}": "true" if value is True else str(value) for name, value in PUBLIC.items()},
            "omeroweb-public-user",
        ),
        (
            {"public.cache.enabled": "true", "public.cache.key": "mine"}
            | {f"public.{name}": "true" if value is True else str(value) for name, value in PUBLIC.items()},
            "omeroweb-public-user",
        ),
    ],
)
def test_what_is_missing_is_said_with_the_line_to_write(site: Site, settings: dict[str, str], code: str) -> None:
    web = str(omero_web(site.folder, _web(site, **settings)))
    checked = site.check("--omeroweb-dir", web)
    assert checked.codes == [code]
    assert checked.status == 0
    found = checked.step("OMERO.web's configuration")["found"]
    configuration = _written(site, found, site.configuration)
    checked = site.run("--omeroweb-dir", web, configuration=configuration)
    assert checked.codes == []


def test_a_public_user_that_differs(site: Site) -> None:
    theirs = {f"public.{name}": "true" if value is True else str(value) for name, value in PUBLIC.items()}
    web = str(omero_web(site.folder, _web(site, **theirs)))
    ours = {**PUBLIC, "user": "researcher", "url_filter": "^/webclient/"}
    checked = site.check("--omeroweb-dir", web, **{"omero.web": {"public": ours}})
    assert checked.codes == ["omeroweb-public-user"]
    found = checked.step("OMERO.web's configuration")["found"]
    assert "omero.web.public.user, omero.web.public.url_filter" in found
    assert "password" not in found
    # and one that OMERO.web has not
    web = str(omero_web(site.folder, _web(site, **(theirs | {"public.enabled": "false"}))))
    assert site.check("--omeroweb-dir", web, **{"omero.web": {"public": PUBLIC}}).codes == ["omeroweb-public-user"]


def test_every_origin_is_warned_of(site: Site) -> None:
    checked = site.check(**{"omero.web": {"cors_origin_allow_all": True}})
    assert checked.codes == ["cors-every-origin"]
    assert checked.status == 0
    web = str(omero_web(site.folder, _web(site, cors_origin_allow_all="true")))
    assert site.check("--omeroweb-dir", web).codes == ["omeroweb-origins"]


def test_the_public_user_is_tried(site: Site) -> None:
    checked = site.check(**{"omero.web": {"public": PUBLIC}})
    assert checked.codes == []
    assert "6 of 8" in checked.step("public user")["found"]
    omero = site.omero.omero
    alive = site.omero.do(lambda: [one.user.name for one in omero.sessions._sessions.values()])
    # the session that was made for it has ended
    assert "colleague" not in alive


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"password": "Very/Secret#Password"}, "public-user-refused", 1),
        ({"user": "root"}, "public-user-administrator", 0),
        ({"url_filter": "^/omero/"}, "public-user-nothing", 0),
    ],
)
def test_what_is_wrong_with_the_public_user(site: Site, change: dict[str, str], code: str, status: int) -> None:
    assert ROOT == 0
    checked = site.check(**{"omero.web": {"public": {**PUBLIC, **change}}})
    assert checked.codes == [code]
    assert checked.status == status


def test_several_servers(site: Site, second: EmbeddedThread) -> None:
    first = site.omero.omero.ssl_port
    listed = [["127.0.0.1", first, "omero"], ["127.0.0.1", second.omero.ssl_port, "elsewhere"]]
    web = str(omero_web(site.folder, _web(site) | {"omero.web.server_list": json.dumps(listed)}))
    checked = site.check("--omeroweb-dir", web)
    assert checked.codes == ["omeroweb-servers"]
    configuration = _written(site, checked.step("OMERO.web's configuration")["found"], site.configuration)
    assert [one["name"] for one in configuration["omero"]["servers"]] == ["omero", "elsewhere"]
    checked = site.run("--omeroweb-dir", web, configuration=configuration)
    assert checked.codes == []
    steps = [step["step"] for step in checked.steps]
    assert steps.count("OMERO reachable") == steps.count("router") == 2
    # a session of the second, whose key is of somebody else there
    second.session_key("pathologist", SESSION_KEY)
    site.put(COOKIE, session_of().replace(b'"server_id": "1"', b'"server_id": "2"'))
    joined = site.run(configuration=configuration)
    assert joined.codes == []
    assert "OMERO user 4" in joined.step("join")["found"]


def test_a_session_of_a_server_that_is_missing(site: Site) -> None:
    site.put(COOKIE, session_of().replace(b'"server_id": "1"', b'"server_id": "3"'))
    port = site.omero.omero.ssl_port
    checked = site.check(omero={"servers": [{"id": 1, "host": "127.0.0.1", "port": port}]})
    assert checked.failed == ["session-of-unknown-server"]
    assert "OMERO.server '3'" in checked.step("the session")["found"]
    assert checked.step("join")["outcome"] == "skipped"
