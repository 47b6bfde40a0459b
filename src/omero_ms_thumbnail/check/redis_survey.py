"""What sessions there are in a Redis, under which keys and in which databases: reading only, and within bounds.

Django's caches name a session's key ``<KEY_PREFIX>:<VERSION>:django.contrib.sessions.cache<session id>``; see
`websession.redis_store`.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import redis.asyncio
from redis import exceptions

from ..websession import message_pack
from ..websession.compression import decompress
from ..websession.limits import Limits
from ..websession.payload import decode_payload
from ..websession.web_session import web_session

_SESSION: Final = "django.contrib.sessions.cache"
_KEY: Final = re.compile(
    rb"(?P<prefix>.*):(?P<version>[0-9]+):django\.contrib\.sessions\.cache[0-9a-z]{8,64}", re.DOTALL
)

#: seconds that looking for keys may take in one database: a Redis that others use too has millions
_SCAN_SECONDS: Final = 2.0
_SCAN_COUNT: Final = 1000
#: sessions that are enough to know what their keys look like
_COUNTED_MAX: Final = 200
#: sessions that are read, of each form of keys
_SAMPLED_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class KeyForm:
    """The prefix and version in front of a session's key, as Django calls them."""

    prefix: str
    version: int

    def __str__(self) -> str:
        return f"key prefix {self.prefix!r}, version {self.version}"


@dataclass(slots=True)
class Survey:
    """Sessions seen in one database, by the form of their keys; `samples` are a few keys of each form."""

    database: int
    forms: Counter[KeyForm] = field(default_factory=Counter)
    samples: dict[KeyForm, list[bytes]] = field(default_factory=dict, repr=False)
    #: whether all keys were looked at
    complete: bool = True


async def survey(client: redis.asyncio.Redis, database: int, session_id: str = "*") -> Survey:
    """Look for sessions, or for one, in the database that `client` has selected. Raises redis's exceptions."""
    found = Survey(database)
    ends = time.monotonic() + _SCAN_SECONDS
    async for key in _scan(client, f"*:{_SESSION}{session_id}"):
        match = _KEY.fullmatch(key) if key else None
        if match:
            form = KeyForm(match["prefix"].decode(errors="replace"), int(match["version"]))
            found.forms[form] += 1
            samples = found.samples.setdefault(form, [])
            if len(samples) < _SAMPLED_MAX:
                samples.append(match[0])
        if found.forms.total() >= _COUNTED_MAX or time.monotonic() > ends:
            found.complete = False
            break
    return found


async def other_databases(client: redis.asyncio.Redis, own: int, session_id: str = "*") -> list[Survey]:
    """The databases other than `own` that have sessions. Raises redis's exceptions."""
    try:
        keyspace = await client.info("keyspace")
    except exceptions.ResponseError as error:
        if not isinstance(error, exceptions.NoPermissionError) and "unknown command" not in str(error).lower():
            raise
        # which others there are is not to be had
        return []
    numbers = sorted(int(name[2:]) for name in keyspace if re.fullmatch(r"db[0-9]+", name))
    surveys = []
    async with client.client() as one:
        for number in numbers:
            if number != own:
                await one.execute_command("SELECT", number)  # type: ignore[no-untyped-call]
                found = await survey(one, number, session_id)
                if found.forms:
                    surveys.append(found)
        await one.execute_command("SELECT", own)  # type: ignore[no-untyped-call]
    return surveys


async def describe_sample(client: redis.asyncio.Redis, key: bytes) -> str:
    """How the session under `key` is written. Raises SessionDecodeError, or redis's exceptions."""
    limits = Limits()
    value = cast("bytes", await client.getrange(key, 0, limits.stored_bytes))
    session = decode_payload(value, limits)
    data = decompress(value, limits.decoded_bytes)
    serializer = "JSON" if data.startswith(b"{") else "msgpack" if message_pack.is_map(data) else "pickle"
    compressed = "compressed " if data is not value else ""
    user = "of a user who is logged in" if web_session(session) else "of nobody who is logged in"
    return f"one looked at is {compressed}{serializer}, {user}"


async def _scan(client: redis.asyncio.Redis, pattern: str) -> AsyncIterator[bytes | None]:
    """The keys; None for each step of the scan, which may have found nothing."""
    cursor = 0
    while True:
        cursor, keys = await cast("Any", client.scan(cursor, match=pattern, count=_SCAN_COUNT))
        yield None
        for key in keys:
            yield key
        if not cursor:
            return
