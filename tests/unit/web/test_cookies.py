"""The session cookie is the one that Django takes: it must be the same user on both sides."""

from __future__ import annotations

import pytest
from django.core.handlers.wsgi import get_str_from_wsgi
from django.http.cookie import parse_cookie
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.web.auth import Authenticator, User
from omero_ms_thumbnail.web.parsing import Query
from omero_ms_thumbnail.web.response import RequestRefused
from tests.unit.web.requests import Headers
from tests.unit.websession import django_site


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


_WHO = Authenticator(_any, cookie_name="sessionid", accept_key_header=False, accept_key_parameter=False)


async def _session_id(*cookies: str | bytes) -> str | None:
    try:
        user: User = await _WHO(Headers(*(("cookie", cookie) for cookie in cookies)), Query(""))
    except RequestRefused:
        return None
    return user.session_key


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


def _as_django(header: bytes) -> str | None:
    """What Django takes for the session id: gunicorn hands it the bytes as Latin-1."""
    environ = {"HTTP_COOKIE": header.decode("latin-1")}
    return parse_cookie(get_str_from_wsgi(environ, "HTTP_COOKIE", "")).get("sessionid")


#: what no cookie may have and some have: each as the value and the name of somebody else's cookie
FOREIGN = {
    "Latin-1": b"gr\xfcn",
    "UTF-8": "grün".encode(),
    "four bytes of UTF-8": "\N{MICROSCOPE}".encode(),
    "broken UTF-8": b"\xc3\x28\xf0\x9f\xff",
    "the first half of a character": b"\xc3",
    "a surrogate": b"\xed\xa0\x80",
    "a space that is not ASCII, in UTF-8": "\N{NO-BREAK SPACE}".encode(),
    "a space that is not ASCII, in Latin-1": b"\xa0",
    "controls": b"\x01\x1b[31m\x7f\t",
    "a null": b"a\0b",
    "every byte but the semicolon": bytes(set(range(256)) - set(b";\r\n")),
    "quotes": b'"a"b\\"',
    "JSON": b'{"a": "b=c", "d": [1, 2]}',
    "30 KB": b"\xe9" * 30_000,
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
async def test_whatever_somebody_elses_cookie_has(foreign: bytes) -> None:
    before, after = b"theme=" + foreign + b"; sessionid=known", b"sessionid=known; theme=" + foreign
    for header in (before, after, before + b"; x=" + foreign, foreign + b"=1;sessionid=known", foreign + b";" + after):
        assert await _session_id(header) == "known" == _as_django(header)
        # as HTTP/2 sends them, one by one
        assert await _session_id(*header.split(b"; ")) == "known"


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
async def test_what_stands_at_our_own_cookie(foreign: bytes) -> None:
    for header in (
        foreign + b"sessionid=known",
        b"sessionid" + foreign + b"=known",
        b"sessionid=" + foreign + b"known",
        b"sessionid=known" + foreign,
        b"sessionid=known; " + foreign + b"sessionid=other",
        b'sessionid="kno' + foreign + b'wn"',
    ):
        assert await _session_id(header) == _as_django(header)


@given(st.lists(st.one_of(_PIECES.map(str.encode), st.binary(max_size=12)), max_size=6).map(b";".join))
async def test_any_bytes_as_django(header: bytes) -> None:
    assert await _session_id(header) == _as_django(header)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b'"known"', "known"),
        (b'"', '"'),
        (b'""', ""),
        (b'"known', '"known'),
        (b'""known""', '"known"'),
        (rb'"\153nown"', "known"),
        (rb'"kn\"own"', 'kn"own'),
        (rb'"kn\own"', "known"),
        (rb'"\400"', "400"),
        (rb"\153nown", r"\153nown"),
    ],
)
async def test_quotes_are_pythons(value: bytes, read: str) -> None:
    assert await _session_id(b"sessionid=" + value) == read == _as_django(b"sessionid=" + value)


async def test_whose_cookie_is_missing_is_told_so() -> None:
    with pytest.raises(RequestRefused, match="there is no cookie 'sessionid'") as refused:
        await _WHO(Headers(("cookie", "theme=grün")), Query(""))
    assert refused.value.status == 403


async def test_a_session_id_is_not_repeated_to_who_sent_it() -> None:
    async def nobody(_session_id: str) -> None:
        return None

    who = Authenticator(nobody, cookie_name="sessionid", accept_key_header=True, accept_key_parameter=True)
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
