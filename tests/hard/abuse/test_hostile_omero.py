"""Hostile OMERO servers, as a browser sees them: an error of our own kind, in time, within 64 MB, and life goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from omero_ms_thumbnail.omero.calls import TIMEOUTS_UNTIL_LOST
from tests.hard.abuse.hostile_omero import JPEG, HostileOmero
from tests.hard.abuse.resident_memory import peak_growth
from tests.hard.abuse.tricks import TIMED_OUT, TRICKS
from tests.support.service_process import DEADLINE, ServiceProcess, start

#: of memory, what anything that an OMERO sends may take, in bytes
MEMORY_MAX = 64 << 20
#: seconds that the service gives OMERO
TIMEOUT = 1.0
#: what an answer may take altogether: a request may join twice, and the machine may have much else to do
ANSWERED_WITHIN = 10 * TIMEOUT

_ASKED_AGAIN_AFTER = 0.1

PATH = "/webclient/render_thumbnail/1/"

SLOW = [name for name, trick in TRICKS.items() if trick.statuses == TIMED_OUT]
SWIFT = [name for name in TRICKS if name not in SLOW]


class Browser:
    """Asks a service whose OMERO is hostile."""

    def __init__(self, service: ServiceProcess) -> None:
        self._service = service
        self._client = httpx.Client(base_url=service.address, timeout=DEADLINE)

    def ask(self, key: str) -> httpx.Response:
        began = time.monotonic()
        answer = self._client.get(PATH, headers={"x-omero-session-key": key})
        assert time.monotonic() - began < ANSWERED_WITHIN
        return answer

    def is_served(self, key: str) -> bool:
        """Whether the thumbnail comes, sooner or later, to somebody who asks again and again."""
        deadline = time.monotonic() + (TIMEOUTS_UNTIL_LOST + 5) * ANSWERED_WITHIN
        while time.monotonic() < deadline:
            if self.ask(key).content == JPEG:
                return True
            # what is refused at once is not asked for a thousand times a second
            time.sleep(_ASKED_AGAIN_AFTER)
        return False

    def falls_for(self, name: str) -> None:
        """The trick is played, and answered as it should be."""
        answer = self.ask(name)
        assert answer.status_code in TRICKS[name].statuses, (name, answer.text)
        if answer.status_code != 200:
            assert len(answer.text) < 300
            assert answer.text.removesuffix("\n").isprintable()

    def recovers_from(self, omero: HostileOmero, name: str) -> None:
        """Nobody else was harmed, and the very user is served as soon as OMERO means well again."""
        omero.call_off(name)
        assert self.ask("honest").content == JPEG
        assert self.ask(name).content == JPEG, name

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def omero() -> Iterator[HostileOmero]:
    server = HostileOmero(TRICKS)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def service(omero: HostileOmero, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    file = tmp_path_factory.mktemp("hostile") / "config.yaml"
    file.write_text(
        f"event-bus-send-timeout: {int(TIMEOUT * 1000)}\n"
        # what it never answers keeps its permit: four such are by default an OMERO that hangs, which is not tried here
        "worker_pool_size: 100\n"
        f"omero: {{host: 127.0.0.1, port: {omero.port}, secure: false}}\n"
        "session-store: {type: memory}\n"
        "cache: {life: 0, picture-life: 0}\n"
    )
    with start("serve", "--config", str(file)) as one:
        yield one
        # or it would wait for the answers that never come before it ends
        omero.hang_up()


@pytest.fixture(scope="module")
def browser(service: ServiceProcess) -> Iterator[Browser]:
    one = Browser(service)
    # everything is loaded then, and the memory that this takes is not an attacker's
    assert one.ask("honest").content == JPEG
    yield one
    one.close()


@pytest.mark.parametrize("name", SWIFT)
def test_what_is_answered_at_once(service: ServiceProcess, omero: HostileOmero, browser: Browser, name: str) -> None:
    written = len(service.lines)
    (worker,) = service.children()
    with peak_growth(worker) as growth:
        browser.falls_for(name)
    assert growth.bytes < MEMORY_MAX
    browser.recovers_from(omero, name)
    said = "".join(service.lines[written:])
    assert "Traceback" not in said
    assert all(len(line) < 1_000 for line in said.splitlines())
    assert not any(line.startswith("2026-01-01 ERROR forged") for line in said.splitlines())


HANGING_JOIN = "no answer to createSession"


@pytest.mark.long
def test_what_ends_by_the_time_out(service: ServiceProcess, omero: HostileOmero, browser: Browser) -> None:
    """All at the same time: each costs its own user a 504, and together they take no more than one may."""
    (worker,) = service.children()
    with peak_growth(worker) as growth, ThreadPoolExecutor(len(SLOW)) as threads:
        list(threads.map(browser.falls_for, SLOW))
    assert growth.bytes < MEMORY_MAX
    for name in SLOW:
        omero.call_off(name)
    # a join that OMERO never answers is not made twice, and not broken off so soon: docs/decisions/overload.md
    assert browser.ask(HANGING_JOIN).status_code == 503
    for name in set(SLOW) - {HANGING_JOIN}:
        # OMERO works on at what was given up, as far as anybody knows: who asks again waits with it, and not for ever
        assert browser.is_served(name), name
    assert browser.ask("honest").content == JPEG


def test_nothing_is_left_of_it(service: ServiceProcess, browser: Browser) -> None:
    """After all of the above: no worker was replaced, no error lost, and no more is open than one socket for each."""
    assert browser.ask("honest").content == JPEG
    assert "Unexpected exit" not in service.output
    assert "never retrieved" not in service.output
    (worker,) = service.children()
    sockets = [link for link in Path(f"/proc/{worker}/fd").iterdir() if "socket" in str(link.readlink())]
    # the users that were served again are joined, and what Granian and the loop need comes on top
    assert len(sockets) < len(TRICKS) + 40
