"""The command line: help, starting, failing to start with one sentence, and ending without leaving anything behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest

from omero_ms_thumbnail.version import VERSION
from tests.support.parts import ROOT
from tests.support.service_process import DEADLINE, ServiceProcess, free_port, run, start


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + DEADLINE
    while any(map(_is_alive, pids)):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if _is_alive(pid)]}"
        time.sleep(0.01)


def test_version() -> None:
    said = run("--version")
    assert (said.returncode, said.stdout.strip()) == (0, VERSION)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ([], ["serve", "demo", "--version"]),
        (["serve"], ["--config FILE", "--host HOST", "--port PORT", "--workers N"]),
        (
            ["demo"],
            ["--host HOST", "--port PORT", "--images DIR", "--data-dir DIR", "--latency REALISTIC|none|key=ms,…"],
        ),
    ],
)
def test_help(command: list[str], options: list[str]) -> None:
    said = run(*command, "--help")
    assert said.returncode == 0
    for option in options:
        assert option in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 100


def _fails(*arguments: str, environment: dict[str, str] | None = None, status: int = 1) -> str:
    """The one sentence with which a command refuses to start."""
    said = run(*arguments, environment=environment)
    assert said.returncode == status, said.stderr
    assert said.stdout == ""
    assert "Traceback" not in said.stderr
    lines = [line for line in said.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, said.stderr
    assert lines[0].startswith("omero-ms-thumbnail: ")
    return lines[0]


def _config(tmp_path: Path, text: str) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return str(file)


GOOD = 'port: 8080\nsession-store: {type: redis, uri: "redis://127.0.0.1:1/1"}\n'


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    sentence = _fails("serve", "--config", str(tmp_path / "nothing.yaml"))
    assert "nothing.yaml: there is no such file" in sentence


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("port: [8080\n", "line"),
        ("prot: 8080\n" + GOOD, "did you mean port"),
        (GOOD.replace("8080", "eighty"), "'eighty' is not a whole number from 1 to 65535"),
        ("port: 8080\nsession-store: {type: redis}\n", "session-store"),
        (GOOD.replace("redis://127.0.0.1:1/1", "http://nowhere"), "session-store.uri"),
        (GOOD + "omero: {tls: {verify: true, ca_file: /nonexistent.pem}}\n", "ca_file"),
    ],
    ids=["malformed", "unknown key", "wrong type", "no uri", "wrong uri", "no such authority"],
)
def test_a_configuration_that_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    assert says in _fails("serve", "--config", _config(tmp_path, text))


def test_a_wrong_variable(tmp_path: Path) -> None:
    sentence = _fails(
        "serve", "--config", _config(tmp_path, GOOD), environment={"OMERO_MS_THUMBNAIL_OMERO_HSOT": "omero"}
    )
    assert "OMERO_MS_THUMBNAIL_OMERO_HOST" in sentence


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        for command in (["serve", "--config", _config(tmp_path, GOOD)], ["demo"]):
            sentence = _fails(*command, "--host", "127.0.0.1", "--port", port)
            assert f"cannot listen on 127.0.0.1:{port}" in sentence
            assert "--port" in sentence


def test_another_service_of_ours_on_the_port(tmp_path: Path) -> None:
    with start("serve", "--config", _config(tmp_path, GOOD)) as service:
        port = str(service.port)
        sentence = _fails("serve", "--config", _config(tmp_path, GOOD), "--host", "127.0.0.1", "--port", port)
        assert "cannot listen" in sentence


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        assert f"cannot listen on {host}" in _fails("serve", "--config", _config(tmp_path, GOOD), "--host", host)


def test_an_omero_and_a_redis_that_are_not_there_do_not_keep_it_from_starting(tmp_path: Path) -> None:
    text = GOOD + "omero: {host: no.such.host.invalid}\n"
    with start("serve", "--config", _config(tmp_path, text)) as service:
        ready = httpx.get(f"{service.address}/readyz", timeout=DEADLINE)
        assert ready.status_code == 503
        assert "no.such.host.invalid" in ready.json()["OMERO"]
        assert httpx.get(f"{service.address}/healthz").status_code == 200


@pytest.mark.parametrize("latency", ["quick", "join", "join=fast", "thumbnail=-1", "at_once=0", "join=1,speed=3"])
def test_a_wrong_latency(latency: str) -> None:
    assert latency.rpartition(",")[2].partition("=")[0] in _fails("demo", "--latency", latency)


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    assert str(tmp_path) in _fails("demo", "--port", str(free_port()), "--images", str(tmp_path))
    assert "nothing" in _fails("demo", "--port", str(free_port()), "--images", str(tmp_path / "nothing"))


def test_a_demo_that_is_given_another_omeros_files(tmp_path: Path) -> None:
    (tmp_path / "Thumbnails").mkdir()
    (tmp_path / "Thumbnails" / "1").touch()
    sentence = _fails("demo", "--port", str(free_port()), "--data-dir", str(tmp_path))
    assert f"{tmp_path}/Thumbnails has files of another OMERO in it" in sentence


def test_the_demo_without_image_libraries(tmp_path: Path) -> None:
    # as if pip had not installed them: finders look into folders, and this one hides theirs
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('numpy', 'PIL', 'tifffile'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name in ('numpy', 'PIL', 'tifffile') else find(name, *more)\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    sentence = _fails("demo", environment={"PYTHONPATH": str(tmp_path)})
    assert "pip install 'omero-ms-thumbnail[demo]'" in sentence


@pytest.mark.parametrize(
    "arguments", [["serve", "--port", "0"], ["serve", "--workers", "x"], ["demo", "--port", "70000"], ["what"]]
)
def test_a_wrong_command_line_says_how_it_goes(arguments: list[str]) -> None:
    said = run(*arguments)
    assert said.returncode == 2
    assert "usage: omero-ms-thumbnail" in said.stderr


def test_the_demo_with_a_folder_and_latencies(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (300, 200), "teal").save(tmp_path / "teal.png")
    with start("demo", "--images", str(tmp_path), "--latency", "REALISTIC") as demo:
        cookie = demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
        answer = httpx.get(
            f"{demo.address}/webclient/render_thumbnail/101/", headers={"cookie": cookie}, timeout=DEADLINE
        )
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")


def _busy_demo(demo: ServiceProcess) -> list[int]:
    """A demo that has served and holds a connection open, as a browser does; its processes."""
    cookie = demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
    httpx.get(f"{demo.address}/webclient/render_thumbnail/101/", headers={"cookie": cookie})
    processes = demo.children()
    assert len(processes) >= 2
    return processes


def test_ctrl_c_ends_the_demo_and_leaves_nothing() -> None:
    with start("demo") as demo:
        processes = _busy_demo(demo)
        with httpx.Client(base_url=demo.address) as kept_open:
            kept_open.get("/healthz")
            # a terminal sends it to every process of the group
            os.killpg(demo.process.pid, signal.SIGINT)
            assert demo.process.wait(DEADLINE) == 0
        _wait_until_gone(processes)
        assert "Traceback" not in demo.output
        assert "Unexpected exit" not in demo.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_parent_alone_ends_all(number: signal.Signals) -> None:
    with start("demo") as demo:
        processes = _busy_demo(demo)
        assert demo.end(number) == 0
        _wait_until_gone(processes)


def test_a_demo_that_is_killed_takes_its_worker_and_its_omero_with_it() -> None:
    with start("demo") as demo:
        processes = _busy_demo(demo)
        demo.process.kill()
        demo.process.wait(DEADLINE)
        _wait_until_gone(processes)


def test_workers_do_not_outlive_who_started_them(tmp_path: Path) -> None:
    with start("serve", "--config", _config(tmp_path, GOOD), "--workers", "3") as service:
        assert httpx.get(f"{service.address}/healthz").status_code == 200
        processes = service.children()
        assert len(processes) == 3
        service.process.kill()
        service.process.wait(DEADLINE)
        _wait_until_gone(processes)
        # the port is free for the next start
        socket.create_server(("127.0.0.1", service.port)).close()


def test_the_module_is_the_command() -> None:
    assert (ROOT / "src" / "omero_ms_thumbnail" / "__main__.py").exists()
    assert Path(sys.executable).with_name("omero-ms-thumbnail").exists()
