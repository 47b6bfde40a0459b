"""Requests that no browser sends and a scanner does, byte for byte: a status, a sentence at most, and life goes on."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from tests.support.service_process import DEADLINE, ServiceProcess, start

THUMBNAIL = b"/webclient/render_thumbnail/101/"


@pytest.fixture(scope="module")
def demo() -> Iterator[ServiceProcess]:
    with start("demo") as service:
        service.wait_for("Ctrl-C ends it")
        yield service


@pytest.fixture(scope="module")
def cookie(demo: ServiceProcess) -> bytes:
    return demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1).encode()


def _exchange(demo: ServiceProcess, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the one answer to `request`."""
    with socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while received := connection.recv(65536):
                answer += received
        except ConnectionResetError:
            # it hung up on more than it wanted to read
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status_line.split()[1]), headers, body


def _request(target: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: x", b"Connection: close", *headers, b"", b""])


def test_options_asterisk(demo: ServiceProcess) -> None:
    status, headers, body = _exchange(demo, _request(b"*", method=b"OPTIONS"))
    assert (status, headers["content-type"]) == (200, "application/json")
    assert b'"provider": "ThumbnailMicroservice"' in body


TARGETS = {
    b"/webclient/render_thumbnail/%31%30%31/": 200,
    b"/webclient/render_thumbnail/101%2F": 200,
    b"http://x/webclient/render_thumbnail/101/": 200,
    THUMBNAIL + b"?version=" + b"a" * 10_000: 200,
    THUMBNAIL + b"?%zz=%&&&=&;;": 200,
    b"/webclient/get_thumbnails/?id=101&version=%ff": 200,
    b"/webclient/render_thumbnail/%zz/": 400,
    b"/webclient/render_thumbnail/%ff%fe/": 400,
    b"/webclient/render_thumbnail/1%00/": 400,
    b"/webclient/render_thumbnail/101%0d%0aSet-Cookie:%20a=b/": 400,
    b"/webclient/render_thumbnail/%D9%A1/": 400,
    b"/webclient/get_thumbnails/?id=%ed%a0%80": 400,
    b"/webclient/get_thumbnails/?id=101&callback=f%0a": 400,
    b"/webclient/render_thumbnail/" + b"9" * 5_000: 400,
    b"/webclient/%72ender_thumbnails/101/": 404,
    b"//webclient/render_thumbnail/101/": 404,
    b"/webclient//render_thumbnail/101/": 404,
    b"/..%2f..%2f..%2fetc%2fpasswd": 404,
    b"/%0d%0aSet-Cookie:%20a=b": 404,
    b"/%1b[31m%00": 404,
    b"/" + b"a" * 5_000: 404,
}


@pytest.mark.parametrize(("target", "status"), TARGETS.items(), ids=[target[:60].decode() for target in TARGETS])
def test_odd_targets(demo: ServiceProcess, cookie: bytes, target: bytes, status: int) -> None:
    answered, headers, body = _exchange(demo, _request(target, b"Cookie: " + cookie))
    assert answered == status
    assert "set-cookie" not in headers
    assert headers["content-length"] == str(len(body))
    if status != 200:
        text = body.decode()
        assert text.count("\n") == 1
        assert text[:-1].isprintable()
        assert len(text) < 300
        assert not re.search("Traceback|/src/|site-packages", text)


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        (_request(THUMBNAIL + b"?version=" + b"a" * 70_000), {414}),
        (_request(THUMBNAIL + b"?version=" + b"a" * 1_000_000), {414, 431}),
        (_request(THUMBNAIL, b"X-Padding: " + b"a" * 1_000_000), {431}),
        (_request(b"/webclient/render_thumbnail/1\x001/"), {400}),
        (_request(b"/webclient/render_thumbnail/\xff/"), {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
        (_request(THUMBNAIL, method=b"TRACE"), {405}),
        (_request(b"x:80", method=b"CONNECT"), {405}),
        (_request(THUMBNAIL, b"Content-Length: 5", method=b"POST") + b"hello", {405}),
    ],
    ids=["70 KB", "1 MB", "1 MB header", "null byte", "byte 255", "TLS", "TRACE", "CONNECT", "POST with a body"],
)
def test_what_is_not_to_be_answered(demo: ServiceProcess, request_bytes: bytes, statuses: set[int]) -> None:
    status, _, body = _exchange(demo, request_bytes)
    assert status in statuses
    assert b"Traceback" not in body
    # and the next one is served
    assert _exchange(demo, _request(b"/healthz"))[0] == 200


#: those that are read, and those that others write into their logs
HEADERS = [
    b"If-None-Match", b"X-OMERO-Session-Key", b"Accept", b"User-Agent", b"X-Request-ID", b"Traceparent", b"Referer",
    b"X-Forwarded-For", b"X-B3-TraceId", b"Origin", b"Host",
]  # fmt: skip


@pytest.mark.parametrize("value", [b"\xff", "grün".encode(), b"a\tb"], ids=["byte 255", "UTF-8", "tab"])
@pytest.mark.parametrize("name", HEADERS)
def test_odd_header_values(demo: ServiceProcess, cookie: bytes, name: bytes, value: bytes) -> None:
    status, _, body = _exchange(demo, _request(THUMBNAIL, b"Cookie: " + cookie, name + b": " + value))
    # a session key that cannot be one may be refused; nothing may fail
    assert status == 200 or (status == 403 and name == b"X-OMERO-Session-Key")
    assert body


@pytest.mark.parametrize(
    "foreign",
    [
        "grün".encode(),
        b"gr\xfcn",
        "\N{MICROSCOPE}".encode(),
        b"\xc3\x28\xff",
        b"\xed\xa0\x80",
        b"a\tb",
        b'"{}=',
        b"\xe9" * 20_000,
    ],
    ids=["UTF-8", "Latin-1", "four bytes", "broken UTF-8", "a surrogate", "tab", "signs", "20 KB"],
)
def test_another_applications_cookie(demo: ServiceProcess, cookie: bytes, foreign: bytes) -> None:
    theirs = b"theme=" + foreign
    for together in (theirs + b"; " + cookie, cookie + b"; " + theirs, foreign + b"=1; " + cookie):
        status, headers, _ = _exchange(demo, _request(THUMBNAIL, b"Cookie: " + together))
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        kept = _request(THUMBNAIL, b"Cookie: " + together, b"If-None-Match: " + headers["etag"].encode())
        assert _exchange(demo, kept)[0] == 304
    # as HTTP/2 sends them, one by one, where a proxy leaves them so
    apart = _request(THUMBNAIL, b"Cookie: " + theirs, b"Cookie: " + cookie, b"Cookie: " + theirs)
    assert _exchange(demo, apart)[0] == 200
    assert _exchange(demo, _request(THUMBNAIL, b"Cookie: " + theirs))[0] == 403


@pytest.mark.parametrize("sign", [b"\0", b"\x01", b"\x1b", b"\x7f"])
def test_what_no_browser_keeps_in_a_cookie_is_no_request(demo: ServiceProcess, cookie: bytes, sign: bytes) -> None:
    """RFC 9110, section 5.5, and RFC 6265bis, section 5.6: hyper refuses it before anybody here sees it."""
    assert _exchange(demo, _request(THUMBNAIL, b"Cookie: theme=a" + sign + b"; " + cookie))[0] == 400


def test_of_two_session_cookies_the_one_that_django_takes(demo: ServiceProcess, cookie: bytes) -> None:
    stale = b"sessionid=" + b"0" * 32
    assert _exchange(demo, _request(THUMBNAIL, b"Cookie: " + stale + b"; " + cookie))[0] == 200
    assert _exchange(demo, _request(THUMBNAIL, b"Cookie: " + cookie + b"; " + stale))[0] == 403


def test_http_1_0_as_older_proxies_speak(demo: ServiceProcess, cookie: bytes) -> None:
    status, headers, body = _exchange(demo, b"GET " + THUMBNAIL + b" HTTP/1.0\r\nCookie: " + cookie + b"\r\n\r\n")
    assert (status, headers["content-length"]) == (200, str(len(body)))


def test_head_has_no_body_on_the_wire(demo: ServiceProcess, cookie: bytes) -> None:
    status, headers, body = _exchange(demo, _request(THUMBNAIL, b"Cookie: " + cookie, method=b"HEAD"))
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_none_of_this_reached_the_log_as_a_failure(demo: ServiceProcess, cookie: bytes) -> None:
    for target in TARGETS:
        _exchange(demo, _request(target, b"Cookie: " + cookie))
    assert "Traceback" not in demo.output
    assert "ERROR" not in demo.output
