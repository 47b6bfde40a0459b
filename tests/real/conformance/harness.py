"""The stand-in OMERO behind its four routers, as a test holds it, and the official client as a test runs it."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

from tests.real.conformance import certificates
from tests.real.conformance.glacier2 import TRANSPORTS, Router
from tests.real.conformance.processes import Child
from tests.support.parts import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANSWERED_WITHIN = 10.0

PLAN_WITHIN = 60.0

SYSTEM, USER, LAB, PRIVATE, SHARED = 0, 1, 3, 4, 5
ROOT_ID, ALICE, BOB = 0, 2, 3

ROOT_KEY = "11111111-aaaa-4aaa-8aaa-000000000000"
ALICE_KEY = "11111111-aaaa-4aaa-8aaa-000000000002"
BOB_KEY = "11111111-aaaa-4aaa-8aaa-000000000003"
EXPIRED_KEY = "11111111-aaaa-4aaa-8aaa-000000000009"

#: What `omero_standin` starts every test with; see standin/world.py for its form.
WORLD: dict[str, Any] = {
    "groups": [
        {"id": SYSTEM, "name": "system", "permissions": "rw----"},
        {"id": USER, "name": "user", "permissions": "rwr-r-"},
        {"id": LAB, "name": "read-only lab", "permissions": "rwr---"},
        {"id": PRIVATE, "name": "private lab", "permissions": "rw----"},
        {"id": SHARED, "name": "read-write lab", "permissions": "rwrw--"},
    ],
    "users": [
        {"id": ROOT_ID, "name": "root", "password": "root-password", "groups": [SYSTEM, USER]},
        {"id": ALICE, "name": "alice", "password": "alice-password", "groups": [LAB, USER, PRIVATE, SHARED]},
        {"id": BOB, "name": "bob", "password": "bob-password", "groups": [LAB, USER, PRIVATE]},
    ],
    "sessions": [
        {"key": ROOT_KEY, "user": "root"},
        {"key": ALICE_KEY, "user": "alice"},
        {"key": BOB_KEY, "user": "bob"},
        {"key": EXPIRED_KEY, "user": "bob", "refuse": "ExpiredCredentialException"},
    ],
    "images": [
        {"id": 11, "group": LAB, "owner": ALICE},
        {"id": 12, "group": LAB, "owner": ALICE, "size": [512, 256]},
        {"id": 13, "group": LAB, "owner": BOB, "size": [256, 512]},
        {"id": 21, "group": PRIVATE, "owner": ALICE},
        {"id": 22, "group": PRIVATE, "owner": BOB},
        {"id": 31, "group": SHARED, "owner": ALICE},
        {"id": 41, "group": LAB, "owner": ALICE, "behaviour": "missing settings"},
        {"id": 42, "group": LAB, "owner": BOB, "behaviour": "missing settings"},
        {"id": 43, "group": LAB, "owner": ALICE, "behaviour": "fails"},
        {"id": 44, "group": LAB, "owner": ALICE, "behaviour": "in progress"},
        {"id": 45, "group": LAB, "owner": ALICE, "behaviour": "left out of set"},
        {"id": 46, "group": LAB, "owner": ALICE, "behaviour": "empty in set"},
        {"id": 47, "group": LAB, "owner": ALICE, "behaviour": "throws omero.ApiUsageException"},
        {"id": 48, "group": LAB, "owner": ALICE, "behaviour": "crashes"},
        {"id": 49, "group": LAB, "owner": ALICE, "behaviour": "held"},
        *({"id": image, "group": LAB, "owner": ALICE} for image in range(1000, 1200)),
    ],
    "rendering_definitions": [
        {"id": 601, "image": 11, "owner": ALICE, "z": 5, "t": 2},
        {"id": 602, "image": 11, "owner": BOB, "z": 1, "t": 0},
    ],
}


def pixels(image: int) -> int:
    """The id of an image's Pixels in the stand-in."""
    return 1_000_000 + image


class CommandRefused(Exception):
    """The stand-in could not do what the test told it."""


