"""A port of its own for each worker, alone and behind nginx with the lines that are printed for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvloop

from omero_embedded.workload import Latency
from omero_ms_thumbnail.cli import main
from omero_ms_thumbnail.config import ConfigError, Settings
from omero_ms_thumbnail.nginx import upstream
from omero_ms_thumbnail.parts import worker_ports
from omero_ms_thumbnail.runtime.worker_ports import OwnPort, OwnPorts
from omero_ms_thumbnail.web.asgi import Receive, Scope, Send
from tests.real.deploy.nginx_process import nginx
from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE, ServiceProcess, free_port, free_ports, run
from tests.unit.telemetry.serving import KEY_HEADER, serving

WORKERS = 2

#: sessions, of which about a half are at each worker
USERS = 40


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _listener(service: ServiceProcess, port: int) -> int:
    """The process that listens on a port, of which there is one (proc_net(5))."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [line[9] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"]
    (pid,) = [pid for pid in service.children() if f"socket:[{inode}]" in _files(pid)]
    return pid


def _files(pid: int) -> list[str]:
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(file.readlink()))
    return found


@pytest.fixture
def omero() -> Iterator[EmbeddedThread]:
    embedded = EmbeddedThread()
    yield embedded
    embedded.stop()


@contextlib.contextmanager
def _two_workers(folder: Path, omero: EmbeddedThread, more: str = "") -> Iterator[tuple[ServiceProcess, range]]:
    first = free_ports(WORKERS)
    configuration = f"workers: {WORKERS}\nworker-ports: {first}\n{more}"
    with serving(folder, omero, configuration) as service:
        ports = range(first, first + WORKERS)
        _until(lambda: all(map(_accepts, ports)))
        yield service, ports


def test_each_user_is_at_one_worker_and_joined_once(tmp_path: Path, omero: EmbeddedThread) -> None:
    keys = [omero.session_key("researcher", f"key-{number}") for number in range(USERS)]
    image = omero.readable("researcher")[0]
    with (
        _two_workers(tmp_path, omero) as (service, ports),
        nginx(tmp_path, "locations.conf", upstream(service.port, ports)) as address,
        httpx.Client(base_url=address, timeout=DEADLINE) as client,
    ):
        for size in (16, 32, 48):
            for key in keys:
                path = f"/webclient/render_thumbnail/size/{size}/{image}/"
                assert client.get(path, headers={KEY_HEADER: key}).status_code == 200
        assert omero.do(lambda: len(omero.omero.router)) == USERS
    assert "experimental" not in service.output
    assert "any worker may get any request" not in service.output
    tried = re.findall(r"200 by 127\.0\.0\.1:(\d+)$", (tmp_path / "access.log").read_text(), re.MULTILINE)
    assert len(tried) == 3 * USERS
    assert set(Counter(tried)) == {str(port) for port in ports}


def _workers_that_answer(folder: Path, asked: Callable[[httpx.Client], None]) -> list[str]:
    """Where nginx sends what `asked` asks for, one entry for each request; nobody listens there."""
    first = free_ports(WORKERS)
    lines = upstream(worker_ports=range(first, first + WORKERS), cookie="omero-web.id")
    http = "".join(f"server {{ listen 127.0.0.1:{port}; return 200 {port}; }}\n" for port in range(first, first + 2))
    with nginx(folder, "locations.conf", lines, http=http) as address, httpx.Client(base_url=address) as client:
        asked(client)
    return re.findall(r"200 by 127\.0\.0\.1:(\d+)$", (folder / "access.log").read_text(), re.MULTILINE)


PATH = "/webgateway/render_thumbnail/1/"


@pytest.mark.parametrize("way", ["cookie", "header", "query"])
def test_a_user_is_known_by_cookie_header_or_query_and_users_are_spread(tmp_path: Path, way: str) -> None:
    users = [secrets.token_hex(16) for _ in range(USERS)]

    def ask(client: httpx.Client) -> None:
        for user in users:
            for turn in range(3):
                if way == "cookie":
                    # among others, of which some are new with each request, as others' scripts have them
                    client.get(PATH, headers={"cookie": f"a={turn}; omero-web.id={user}; b=omero-web.id={turn}"})
                elif way == "header":
                    client.get(PATH, headers={KEY_HEADER: user, "cookie": f"other={turn}"})
                else:
                    client.get(PATH, params={"bsession": user, "_": str(turn)})

    workers = _workers_that_answer(tmp_path, ask)
    of_users = [set(workers[start : start + 3]) for start in range(0, len(workers), 3)]
    assert [len(one) for one in of_users] == [1] * USERS
    # of one in a billion draws of so many, all are at one worker
    assert len(set(workers)) == WORKERS


def test_visitors_without_a_session_are_spread(tmp_path: Path) -> None:
    workers = _workers_that_answer(tmp_path, lambda client: [client.get(PATH) for _ in range(100)] and None)
    assert min(Counter(workers).values()) > 20
    assert len(set(workers)) == WORKERS


