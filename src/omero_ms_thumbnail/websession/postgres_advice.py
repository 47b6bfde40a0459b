"""What a failure of PostgreSQL means, and what to check: nothing of its own text, which may quote a secret."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

import asyncpg

if TYPE_CHECKING:
    from ..addresses import PostgresAddress

CONNECTIONS: Final = 4
"""At most so many a process: a look-up by primary key takes a millisecond, and cached ones take none."""

TLS_IF_THERE_IS: Final = ("disable", "allow", "prefer")
"""The modes in which TLS is no must."""

_REJECTED: Final = "rejected SSL upgrade"
"""asyncpg's own words for an answer to the request for TLS that is not yes."""

#: by what PostgreSQL raised; the first that fits
_ADVICE: Final[tuple[tuple[type[Exception], str], ...]] = (
    (
        asyncpg.InvalidPasswordError,
        "refuses the user name or the password; check those in session-store.uri",
    ),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        (
            "does not let this user in from here: pg_hba.conf has no line for user, database and this machine, or "
            "only one with TLS (sslmode), or the role does not exist or has no LOGIN"
        ),
    ),
    (asyncpg.InvalidCatalogNameError, "does not have that database; check its name in session-store.uri"),
    *(
        (
            kind,
            (
                "has no table django_session as Django makes it; check the database in session-store.uri, and add "
                "?currentSchema=… if OMERO.web's tables are in a schema of their own, on which the user needs USAGE"
            ),
        )
        for kind in (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        "does not permit its user to read sessions; GRANT the user CONNECT ON DATABASE and SELECT ON django_session",
    ),
    *(
        (kind, "is behind a pooler that forgets prepared statements; add ?prepareThreshold=0 to session-store.uri")
        for kind in (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
    ),
    (
        asyncpg.TooManyConnectionsError,
        (
            "has no connection left; raise its max_connections or the role's CONNECTION LIMIT, or use fewer workers, "
            f"each of which takes {CONNECTIONS} at most"
        ),
    ),
    (asyncpg.CannotConnectNowError, "is starting or stopping; it answers as soon as that is done"),
    (
        ssl.SSLCertVerificationError,
        (
            "has a certificate that is not trusted, or is not for this host; name its authority with "
            "?sslrootcert=<file>, or choose another sslmode in session-store.uri"
        ),
    ),
)


def advice(error: Exception, address: PostgresAddress, timeout: float) -> str:
    """What goes on after "The PostgreSQL at …"; timeout is in seconds, and was that of the look-up."""
    if isinstance(error, TimeoutError):
        return f"did not answer within {timeout:g} s; check its host, its load and the network between"
    if wants_tls(error, address):
        return "does not take TLS, which session-store.uri asks for; switch it on there, or choose sslmode=prefer"
    if is_no_postgres(error, address):
        return "does not answer as PostgreSQL does; check the port in session-store.uri"
    for kind, text in _ADVICE:
        if isinstance(error, kind):
            return text
    if isinstance(error, (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        return "cannot be reached; check that it runs and that session-store.uri names its host and port"
    return "refuses the look-up; check session-store.uri and PostgreSQL's own log"


def wants_tls(error: BaseException, address: PostgresAddress) -> bool:
    """Whether connecting failed because TLS is a must and there is none."""
    return _REJECTED in str(error) and address.ssl_mode not in TLS_IF_THERE_IS


def is_no_postgres(error: BaseException, address: PostgresAddress) -> bool:
    """Whether connecting failed because something else than PostgreSQL is there.

    PostgreSQL answers yes or no to being asked for TLS, and no is good enough where TLS is no must.
    """
    return _REJECTED in str(error) and address.ssl_mode in TLS_IF_THERE_IS