class OmeroStandin:
    """One stand-in process with one router per transport. Its methods block: from a coroutine use `to_thread`."""

    def __init__(self, python: Path, router: Path, folder: Path, *, lean: bool = False) -> None:
        self._lock = threading.Lock()
        command = [python, "-m", "tests.real.conformance.standin", *(["lean"] if lean else [])]
        self._child = Child(command, folder / "standin.log", cwd=ROOT)
        self._program = router
        self._folder = folder
        self._extra: list[Router] = []
        self.routers: dict[str, Router] = {}
        try:
            self._child.write_line(json.dumps(WORLD))
            self.blitz_port: int = json.loads(self._child.read_line())["port"]
            certificates.self_signed(folder / "self_signed")
            certificates.signed_by_authority(folder / "ca_signed")
            for transport in TRANSPORTS:
                (folder / transport).mkdir(exist_ok=True)
                self.routers[transport] = Router(transport, folder / transport, router, self.blitz_port)
                self.routers[transport].start()
        except BaseException:
            self.stop()
            raise

    @property
    def plain(self) -> Router:
        """Plain TCP."""
        return self.routers["plain"]

    @property
    def adh(self) -> Router:
        """TLS as OMERO has it out of the box: anonymous Diffie-Hellman only."""
        return self.routers["adh"]

    @property
    def self_signed(self) -> Router:
        """TLS with a self-signed certificate for localhost and 127.0.0.1, as `omero certificates` makes one."""
        return self.routers["self_signed"]

    @property
    def ca_signed(self) -> Router:
        """TLS with a certificate for localhost and 127.0.0.1 that the authority in `ca_file` signed."""
        return self.routers["ca_signed"]

    @property
    def pid(self) -> int:
        """The process that stands in for OMERO.server."""
        return self._child.pid

    def command(self, do: str, within: float = ANSWERED_WITHIN, **arguments: Any) -> Any:
        """Give one command of standin/control.py and return what it answers."""
        with self._lock:
            self._child.write_line(json.dumps({"do": do, **arguments}))
            answer = json.loads(self._child.read_line(within))
        if "error" in answer:
            raise CommandRefused(f"{do}: {answer['error']}")
        return answer["ok"]

    def stats(self) -> dict[str, Any]:
        """calls by operation, joins, refused, overlaps, without_client_uuid, clients by uuid, left_open, sessions."""
        return dict(self.command("stats"))

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """The calls of one operation since the test began: arguments, client, group, user; in order of arrival."""
        return [call for call in self.command("log") if call["operation"] == operation]

    def set_image(self, image: int, **changes: Any) -> None:
        """Add or change an image: group, owner, size, behaviour (a string or a list of them), deleted."""
        self.command("set", image=image, **changes)

    def start_session(self, user: str, **more: Any) -> str:
        """Start an OMERO session, with `key`, `group` and `refuse` if given, and return its key."""
        return str(self.command("start-session", user=user, **more))

    def end_session(self, key: str, exception: str = "") -> None:
        """End an OMERO session: calls are answered ObjectNotExist, or with this exception if one is named."""
        self.command("end-session", key=key, exception=exception)

    def fail(self, operation: str, exception: str, times: int = 1) -> None:
        """Let the next calls of an operation fail with this exception of OMERO's, whatever they are about."""
        self.command("fail", operation=operation, exception=exception, times=times)

    def freeze(self) -> None:
        """Let calls wait at OMERO's door until `thaw`."""
        self.command("freeze")

    def thaw(self) -> None:
        self.command("thaw")

    def release(self) -> None:
        """Let the calls that wait for a "held" image go on; those to come are held again."""
        self.command("release")

    def wait_for(self, operation: str, count: int, seconds: float = ANSWERED_WITHIN) -> None:
        """Return when the operation was called `count` times since the test began; TimeoutError if it is not."""
        asked = {"operation": operation, "count": count, "seconds": seconds}
        if not self.command("wait", within=seconds + ANSWERED_WITHIN, **asked):
            raise TimeoutError(f"{operation} was not called {count} times within {seconds} s: {self.stats()['calls']}")

    def wait_until_left(self, seconds: float = ANSWERED_WITHIN) -> None:
        """Return when every client that joined has left; TimeoutError if one stays."""
        if not self.command("wait-until-left", within=seconds + ANSWERED_WITHIN, seconds=seconds):
            raise TimeoutError(f"clients were still there after {seconds} s")

    def start_router(
        self,
        transport: str = "plain",
        *,
        session_timeout: int = 600,
        protocols: str = "",
        ciphers: str = "",
        websocket: bool = False,
    ) -> Router:
        """One more router, that ends a session after so many seconds without a request, with such TLS."""
        folder = self._folder / f"{transport}-extra-{len(self._extra)}"
        # with the certificates, if any, of the one that there is
        certificates_there = shutil.ignore_patterns("router.*")
        shutil.copytree(self.routers[transport].folder, folder, ignore=certificates_there, dirs_exist_ok=True)
        router = Router(transport, folder, self._program, self.blitz_port, session_timeout)
        router.protocols, router.ciphers, router.websocket = protocols, ciphers, websocket
        router.start()
        self._extra.append(router)
        return router

    def reset(self, world: dict[str, Any] | None = None, within: float = ANSWERED_WITHIN) -> None:
        """Have everything as at the start of a test, in this world if one is given."""
        self._stop_extra()
        for router in self.routers.values():
            router.make_sure()
        self.command("reset", within, world=world or WORLD)

    def _stop_extra(self) -> None:
        while self._extra:
            self._extra.pop().stop()

    def stop(self) -> None:
        self._stop_extra()
        for router in self.routers.values():
            router.stop()
        self._child.end()


