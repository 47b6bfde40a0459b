"""The ThumbnailStores of one joined session: a few, each used by one call at a time, each closed in the end.

A ThumbnailStore remembers more than its last call says. `setPixelsId` of the Pixels that it has starts nothing anew:
whose settings count, the renderer and whether a picture was a clock stay, so that new settings are drawn as the old
ones, and what was drawn so is stored as current (`setPixelsId` and `newContext` of omero-server's `ThumbnailBean`).
So whoever asks for one thumbnail has a store made for it, which is closed behind it. A set begins with a new context,
and so may come to a store that has answered sets before.

After an exception the Hibernate session behind a store may be unsound: none outlives one. Nor does any idle for long:
OMERO keeps a user from changing groups who has a stateful service open (`SessionManagerImpl.setSecurityContext`).

A call that its caller gave up on still runs in OMERO, so its store is nobody's until it has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Any, Final

from ..ice.errors import (
    ConnectionManuallyClosedException,
    IceException,
    InvocationTimeoutException,
    MarshalException,
)
from ..ice.references import ObjectPrx
from ..ice.types import UserException
from .calls import TIMEOUTS_UNTIL_LOST, Calls
from .permits import Permit
from .rtypes import RInt
from .services import SERVICE_FACTORY, THUMBNAIL_STORE
from .waiting import until_done

#: seconds that a store may wait for its next set
_IDLE_MAX: Final = 1.5

log: Final = logging.getLogger(__name__)

Context = Mapping[str, str]


async def create_thumbnail_store(calls: Calls) -> ObjectPrx:
    """A new stateful ThumbnailStore, to be closed by whoever asked for it, however late OMERO makes it."""
    store: ObjectPrx | None = await calls.call(calls.router.session, SERVICE_FACTORY["createThumbnailStore"])
    if store is None:
        raise MarshalException("createThumbnailStore returned a null proxy")
    return store


class ThumbnailStore:
    """``omero::api::ThumbnailStore``. Sizes are in pixels; `context` carries ``omero.group`` and ``omero.user``."""

    def __init__(self, calls: Calls, proxy: ObjectPrx, permit: Permit | None = None) -> None:
        self._calls = calls
        self._proxy = proxy
        #: that of the flight which its calls are in
        self.permit = permit
        #: call time-outs that OMERO has for a call
        self.timeouts = 1
        self._running: asyncio.Future[Any] | None = None

    @property
    def running(self) -> asyncio.Future[Any] | None:
        """The reply to the call that OMERO still works on, if any."""
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

    async def get_thumbnail_direct(self, size_x: int, size_y: int, context: Context) -> bytes:
        """A JPEG of exactly that size, drawn now; nothing is stored."""
        return bytes(await self._call("getThumbnailDirect", RInt(size_x), RInt(size_y), context=context))

    async def get_thumbnail_by_longest_side(self, size: int, context: Context) -> bytes:
        """A JPEG whose longest side has that size, the stored one; where there is none, it is stored."""
        return bytes(await self._call("getThumbnailByLongestSide", RInt(size), context=context))

    async def get_thumbnail_by_longest_side_direct(self, size: int, context: Context) -> bytes:
        """A JPEG whose longest side has that size, drawn now; nothing is stored."""
        return bytes(await self._call("getThumbnailByLongestSideDirect", RInt(size), context=context))

    async def get_thumbnail_by_longest_side_set(
        self, size: int, pixels_ids: list[int], context: Context
    ) -> dict[int, bytes]:
        """JPEGs of several Pixels, stored as one is; some may be left out or empty."""
        thumbnails: dict[int, bytes] = await self._call(
            "getThumbnailByLongestSideSet", RInt(size), pixels_ids, context=context
        )
        return thumbnails

    async def create_thumbnails_by_longest_side_set(self, size: int, pixels_ids: list[int], context: Context) -> None:
        """Make OMERO draw and keep thumbnails of several Pixels; nothing says which could not be drawn."""
        await self._call("createThumbnailsByLongestSideSet", RInt(size), pixels_ids, context=context)

    async def thumbnail_exists(self, size_x: int, size_y: int, context: Context) -> bool:
        """Whether OMERO would take a stored thumbnail of exactly that size; nothing is stored or changed."""
        return bool(await self._call("thumbnailExists", RInt(size_x), RInt(size_y), context=context))

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
            self._calls.router.forget(self._proxy)

    async def _call(self, operation: str, *arguments: Any, context: Context | None) -> Any:
        if self._running is not None:
            raise RuntimeError("a ThumbnailStore is used by two calls at once")
        call = self._calls.send(self._proxy, THUMBNAIL_STORE[operation], *arguments, context=context)
        self._running = reply = call.reply
        if self.permit is not None:
            self.permit.watch(reply)
        try:
            return await call.answer(self.permit, timeouts=self.timeouts)
        finally:
            if reply.done():
                self._running = None
            else:
                reply.add_done_callback(self._ended)
            # an exception knows its frames: one that knew the reply too would keep all of them and itself
            del reply

    def give_up(self) -> None:
        """Wait no longer for a call that OMERO still works on."""
        if self._running is not None:
            log.warning("OMERO has not answered a call to a ThumbnailStore for so long that it is given up")
            self._running.cancel()
            self._running = None

    def _ended(self, reply: asyncio.Future[Any]) -> None:
        """A call that nobody waits for any more has ended."""
        if self._running is reply:
            self._running = None


class StoreLoan:
    """A ThumbnailStore while it is lent; see `ThumbnailStores`. To be entered once."""

    __slots__ = ("_flight", "_is_for_sets", "_store", "_stores", "_timeouts")

    def __init__(
        self,
        stores: ThumbnailStores,
        flight: AbstractAsyncContextManager[Permit | None],
        *,
        is_for_sets: bool,
        patiently: bool,
    ) -> None:
        self._stores = stores
        self._flight = flight
        self._is_for_sets = is_for_sets
        self._timeouts = TIMEOUTS_UNTIL_LOST if patiently else 1

    async def __aenter__(self) -> ThumbnailStore:
        permit = await self._flight.__aenter__()
        try:
            self._store = await self._stores.borrow(permit, self._timeouts, is_for_sets=self._is_for_sets)
        except BaseException as error:
            await self._flight.__aexit__(type(error), error, None)
            raise
        return self._store

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stores.give_back(self._store, is_reusable=self._is_for_sets and error is None)
        await self._flight.__aexit__(kind, error, traceback)


class ThumbnailStores:
    """Lends ThumbnailStores, at most `limit` at a time, and makes them as they are needed."""

    def __init__(self, calls: Calls, limit: int) -> None:
        self._calls = calls
        self._slots = asyncio.Semaphore(limit)
        #: those that wait for their next set, with the loop's time since when; the last came last
        self._idle: list[tuple[float, ThumbnailStore]] = []
        self._sweep: asyncio.TimerHandle | None = None
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

    def lend(self, *, patiently: bool = False) -> StoreLoan:
        """``async with stores.lend() as store``: for one thumbnail. It is a new one, and is closed in the end.

        It has one permit from its making to its closing, of the flight that it is lent in if there is one. `patiently`:
        its calls have not the call time-out, but as long as an answer may come.

        Entering raises ConnectionManuallyClosedException once the session is being left, or what making one raises.
        """
        return StoreLoan(self, self._flight(), is_for_sets=False, patiently=patiently)

    def lend_for_sets(self, *, patiently: bool = False) -> StoreLoan:
        """As `lend`, for sets alone: it may have answered sets before, and may answer others.

        One whose last call failed, or still runs, or that nobody wants for a while is closed.
        """
        return StoreLoan(self, self._flight(), is_for_sets=True, patiently=patiently)

    def _flight(self) -> AbstractAsyncContextManager[Permit | None]:
        if self._closed:
            raise ConnectionManuallyClosedException("the OMERO session is being left")
        return self._calls.flight("store")

    async def borrow(self, permit: Permit | None, timeouts: int, *, is_for_sets: bool) -> ThumbnailStore:
        """For `StoreLoan`: a store, once fewer than the limit are lent. OMERO has so many call time-outs for a call."""
        await self._slots.acquire()
        # one that is being made counts too: leaving must wait until it can be closed
        self._lent += 1
        try:
            if self._closed:
                raise ConnectionManuallyClosedException("the OMERO session is being left")
            store = self._idle.pop()[1] if is_for_sets and self._idle else await self._create(permit, timeouts)
        except BaseException:
            self._one_less()
            raise
        store.permit, store.timeouts = permit, timeouts
        return store

    def give_back(self, store: ThumbnailStore, *, is_reusable: bool) -> None:
        """For `StoreLoan`: the store is lent no more."""
        if is_reusable and store.running is None and not self._closed and self._calls.router.is_active:
            store.permit = None
            self._idle.append((asyncio.get_running_loop().time(), store))
            self._sweep_later(_IDLE_MAX)
        else:
            self._retire(store)
        self._one_less()

    def _sweep_later(self, seconds: float) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(seconds, self._close_idle)

    def _close_idle(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        while self._idle and now - self._idle[0][0] >= _IDLE_MAX:
            self._retire(self._idle.pop(0)[1])
        if self._idle:
            self._sweep_later(self._idle[0][0] + _IDLE_MAX - now)

    def _one_less(self) -> None:
        self._lent -= 1
        self._changed.set()
        self._slots.release()

    async def close(self, timeout: float) -> None:
        """Close every store, waiting up to `timeout` seconds for those in use.

        One that is not closed stays in the user's OMERO session, which goes on.
        """
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        idle, self._idle = self._idle, []
        for _, store in idle:
            self._retire(store)
        try:
            async with asyncio.timeout(timeout):
                while self._lent or self._retiring:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.warning("%d ThumbnailStores could not be closed in time", len(self._retiring) + self._lent)

    async def _create(self, permit: Permit | None, timeouts: int) -> ThumbnailStore:
        # not awaited directly: OMERO may make a store after whoever wanted it has gone, and it must be closed then
        creating = asyncio.create_task(create_thumbnail_store(self._calls))
        if permit is not None:
            permit.watch(creating)
        timeout = self._calls.call_timeout
        try:
            if not await until_done(creating, timeout):
                self._calls.timed_out(permit)
                await until_done(creating, timeout * (timeouts - 1))
        except asyncio.CancelledError:
            self._start(self._close_created(creating, permit), permit)
            raise
        if not creating.done():
            self._start(self._close_created(creating, permit), permit)
            raise InvocationTimeoutException(f"no ThumbnailStore within {timeout * timeouts:g} s")
        try:
            proxy = creating.result()
        finally:
            # as in ThumbnailStore._call
            del creating
        self.created += 1
        return ThumbnailStore(self._calls, proxy)

    async def _close_created(self, creating: asyncio.Task[ObjectPrx], permit: Permit | None) -> None:
        try:
            proxy = await creating
        except (IceException, UserException):
            return
        self.created += 1
        await self._close(ThumbnailStore(self._calls, proxy, permit))

    def _retire(self, store: ThumbnailStore) -> None:
        self._start(self._close(store), store.permit)

    async def _close(self, store: ThumbnailStore) -> None:
        if store.running is not None:
            await until_done(store.running, TIMEOUTS_UNTIL_LOST * self._calls.call_timeout)
            # an answer that is lost must not keep this waiting for ever; OMERO closes once the call has ended
            store.give_up()
        await store.close()
        store.give_up()
        self.closed += 1

    def _start(self, coroutine: Coroutine[Any, Any, None], permit: Permit | None) -> None:
        """In the background, with the permit until it has ended."""
        task = asyncio.create_task(coroutine)
        if permit is not None:
            permit.hold()
        self._retiring.add(task)
        task.add_done_callback(partial(self._retired, permit))

    def _retired(self, permit: Permit | None, task: asyncio.Task[None]) -> None:
        self._retiring.discard(task)
        if permit is not None:
            permit.release()
        self._changed.set()
