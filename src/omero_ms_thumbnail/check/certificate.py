"""What a certificate says of itself: whose it is, who made it, and until when it is valid.

`ssl` decodes only certificates that it has verified, and most OMEROs have one that nothing could verify. So this reads
the few fields it needs from the DER encoding (X.509, RFC 5280, section 4.1; DER, X.690): no more than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_UTC_TIME: Final = 0x17
_EXPLICIT_VERSION: Final = 0xA0
#: object identifiers 2.5.4.3 and 2.5.4.10
_COMMON_NAME: Final = bytes((0x55, 4, 3))
_ORGANIZATION: Final = bytes((0x55, 4, 10))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate's own words, verified by nobody; times are in UTC."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime


def read_certificate(der: bytes) -> Certificate:
    """The certificate in DER form. Raises ValueError if it is none."""
    try:
        (_, certificate), *_ = _values(der)
        (_, to_be_signed), *_ = _values(certificate)
        fields = [*_values(to_be_signed)]
        if fields[0][0] == _EXPLICIT_VERSION:
            del fields[0]
        _serial, _algorithm, (_, issuer), (_, validity), (_, subject), *_ = fields
        not_before, not_after = (_time(tag, content) for tag, content in _values(validity))
        return Certificate(_name(subject), _name(issuer), not_before, not_after)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("it is not a certificate in DER form") from error


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and content of each value in a constructed one."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(data[at : at + octets]), at + octets
        if at + length > len(data):
            raise IndexError
        yield tag, data[at : at + length]
        at += length


def _name(sequence: bytes) -> str:
    found: dict[bytes, str] = {}
    for _, relative in _values(sequence):
        for _, pair in _values(relative):
            (_, kind), (_, value) = _values(pair)
            found.setdefault(kind, value.decode(errors="replace"))
    name = found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or "without a name"
    # whoever made the certificate chose it: it must not write to a terminal
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        # two digits of a year: from 50 on it is 19.., RFC 5280 section 4.1.2.5.1
        text = f"{'19' if text[:2] >= '50' else '20'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
