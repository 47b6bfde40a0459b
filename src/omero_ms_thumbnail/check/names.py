"""The names of the steps, in the order of the walk: what the report, the documentation and JSON call them."""

from typing import Final

CONFIGURATION: Final = "configuration"
OMERO_WEB: Final = "OMERO.web's configuration"
SESSION_STORE: Final = "session store"
CLOCK: Final = "clock"
SESSIONS: Final = "sessions in it"
SESSION: Final = "the session"
SHARED_CACHE: Final = "shared cache"
REACHABLE: Final = "OMERO reachable"
TLS: Final = "TLS"
WEBSOCKET: Final = "WebSocket"
ROUTER: Final = "router"
FOLDER: Final = "OMERO's files"
PUBLIC: Final = "public user"
JOIN: Final = "join"
QUERY: Final = "query"
STORED: Final = "stored thumbnail"
ROWS: Final = "stored sizes"
SETTINGS: Final = "rendering settings"
THUMBNAIL: Final = "thumbnail"

STEPS: Final = (
    CONFIGURATION,
    OMERO_WEB,
    SESSION_STORE,
    CLOCK,
    SESSIONS,
    SESSION,
    SHARED_CACHE,
    REACHABLE,
    TLS,
    WEBSOCKET,
    ROUTER,
    FOLDER,
    PUBLIC,
    JOIN,
    QUERY,
    STORED,
    ROWS,
    SETTINGS,
    THUMBNAIL,
)
