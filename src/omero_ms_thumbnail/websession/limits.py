"""How much a session may cost to read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold for every format a session comes in.

    OMERO.web's sessions are 1 to 100 KiB and a few hundred values. The largest hold the ids of a deletion of many
    thousand images under ``callback``; the bounds leave those room, and let the worst of payloads cost less than 100 ms
    of a processor and 32 MB.
    """

    stored_bytes: int = 1024 * 1024
    """Size in the store, compressed if it is."""
    decoded_bytes: int = 2 * 1024 * 1024
    """Size after decompression."""
    values: int = 60_000
    """Values in all; for a pickle its operations, each of which adds at most one value to its stack or memo."""
    depth: int = 500
    """Containers that are open at once."""
