"""Several stores tried in order, as OMERO.web does with ``cached_db``: the cache first, then the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .store import SessionStoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .store import RememberingStore
    from .web_session import WebSession


class SessionStoreChain:
    """A `RememberingStore` of at least one store.

    A session in any of them counts: Django believes its cache without asking the database. That nobody knows a session
    counts only where every store said so: one that is down may be the one that has it.
    """

    def __init__(self, stores: Sequence[RememberingStore]) -> None:
        if not stores:
            raise ValueError("a chain needs a store")
        self._stores = tuple(stores)

    async def get(self, session_id: str) -> WebSession | None:
        """The session in the first store that has it, or None; see `SessionStore.get`."""
        down: list[SessionStoreUnavailable] = []
        for store in self._stores:
            try:
                session = await store.get(session_id)
            except SessionStoreUnavailable as error:
                down.append(error)
            else:
                if session is not None:
                    return session
        if down:
            raise _together(down)
        return None

    def remembered(self, session_id: str) -> WebSession | None:
        """The session in the first store that remembers it."""
        for store in self._stores:
            if (session := store.remembered(session_id)) is not None:
                return session
        return None

    def is_unreadable(self, session_id: str) -> bool:
        """Whether it is in any store, and cannot be read."""
        return any(store.is_unreadable(session_id) for store in self._stores)

    async def ping(self) -> None:
        """Return if every store answers; raise `SessionStoreUnavailable` with what those say that do not."""
        down: list[SessionStoreUnavailable] = []
        for store in self._stores:
            try:
                await store.ping()
            except SessionStoreUnavailable as error:
                down.append(error)
        if down:
            raise _together(down)

    async def close(self) -> None:
        """Close every store."""
        for store in self._stores:
            await store.close()

    def describe(self) -> str:
        """Every store, in the order in which they are asked."""
        return ", then ".join(store.describe() for store in self._stores)


def _together(down: list[SessionStoreUnavailable]) -> SessionStoreUnavailable:
    return down[0] if len(down) == 1 else SessionStoreUnavailable(" ".join(str(error) for error in down))