class OfficialClient:
    """omero-py's own client in its own interpreter: one process for one plan of official_client.py."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python = python
        self._log = folder / "official-client.log"

    def run(
        self,
        host: str,
        port: int,
        steps: list[dict[str, Any]],
        *,
        secure: bool = False,
        anonymous: bool = False,
        properties: dict[str, str] | None = None,
        at_pause: Callable[[], None] = lambda: None,
    ) -> list[dict[str, Any]]:
        """The result of every step, {"ok": …} or {"error": {"type": …, "message": …}}; see official_client.py.

        `anonymous` allows the anonymous Diffie-Hellman of an OMERO without certificates; `properties` are more of
        Ice's; `at_pause` is called where the plan says "pause".
        """
        plan = {
            "host": host,
            "port": port,
            "secure": secure,
            "anonymous": anonymous,
            "properties": properties or {},
            "steps": steps,
        }
        child = Child([self._python, ROOT / "tests" / "real" / "conformance" / "official_client.py"], self._log)
        try:
            child.write_line(json.dumps(plan))
            answer = json.loads(child.read_line(PLAN_WITHIN))
            while isinstance(answer, dict):
                at_pause()
                child.write_line("")
                answer = json.loads(child.read_line(PLAN_WITHIN))
        finally:
            child.end()
        results: list[dict[str, Any]] = answer
        return results

    def run_at(self, router: Router, steps: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
        """Run a plan at one of the stand-in's routers."""
        anonymous = router.transport == "adh"
        return self.run(router.host, router.port, steps, secure=router.secure, anonymous=anonymous, **more)


def tour(
    *,
    key: str,
    name: str,
    password: str,
    images: list[int],
    missing_image: int,
    rendering_def: int,
    missing_rendering_def: int,
    group: int,
) -> list[dict[str, Any]]:
    """A plan that goes through everything a thumbnail service asks of an OMERO, for any OMERO that has these.

    `images` are readable with the session `key`, in one group, and have rendering settings; `rendering_def` is one of
    the first image's; `group` is the user's default group. Steps that are to fail say so in their "expect", as do
    those whose answer is known.
    """
    first = images[0]
    return [
        {"do": "join", "name": "no-such-key", "password": "no-such-key", "expect": "PermissionDeniedException"},
        {"do": "join", "name": name, "password": password + "x", "expect": "PermissionDeniedException"},
        {"do": "join", "name": name, "password": password, "expect": "ok"},
        {"do": "event_context", "expect": "ok"},
        {"do": "leave", "expect": "ok"},
        {"do": "join", "name": key, "password": key, "expect": "ok"},
        {"do": "detach", "expect": "ok"},
        {"do": "event_context", "expect": "ok"},
        {"do": "pixels", "images": [*images, missing_image], "expect": "ok"},
        {"do": "section", "rendering_def": rendering_def, "expect": "ok"},
        {"do": "section", "rendering_def": missing_rendering_def, "expect": "ok"},
        {"do": "projection", "query": "no such query", "expect": "QueryException"},
        {"do": "store", "expect": "ok"},
        {"do": "thumbnail", "size": 96, "expect": "ApiUsageException"},
        {"do": "set_pixels", "image": first, "expect": True},
        {"do": "in_progress", "expect": False},
        {"do": "thumbnail", "size": 96, "expect": "ok"},
        {"do": "thumbnail", "size": None, "expect": "ok"},
        {"do": "thumbnail", "size": [64, 48], "expect": "ok"},
        {"do": "thumbnail", "size": 96, "direct": True, "expect": "ok"},
        {"do": "thumbnail", "size": 96, "z": 1, "t": 0, "expect": "ok"},
        {"do": "thumbnail", "size": [64, 48], "z": 0, "t": 0, "expect": "ok"},
        {"do": "exists", "size": [96, 96], "expect": "ok"},
        {"do": "set_rendering_def", "rendering_def": rendering_def, "expect": "ok"},
        {"do": "get_rendering_def", "expect": rendering_def},
        {"do": "thumbnail", "size": 96, "expect": "ok"},
        {"do": "set_rendering_def", "rendering_def": missing_rendering_def, "expect": "ValidationException"},
        {"do": "reset_defaults", "expect": "ApiUsageException"},
        {"do": "thumbnails", "images": images, "size": 96, "expect": "ok"},
        {"do": "thumbnails", "images": images, "size": [64, 48], "expect": "ok"},
        {"do": "keep_alive", "expect": True},
        {"do": "set_group", "group": group, "expect": "SecurityViolation"},
        {"do": "close_store", "expect": "ok"},
        {"do": "set_group", "group": group, "expect": group},
        {"do": "keep_alive", "expect": False},
        {"do": "set_pixels", "image": first, "expect": "ObjectNotExistException"},
        {"do": "keep_all_alive", "expect": -1},
        {"do": "leave", "expect": "ok"},
        {"do": "join", "name": key, "password": key, "expect": "ok"},
        {"do": "leave_and_detach", "expect": "ok"},
    ]


def surprises(steps: list[dict[str, Any]], results: list[dict[str, Any]]) -> list[str]:
    """One line for every step whose result is not what its "expect" says: "ok", an exception's name, or the answer."""
    lines = []
    for number, (step, result) in enumerate(zip(steps, results, strict=True), 1):
        expected = step["expect"]
        got = result["error"]["type"].rpartition(".")[2] if "error" in result else result["ok"]
        fine = "ok" in result if expected == "ok" else got == expected
        if not fine:
            lines.append(f"step {number}, {step}: {result}")
    return lines
