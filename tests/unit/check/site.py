"""A site whose OMERO, Redis and OMERO.web sessions are real, and `check` run on it as an administrator would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import yaml

from tests.support.command import run_command
from tests.support.embedded_thread import EmbeddedThread
from tests.unit.websession.redis_server import RedisServer

COOKIE = "q3f6u2m9x0c7v5b1n8k4j2h6g3d9s1a7"
OTHER_COOKIE = "z9y8x7w6v5u4t3s2r1q0p9o8n7m6l5k4"
SESSION_KEY = "d8e0c1f2-7a3b-4c5d-9e6f-0a1b2c3d4e5f"
PASSWORD = "Very/Secret#Password"
#: what no output may have
SECRETS = (COOKIE, OTHER_COOKIE, SESSION_KEY, PASSWORD, "Very%2FSecret%23Password")
DATABASE = 1


def cache_key(session_id: str, prefix: str = "", version: int = 1) -> str:
    return f"{prefix}:{version}:django.contrib.sessions.cache{session_id}"


def session_of(key: str = SESSION_KEY) -> bytes:
    """A session as OMERO.web keeps it once a user has logged in."""
    connector = {"server_id": "1", "is_secure": False, "is_public": False, "omero_session_key": key, "user_id": 2}
    return json.dumps({"connector": connector, "server_settings": {}}).encode()


@dataclass
class Checked:
    """What `check` printed and how it ended."""

    status: int
    output: str
    steps: list[dict[str, Any]] = field(default_factory=list)

    def step(self, name: str) -> dict[str, Any]:
        return next(step for step in self.steps if step["step"] == name)

    @property
    def codes(self) -> list[str]:
        """The diagnoses, in the order of the walk."""
        return [step["diagnosis"]["code"] for step in self.steps if "diagnosis" in step]

    @property
    def failed(self) -> list[str]:
        return [step["diagnosis"]["code"] for step in self.steps if step["outcome"] == "failed"]


@dataclass
class Site:
    """Everything works until a test breaks it."""

    folder: Path
    omero: EmbeddedThread
    redis: RedisServer

    @property
    def configuration(self) -> dict[str, Any]:
        return {
            "omero": {"host": "127.0.0.1", "port": self.omero.omero.ssl_port, "connect_timeout": 5},
            "session-store": {"type": "redis", "uri": self.uri()},
        }

    def uri(self, database: int = DATABASE) -> str:
        return f"redis://:@127.0.0.1:{self.redis.port}/{database}"

    def client(self, database: int = DATABASE) -> redis.Redis:
        return redis.Redis(port=self.redis.port, db=database)

    def put(
        self, session_id: str = COOKIE, value: bytes | None = None, *, database: int = DATABASE, **key: Any
    ) -> None:
        """Keep a session as OMERO.web does."""
        with self.client(database) as client:
            client.set(cache_key(session_id, **key), session_of() if value is None else value)

    def check(self, *arguments: str, cookie: str | None = COOKIE, **changes: Any) -> Checked:
        """Run it on this site's configuration with `changes`; the cookie goes by standard input."""
        return self.run(*arguments, cookie=cookie, configuration=_merged(self.configuration, changes))

    def run(
        self,
        *arguments: str,
        cookie: str | None = COOKIE,
        configuration: dict[str, Any] | None = None,
        json_report: bool = True,
    ) -> Checked:
        command = ["check", *arguments]
        if configuration is not None:
            path = self.folder / "config.yaml"
            path.write_text(yaml.safe_dump(configuration))
            command += ["--config", str(path)]
        command += ["--json"] if json_report else []
        command += ["--session", "-"] if cookie is not None else []
        ended = run_command(*command, stdin=cookie or "", cwd=self.folder)
        assert ended.stderr == "", ended.stderr
        for secret in SECRETS:
            assert secret not in ended.stdout
        if not json_report:
            return Checked(ended.returncode, ended.stdout)
        report = json.loads(ended.stdout)
        assert report["ok"] is (ended.returncode == 0)
        return Checked(ended.returncode, ended.stdout, report["steps"])


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        key = name.replace("__", "-")
        merged[key] = {**merged[key], **value} if isinstance(value, dict) and key in merged else value
    return merged


def omero_web(folder: Path, properties: Mapping[str, str], *, profile: str = "default") -> Path:
    """An OMERODIR whose configuration is as `omero config set` writes it."""
    grid = folder / "OMERO.web" / "etc" / "grid"
    grid.mkdir(parents=True, exist_ok=True)
    lines = ["<icegrid>", '  <properties id="__ACTIVE__">']
    lines += [f'    <property name="omero.config.profile" value="{profile}"/>', "  </properties>"]
    lines += [f'  <properties id="{profile}">']
    for name, value in properties.items():
        quoted = value.replace("&", "&amp;").replace('"', "&quot;")
        lines.append(f'    <property name="{name}" value="{quoted}"/>')
    lines += ["  </properties>", '  <include file="templates.xml"/>', "</icegrid>"]
    (grid / "config.xml").write_text("\n".join(lines))
    return folder / "OMERO.web"
