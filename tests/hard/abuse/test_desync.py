"""Nobody gets the answer to another's request from the connections that nginx shares between users.

Attackers hide requests behind every ambiguous beginning, on connections of their own, while others ask for images that
are not there, each for another: the sentence that refuses it names the image, so that each answer can be told apart.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hard.abuse.conftest import Demo
from tests.hard.abuse.oddities import COOKIE, HIDDEN, ODDITIES
from tests.hard.abuse.raw_http import RawConnection
from tests.real.deploy.nginx_process import nginx

ATTACKS = [oddity for oddity in ODDITIES if HIDDEN in oddity.request]
BYSTANDERS = 4
ASKED_BY_EACH = 60
FIRST_ID = 900_000


def _attack(port: int, cookie: bytes) -> None:
    for oddity in ATTACKS:
        connection = RawConnection(port)
        connection.send(oddity.request.replace(COOKIE, cookie))
        connection.close()


def _ask(port: int, cookie: bytes, image: int) -> bool:
    connection = RawConnection(port)
    path = b"/webclient/render_thumbnail/%d/" % image
    connection.send(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + cookie + b"\r\n\r\n")
    answers, _ = connection.answers()
    connection.close()
    return [(one.status, one.body) for one in answers] == [
        (404, b"image %d does not exist or you may not read it\n" % image)
    ]


def _bystander(port: int, cookie: bytes, number: int) -> list[bool]:
    first = FIRST_ID + number * ASKED_BY_EACH
    return [_ask(port, cookie, image) for image in range(first, first + ASKED_BY_EACH)]


def test_there_is_much_to_try() -> None:
    assert len(ATTACKS) >= 30


@pytest.mark.parametrize("locations", ["locations.conf", "six-locations.conf"])
def test_each_has_the_answer_to_what_was_asked(demo: Demo, tmp_path: Path, locations: str) -> None:
    with nginx(tmp_path, locations, [demo.port]) as address, ThreadPoolExecutor(BYSTANDERS + 2) as threads:
        port = int(address.rpartition(":")[2])
        attackers = [threads.submit(_attack, port, demo.cookie) for _ in range(2)]
        bystanders = [threads.submit(_bystander, port, demo.cookie, number) for number in range(BYSTANDERS)]
        for attacker in attackers:
            attacker.result()
        for bystander in bystanders:
            assert all(bystander.result())
