"""Why no WebSocket came about, in sentences for an administrator: which URL, what came instead, and what to do.

Ice's own servers answer a request that they do not take by hanging up, which a web server in front of them makes a
status 502 of (``WSTransceiver::handleRequest`` of Ice 3.7); every other status is that of a web server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .errors import UpgradeRefusal, UpgradeRefusedException, shortened
from .messages import MAGIC

#: the record that a TLS server answers with where it is not spoken to in TLS: an alert
_TLS_ALERT: Final = b"\x15\x03"
#: what nginx and Apache say of plain HTTP at a port with TLS
_PLAIN_HTTP: Final = (b"plain HTTP request was sent to HTTPS port", b"speaking plain HTTP to an SSL-enabled server")

_NOT_LET_IN: Final = (401, 403, 407, 429)
_NO_SUCH_PATH: Final = (404, 405, 410)

#: what it means and what to do
_ADVICE: Final[dict[UpgradeRefusal, str]] = {
    UpgradeRefusal.REDIRECTED: "no client of OMERO's follows it; write the URL that is meant",
    UpgradeRefusal.NO_SUCH_PATH: (
        "OMERO is not at this path; write the one that the web server hands on to OMERO's port for ws (4065 unless"
        " changed)"
    ),
    UpgradeRefusal.NOT_LET_IN: (
        "the web server in front does not let this machine in; let it through at this path, without a password"
    ),
    UpgradeRefusal.NOT_UPGRADED: (
        "no WebSocket is taken there; the web server in front must hand on HTTP/1.1 with the headers Upgrade and"
        " Connection at this path, to OMERO's port for ws (4065 unless changed)"
    ),
    UpgradeRefusal.NOBODY_BEHIND: (
        "the web server in front has no answer from OMERO: see whether OMERO listens for ws (omero.client.icetransports"
        " has it), whether that is the port handed on to, and whether HTTP/1.1 is, with the headers Upgrade and"
        " Connection"
    ),
    UpgradeRefusal.PLAIN_ICE: (
        "write the host alone, without ws:// or wss://, or the port of a WebSocket; a web server in front must hand on"
        " to OMERO's port for ws (4065 unless changed)"
    ),
    UpgradeRefusal.NEEDS_TLS: "write wss:// instead",
    UpgradeRefusal.NOT_HTTP: "write the host and port of a web server, or of OMERO's WebSocket",
    UpgradeRefusal.OTHER_PROTOCOL: (
        "another application is at this path; write the one that the web server hands on to OMERO"
    ),
}


def url_of(host: str, port: int, path: str, *, secure: bool) -> str:
    """The URL of a WebSocket endpoint, for people."""
    return f"{'wss' if secure else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}{path}"


def rejected(url: str, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> UpgradeRefusedException:
    """The status of an answer that does not upgrade; of its `body`, what has come."""
    fields = dict(headers)
    server = server_in(headers)
    by = f" ({server})" if server else ""
    if any(sign in body for sign in _PLAIN_HTTP):
        return _refused(f"{url} is a port with TLS, says what answered{by}", UpgradeRefusal.NEEDS_TLS)
    refusal = _refusal(status)
    answered = f"{url} answered with HTTP status {status}{by}"
    if refusal is UpgradeRefusal.REDIRECTED and fields.get(b"location"):
        # without a query, which may say more than is meant for a log
        answered += f" and sends to {_shown(fields[b'location'].partition(b'?')[0])}"
    return _refused(answered, refusal)


def server_in(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """What a web server says that it is; empty if it does not. The names of headers are in lower case."""
    return next((_shown(value) for name, value in headers if name == b"server"), "")


def not_http(url: str, began: bytes) -> UpgradeRefusedException:
    """An answer that does not begin as HTTP does."""
    if began.startswith(MAGIC):
        return _refused(f"{url} speaks Ice without WebSocket", UpgradeRefusal.PLAIN_ICE)
    if began.startswith(_TLS_ALERT):
        return _refused(f"{url} speaks TLS", UpgradeRefusal.NEEDS_TLS)
    return _refused(f"{url} does not speak HTTP", UpgradeRefusal.NOT_HTTP)


def other_protocol(url: str, why: str) -> UpgradeRefusedException:
    """An answer that upgrades, though not to what was asked for, or is no HTTP further on."""
    return _refused(f"{url} did not agree to WebSocket as Ice has it: {_text(why)}", UpgradeRefusal.OTHER_PROTOCOL)


def _refusal(status: int) -> UpgradeRefusal:
    if 300 <= status < 400:
        return UpgradeRefusal.REDIRECTED
    if status in _NOT_LET_IN:
        return UpgradeRefusal.NOT_LET_IN
    if status in _NO_SUCH_PATH or 200 <= status < 300:
        return UpgradeRefusal.NO_SUCH_PATH
    return UpgradeRefusal.NOBODY_BEHIND if status in (500, 502, 503, 504) else UpgradeRefusal.NOT_UPGRADED


def _refused(what: str, refusal: UpgradeRefusal) -> UpgradeRefusedException:
    return UpgradeRefusedException(f"{what}: {_ADVICE[refusal]}", refusal)


def _shown(value: bytes) -> str:
    return _text(value.decode("latin-1"))


def _text(text: str) -> str:
    """A peer's words as a sentence may quote them: they must neither fill a log nor write to a terminal."""
    return shortened("".join(letter if letter.isprintable() else "?" for letter in text))
