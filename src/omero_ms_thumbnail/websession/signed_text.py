"""The text that Django's database and file engines store a session as: its two forms, and their signatures.

Django >= 3.1 writes ``django.core.signing.dumps(session, salt=…, compress=True)``: ``[.]payload:timestamp:signature``,
base64 of the URL-safe alphabet without padding, a dot before it where the payload is compressed by zlib. Older ones
write base64 of ``hash:payload`` (``SessionBase.encode`` of Django 1.11). The colon, which base64 has not, tells them
apart. The payload is the serializer's, JSON or a pickle, and told by its own bytes.

Both are signed with a key derived from SECRET_KEY and a salt that holds the name of the session's class. It is
``SessionStore`` in every engine that OMERO.web can be configured with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .compression import decompress
from .decode_error import SessionDecodeError
from .payload import deserialize

if TYPE_CHECKING:
    from .limits import Limits

_SIGNED_SALT = b"django.contrib.sessions.SessionStoresigner"
_HASHED_SALT = b"django.contrib.sessionsSessionStore"
_TO_STANDARD_ALPHABET = bytes.maketrans(b"-_+/", b"+/--")  # what is not of the URL-safe alphabet stays invalid
_ZLIB_METHOD = 0x78


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """Django's SECRET_KEY and, after it, its SECRET_KEY_FALLBACKS; without any, no signature is verified."""

    keys: tuple[str, ...] = field(default=(), repr=False)

    def verify(self, salt: bytes, signed: bytes, signature: bytes, algorithm: str) -> None:
        """Return if one of the keys made this signature of signed; `SessionDecodeError` if none did."""
        if not self.keys:
            return
        # Every key is tried, so that the time says nothing about which it was.
        matches = [
            hmac.compare_digest(_signature(key.encode(), salt, signed, algorithm), signature) for key in self.keys
        ]
        if not any(matches):
            raise SessionDecodeError(
                "signature",
                "its signature is not made with omero.web.secret_key or one of omero.web.secret_key_fallbacks",
            )


def decode_text(text: bytes, limits: Limits, keys: SigningKeys) -> dict[object, object]:
    """The session dict in a stored text.

    Raises `SessionDecodeError` if there is none, if it exceeds a limit, or if keys says that the signature is wrong,
    which is found out before anything of the payload is read.
    """
    if len(text) > limits.stored_bytes:
        raise SessionDecodeError("too-large", f"it is larger than {limits.stored_bytes} bytes in the store")
    payload = _signed_payload(text, limits, keys) if b":" in text else _hashed_payload(text, keys)
    session = deserialize(payload, limits)
    if not isinstance(session, dict):
        raise SessionDecodeError("not-a-session", "it holds something else than a dict")
    return session


def _signed_payload(text: bytes, limits: Limits, keys: SigningKeys) -> bytes:
    signed, _, signature = text.rpartition(b":")
    encoded, colon, _timestamp = signed.rpartition(b":")
    if not colon:
        raise SessionDecodeError("text", "its text has no timestamp before its signature")
    keys.verify(_SIGNED_SALT, signed, _from_base64(signature.translate(_TO_STANDARD_ALPHABET)), "sha256")
    # Its age is not Django's to judge by either: `SessionBase.decode` gives no max_age.
    is_compressed = encoded.startswith(b".")
    payload = _from_base64(encoded.removeprefix(b".").translate(_TO_STANDARD_ALPHABET))
    if not is_compressed:
        return payload
    if payload[:1] != bytes([_ZLIB_METHOD]):
        raise SessionDecodeError("compression", "its text says that it is compressed, and it is not by zlib")
    return decompress(payload, limits.decoded_bytes)


def _hashed_payload(text: bytes, keys: SigningKeys) -> bytes:
    digest, colon, payload = _from_base64(text.rstrip()).partition(b":")
    if not colon:
        raise SessionDecodeError("text", "its text is of none of Django's forms")
    try:
        signature = bytes.fromhex(digest.decode("ascii"))
    except ValueError:
        raise SessionDecodeError("text", "its text is of none of Django's forms") from None
    keys.verify(_HASHED_SALT, payload, signature, "sha1")
    return payload


def _from_base64(encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4), strict_mode=True)
    except binascii.Error:
        raise SessionDecodeError("text", "its base64 is damaged") from None


def _signature(secret: bytes, salt: bytes, signed: bytes, algorithm: str) -> bytes:
    # `django.utils.crypto.salted_hmac`
    return hmac.digest(hashlib.new(algorithm, salt + secret, usedforsecurity=False).digest(), signed, algorithm)


def sign(payload: bytes, secret: str, timestamp: str) -> bytes:
    """The signed form of a serialized session, uncompressed. timestamp is in seconds, in Django's base 62."""
    signed = base64.urlsafe_b64encode(payload).rstrip(b"=") + b":" + timestamp.encode()
    signature = _signature(secret.encode(), _SIGNED_SALT, signed, "sha256")
    return signed + b":" + base64.urlsafe_b64encode(signature).rstrip(b"=")
