"""The embedded OMERO in a thread of the test process, for tests that drive the service from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.samples import sample_collection
from omero_embedded.sample_world import sample_world
from omero_embedded.workload import Latency

T = TypeVar("T")


class EmbeddedThread:
    """An `EmbeddedOmero` on a loop of its own; `do` runs a function there. `data_dir` has its files, if given."""

    def __init__(self, *, latency: Latency | None = None, tcp_port: int = 0, data_dir: Path | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.omero = self.do(
            lambda: EmbeddedOmero(sample_world(sample_collection()), latency=latency, data_dir=data_dir)
        )
        self._run(self.omero.start(tcp_port=tcp_port))

    def do(self, function: Callable[[], T]) -> T:
        async def call() -> T:
            return function()

        return self._run(call())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def session_key(self, name: str, key: str | None = None) -> str:
        """A session that OMERO.web keeps for a user."""
        user = self.omero.world.user_named(name)
        assert user is not None
        return self.do(lambda: self.omero.sessions.keep(user, key).key)

    def readable(self, name: str) -> list[int]:
        """Images that a user may read and OMERO can render."""
        user = self.omero.world.user_named(name)
        assert user is not None
        return [image.id for image in self.omero.world.images.values() if self.omero.world.may_read(user, image)]

    def stop(self) -> None:
        self._run(self.omero.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()
