"""HTTP requests as nobody should send them, byte for byte, and what may become of each, directly and through nginx.

What may become of one is written as a list of words, one for each answer that may come: "ok" (200), "nothing there"
(404), "refused" (any other 4xx, and nginx's 501 and 505), "closed" (no answer). Where a second request is hidden behind
the first, the number of words says whether it may be seen: only where the standard leaves no doubt about their border.
Sources: RFC 9112, sections 2 to 7 and 11.2, RFC 3986, and the variants that scanners try.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

PATH = b"/webclient/render_thumbnail/101/"

#: stands in a request for the header of a user who has logged in
COOKIE = b"Cookie: @"

#: the request that is hidden behind another
HIDDEN = b"GET /webclient/render_thumbnail/hidden/ HTTP/1.1\r\nHost: x\r\n\r\n"

OK, REFUSED, NOTHING, CLOSED = ("ok",), ("refused",), ("nothing there",), ("closed",)

Answers = tuple[str, ...]


@dataclass(frozen=True)
class Oddity:
    """A request; a body or more requests may follow it."""

    name: str
    request: bytes = field(repr=False)
    direct: Answers
    through_nginx: Answers


def _request(
    *headers: bytes,
    method: bytes = b"GET",
    target: bytes = PATH,
    version: bytes = b"HTTP/1.1",
    host: bytes | None = b"Host: x",
    then: bytes = b"",
) -> bytes:
    first = [method + b" " + target + b" " + version, *([host] if host is not None else []), COOKIE]
    return b"\r\n".join([*first, *headers, b"", b""]) + then


def _framing() -> Iterator[Oddity]:
    """Where does the first request end?"""
    length, chunked, none = b"Content-Length: 6", b"Transfer-Encoding: chunked", b"0\r\n\r\n"
    both = [
        ("length and chunks", (length, chunked)),
        ("chunks and length", (chunked, b"Content-Length: 60")),
        ("length and chunks that a tab hides", (length, b"Transfer-Encoding:\tchunked")),
    ]
    for name, headers in both:
        # the standard lets a server answer and hang up (RFC 9112, 6.1)
        yield Oddity(name, _request(*headers, then=none + HIDDEN), OK, REFUSED)
        yield Oddity(f"POST, {name}", _request(*headers, method=b"POST", then=none + HIDDEN), REFUSED, REFUSED)
    for name, headers in [
        ("two lengths", (b"Content-Length: 0", b"Content-Length: %d" % len(HIDDEN))),
        ("a list of lengths", (b"Content-Length: 0, %d" % len(HIDDEN),)),
        ("a length with a sign", (b"Content-Length: +0",)),
        ("a negative length", (b"Content-Length: -1",)),
        ("a length in hexadecimal", (b"Content-Length: 0x0",)),
        ("a length that is no number", (b"Content-Length: zero",)),
        ("a length beyond 64 bits", (b"Content-Length: 99999999999999999999",)),
        ("no length", (b"Content-Length:",)),
        ("a space before the colon of the length", (b"Content-Length : 0",)),
        ("chunks with a space before the colon", (b"Transfer-Encoding : chunked",)),
        ("chunks with a vertical tab", (b"Transfer-Encoding: \x0bchunked",)),
        ("xchunked", (b"Transfer-Encoding: xchunked",)),
        ("identity", (b"Transfer-Encoding: identity",)),
        ("chunked, then identity", (b"Transfer-Encoding: chunked, identity",)),
        ("chunked and identity apart", (chunked, b"Transfer-Encoding: identity")),
        ("a length in a folded line", (b"X-A: b\r\n Content-Length: %d" % len(HIDDEN),)),
        ("a folded line", (b"X-A: b\r\n\tc",)),
    ]:
        yield Oddity(name, _request(*headers, then=none + HIDDEN), REFUSED, REFUSED)
    yield Oddity("chunks in HTTP/1.0", _request(chunked, version=b"HTTP/1.0", then=none + HIDDEN), REFUSED, REFUSED)
    yield Oddity("the same length twice", _request(*[b"Content-Length: 5"] * 2, then=b"hello"), OK, REFUSED)
    # no doubt about the end: then the second is a request like any other
    seen = ("ok", "refused")
    yield Oddity("chunked with a tab", _request(b"Transfer-Encoding:\tchunked", then=none + HIDDEN), seen, REFUSED)
    yield Oddity("chunked twice", _request(chunked, chunked, then=none + HIDDEN), seen, REFUSED)
    yield Oddity("an underscore for the dash", _request(b"Transfer_Encoding: chunked", then=HIDDEN), seen, seen)
    yield Oddity(
        "pipelined", _request(then=HIDDEN + HIDDEN), ("ok", "refused", "refused"), ("ok", "refused", "refused")
    )


def _chunks() -> Iterator[Oddity]:
    """A body where none is expected, so that it may be answered before it is read; it must never become a request."""
    chunked = b"Transfer-Encoding: chunked"
    for name, body, nginx in [
        ("chunks", b"5\r\nhello\r\n0\r\n\r\n", OK),
        ("a trailer with a session key", b"0\r\nX-OMERO-Session-Key: k\r\n\r\n", OK),
    ]:
        yield Oddity(name, _request(chunked, then=body), OK, nginx)
    for name, body, nginx in [
        ("a chunk of -1", b"-1\r\n" + HIDDEN, REFUSED),
        ("a chunk beyond 64 bits", b"ffffffffffffffffff\r\n" + HIDDEN, REFUSED),
        ("a chunk with 0x", b"0x5\r\nhello\r\n0\r\n\r\n" + HIDDEN, REFUSED),
        ("a chunk that goes on", b"5\r\nhello" + HIDDEN, REFUSED),
        ("a line feed in an extension", b"5;\nx\r\nhello\r\n0\r\n\r\n" + HIDDEN, REFUSED),
    ]:
        yield Oddity(name, _request(chunked, then=body), OK, nginx)
    endless = b"5;a=" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n"
    yield Oddity("an extension of 20 KB", _request(chunked, then=endless), OK, OK)
    trailers = b"0\r\n" + b"a: b\r\n" * 20_000 + b"\r\n"
    yield Oddity("20,000 trailers", _request(chunked, then=trailers), OK, OK)
    yield Oddity("line feeds for line ends in chunks", _request(chunked, then=b"5\nhello\n0\n\n"), OK, OK)


def _lines() -> Iterator[Oddity]:
    for name, request in [
        ("a first header that is folded", _request().replace(b"\r\nHost", b"\r\n Host")),
        ("a carriage return in a header", _request(b"X-A: b\rX-B: c")),
        ("carriage returns for line ends", _request().replace(b"\r\n", b"\r")),
        ("a null in a header", _request(b"X-A: b\0c")),
        ("a null in a header's name", _request(b"X\0A: b")),
        ("a null in a cookie", _request(b"Cookie: a=\0")),
        ("a header without a name", _request(b": x")),
        ("a space in a header's name", _request(b"X A: x")),
        ("a null in the host", _request(host=b"Host: a\0b")),
        ("every byte there is", bytes(range(256)) * 20),
        ("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ]:
        yield Oddity(name, request, REFUSED, REFUSED)
    for name, request in [
        ("line feeds for line ends", _request().replace(b"\r\n", b"\n")),
        ("a line feed in a header", _request(b"X-A: b\nX-B: c")),
        ("empty lines before it", b"\r\n\r\n" + _request()),
    ]:
        yield Oddity(name, request, OK, OK)
    yield Oddity("a header without a colon", _request(b"garbage"), REFUSED, OK)
    yield Oddity("a header's name in UTF-8", _request("Grün: x".encode()), REFUSED, OK)


def _sizes() -> Iterator[Oddity]:
    for name, request in [
        ("a target of 200 KB", _request(target=PATH + b"?v=" + b"a" * 200_000)),
        ("20,000 headers", _request(*[b"X-%d: b" % i for i in range(20_000)])),
        ("200 headers", _request(*[b"X-%d: b" % i for i in range(200)])),
        ("100,000 cookies", _request(b"Cookie: " + b"; ".join(b"c%d=1" % i for i in range(100_000)))),
        ("a header of 1 MB", _request(b"X-A: " + b"a" * 1_000_000)),
        ("a method of 500 KB", _request(method=b"G" * 500_000)),
    ]:
        yield Oddity(name, request, REFUSED, REFUSED)
    cookies = b"Cookie: " + b"; ".join(b"c%d=1" % i for i in range(20_000))
    yield Oddity("20,000 cookies", _request(cookies), OK, REFUSED)
    yield Oddity("80 headers of cookies", _request(*[b"Cookie: a%d=1" % i for i in range(80)]), OK, OK)


def _versions() -> Iterator[Oddity]:
    # nginx answers HTTP/0.9 as it wants to be answered, without a status
    yield Oddity("HTTP/0.9", b"GET " + PATH + b"\r\n\r\n", REFUSED, CLOSED)
    yield Oddity("HTTP/1.0", _request(version=b"HTTP/1.0"), OK, OK)
    yield Oddity("HTTP/1.2", _request(version=b"HTTP/1.2"), REFUSED, OK)
    yield Oddity("HTTP/2.0 in a request line", _request(version=b"HTTP/2.0"), REFUSED, REFUSED)
    yield Oddity("HTTP/9.9", _request(version=b"HTTP/9.9"), REFUSED, REFUSED)
    yield Oddity("http/1.1", _request(version=b"http/1.1"), REFUSED, REFUSED)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield Oddity("HTTP/2 with prior knowledge", preface + bytes.fromhex("000000040000000000"), CLOSED, REFUSED)
    http2 = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")
    yield Oddity("an upgrade to HTTP/2", _request(*http2), OK, OK)
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    websocket = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", key)
    yield Oddity("an upgrade to a web socket", _request(*websocket), OK, OK)


def _hosts_and_targets() -> Iterator[Oddity]:
    # the service answers for whatever host it is asked; the proxy before it is who tells sites apart
    for name, request in [
        ("no host", _request(host=None)),
        ("two hosts", _request(b"Host: y")),
        ("an empty host", _request(host=b"Host:")),
        ("a host that is none", _request(host=b"Host: a b/@#")),
    ]:
        yield Oddity(name, request, OK, REFUSED)
    for name, target in [
        ("another site's absolute target", b"http://evil.example" + PATH),
        ("an absolute target with https", b"https://x:99" + PATH),
        ("a fragment", PATH + b"#a"),
        ("encoded slashes", b"/webclient%2frender_thumbnail%2f101%2f"),
        ("a null in the query", PATH + b"?version=%00"),
    ]:
        yield Oddity(name, _request(target=target), OK, OK)
    for name, target in [
        ("a relative target", b"webclient/render_thumbnail/101/"),
        ("backslashes", b"\\webclient\\render_thumbnail\\101"),
        ("a null in the path", b"/webclient/render_thumbnail/1\x0001/"),
        ("a control character in the path", b"/webclient/render_thumbnail/1\x0101/"),
        ("a space in the path", PATH + b" x"),
        ("dots encoded twice", b"/webclient/render_thumbnail/%252e%252e/"),
        ("a slash in three bytes of UTF-8", b"/webclient/render_thumbnail/%e0%80%af/"),
        ("a byte that is not UTF-8", b"/webclient/render_thumbnail/\xff/"),
        ("UTF-8 as it is", "/webclient/render_thumbnail/ü/".encode()),
        ("an encoded null", b"/webclient/render_thumbnail/101%00/"),
        ("a percent sign alone", b"/webclient/render_thumbnail/101%/"),
        ("bytes in the query that are not UTF-8", PATH + b"?\xff=1"),
        ("a semicolon", b"/webclient/render_thumbnail/101;jsessionid=1/"),
    ]:
        yield Oddity(name, _request(target=target), REFUSED, REFUSED)
    # what nginx makes of dots it does not send to the service; what it passes on it passes on as it came
    for name, target in [
        ("dots", b"/webclient/render_thumbnail/../../metrics"),
        ("encoded dots", b"/webclient/render_thumbnail/%2e%2e/%2e%2e/metrics"),
    ]:
        yield Oddity(name, _request(target=target), REFUSED, OK)
    for name, target in [
        ("metrics before dots", b"/metrics/../webclient/render_thumbnail/101/"),
        ("metrics and a question mark before dots", b"/metrics%3f/../webclient/render_thumbnail/101/"),
        ("readyz and two slashes", b"/readyz//../webclient/render_thumbnail/101/"),
    ]:
        yield Oddity(name, _request(target=target), NOTHING, NOTHING)
    yield Oddity("an authority for a target", _request(target=b"x:80"), NOTHING, REFUSED)
    yield Oddity("an asterisk for a target", _request(target=b"*"), NOTHING, REFUSED)


def _methods_and_headers() -> Iterator[Oddity]:
    for name, request in [
        ("get in small letters", _request(method=b"get")),
        ("PUT", _request(b"Content-Length: 0", method=b"PUT")),
        ("POST with a body", _request(b"Content-Length: 5", method=b"POST", then=b"hello")),
        ("a method nobody knows", _request(method=b"M-SEARCH")),
        ("PRI", _request(method=b"PRI")),
        ("TRACE", _request(method=b"TRACE")),
        ("a method of 10 KB", _request(method=b"G" * 10_000)),
        ("a delete character in the method", _request(method=b"G\x7fT")),
        ("CONNECT", _request(method=b"CONNECT", target=b"x:80")),
    ]:
        yield Oddity(name, request, REFUSED, REFUSED)
    for name, request in [
        ("OPTIONS with a body", _request(b"Content-Length: 5", method=b"OPTIONS", then=b"hello")),
        ("a range", _request(b"Range: bytes=0-10")),
        ("2,000 ranges", _request(b"Range: bytes=9-1,-," + b"0-1," * 1_500)),
        ("an expectation that nobody has", _request(b"Expect: 200-ok")),
        ("a body", _request(b"Content-Length: 5", then=b"hello")),
        ("entity tags that are none", _request(b'If-None-Match: ",,,"W/"*')),
        ("a connection that is to forget the cookie", _request(b"Connection: cookie")),
        ("trailers", _request(b"TE: trailers")),
        ("encodings that are none", _request(b"Accept-Encoding: gzip;q=9999,*;q=-1")),
    ]:
        yield Oddity(name, request, OK, OK)
    expected = _request(b"Expect: 100-continue", b"Content-Length: 5", then=b"hello")
    yield Oddity("an expectation to continue", expected, OK, OK)
    yield Oddity("3 MB of body", _request(b"Content-Length: 3000000", then=bytes(3_000_000)), OK, REFUSED)


ODDITIES = [
    *_framing(),
    *_chunks(),
    *_lines(),
    *_sizes(),
    *_versions(),
    *_hosts_and_targets(),
    *_methods_and_headers(),
]
