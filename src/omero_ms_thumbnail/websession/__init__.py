"""Who is asking: OMERO.web's Django sessions, looked up in the store OMERO.web keeps them in.

The room turns a session id, as the browser's cookie carries it, into a `WebSession` or None. A session's bytes are
read as data and never run, whatever they hold. A further store is a further file that implements `SessionStore`.
"""

from omero_ms_thumbnail.websession.cached_store import CachedSessionStore
from omero_ms_thumbnail.websession.file_store import FileSessionStore
from omero_ms_thumbnail.websession.memory_store import MemorySessionStore
from omero_ms_thumbnail.websession.postgres_store import PostgresSessionStore
from omero_ms_thumbnail.websession.redis_store import RedisSessionStore
from omero_ms_thumbnail.websession.session import WebSession
from omero_ms_thumbnail.websession.signed_text import SigningKeys
from omero_ms_thumbnail.websession.store import (
    RememberingStore,
    SessionStore,
    SessionStoreUnavailable,
    SessionUnreadable,
    is_session_id,
)
from omero_ms_thumbnail.websession.store_chain import SessionStoreChain

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
