"""Set-ups whose sessions are broken for real: `check` names the true cause of each."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from omero_ms_thumbnail.websession.signed_text import sign
from tests.unit.check.relay import clock_changed
from tests.unit.check.site import COOKIE, OTHER_COOKIE, PASSWORD, Site, cache_key, omero_web, session_of
from tests.unit.websession.postgres_server import PostgresServer
from tests.unit.websession.redis_server import free_port

ENCODED_PASSWORD = "Very%2FSecret%23Password"


def test_redis_down(site: Site) -> None:
    checked = site.check(session__store={"uri": f"redis://127.0.0.1:{free_port()}/1"})
    assert checked.failed == ["session-store-unreachable"]
    # what does not depend on it is tried all the same
    assert checked.step("router")["outcome"] == "ok"
    assert checked.step("join")["outcome"] == "skipped"


def test_another_service_on_the_redis_port(site: Site) -> None:
    checked = site.check(session__store={"uri": f"redis://127.0.0.1:{site.omero.omero.tcp_port}/1"})
    assert checked.failed == ["session-store-not-redis"]


def test_wrong_redis_database(site: Site) -> None:
    checked = site.check(session__store={"uri": site.uri(3)})
    assert checked.failed == ["redis-database", "redis-database"]
    assert "database 1 has 2" in checked.step("sessions in it")["found"]


def test_wrong_redis_database_is_seen_without_a_session(site: Site) -> None:
    assert site.check(cookie=None, session__store={"uri": site.uri(3)}).failed == ["redis-database"]


@pytest.mark.parametrize("credentials", [f":not{ENCODED_PASSWORD}@", ""], ids=["wrong", "missing"])
def test_wrong_password(site: Site, credentials: str) -> None:
    # one connection for both: it stays allowed when the password comes
    with site.client().client() as client:
        client.config_set("requirepass", PASSWORD)
        try:
            checked = site.check(session__store={"uri": f"redis://{credentials}127.0.0.1:{site.redis.port}/1"})
            assert checked.failed == ["session-store-password"]
        finally:
            client.config_set("requirepass", "")


def test_redis_user_without_permission(site: Site) -> None:
    with site.client() as client:
        client.acl_setuser("reader", enabled=True, passwords=[f"+{PASSWORD}"], commands=["+ping"], keys=["*"])
    try:
        uri = f"redis://reader:{ENCODED_PASSWORD}@127.0.0.1:{site.redis.port}/1"
        assert site.check(session__store={"uri": uri}).failed == ["session-store-permission"]
    finally:
        with site.client() as client:
            client.acl_deluser("reader")


def test_redis_user_who_may_only_read_is_enough(site: Site) -> None:
    with site.client() as client:
        commands = ["+ping", "+getrange", "+select"]
        client.acl_setuser("reader", enabled=True, passwords=[f"+{PASSWORD}"], commands=commands, keys=["*"])
    try:
        uri = f"redis://reader:{ENCODED_PASSWORD}@127.0.0.1:{site.redis.port}/1"
        checked = site.check(session__store={"uri": uri})
        assert checked.status == 0, checked.output
        # it serves; what is not looked into is said
        assert checked.step("sessions in it")["outcome"] == "warning"
    finally:
        with site.client() as client:
            client.acl_deluser("reader")


def test_wrong_key_prefix(empty_site: Site) -> None:
    empty_site.put(prefix="omeroweb", version=2)
    checked = empty_site.check()
    assert set(checked.failed) == {"redis-key-prefix"}
    assert "key prefix 'omeroweb', version 2" in checked.step("sessions in it")["found"]


def test_omero_web_on_file_sessions_by_its_configuration(site: Site) -> None:
    web = omero_web(site.folder, {"omero.web.server_list": f'[["127.0.0.1", {site.omero.omero.ssl_port}, "o"]]'})
    checked = site.check("--omeroweb-dir", str(web))
    assert checked.codes == ["omeroweb-session-engine"]
    assert "backends.file" in checked.step("OMERO.web's configuration")["found"]


def test_omero_web_on_file_sessions_by_what_is_not_in_redis(empty_site: Site) -> None:
    checked = empty_site.check()
    assert checked.failed == ["no-sessions"]
    assert "in files (its default)" in checked.step("the session")["diagnosis"]["likely"]
    # nobody may be logged in: without a cookie that is not a failure
    without_cookie = empty_site.check(cookie=None)
    assert (without_cookie.status, without_cookie.codes) == (0, ["no-sessions"])


def test_expired(site: Site) -> None:
    with site.client() as client:
        client.pexpire(cache_key(COOKIE), 1)
        while client.exists(cache_key(COOKIE)):
            pass
    assert site.check().failed == ["session-unknown"]


@pytest.mark.parametrize("value", [session_of()[:-9], b"x\x9c" + session_of()])
def test_tampered_with(site: Site, value: bytes) -> None:
    site.put(value=value)
    checked = site.check()
    assert "session-damaged" in checked.failed


def test_a_serializer_that_nobody_can_read(empty_site: Site) -> None:
    empty_site.put(value=b"\x00\x01\x02 not of any known format")
    assert empty_site.check(cookie=None).failed == ["session-format"]


def test_nobody_is_logged_in_by_it(site: Site) -> None:
    site.put(value=json.dumps({"csrf": "x"}).encode())
    assert site.check().failed == ["session-without-login"]


def test_wrong_cookie_name_in_the_configuration(site: Site) -> None:
    checked = site.check(cookie=f"omeroweb_session={COOKIE}; csrftoken=abc")
    assert checked.failed == ["cookie-name"]
    assert "'omeroweb_session'" in checked.step("the session")["found"]


@pytest.mark.parametrize("cookie", ["d8e0c1f2-7a3b-4c5d-9e6f-0a1b2c3d4e5f", COOKIE.upper()])
def test_not_a_session_cookie(site: Site, cookie: str) -> None:
    assert site.check(cookie=cookie).failed == ["not-a-session-id"]


def test_clock(site: Site) -> None:
    with clock_changed(site.redis.port, seconds=-3600) as port:
        checked = site.check(session__store={"uri": f"redis://127.0.0.1:{port}/1"})
    assert (checked.status, checked.codes) == (0, ["clock"])
    assert "3600 s ahead of Redis's" in checked.step("clock")["found"]


def test_database_number_that_redis_does_not_have(site: Site) -> None:
    assert site.check(session__store={"uri": site.uri(4711)}).failed == ["session-store-refuses"]


# session files


def _write_session(folder: Path, secret_key: str, name: str = COOKIE) -> None:
    (folder / f"sessionid{name}").write_bytes(sign(session_of(), secret_key, "1uABCD"))


def _check_files(site: Site, **changes: str) -> list[str]:
    configuration = site.configuration
    configuration["session-store"] = {"type": "files", "directory": changes.get("directory", str(site.folder))}
    if "secret_key" in changes:
        configuration["omero"]["web"] = {"secret_key": changes["secret_key"]}
    return site.run(configuration=configuration).failed


def test_session_files(site: Site) -> None:
    _write_session(site.folder, "the-right-key")
    assert _check_files(site, secret_key="the-right-key") == []


def test_wrong_signature(site: Site) -> None:
    _write_session(site.folder, "the-right-key")
    assert _check_files(site, secret_key="another-key") == ["session-signature"]


def test_no_folder_of_session_files(site: Site) -> None:
    assert _check_files(site, directory=str(site.folder / "nowhere")) == ["session-store-folder"]


def test_old_session_file(site: Site) -> None:
    for name in (COOKIE, OTHER_COOKIE):
        _write_session(site.folder, "key", name)
    old = time.time() - 2 * 86_400
    os.utime(site.folder / f"sessionid{COOKIE}", (old, old))
    assert _check_files(site) == ["session-unknown"]


# PostgreSQL


def test_postgres(site: Site, postgres_server: PostgresServer) -> None:
    def failed(uri: str) -> list[str]:
        configuration = site.configuration | {"session-store": {"type": "postgres", "uri": uri}}
        return site.run(configuration=configuration, cookie=None).failed

    assert failed(postgres_server.uri().replace("password=", "password=not")) == ["session-store-password"]
    assert failed(postgres_server.uri("template1")) == ["session-store-database"]
    assert failed(postgres_server.uri("nowhere")) == ["session-store-database"]
    assert failed(f"postgresql://omero@127.0.0.1:{free_port()}/postgres") == ["session-store-unreachable"]
