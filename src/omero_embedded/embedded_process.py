"""The embedded OMERO in a process of its own, as a real one is: started, described, ended with its starter."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from .images import ImageLibrariesMissing, require_image_libraries
from .workload import Latency

#: seconds that starting may take: drawing nothing yet, but loading the image libraries on a slow disk
_START_TIMEOUT: Final = 60.0
_END_TIMEOUT: Final = 1.0

#: a demo's session must outlast a lunch break
_TIME_TO_IDLE: Final = 7 * 24 * 3600.0


class EmbeddedOmeroFailed(Exception):
    """It could not be started; the text says why."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user whom OMERO has let in, and the key of the session."""

    user_id: int
    name: str
    full_name: str
    role: str
    session_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Running:
    """Where it listens, who is logged in, and what is in it as JSON values."""

    host: str
    tcp_port: int
    ssl_port: int
    users: tuple[LoggedIn, ...]
    contents: dict[str, Any]


class OmeroProcess:
    """The process. `images` is a folder of pictures to show instead of the samples.

    `data_dir` is where its thumbnails are kept as OMERO keeps them, instead of in memory.
    """

    def __init__(self, *, latency: Latency, images: Path | None = None, data_dir: Path | None = None) -> None:
        require_image_libraries()
        # a fresh interpreter: nothing of the starter's is shared with it
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, latency, images, data_dir)
        self._process = context.Process(target=_run, args=arguments, name="embedded-omero", daemon=True)
        self._theirs = theirs

    def start(self) -> Running:
        """Start it and wait until it listens. Raises EmbeddedOmeroFailed."""
        self._process.start()
        self._theirs.close()
        try:
            if not self._pipe.poll(_START_TIMEOUT):
                raise EmbeddedOmeroFailed(f"the embedded OMERO did not start within {_START_TIMEOUT:g} s")
            said = self._pipe.recv()
        except EOFError:
            raise EmbeddedOmeroFailed("the embedded OMERO ended while it started") from None
        if isinstance(said, Running):
            return said
        raise EmbeddedOmeroFailed(str(said))

    def stop(self) -> None:
        """End it."""
        self._pipe.close()
        self._process.join(_END_TIMEOUT)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_END_TIMEOUT)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _run(pipe: Connection, latency: Latency, images: Path | None, data_dir: Path | None) -> None:
    # Ctrl-C reaches every process of a terminal; this one goes when its starter has left OMERO properly
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve(pipe, latency, images, data_dir))
    except (ImageLibrariesMissing, ValueError, OSError) as error:
        with contextlib.suppress(OSError):
            pipe.send(str(error))


async def _serve(pipe: Connection, latency: Latency, images: Path | None, data_dir: Path | None) -> None:
    from .embedded_omero import EmbeddedOmero
    from .listing import contents, role
    from .sample_world import USERS, folder_world, sample_world

    if images is None:
        from .images.samples import sample_collection

        world = sample_world(sample_collection())
    else:
        from .images.from_folder import pictures_from_folder

        world = folder_world(images.name, pictures_from_folder(images))
    omero = EmbeddedOmero(world, latency=latency, time_to_idle=_TIME_TO_IDLE, data_dir=data_dir)
    await omero.start()
    users = tuple(
        LoggedIn(user.id, user.name, user.full_name, role(world, user), omero.sessions.keep(user).key) for user in USERS
    )
    pipe.send(Running(omero.host, omero.tcp_port, omero.ssl_port, users, contents(world)))
    await _closed(pipe)
    await omero.close()


async def _closed(pipe: Connection) -> None:
    """Wait until the other end is closed, by `stop` or by the death of the starter."""
    loop = asyncio.get_running_loop()
    gone = loop.create_future()

    def readable() -> None:
        if not gone.done():
            gone.set_result(None)

    loop.add_reader(pipe.fileno(), readable)
    await gone
    loop.remove_reader(pipe.fileno())
