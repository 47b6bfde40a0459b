"""What every session store promises, and what a session id looks like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .web_session import WebSession

_SESSION_ID = re.compile(r"[0-9a-z]{8,64}")


def is_session_id(text: str) -> bool:
    """Whether Django could have made this session id: 8 to 64 of the characters 0-9 and a-z.

    Django makes 32 of them (`SessionBase._get_new_session_key`) and refuses fewer than 8; nothing that passes
    can leave a Redis key, an SQL parameter or a folder.
    """
    return _SESSION_ID.fullmatch(text) is not None


class SessionStoreUnavailable(Exception):
    """The store cannot say who is asking; its text is one sentence for an administrator, without any secret."""


class SessionUnreadable(Exception):
    """There is a session in the store, and it cannot be read: somebody is logged in by it, for all that is known."""


class SessionStore(Protocol):
    """Where OMERO.web keeps its sessions."""

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None where nobody is logged in by it.

        None says: the id is malformed (the store is not asked), unknown or expired, the session carries no OMERO
        session key, or it cannot be decoded. Raises `SessionStoreUnavailable` where the store gave no answer.
        """
        ...

    def is_unreadable(self, session_id: str) -> bool:
        """Whether the session was there when `get` looked for it last, and could not be read.

        Somebody is logged in by it then, for all that is known.
        """
        ...

    async def ping(self) -> None:
        """Return if the store answers; raise `SessionStoreUnavailable` if not."""
        ...

    async def close(self) -> None:
        """Let go of every connection. The store is not used afterwards."""
        ...

    def describe(self) -> str:
        """Kind, host and database of the store in words, for logs and people; never a password."""
        ...


class RememberingStore(SessionStore, Protocol):
    """A store that has some of its sessions at hand."""

    def remembered(self, session_id: str) -> WebSession | None:
        """What `get` would give at this moment without asking anybody; None if it would ask, or there is none."""
        ...
