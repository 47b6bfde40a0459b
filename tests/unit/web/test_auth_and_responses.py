"""Who is asking, the headers of answers, health, and warnings, with nothing running."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass

import pytest

from omero_ms_thumbnail.telemetry import limited
from omero_ms_thumbnail.web.auth import Authenticator, SessionStoreUnavailable, User
from omero_ms_thumbnail.web.health import Health
from omero_ms_thumbnail.web.parsing import Query
from omero_ms_thumbnail.web.response import RequestRefused, body, javascript, tags_of, with_validator
from tests.unit.web.requests import Headers


@dataclass(frozen=True)
class Session:
    omero_session_key: str = "from-the-store"
    user_id: int | None = 7
    thumb_default_size: int | None = 48
    server_id: int | str | None = None
    is_public: bool = False


async def _look_up(session_id: str) -> Session | None:
    if session_id == "down":
        raise SessionStoreUnavailable("Redis at 127.0.0.1:6379 cannot be reached")
    return Session() if session_id == "known" else None


def _who(*, header: bool = True, parameter: bool = True) -> Authenticator:
    return Authenticator(_look_up, cookie_name="sessionid", accept_key_header=header, accept_key_parameter=parameter)


async def test_header_then_parameter_then_cookie() -> None:
    headers = Headers(("x-omero-session-key", "from-header"), ("cookie", "sessionid=known"))
    assert (await _who()(headers, Query("bsession=from-query"))).session_key == "from-header"
    assert (await _who(header=False)(headers, Query("bsession=from-query"))).session_key == "from-query"
    assert await _who(header=False, parameter=False)(headers, Query("bsession=q")) == User("from-the-store", 7, 48)


@pytest.mark.parametrize(
    "cookie",
    [
        "sessionid=known",
        "a=b; sessionid=known; c=d",
        "csrftoken=x;sessionid=known",
        'sessionid="known"',
        " sessionid=known ",
        "=; ;;sessionid=known",
    ],
)
async def test_cookies(cookie: str) -> None:
    assert (await _who()(Headers(("cookie", cookie)), Query(""))).session_key == "from-the-store"


async def test_the_cookie_may_stand_in_any_of_several_headers() -> None:
    headers = Headers(("cookie", "a=b"), ("cookie", "sessionid=known"))
    assert (await _who()(headers, Query(""))).user_id == 7


@pytest.mark.parametrize(
    "cookie", ["", "sessionid", "xsessionid=known", "session=known", ";;;", "\0", "sessionid;known"]
)
async def test_without_the_cookie_nobody_asks(cookie: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        await _who()(Headers(("cookie", cookie)), Query(""))
    assert refused.value.status == 403


async def test_one_too_many_for_the_session_store_is_told_so_at_once() -> None:
    asked = 0
    answer = asyncio.Event()

    async def look_up(_session_id: str) -> Session:
        nonlocal asked
        asked += 1
        await answer.wait()
        return Session()

    who = Authenticator(look_up, cookie_name="s", accept_key_header=True, accept_key_parameter=True, waiting_max=2)
    headers = Headers(("cookie", "s=known"))
    waiting = [asyncio.create_task(who(headers, Query(""))) for _ in range(2)]
    while asked < 2:
        await asyncio.sleep(0)
    with pytest.raises(RequestRefused, match="cannot be looked up at the moment") as refused:
        await who(headers, Query(""))
    assert (refused.value.status, dict(refused.value.headers)) == (503, {"retry-after": "2"})
    # who brings the key along waits for nobody
    assert (await who(Headers(("x-omero-session-key", "key")), Query(""))).session_key == "key"
    answer.set()
    await asyncio.gather(*waiting)
    assert (await who(headers, Query(""))).session_key == "from-the-store"


async def test_an_unknown_session_is_403_and_a_store_that_is_down_503() -> None:
    with pytest.raises(RequestRefused) as refused:
        await _who()(Headers(("cookie", "sessionid=unknown")), Query(""))
    assert refused.value.status == 403
    with pytest.raises(RequestRefused) as refused:
        await _who()(Headers(("cookie", "sessionid=down")), Query(""))
    assert refused.value.status == 503
    assert dict(refused.value.headers)["retry-after"] == "2"
    assert "127.0.0.1" not in str(refused.value)


@pytest.mark.parametrize("key", ["", "x" * 257, "a\nb", "é"])
async def test_what_cannot_be_a_session_key_is_403(key: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        await _who()(Headers(("x-omero-session-key", key)), Query(""))
    assert refused.value.status == 403
    assert key == "" or key not in str(refused.value)


def test_an_asker_does_not_show_the_key() -> None:
    assert "secret" not in repr(User("secret", 7, 48))


@pytest.mark.parametrize("if_none_match", ['"abc"', 'W/"abc"', '"x", "abc"', "*", ' "x" ,W/"abc" '])
def test_what_the_client_has_is_not_sent_again(if_none_match: str) -> None:
    response = body("image/jpeg", b"jpeg", extra=(("cache-control", "private, no-cache"),))
    unchanged = with_validator(response, "abc", tags_of(if_none_match))
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert dict(unchanged.headers) == {
        "etag": 'W/"abc"',
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize("if_none_match", ["", '"abcd"', "abc", '"ab", "c"'])
def test_what_the_client_does_not_have_is_sent(if_none_match: str) -> None:
    response = with_validator(body("image/jpeg", b"jpeg"), "abc", tags_of(if_none_match))
    assert (response.status, response.body) == (200, b"jpeg")
    assert dict(response.headers)["etag"] == 'W/"abc"'
    assert dict(response.headers)["content-length"] == "4"


def test_jsonp_does_not_let_the_caller_choose_the_first_bytes() -> None:
    response = javascript("f", b'{"1": null}')
    assert response.body == b'/**/f({"1": null});'


async def test_ready_names_what_is_not() -> None:
    async def fine() -> None:
        pass

    async def broken() -> None:
        raise OSError("no connection to omero:4064: refused")

    response = await Health({"session store": fine, "OMERO": broken}).ready()
    assert response.status == 503
    assert json.loads(response.body) == {
        "status": "not ready",
        "session store": "ok",
        "OMERO": "no connection to omero:4064: refused",
    }
    assert (await Health({"OMERO": fine}).ready()).status == 200


async def test_many_probes_are_one_check() -> None:
    asked = 0

    async def count() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)

    health = Health({"OMERO": count})
    await asyncio.gather(*(health.ready() for _ in range(10)))
    await health.ready()
    assert asked == 1


def test_warnings_are_made_once_and_counted(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now, log = 1000.0, logging.getLogger("omero_ms_thumbnail.web")
    monkeypatch.setattr(limited.time, "monotonic", lambda: now)
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            limited.warn_limited(log, "503: Redis is down")
        limited.warn_limited(log, "503: OMERO is down")
        now += 6
        limited.warn_limited(log, "503: Redis is down")
    assert [record.getMessage() for record in caplog.records] == [
        "503: Redis is down",
        "503: OMERO is down",
        "503: Redis is down (and 9 more of these)",
    ]
