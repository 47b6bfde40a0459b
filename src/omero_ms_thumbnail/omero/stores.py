"""The ThumbnailStores of one joined session: a few, each used by one call at a time, each closed in the end.

A ThumbnailStore is stateful: `setPixelsId` decides what the next call is about. A call that its caller gave up on still
runs in OMERO, so its store is nobody's until it has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from ..ice.errors import ConnectionManuallyClosedException, IceException, InvocationTimeoutException
from ..ice.operations import Operation
from ..ice.references import ObjectPrx
from ..ice.values import UserException
from .rtypes import RInt
from .services import THUMBNAIL_STORE
from .waiting import until_done

#: call time-outs after which a call that OMERO never answers is given up, and its store with it
_LOST_AFTER: Final = 20

log: Final = logging.getLogger(__name__)

Context = Mapping[str, str]


class StoreSession(Protocol):
    """What a ThumbnailStore needs of its session."""

    @property
    def call_timeout(self) -> float:
        """Seconds that OMERO has for one call."""

    @property
    def is_active(self) -> bool:
        """Whether calls can be made."""

    async def create_thumbnail_store(self) -> ObjectPrx:
        """A new ThumbnailStore; waits until OMERO answers or the connection goes."""

    async def call_patiently(
        self, proxy: ObjectPrx, operation: Operation[Any], *arguments: Any, context: Context | None = None
    ) -> Any:
        """Call without a time-out."""

    def forget(self, proxy: ObjectPrx) -> None:
        """The object behind `proxy` is gone."""


class ThumbnailStore:
    """``omero::api::ThumbnailStore``. Sizes are in pixels; `context` carries ``omero.group`` and ``omero.user``."""

    def __init__(self, session: StoreSession, proxy: ObjectPrx) -> None:
        self._session = session
        self._proxy = proxy
        self._running: asyncio.Task[Any] | None = None

    @property
    def running(self) -> asyncio.Task[Any] | None:
        """The call that OMERO still works on, if any."""
        return self._running

    async def set_pixels_id(self, pixels_id: int, context: Context) -> bool:
        """Choose the Pixels of the calls to come; False if there are no rendering settings for it."""
        return bool(await self._call("setPixelsId", pixels_id, context=context))

    async def set_rendering_def_id(self, rendering_def_id: int, context: Context) -> None:
        """Choose rendering settings; ValidationException if they do not exist."""
        await self._call("setRenderingDefId", rendering_def_id, context=context)

    async def get_rendering_def_id(self, context: Context) -> int:
        """The rendering settings in use."""
        return int(await self._call("getRenderingDefId", context=context))

    async def reset_defaults(self, context: Context) -> None:
        """Make default rendering settings."""
        await self._call("resetDefaults", context=context)

    async def is_in_progress(self, context: Context) -> bool:
        """Whether the last thumbnail was only a clock, since the image is still being imported."""
        return bool(await self._call("isInProgress", context=context))

    async def get_thumbnail(self, size_x: int, size_y: int, context: Context) -> bytes:
        """A JPEG of exactly that size."""
        return bytes(await self._call("getThumbnail", RInt(size_x), RInt(size_y), context=context))

    async def get_thumbnail_by_longest_side(self, size: int, context: Context) -> bytes:
        """A JPEG whose longest side has that size."""
        return bytes(await self._call("getThumbnailByLongestSide", RInt(size), context=context))

    async def get_thumbnail_by_longest_side_set(
        self, size: int, pixels_ids: list[int], context: Context
    ) -> dict[int, bytes]:
        """JPEGs of several Pixels; some may be left out or empty."""
        thumbnails: dict[int, bytes] = await self._call(
            "getThumbnailByLongestSideSet", RInt(size), pixels_ids, context=context
        )
        return thumbnails

    async def get_thumbnail_for_section(self, z: int, t: int, size_x: int, size_y: int, context: Context) -> bytes:
        """A JPEG of exactly that size of one section."""
        return bytes(
            await self._call("getThumbnailForSectionDirect", z, t, RInt(size_x), RInt(size_y), context=context)
        )

    async def get_thumbnail_for_section_by_longest_side(self, z: int, t: int, size: int, context: Context) -> bytes:
        """A JPEG whose longest side has that size of one section."""
        return bytes(await self._call("getThumbnailForSectionByLongestSideDirect", z, t, RInt(size), context=context))

    async def close(self) -> None:
        """Close the store; never raises, since OMERO closes what is left when the session is left."""
        try:
            await self._call("close", context=None)
        except (IceException, UserException) as error:
            log.debug("a ThumbnailStore could not be closed: %s", error)
        finally:
            self._session.forget(self._proxy)

    async def _call(self, operation: str, *arguments: Any, context: Context | None) -> Any:
        if self._running is not None:
            raise RuntimeError("a ThumbnailStore is used by two calls at once")
        task = asyncio.create_task(
            self._session.call_patiently(self._proxy, THUMBNAIL_STORE[operation], *arguments, context=context)
        )
        self._running = task
        task.add_done_callback(self._ended)
        # not awaited directly: neither a time-out nor a cancellation may end it here while it runs in OMERO
        if not await until_done(task, self._session.call_timeout):
            raise InvocationTimeoutException(f"no answer to {operation} within {self._session.call_timeout:g} s")
        try:
            return task.result()
        finally:
            # an exception knows its frames: one that knew the task too would keep all of them and itself
            del task

    def give_up(self) -> None:
        """Wait no longer for a call that OMERO still works on."""
        if self._running is not None:
            log.warning("OMERO has not answered a call to a ThumbnailStore for so long that it is given up")
            self._running.cancel()
            self._running = None

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self._running is task:
            self._running = None
        if not task.cancelled():
            # seen by whoever still waits; nobody else needs it
            task.exception()


class ThumbnailStores:
    """Lends ThumbnailStores, at most `limit` at a time, and makes them as they are needed."""

    def __init__(self, session: StoreSession, limit: int) -> None:
        self._session = session
        self._slots = asyncio.Semaphore(limit)
        self._free: list[ThumbnailStore] = []
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = False
        self._lent = 0
        self._changed = asyncio.Event()
        self.created = 0
        self.closed = 0

    @property
    def in_use(self) -> int:
        """How many are lent, or are being made to be."""
        return self._lent

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[ThumbnailStore]:
        """A store for one caller at a time.

        One whose last call failed in a way that leaves its state in doubt, or still runs, is closed, not lent again.
        Raises ConnectionManuallyClosedException once the session is being left.
        """
        async with self._slots:
            if self._closed:
                raise ConnectionManuallyClosedException("the OMERO session is being left")
            # one that is being made counts too: leaving must wait until it can be closed
            self._lent += 1
            try:
                store = self._free.pop() if self._free else await self._create()
                reusable = False
                try:
                    yield store
                    reusable = True
                except UserException:
                    # OMERO answered: the store is as good as before, and setPixelsId comes first anyway
                    reusable = True
                    raise
                finally:
                    self._give_back(store, reusable)
            finally:
                self._lent -= 1
                self._changed.set()

    async def close(self, timeout: float) -> None:
        """Close every store, waiting up to `timeout` seconds for those in use.

        One that is not closed stays in the user's OMERO session, which goes on.
        """
        self._closed = True
        free, self._free = self._free, []
        for store in free:
            self._retire(store)
        try:
            async with asyncio.timeout(timeout):
                while self._lent or self._retiring:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.warning("%d ThumbnailStores could not be closed in time", len(self._retiring) + self._lent)
        else:
            # nothing here asks it for anything any more, and the two would keep one another until the garbage collector
            # comes to them
            self.__dict__.pop("_session", None)

    def _give_back(self, store: ThumbnailStore, reusable: bool) -> None:
        if reusable and store.running is None and not self._closed and self._session.is_active:
            self._free.append(store)
        else:
            self._retire(store)

    async def _create(self) -> ThumbnailStore:
        # not awaited directly: OMERO may make a store after whoever wanted it has gone, and it must be closed then
        creating = asyncio.create_task(self._session.create_thumbnail_store())
        try:
            await until_done(creating, self._session.call_timeout)
        except asyncio.CancelledError:
            self._start(self._close_created(creating))
            raise
        if not creating.done():
            self._start(self._close_created(creating))
            raise InvocationTimeoutException(f"no ThumbnailStore within {self._session.call_timeout:g} s")
        try:
            proxy = creating.result()
        finally:
            # as in ThumbnailStore._call
            del creating
        self.created += 1
        return ThumbnailStore(self._session, proxy)

    async def _close_created(self, creating: asyncio.Task[ObjectPrx]) -> None:
        try:
            proxy = await creating
        except (IceException, UserException):
            return
        self.created += 1
        await self._close(ThumbnailStore(self._session, proxy))

    def _retire(self, store: ThumbnailStore) -> None:
        self._start(self._close(store))

    async def _close(self, store: ThumbnailStore) -> None:
        if store.running is not None:
            await until_done(store.running, _LOST_AFTER * self._session.call_timeout)
            # an answer that is lost must not keep this waiting for ever; OMERO closes once the call has ended
            store.give_up()
        await store.close()
        store.give_up()
        self.closed += 1

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._retiring.add(task)
        task.add_done_callback(self._retired)

    def _retired(self, task: asyncio.Task[None]) -> None:
        self._retiring.discard(task)
        self._changed.set()
