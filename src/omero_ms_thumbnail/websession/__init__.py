"""Who is asking: OMERO.web's Django sessions, looked up in the store OMERO.web keeps them in.

The room turns a session id, as the browser's cookie carries it, into a `WebSession` or None. A session's bytes are
read as data and never run, whatever they hold. A further store is a further file that implements `SessionStore`.
"""

from .cached_store import CachedSessionStore
from .file_store import FileSessionStore
from .memory_store import MemorySessionStore
from .postgres_store import PostgresSessionStore
from .redis_store import RedisSessionStore
from .signed_text import SigningKeys
from .store import (
    RememberingStore,
    SessionStore,
    SessionStoreUnavailable,
    SessionUnreadable,
    is_session_id,
)
from .store_chain import SessionStoreChain
from .web_session import WebSession

__all__ = [
    "CachedSessionStore",
    "FileSessionStore",
    "MemorySessionStore",
    "PostgresSessionStore",
    "RedisSessionStore",
    "RememberingStore",
    "SessionStore",
    "SessionStoreChain",
    "SessionStoreUnavailable",
    "SessionUnreadable",
    "SigningKeys",
    "WebSession",
    "is_session_id",
]