@pytest.mark.long
def test_nobody_notices_that_a_worker_is_killed(tmp_path: Path) -> None:
    # the join is what all of them wait for, so that all have been asked when the worker is killed
    omero = EmbeddedThread(latency=Latency(join=400))
    keys = [omero.session_key("researcher", f"key-{number}") for number in range(16)]
    image = omero.readable("researcher")[0]
    with (
        _two_workers(tmp_path, omero) as (service, ports),
        nginx(tmp_path, "locations.conf", upstream(service.port, ports)) as address,
        ThreadPoolExecutor(len(keys)) as pool,
    ):
        killed = _listener(service, ports[0])
        before = len(_files(killed))

        def asked(key: str) -> int:
            path = f"{address}/webclient/render_thumbnail/{image}/"
            return httpx.get(path, headers={KEY_HEADER: key}, timeout=DEADLINE).status_code

        answers = [pool.submit(asked, key) for key in keys]
        _until(lambda: len(_files(killed)) > before)
        os.kill(killed, signal.SIGKILL)
        statuses = [answer.result() for answer in answers]
        # its port is its successor's, and nobody else's
        _until(lambda: _accepts(ports[0]))
        assert _listener(service, ports[0]) not in (killed, _listener(service, ports[1]))
        # and all are right again, each at the worker that they had
        (tmp_path / "access.log").write_text("")
        statuses += pool.map(asked, keys)
    omero.stop()
    assert statuses == [200] * 2 * len(keys)
    assert (tmp_path / "access.log").read_text().count(f"by 127.0.0.1:{ports[0]}\n") > 0


@pytest.mark.long
@pytest.mark.parametrize(("limit", "status"), [("", 200), ("shutdown-timeout: 0.2\n", 503)])
def test_what_came_to_the_own_port_is_answered_when_the_service_stops(tmp_path: Path, limit: str, status: int) -> None:
    omero = EmbeddedThread(latency=Latency(thumbnail=700 if status == 200 else 2 * DEADLINE * 1000))
    image = omero.readable("researcher")[0]
    key = omero.session_key("researcher")
    with _two_workers(tmp_path, omero, limit) as (service, ports), ThreadPoolExecutor(1) as pool:
        path = f"http://127.0.0.1:{ports[1]}/webclient/render_thumbnail/{image}/"
        answer = pool.submit(httpx.get, path, headers={KEY_HEADER: key}, timeout=DEADLINE)
        _until(lambda: bool(omero.do(lambda: omero.omero.workload.calls.get("getThumbnailByLongestSideSet"))))
        service.process.send_signal(signal.SIGTERM)
        assert answer.result(DEADLINE).status_code == status
        assert service.process.wait(DEADLINE) == 0
    assert omero.do(lambda: len(omero.omero.router)) == 0
    omero.stop()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(port=8080, workers=2, worker_ports=8079), "8079 to 8080 have in them the port that all share, 8080"),
        (Settings(workers=3, worker_ports=65_534), "3 workers need 65534 to 65536, and ports end at 65535"),
    ],
)
def test_ports_that_cannot_be(settings: Settings, told: str) -> None:
    with pytest.raises(ConfigError, match=f"worker-ports: {told}"):
        worker_ports(settings)


def test_a_port_that_somebody_has_keeps_the_service_from_starting(tmp_path: Path) -> None:
    first = free_ports(WORKERS)
    file = tmp_path / "config.yaml"
    file.write_text("host: 127.0.0.1\nomero: {host: 127.0.0.1, port: 1}\nsession-store: {type: memory}\n")
    with socket.create_server(("127.0.0.1", first + 1)):
        ended = run(
            *("serve", "--config", str(file), "--port", str(free_port())),
            *("--workers", str(WORKERS), "--worker-ports", str(first)),
        )
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{first + 1}: Address already in use" in ended.stderr
    assert "worker-ports in the configuration" in ended.stderr


LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@LOOPS
def test_open_and_closed_in_either_event_loop(
    tmp_path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"here"})

    async def live() -> None:
        port = OwnPort(application, OwnPorts("127.0.0.1", range(number, number + 1), 8, 8, {}), tmp_path)
        await port.open()
        async with httpx.AsyncClient() as client:
            answer = asyncio.create_task(client.get(f"http://127.0.0.1:{number}/", timeout=DEADLINE))
            await asked.wait()
            closing = asyncio.create_task(port.close())
            while await asyncio.to_thread(_accepts, number):
                pass
            # nobody is let in any more, and who is in gets an answer
            assert not closing.done()
            go_on.set()
            assert (await answer).text == "here"
        await closing

    number = free_port()
    asked, go_on = asyncio.Event(), asyncio.Event()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(live())


def test_no_worker_more_than_ports(tmp_path: Path) -> None:
    ports = OwnPorts("127.0.0.1", range(8081, 8082), connections=1, backlog=1, log_config={})
    lock = OwnPort(None, ports, tmp_path)
    with pytest.raises(OSError, match="each of the 1 ports in worker-ports has a worker"):
        OwnPort(None, ports, tmp_path)
    asyncio.run(lock.close())
    asyncio.run(OwnPort(None, ports, tmp_path).close())


def test_nginx_is_told_what_the_configuration_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    base = "port: 9000\nomero: {host: 127.0.0.1, port: 1}\nsession-store: {type: memory}\n"

    def printed(more: str, *arguments: str) -> str:
        file.write_text(base + more)
        status = main(["nginx", "--upstream", "--config", str(file), *arguments])
        out, err = capsys.readouterr()
        return out if status == 0 else err

    assert printed("") == upstream(9000)
    own = "workers: 3\nworker-ports: 9001\nomero.web: {session_cookie_name: lab}\n"
    assert printed(own) == upstream(9000, range(9001, 9004), "lab")
    assert "$cookie_lab" in printed(own)
    assert printed(own, "--workers", "2") == upstream(9000, range(9001, 9003), "lab")
    assert "write worker-ports: 9001 there" in printed("", "--workers", "2")
    assert main(["nginx", "--workers", "2"]) == 1
