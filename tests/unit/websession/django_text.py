"""Django's texts around a payload, of a signature that nobody verifies."""

from __future__ import annotations

import base64
import zlib


def compressed_text(payload: bytes) -> bytes:
    """As Django >= 3.1 writes it."""
    return b"." + base64.urlsafe_b64encode(zlib.compress(payload)).rstrip(b"=") + b":1abcde:c2lnbmF0dXJl"


def hashed_text(payload: bytes) -> bytes:
    """As older ones do."""
    return base64.b64encode(b"00" * 20 + b":" + payload)
