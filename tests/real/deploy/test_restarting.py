"""Two replicas behind nginx: one after the other is restarted while people ask for thumbnails, and nobody notices."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from omero_embedded.workload import Latency
from tests.real.deploy.nginx_process import nginx
from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE, ServiceProcess, free_port, start
from tests.unit.telemetry.serving import KEY_HEADER

pytestmark = pytest.mark.long

CLIENTS = 8


@pytest.fixture(scope="module")
def omero() -> Iterator[EmbeddedThread]:
    # some requests are always in flight
    thread = EmbeddedThread(latency=Latency(thumbnail=30))
    yield thread
    thread.stop()


class Replica:
    """One of two services, on a port that it keeps."""

    def __init__(self, config: Path) -> None:
        self.port = free_port()
        self._config = config
        self._running = ExitStack()
        self._service: ServiceProcess | None = None

    def start(self) -> None:
        self._service = self._running.enter_context(start("serve", "--config", str(self._config), port=self.port))

    def restart(self) -> None:
        """As systemctl restart does."""
        assert self._service is not None
        assert self._service.end(signal.SIGTERM) == 0, self._service.output
        self._running.close()
        self.start()

    def close(self) -> None:
        self._running.close()


class Load:
    """Clients that ask one thumbnail after the other, on connections that are kept open, until told to stop."""

    def __init__(self, address: str, key: str, images: list[int]) -> None:
        self._port = int(address.rpartition(":")[2])
        self._key = key
        self._images = images
        self._is_over = False
        self.statuses: Counter[str] = Counter()

    async def run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    def end(self) -> None:
        self._is_over = True

    async def wait_for_more(self, count: int) -> None:
        """Wait until so many more were answered."""
        wanted = self.statuses.total() + count
        async with asyncio.timeout(DEADLINE):
            while self.statuses.total() < wanted:
                await asyncio.sleep(0.005)

    async def _client(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        asked = number
        while not self._is_over:
            asked += CLIENTS
            # a version each: none comes from a cache
            path = f"/webclient/render_thumbnail/{self._images[asked % len(self._images)]}/?version={asked}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{KEY_HEADER}: {self._key}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"^content-length: (\d+)", head, re.MULTILINE | re.IGNORECASE)
            assert length is not None, head
            body = await reader.readexactly(int(length[1]))
            status = head.split(" ", 2)[1]
            self.statuses[status if status != "200" or body.startswith(b"\xff\xd8") else "200 without JPEG"] += 1
        writer.close()


async def test_no_request_fails_while_one_replica_after_the_other_restarts(
    tmp_path: Path, omero: EmbeddedThread
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"omero: {{host: 127.0.0.1, port: {omero.omero.tcp_port}, secure: false}}\nsession-store: {{type: memory}}\n"
    )
    replicas = [Replica(config), Replica(config)]
    with ExitStack() as stack:
        for replica in replicas:
            stack.callback(replica.close)
        await asyncio.gather(*(asyncio.to_thread(replica.start) for replica in replicas))
        address = stack.enter_context(nginx(tmp_path, "locations.conf", [one.port for one in replicas]))
        load = Load(address, omero.session_key("researcher"), omero.readable("researcher")[:50])
        running = asyncio.create_task(load.run())
        await load.wait_for_more(50)
        # both at once would leave nobody; one directly after the other has to do
        for replica in replicas:
            await asyncio.to_thread(replica.restart)
        await load.wait_for_more(50)
        load.end()
        await running
    assert set(load.statuses) == {"200"}
    tried = (tmp_path / "access.log").read_text()
    # both have served, before and after, and nginx had to ask the other one while one was away
    assert all(tried.count(f"200 by 127.0.0.1:{one.port}\n") > 50 for one in replicas)
    assert re.search(r"200 by 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+\n", tried)
