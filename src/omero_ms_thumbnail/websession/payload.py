"""From the bytes under a cache key to the session dict: which compression, which serializer.

Nothing says which serializer OMERO.web's cache uses, but the first byte tells: JSON objects begin with ``{``, msgpack
maps with a byte that begins no pickle, and Django's caches store bare integers as decimal text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from . import message_pack, unpickling
from .compression import decompress
from .decode_error import SessionDecodeError

if TYPE_CHECKING:
    from .limits import Limits

_BARE_INTEGER = re.compile(rb"-?[0-9]+")


def decode_payload(value: bytes, limits: Limits) -> dict[object, object]:
    """The session dict in a cached value; `SessionDecodeError` if there is none or it exceeds a limit."""
    session = decode_value(value, limits)
    if not isinstance(session, dict):
        raise SessionDecodeError("not-a-session", "it holds something else than a dict")
    return session


def decode_value(value: bytes, limits: Limits) -> object:
    """What Django's cache holds under a key; `SessionDecodeError` if it is damaged or exceeds a limit."""
    if len(value) > limits.stored_bytes:
        raise SessionDecodeError("too-large", f"it is larger than {limits.stored_bytes} bytes in the store")
    return deserialize(decompress(value, limits.decoded_bytes), limits)


def deserialize(data: bytes, limits: Limits) -> object:
    """The value that a serializer of Django's wrote; `SessionDecodeError` if it is damaged or exceeds a limit."""
    if len(data) > limits.decoded_bytes:
        raise SessionDecodeError("too-large", f"it is larger than {limits.decoded_bytes} bytes")
    if data.startswith(b"{"):
        return _json(data, limits)
    if message_pack.is_map(data):
        return message_pack.loads(data, limits)
    if _BARE_INTEGER.fullmatch(data):
        raise SessionDecodeError("not-a-session", "it holds a bare integer")
    return unpickling.loads(data, limits)


def _json(data: bytes, limits: Limits) -> object:
    # Counted before parsing, as the parser cannot be stopped: what is in strings counts as well, which errs on the safe
    # side. Bytes are CPython's for a number, half a text, a list and a dict of few values, with their place in another.
    commas, quotes = data.count(b","), data.count(b'"')
    empty_lists, empty_dicts = data.count(b"[]"), data.count(b"{}")
    lists, dicts = data.count(b"[") - empty_lists, data.count(b"{") - empty_dicts
    if commas + lists + dicts > limits.values:
        raise SessionDecodeError("too-large", f"its JSON has more than {limits.values} values")
    memory = 36 * commas + 8 * quotes + 88 * lists + 56 * empty_lists + 184 * dicts + 64 * empty_dicts
    if memory > limits.memory:
        raise SessionDecodeError("too-large", f"its values take more than {limits.memory} bytes of memory")
    try:
        return json.loads(data.decode())
    except RecursionError:
        raise SessionDecodeError("too-large", "its JSON is nested too deeply") from None
    except ValueError:
        # Without the cause: it carries the bytes.
        raise SessionDecodeError("json", "its JSON is damaged") from None
