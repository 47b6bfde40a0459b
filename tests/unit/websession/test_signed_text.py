"""Django's text forms of a session, made by Django's own signing, and everything that is not one."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import pickle
import zlib
from typing import Any

import pytest
from django.core import signing
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.signed_text import SigningKeys, decode_text, sign

LIMITS = Limits()
SECRET = "the secret key ☃"
KEYS = SigningKeys((SECRET,))
NO_KEYS = SigningKeys()
SALT = "django.contrib.sessions.SessionStore"
SESSION = {"connector": {"omero_session_key": "key", "user_id": 7}, "label": "☃" * 100}


class Json:
    def dumps(self, session: object) -> bytes:
        return json.dumps(session).encode()


class Pickle:
    def dumps(self, session: object) -> bytes:
        return pickle.dumps(session)


def signed(session: object, serializer: type = Json, *, secret: str = SECRET, compress: bool = True) -> bytes:
    signer = signing.TimestampSigner(key=secret, salt=SALT, fallback_keys=())
    return signer.sign_object(session, serializer=serializer, compress=compress).encode()


def hashed(payload: bytes, secret: str = SECRET) -> bytes:
    key = hashlib.sha1(b"django.contrib.sessionsSessionStore" + secret.encode()).digest()
    return base64.b64encode(hmac.new(key, payload, "sha1").hexdigest().encode() + b":" + payload)


FORMS: dict[str, bytes] = {
    "signed JSON": signed(SESSION, compress=False),
    "signed JSON, compressed": signed(SESSION),
    "signed pickle": signed(SESSION, Pickle, compress=False),
    "signed pickle, compressed": signed(SESSION, Pickle),
    "hashed JSON": hashed(json.dumps(SESSION).encode()),
    "hashed pickle": hashed(pickle.dumps(SESSION)),
}
every_form = pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)


def reason(text: bytes, keys: SigningKeys = NO_KEYS, limits: Limits = LIMITS) -> str:
    with pytest.raises(SessionDecodeError) as raised:
        decode_text(text, limits, keys)
    assert raised.value.__cause__ is None
    return raised.value.reason


@every_form
@pytest.mark.parametrize("keys", [NO_KEYS, KEYS, SigningKeys(("newer", SECRET))], ids=["unverified", "key", "fallback"])
def test_form(text: bytes, keys: SigningKeys) -> None:
    assert decode_text(text, LIMITS, keys) == SESSION


@every_form
def test_signature_of_another_key(text: bytes) -> None:
    assert reason(text, SigningKeys(("other", "another"))) == "signature"


@every_form
def test_no_byte_can_be_changed(text: bytes) -> None:
    for position in range(len(text)):
        changed = bytearray(text)
        changed[position] = ord("A") if text[position] != ord("A") else ord("B")
        try:
            session = decode_text(bytes(changed), LIMITS, KEYS)
        except SessionDecodeError:
            continue
        # The last character of a base64 may have bits that mean nothing.
        assert session == SESSION


@every_form
def test_cut_off_anywhere(text: bytes) -> None:
    for length in range(len(text)):
        # Only the padding of the older form can be missing.
        if text[length:].strip(b"="):
            with pytest.raises(SessionDecodeError):
                decode_text(text[:length], LIMITS, KEYS)


def test_salt_of_another_purpose_is_none() -> None:
    other = signing.TimestampSigner(key=SECRET, salt="django.core.signing", fallback_keys=())
    assert reason(other.sign_object(SESSION).encode(), KEYS) == "signature"


def test_signature_is_verified_before_anything_is_read() -> None:
    bomb = sign(zlib.compress(b"[" * 3_000_000), "other", "0")
    assert reason(b"." + bomb, KEYS) == "signature"
    assert reason(b"." + bomb) == "too-large"


def test_sign_is_what_django_signs() -> None:
    text = sign(json.dumps(SESSION).encode(), SECRET, "1abcde").decode()
    session: Any = signing.loads(text, key=SECRET, salt=SALT, fallback_keys=[])
    assert session == SESSION


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b":",
        b"::",
        b"a:b",
        b"e30:1abcde:",
        b".e30:1abcde:c2ln",
        b"e30+:1:c2ln",
        b"e3/0:1:c2ln",
        b"W10:1:c2ln",
        base64.b64encode(b"no colon"),
        base64.b64encode(b"nothexadecimal:{}"),
        base64.b64encode(b"00:[]"),
        b"\xff\xfe",
        b"!" * 100,
        "☃".encode(),
    ],
)
def test_text_of_no_form(text: bytes) -> None:
    assert reason(text, KEYS) in ("text", "signature", "not-a-session", "compression")


def test_limits() -> None:
    assert reason(b"a" * (LIMITS.stored_bytes + 1)) == "too-large"
    assert reason(signed({"a": "b" * 3_000_000})) == "too-large"


def test_keys_are_not_shown() -> None:
    assert SECRET not in repr(KEYS)


@given(st.one_of(st.binary(max_size=200), st.text(alphabet="eyJ-_.:+/=A0", max_size=60).map(str.encode)))
def test_any_bytes_are_a_session_or_the_one_error(text: bytes) -> None:
    for keys in (NO_KEYS, KEYS):
        with contextlib.suppress(SessionDecodeError):
            assert isinstance(decode_text(text, LIMITS, keys), dict)
