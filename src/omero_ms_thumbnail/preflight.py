"""Whatever can keep the service from starting, found before a worker starts: by `serve`, and by `check`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from .config import Settings
from .parts import caches, omero_server, session_store, tracer, worker_ports
from .runtime.shared_folder import shared_folder
from .telemetry.log import LoggingFailed, LogOptions, explain, start_logging
from .websession import WebSession


class CannotServe(Exception):
    """The service cannot start; the text says why and what to do."""


def log_options(settings: Settings, config: Path | None = None, level: str | None = None) -> LogOptions:
    """How to log by the settings, by `config` if it is given, and at `level` if that is."""
    logs = settings.logging
    return LogOptions(level or logs.level, logs.format, logs.file, logs.keep, config)


def begin_logging(options: LogOptions, *, explained: bool = False) -> None:
    """Log by `options` from now on, and say how it came to that if it is to be `explained`. Raises CannotServe."""
    try:
        start_logging(options)
    except LoggingFailed as error:
        raise CannotServe(str(error)) from error
    if explained:
        for line in explain(options):
            print(line, file=sys.stderr)  # noqa: T201 - a log that is wrong cannot say so itself


@contextlib.contextmanager
def folder_of_workers() -> Iterator[Path]:
    """A folder that the workers share, removed at the end. Raises CannotServe where none can be made."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(shared_folder())
        except OSError as error:
            raise CannotServe(
                f"there is no folder for temporary files ({error.strerror}); give the service a writable /tmp, such as "
                "a tmpfs, or name a folder in TMPDIR"
            ) from error
        yield folder


def preflight(
    settings: Settings, in_memory: Mapping[str, WebSession] | None = None, *, is_running: bool = False
) -> str:
    """Make and let go of whatever can keep the service from starting; for `serve`, before a worker starts, and `check`.

    The numeric address to listen on. in_memory are the demo's sessions, where they are in no store. is_running says
    that something may have the port already, which is the service itself. Raises ConfigError or CannotServe.
    """

    async def make() -> None:
        await session_store(settings, in_memory).close()
        for server in settings.omero.all_servers:
            shared = caches(settings, server).shared
            if shared is not None:
                await shared.close()

    asyncio.run(make())
    for server in settings.omero.all_servers:
        omero_server(settings, server)
    tracing = tracer(settings)
    if tracing is not None:
        tracing.close()
    with folder_of_workers():
        pass
    if settings.logging.file is not None and not _can_be_written(settings.logging.file):
        raise CannotServe(
            f"logging.file: {settings.logging.file} cannot be written by this user; name another file, or let the "
            "service's user write there"
        )
    address = _address(settings.host, settings.port, is_running=is_running)
    for port in worker_ports(settings):
        _address(settings.host, port, is_running=is_running, key="worker-ports in the configuration")
    return address


def _can_be_written(file: Path) -> bool:
    """Whether this user may write the file, or make it and the folders above it; nothing is made."""
    if file.exists():
        return os.access(file, os.W_OK)
    nearest = next(folder for folder in file.absolute().parents if folder.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def url(host: str, port: int) -> str:
    """The URL of a service there, without a path."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def with_ports(settings: Settings) -> str:
    """Which ports the workers have besides, for people."""
    ports = worker_ports(settings)
    return f", each on one of the ports {ports[0]} to {ports[-1]} too" if ports else ""


def _address(host: str, port: int, *, is_running: bool = False, key: str = "--port or in the configuration") -> str:
    """The numeric address of `host`, the only form that Granian takes, which can be had now.

    Granian's workers would share a port with another service without a word. Raises CannotServe.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = infos[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen()
    except UnicodeError as error:
        raise CannotServe(f"cannot listen on {host}:{port}: {host!r} is not the name of a host") from error
    except OSError as error:
        if is_running and error.errno == errno.EADDRINUSE:
            return str(address[0])
        raise CannotServe(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            f"choose another port with {key}, or stop what uses it"
        ) from error
    return str(address[0])
