"""`warm` as a real process against a real (embedded) OMERO."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from omero_embedded.workload import Latency
from omero_embedded.world import ImageState
from tests.unit.warm.conftest import PASSWORD, SESSION_KEY, Bench
from tests.unit.websession.redis_server import free_port

STACKS = "Dataset:3"
STACKS_IMAGES = 19


def test_a_dataset(bench: Bench) -> None:
    before = bench.rendered()
    ended = bench.run(STACKS)
    assert (ended.returncode, ended.stderr) == (0, "")
    last = ended.stdout.splitlines()[-1]
    assert re.fullmatch(rf"{STACKS_IMAGES} thumbnails of {STACKS_IMAGES} images, 0 failed; [\d.]+ s", last)
    assert bench.rendered() > before
    # one at a time unless told otherwise
    assert bench.omero.omero.omero.stores_overlapping == 0
    assert bench.stores_left_open == 0
    # a session that was joined lives on
    assert bench.omero.omero.sessions.find(SESSION_KEY) is not None


def test_several_at_a_time_in_another_size(bench: Bench) -> None:
    ended = bench.run(STACKS, "--concurrency", "3", "--size", "32")
    assert ended.returncode == 0
    assert f"{STACKS_IMAGES} thumbnails of" in ended.stdout


def test_ids_on_standard_input(bench: Bench) -> None:
    images = bench.omero.readable("researcher")[:3]
    ended = bench.run(stdin=f"{images[0]}\nImage:{images[1]}  # a remark\n{images[2]} {images[0]}\n")
    assert ended.returncode == 0
    assert "3 thumbnails of 3 images" in ended.stdout


def test_what_has_no_thumbnail_is_named(bench: Bench) -> None:
    states = {image.state: image.id for image in bench.omero.omero.world.images.values()}
    failing, clock = states[ImageState.FAILING], states[ImageState.IN_PROGRESS]
    good = bench.omero.readable("researcher")[0]
    ended = bench.run(f"Image:{good}", f"Image:{failing}", f"Image:{clock}", "Image:99999999", "Dataset:4711")
    assert ended.returncode == 1
    assert "1 thumbnails of 5 images, 4 failed" in ended.stdout
    assert "Dataset:4711 does not exist" in ended.stdout
    assert f"image {clock}: OMERO shows a clock: it is still being imported" in ended.stdout
    assert f"image {failing}" in ended.stdout
    assert "image 99999999" in ended.stdout


def test_user_and_password(bench: Bench) -> None:
    sessions = len(bench.omero.omero.sessions)
    secret = bench.folder / "password"
    secret.write_text(f"{PASSWORD}\n")
    ended = bench.run(STACKS, "--user", "researcher", "--password-file", str(secret), key=None)
    assert ended.returncode == 0
    # what the password made has ended
    assert len(bench.omero.omero.sessions) == sessions


def test_a_password_that_is_the_user_name_is_a_password_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = bench.omero.omero.world.user_named("researcher")
    assert user is not None
    monkeypatch.setitem(bench.omero.omero.world.users, user.id, replace(user, password="researcher"))
    sessions = len(bench.omero.omero.sessions)
    secret = bench.folder / "password"
    secret.write_text("researcher\n")
    assert bench.run(STACKS, "--user", "researcher", "--password-file", str(secret), key=None).returncode == 0
    assert len(bench.omero.omero.sessions) == sessions


def test_wrong_password(bench: Bench) -> None:
    secret = bench.folder / "password"
    secret.write_text(f"{PASSWORD}!\n")
    ended = bench.run(STACKS, "--user", "researcher", "--password-file", str(secret), key=None)
    assert ended.returncode == 1
    assert "the user name or the password is wrong" in ended.stderr


def test_session_key_in_a_file(bench: Bench) -> None:
    secret = bench.folder / "key"
    secret.write_text(f"{SESSION_KEY}\n")
    assert bench.run(STACKS, "--session-key-file", str(secret), key=None).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "key", "sentence"),
    [
        ((STACKS,), None, "whose thumbnails?"),
        ((STACKS,), "no-such-session", "its session has ended"),
        (("Dataset:one",), SESSION_KEY, "'Dataset:one' names nothing"),
        ((), SESSION_KEY, "nothing is named"),
        ((STACKS, "--session-key-file", "/nowhere"), None, "/nowhere cannot be read"),
        ((STACKS, "--password-file", "/nowhere"), None, "--password-file needs --user"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    bench: Bench, arguments: tuple[str, ...], key: str | None, sentence: str
) -> None:
    ended = bench.run(*arguments, key=key)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_no_omero(bench: Bench) -> None:
    config = bench.folder / "down.yaml"
    config.write_text(f"omero: {{host: 127.0.0.1, port: {free_port()}}}\nsession-store: {{type: memory}}\n")
    ended = bench.run(STACKS, "--config", str(config))
    assert ended.returncode == 1
    assert "Connection refused" in ended.stderr
    assert "check" in ended.stderr


def test_what_is_done_is_not_done_again(bench: Bench) -> None:
    state = bench.folder / "state"
    assert bench.run(STACKS, "--state", str(state)).returncode == 0
    before = bench.rendered()
    ended = bench.run(STACKS, "--state", str(state))
    assert ended.returncode == 0
    assert f"0 thumbnails of {STACKS_IMAGES} images, {STACKS_IMAGES} done before" in ended.stdout
    assert bench.rendered() == before
    other = bench.run(STACKS, "--state", str(state), "--size", "32")
    assert other.returncode == 1
    assert "about size 96" in other.stderr


def test_interrupted_and_gone_on_with(bench: Bench) -> None:
    omero = bench.omero.omero
    omero.workload.latency = Latency(thumbnail=25)
    state = bench.folder / "state"
    command = bench.command("Dataset:1", "--state", str(state))
    with subprocess.Popen(command, env=bench.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline().partition("/")[0]) == 0:
            pass
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 130
    assert "Interrupted." in said
    assert f"{state} says what is done" in said
    assert omero.sessions.find(SESSION_KEY) is not None
    assert bench.stores_left_open == 0
    done = len(state.read_text().splitlines()) - 1
    assert 0 < done < 60
    omero.workload.latency = Latency()
    ended = bench.run("Dataset:1", "--state", str(state))
    assert ended.returncode == 0
    assert f"{60 - done} thumbnails of 60 images, {done} done before" in ended.stdout


def test_the_session_ends_meanwhile(bench: Bench) -> None:
    omero = bench.omero.omero
    omero.workload.latency = Latency(thumbnail=25)
    with subprocess.Popen(
        bench.command("Dataset:1"), env=bench.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while int(process.stdout.readline().partition("/")[0]) == 0:
            pass
        bench.omero.do(lambda: omero.sessions.end(SESSION_KEY))
        said = process.stdout.read()
    assert process.returncode == 1
    assert "Given up: " in said
    assert "log in again" in said


def test_omero_comes_back(bench: Bench) -> None:
    omero = bench.omero.omero
    omero.workload.latency = Latency(thumbnail=25)
    with subprocess.Popen(
        bench.command("Dataset:1"), env=bench.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while int(process.stdout.readline().partition("/")[0]) == 0:
            pass
        bench.omero._run(omero.stop_router())
        omero.workload.latency = Latency()
        bench.omero._run(omero.start(tcp_port=omero.tcp_port, ssl_port=omero.ssl_port))
        said = process.stdout.read()
    assert process.returncode == 0, said
    assert "60 thumbnails of 60 images, 0 failed" in said


def test_on_a_terminal(bench: Bench) -> None:
    bench.omero.omero.workload.latency = Latency(thumbnail=10)
    said = _on_terminal(bench.command(STACKS), bench.environment())
    assert f"\r[{'#' * 24}] {STACKS_IMAGES}/{STACKS_IMAGES}  100 %" in said
    assert said.count("\n") <= 3
    assert f"{STACKS_IMAGES} thumbnails of {STACKS_IMAGES} images" in said


def test_it_rests_while_omero_is_busy(bench: Bench) -> None:
    workload = bench.omero.omero.workload
    workload.latency = Latency(thumbnail=30)
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        bench.command("Dataset:1"), env=bench.environment(), stdin=terminal, stdout=terminal
    ) as process:
        os.close(terminal)
        said = ""
        while not re.search(r" [1-9]\d*/60 ", said):
            said += os.read(controller, 4096).decode()
        workload.latency = Latency(query=400)
        while "resting" not in said:
            said += os.read(controller, 4096).decode()
        process.send_signal(signal.SIGINT)
        _drain(controller)
    assert process.returncode == 130
    os.close(controller)


def _on_terminal(command: list[str], environment: dict[str, str]) -> str:
    controller, terminal = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        said = _drain(controller)
    os.close(controller)
    assert process.returncode == 0, said
    return said


def _drain(controller: int) -> str:
    said = b""
    while True:
        try:
            data = os.read(controller, 4096)
        except OSError:
            # Linux answers EIO once nobody has the terminal open any more
            return said.decode()
        if not data:
            return said.decode()
        said += data


def test_state_that_cannot_be_written(bench: Bench) -> None:
    ended = bench.run(STACKS, "--state", str(Path(bench.folder) / "nowhere" / "state"))
    assert ended.returncode == 1
    assert "No such file or directory" in ended.stderr
