"""A real PostgreSQL in a directory of its own, as a user who is not root, which it refuses to be."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.parts import require
from tests.unit.websession.redis_server import free_port
from tests.unit.websession.tls import make_certificate

PASSWORD = "S3cret/of the+database"
_READY = "database system is ready to accept connections"


def _somebody() -> dict[str, int]:
    """Who runs it: whoever runs the tests, or somebody else where that is root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid}
    raise AssertionError("there is no user who could run PostgreSQL")


@dataclass
class PostgresServer:
    """Its superuser is omero, with PASSWORD; its database is postgres. options are lines of postgresql.conf."""

    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    # Not below pytest's, which only the user who runs the tests may enter.
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="postgres-")))
    process: subprocess.Popen[str] | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def uri(self, database: str = "postgres", parameters: str = "") -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/{database}?user=omero&password={PASSWORD}{parameters}"

    def make(self) -> None:
        """Make its files, of which nothing needs to be safe from a power cut."""
        somebody = _somebody()
        password = self.directory / "password"
        password.write_text(PASSWORD + "\n")
        for path in (self.directory, password):
            os.chown(path, somebody.get("user", -1), somebody.get("group", -1))
        initdb = require("postgres").with_name("initdb")
        command = [str(initdb), "-D", str(self.data), "-U", "omero", "-A", "scram-sha-256", "-N", "-E", "UTF8"]
        made = subprocess.run(
            [*command, "--locale=C", f"--pwfile={password}"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory,
            **somebody,  # type: ignore[call-overload]
        )
        assert made.returncode == 0, made.stderr

    def certify(self, folder: Path, host: str = "postgres.example.org") -> Path:
        """Give it a certificate for a host, made in the folder, whose path is returned; used where ``ssl = on``."""
        certificate, key = make_certificate(folder, host)
        owner = self.data.stat()
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            target = self.data / name
            shutil.copy(source, target)
            target.chmod(0o600)
            os.chown(target, owner.st_uid, owner.st_gid)
        return certificate

    def start(self) -> None:
        """Start and return once it answers, as its own log says."""
        if not self.data.exists():
            self.make()
        # The time zone is not UTC, and nothing may depend on that.
        lines = [
            f"port = {self.port}",
            "listen_addresses = '127.0.0.1'",
            f"unix_socket_directories = '{self.directory}'",
            "timezone = 'Asia/Kathmandu'",
            "fsync = off",
            "max_connections = 30",
            "shared_buffers = 16MB",
            *self.options,
        ]
        (self.data / "postgresql.auto.conf").write_text("\n".join(lines) + "\n")
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [str(require("postgres")), "-D", str(self.data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.directory,
            **_somebody(),  # type: ignore[call-overload]
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if _READY in line:
                return
        raise AssertionError(f"PostgreSQL did not start:\n{''.join(said)}")

    def kill(self) -> None:
        """End it at once, with everybody connected to it."""
        if self.process is not None:
            assert self.process.stdout is not None
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
