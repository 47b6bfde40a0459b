"""Odd requests get plain answers, never a 500 or a traceback, and hide no second request; life goes on behind them."""

from __future__ import annotations

import pytest

from tests.hard.abuse.conftest import Demo
from tests.hard.abuse.oddities import COOKIE, ODDITIES, Answers, Oddity
from tests.hard.abuse.raw_http import Answer, RawConnection

#: refusals that only nginx knows: a transfer coding, a version
OF_NGINX = (501, 505)

#: what follows each oddity on its connection, and the one answer that it has: of the service, and of nginx
MARKER = b"GET /marker HTTP/1.1\r\nHost: x\r\n\r\n"
OF_MARKER = {"the service": b"there is nothing at '/marker'\n", "nginx": b"OMERO.web at /marker"}

NAMED = pytest.mark.parametrize("oddity", ODDITIES, ids=lambda oddity: oddity.name)


def _in_words(answers: list[Answer]) -> Answers:
    words = {200: "ok", 404: "nothing there"}
    return tuple(words.get(answer.status, "refused") for answer in answers) or ("closed",)


def _exchange(port: int, oddity: Oddity, cookie: bytes, who: str) -> list[Answer]:
    connection = RawConnection(port)
    try:
        connection.send(oddity.request.replace(COOKIE, cookie))
        connection.send(MARKER)
        return connection.answers(until=OF_MARKER[who])[0]
    finally:
        connection.close()


def _still_serves(port: int, cookie: bytes) -> bool:
    connection = RawConnection(port)
    try:
        connection.send(b"GET /webclient/render_thumbnail/101/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        connection.send(cookie + b"\r\n\r\n")
        return connection.answers()[0][0].headers["content-type"] == "image/jpeg"
    finally:
        connection.close()


@NAMED
def test_directly(demo: Demo, oddity: Oddity) -> None:
    answers = _exchange(demo.port, oddity, demo.cookie, "the service")
    assert _in_words(answers) == oddity.direct
    for answer in answers:
        assert answer.status < 500
        assert "set-cookie" not in answer.headers
        assert b"Traceback" not in answer.body
        if answer.status != 200:
            assert len(answer.body) < 300
    assert _still_serves(demo.port, demo.cookie)


@NAMED
def test_through_nginx(demo: Demo, oddity: Oddity) -> None:
    answers = _exchange(demo.nginx_port, oddity, demo.cookie, "nginx")
    assert _in_words(answers) == oddity.through_nginx
    for answer in answers:
        assert answer.status < 500 or answer.status in OF_NGINX
        assert b"Traceback" not in answer.body
    assert _still_serves(demo.nginx_port, demo.cookie)


def test_http_2_is_not_spoken(demo: Demo) -> None:
    connection = RawConnection(demo.port)
    # the preface and an empty SETTINGS frame (RFC 9113, 3.4)
    connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))
    answers, ended = connection.answers()
    assert (answers, ended, connection.left) == ([], True, b"")
    connection.close()


def test_less_of_a_body_than_announced(demo: Demo) -> None:
    """A body is nothing that is waited for: it is answered, and what follows is not taken for a request."""
    connection = RawConnection(demo.port)
    connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + MARKER)
    answers, _ = connection.answers()
    connection.close()
    assert [answer.status for answer in answers] == [200]


def test_none_of_it_reached_the_log_as_a_failure(demo: Demo) -> None:
    assert "Traceback" not in demo.service.output
    assert "ERROR" not in demo.service.output
    assert "Unexpected exit" not in demo.service.output
