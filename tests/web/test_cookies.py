"""The session cookie is the one that Django takes: it must be the same user on both sides."""

from __future__ import annotations

import pytest
from django.http.cookie import parse_cookie
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.web.asking import Asker, WhoIsAsking
from omero_ms_thumbnail.web.parsing import Query
from omero_ms_thumbnail.web.response import RequestRefused
from tests.web.requests import Headers
from tests.websession import django_site


class Session:
    """A session whose key is its id, so that a test sees which one was looked up."""

    user_id = None
    thumb_default_size = None
    server_id = None
    is_public = False

    def __init__(self, session_id: str) -> None:
        self.omero_session_key = session_id


async def _any(session_id: str) -> Session:
    return Session(session_id)


_WHO = WhoIsAsking(_any, cookie_name="sessionid", accept_key_header=False, accept_key_parameter=False)


async def _session_id(*cookies: str) -> str | None:
    try:
        asker: Asker = await _WHO(Headers(*(("cookie", cookie) for cookie in cookies)), Query(""))
    except RequestRefused:
        return None
    return asker.session_key


_IDS = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
_PIECES = st.one_of(
    st.tuples(st.sampled_from(["sessionid", "csrftoken", "sessionid2", "Sessionid"]), _IDS).map("=".join),
    _IDS.map(lambda value: f'sessionid="{value}"'),
    _IDS.map(lambda value: f" sessionid = {value} "),
    st.sampled_from(["", " ", "=", "sessionid", "=sessionid", "a=b=c", 'x="y; z"', "sessionid;sessionid"]),
)


@given(st.lists(_PIECES, max_size=6).map(";".join))
async def test_as_django(cookie: str) -> None:
    assert await _session_id(cookie) == parse_cookie(cookie).get("sessionid")


async def test_the_last_of_several_headers_counts_as_a_proxy_joins_them() -> None:
    assert await _session_id("sessionid=stale", "a=b; sessionid=fresh") == "fresh"


async def test_a_cookie_header_that_cannot_be_read_is_not_said_to_be_missing() -> None:
    with pytest.raises(RequestRefused, match="characters other than ASCII") as refused:
        await _WHO(Headers(("cookie", "theme=grün; sessionid=known")), Query(""))
    assert refused.value.status == 403
    with pytest.raises(RequestRefused, match="there is no cookie 'sessionid'"):
        await _WHO(Headers(("cookie", "theme=blue")), Query(""))


async def test_a_session_id_is_not_repeated_to_who_sent_it() -> None:
    async def nobody(_session_id: str) -> None:
        return None

    who = WhoIsAsking(nobody, cookie_name="sessionid", accept_key_header=True, accept_key_parameter=True)
    for headers, query in [
        (Headers(("cookie", f"sessionid={django_site.OMERO_SESSION_KEY}")), ""),
        (Headers(("x-omero-session-key", "\x00" + django_site.OMERO_SESSION_KEY)), ""),
        (Headers(), f"bsession=%00{django_site.OMERO_SESSION_KEY}"),
    ]:
        with pytest.raises(RequestRefused) as refused:
            await who(headers, Query(query))
        assert django_site.OMERO_SESSION_KEY not in str(refused.value)


@pytest.mark.parametrize("more", [0, 5_000])
async def test_a_header_of_any_length_is_read_each_time_alike(more: int) -> None:
    before = f"other={'x' * more}; sessionid=first"
    for _ in range(2):
        assert await _session_id(before, "sessionid=second") == "second"
        assert await _session_id("sessionid=second", before) == "first"
        # the last one counts, though it is empty
        assert await _session_id(before, "sessionid=") == ""
