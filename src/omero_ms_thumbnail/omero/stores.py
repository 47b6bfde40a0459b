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
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol

from ..ice.errors import (
    ConnectionManuallyClosedException,
    IceException,
    InvocationTimeoutException,
    ObjectNotExistException,
)
from ..ice.operations import Operation
from ..ice.references import ObjectPrx
from ..ice.values import UserException
from .calls import OngoingCall
from .rtypes import RInt
from .services import THUMBNAIL_STORE
from .waiting import until_done

#: seconds that a store may wait for its next set
_IDLE_MAX: Final = 1.5

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

    def begin(
        self, proxy: ObjectPrx, operation: Operation[Any], *arguments: Any, context: Context | None = None
    ) -> OngoingCall:
        """Call an object now; raises IceException if the connection is not active."""

    async def add_again(self, proxy: ObjectPrx, error: ObjectNotExistException) -> None:
        """Make a proxy known again that the router had dropped. Raises `error` where it has another reason."""

    def forget(self, proxy: ObjectPrx) -> None:
        """The object behind `proxy` is gone."""


class ThumbnailStore:
    """``omero::api::ThumbnailStore``. Sizes are in pixels; `context` carries ``omero.group`` and ``omero.user``."""

    def __init__(self, session: StoreSession, proxy: ObjectPrx) -> None:
        self._session = session
        self._proxy = proxy
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
            self._session.forget(self._proxy)

    async def _call(self, operation: str, *arguments: Any, context: Context | None) -> Any:
        try:
            return await self._call_once(operation, arguments, context)
        except ObjectNotExistException as error:
            await self._session.add_again(self._proxy, error)
        return await self._call_once(operation, arguments, context)

    async def _call_once(self, operation: str, arguments: tuple[Any, ...], context: Context | None) -> Any:
        if self._running is not None:
            raise RuntimeError("a ThumbnailStore is used by two calls at once")
        call = self._session.begin(self._proxy, THUMBNAIL_STORE[operation], *arguments, context=context)
        self._running = call.reply
        has_ended = False
        try:
            # not awaited directly: neither a time-out nor a cancellation may end it here while it runs in OMERO
            has_ended = await until_done(call.reply, self._session.call_timeout)
        finally:
            if has_ended:
                self._running = None
            else:
                call.reply.add_done_callback(partial(self._ended, call))
        if not has_ended:
            raise InvocationTimeoutException(f"no answer to {operation} within {self._session.call_timeout:g} s")
        return call.result()

    def give_up(self) -> None:
        """Wait no longer for a call that OMERO still works on."""
        if self._running is not None:
            log.warning("OMERO has not answered a call to a ThumbnailStore for so long that it is given up")
            self._running.cancel()
            self._running = None

    def _ended(self, call: OngoingCall, reply: asyncio.Future[Any]) -> None:
        """A call that nobody waits for any more has ended."""
        if self._running is reply:
            self._running = None
        with suppress(IceException, UserException, asyncio.CancelledError):
            call.result()


class StoreLoan:
    """A ThumbnailStore while it is lent; see `ThumbnailStores`. To be entered once."""

    __slots__ = ("_is_for_sets", "_store", "_stores")

    def __init__(self, stores: ThumbnailStores, *, is_for_sets: bool) -> None:
        self._stores = stores
        self._is_for_sets = is_for_sets

    async def __aenter__(self) -> ThumbnailStore:
        self._store = await self._stores.borrow(is_for_sets=self._is_for_sets)
        return self._store

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stores.give_back(self._store, is_reusable=self._is_for_sets and error is None)


class ThumbnailStores:
    """Lends ThumbnailStores, at most `limit` at a time, and makes them as they are needed."""

    def __init__(self, session: StoreSession, limit: int) -> None:
        self._session = session
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

    def lend(self) -> StoreLoan:
        """``async with stores.lend() as store``: for one thumbnail. It is a new one, and is closed in the end.

        Entering raises ConnectionManuallyClosedException once the session is being left, or what making one raises.
        """
        return StoreLoan(self, is_for_sets=False)

    def lend_for_sets(self) -> StoreLoan:
        """As `lend`, for sets alone: it may have answered sets before, and may answer others.

        One whose last call failed, or still runs, or that nobody wants for a while is closed.
        """
        return StoreLoan(self, is_for_sets=True)

    async def borrow(self, *, is_for_sets: bool) -> ThumbnailStore:
        """For `StoreLoan`: a store, once fewer than the limit are lent."""
        await self._slots.acquire()
        # one that is being made counts too: leaving must wait until it can be closed
        self._lent += 1
        try:
            if self._closed:
                raise ConnectionManuallyClosedException("the OMERO session is being left")
            return self._idle.pop()[1] if is_for_sets and self._idle else await self._create()
        except BaseException:
            self._one_less()
            raise

    def give_back(self, store: ThumbnailStore, *, is_reusable: bool) -> None:
        """For `StoreLoan`: the store is lent no more."""
        if is_reusable and store.running is None and not self._closed and self._session.is_active:
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
        else:
            # nothing here asks it for anything any more, and the two would keep one another until the garbage collector
            # comes to them
            self.__dict__.pop("_session", None)

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
