"""How much a session may cost to read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold for every format a session comes in.

    OMERO.web's sessions are 1 to 100 KiB and a few hundred values. The largest hold the ids of a deletion of many
    thousand images under ``callback``. The bounds leave a megabyte of plain data room, whichever serializer wrote it:
    dicts, lists, tuples, sets, texts, bytes, numbers, dates, true, false and null are read within some 100 ms of a
    processor and 32 MB. Only msgpack, and sets of a few members, are dense enough that a megabyte of
    them can take more, and are refused then. What is no such data (instances) takes longer.
    The worst of payloads cost some 300 ms and 40 MB.
    """

    stored_bytes: int = 2 * 1024 * 1024
    """Size in the store, compressed if it is; base64 makes a megabyte a third larger."""
    decoded_bytes: int = 2 * 1024 * 1024
    """Size after decompression."""
    memory: int = 26 * 1000 * 1000
    """Bytes that its values take in this process; estimated from above, while they are made."""
    plain_memory: int = 39_500_000
    """The same for pickles and msgpack that are read at once: the most that can be for how often each byte is there at
    all, estimated before there is any value. What OMERO.web writes takes half or two thirds of it, the worst all."""
    values: int = 600_000
    """Steps of reading, each of which takes about as long as any other; making a value is one, and most take no more.
    Numbers and texts of one size that follow each other are read in one step."""
    depth: int = 500
    """Containers that are open at once."""
