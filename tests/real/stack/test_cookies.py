"""A browser with other applications' cookies: OMERO.web and the service know the same user by the same bytes."""

from __future__ import annotations

import httpx

from tests.real.stack.running import Stack
from tests.real.stack.visitor import Visitor

PATH = "/webclient/render_thumbnail/101/"
STALE = b"sessionid=" + b"0" * 32

#: OWN is the session's own cookie
HEADERS = {
    "Latin-1": b"theme=gr\xfcn; OWN",
    "UTF-8": "OWN; theme=grün".encode(),
    "broken UTF-8": b"theme=\xc3\x28\xff; OWN; a=\xf0",
    "a name that is not ASCII": b"gr\xfcn=1;OWN",
    "a space that is not ASCII before it": "theme=1;\N{NO-BREAK SPACE}OWN".encode(),
    "a byte that is such a space in Latin-1 alone": b"theme=1;\xa0OWN",
    "quotes": b'"; theme="a; OWN',
    "a tab": b"theme=1;\tOWN\t;a=1",
    "a stale one before it": STALE + b"; OWN",
    "a stale one after it": b"OWN; " + STALE,
    "an empty one after it": b"OWN; sessionid=",
    "in capitals": b"OWN; SESSIONID=1",
    "8 KB": b"theme=" + b"\xe9" * 7_000 + b"; OWN",
    "none": b"theme=gr\xfcn",
}


#: whom neither knows
NOBODY = {"a byte that is such a space in Latin-1 alone", "a stale one after it", "an empty one after it", "none"}


def test_who_asks(stack: Stack) -> None:
    visitor = Visitor(stack.address)
    visitor.log_in("alice")
    forms = _forms(visitor.cookie.encode())
    visitor.close()
    for name, header in HEADERS.items():
        for own in forms:
            # without a cookie jar, so that nothing that either sets is sent to the other
            answers = [
                httpx.get(address + PATH, headers={b"cookie": header.replace(b"OWN", own)}, timeout=30)
                for address in (stack.address, stack.omeroweb.address)
            ]
            known = [answer.headers.get("content-type") == "image/jpeg" for answer in answers]
            assert known == [name not in NOBODY] * 2, f"{name}: {[answer.status_code for answer in answers]}"


def _forms(session_id: bytes) -> list[bytes]:
    """The cookie as a browser sends it, quoted, and with its first sign as an octal number."""
    first = b"\\%03o" % session_id[0]
    return [b"sessionid=" + one for one in (session_id, b'"%b"' % session_id, b'"%b%b"' % (first, session_id[1:]))]
