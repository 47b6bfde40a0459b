"""A real Redis, or a real sentinel, in a directory of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.parts import require

#: starts before a port that somebody else has is given up
_ATTEMPTS = 25

_READY = {"server": "Ready to accept connections", "sentinel": "+monitor master"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class RedisServer:
    directory: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    keeps: bool = False
    """Whether what is in it outlives it."""
    process: subprocess.Popen[str] | None = None

    def start(self, kind: str = "server") -> None:
        """Start and return once it answers, as its own log says."""
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "redis.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.directory}", *self.options]
        if kind == "server":
            kept = ["appendonly yes", "appendfsync always"] if self.keeps else ["appendonly no"]
            lines += ['save ""', *kept, f"unixsocket {self.socket_path}"]
        configuration.write_text("\n".join(lines) + "\n")
        command = [str(require("redis-server")), str(configuration)]
        if kind == "sentinel":
            command.append("--sentinel")
        said: list[str] = []
        for _ in range(_ATTEMPTS):
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.directory
            )
            assert self.process.stdout is not None
            said = []
            for line in self.process.stdout:
                said.append(line)
                if _READY[kind] in line:
                    return
            self.kill()
            if not any("Address already in use" in line for line in said):
                break
            # somebody's connection had the port for a moment, as its own end
            time.sleep(0.2)
        raise AssertionError(f"Redis did not start:\n{''.join(said)}")

    @property
    def socket_path(self) -> Path:
        return self.directory / "redis.sock"

    def kill(self) -> None:
        if self.process is not None:
            assert self.process.stdout is not None
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None
