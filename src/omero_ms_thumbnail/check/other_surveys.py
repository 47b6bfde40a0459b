"""How many sessions there are in a folder or a PostgreSQL: reading only, and within bounds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import asyncpg

from ..addresses import parse_postgres_uri
from ..websession.postgres_store import connection_options

#: as many as it takes to see that there are sessions
COUNTED_MAX: Final = 200

_TIMEOUT: Final = 5.0
_QUERY: Final = "SELECT count(*) FROM (SELECT 1 FROM django_session WHERE expire_date > now() LIMIT $1) AS valid"


def count_files(directory: Path, cookie_name: str) -> int | None:
    """The session files, `COUNTED_MAX` at most; None where the folder may not be listed."""
    try:
        return sum(1 for _ in itertools.islice(directory.glob(f"{cookie_name}[0-9a-z]*"), COUNTED_MAX))
    except OSError:
        return None


async def count_rows(uri: str) -> int | None:
    """The sessions that have not expired, `COUNTED_MAX` at most; None where they may not be counted."""
    try:
        connection = await asyncpg.connect(**connection_options(parse_postgres_uri(uri), _TIMEOUT))
        try:
            return int(await connection.fetchval(_QUERY, COUNTED_MAX, timeout=_TIMEOUT))
        finally:
            connection.terminate()
    except (asyncpg.PostgresError, OSError):
        # the look-up of one session is another question, and tells by itself
        return None
