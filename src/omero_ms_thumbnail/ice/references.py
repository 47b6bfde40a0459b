"""What names an object in Ice: identities, endpoints and proxies, as plain values and as Slice types.

A proxy here is only a reference: what calls through it lives elsewhere. Endpoints stay opaque, since every call of an
OMERO client goes through the connection to its router.
Source: "Data Encoding for Proxies", ZeroC Ice manual 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .errors import MarshalException
from .streams import ENCODING_1_0, ENCODING_1_1, EncodingVersion, InputStream, OutputStream
from .types import SliceType

#: memory that a proxy or an endpoint takes, in bytes, beyond the strings in it
_PROXY_BYTES: Final = 512

TCP_ENDPOINT: Final = 1
SSL_ENDPOINT: Final = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """``Ice::Identity``. In OMERO a name or category can hold a session key, so neither is ever printed."""

    name: str = field(repr=False)
    category: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it came: its type (1 TCP, 2 SSL, 4 and 5 WebSocket, …) and the encapsulation that describes it.

    That may be in encoding 1.0, whatever the message is in: it is handed on and never read.
    """

    type: int
    content: bytes = field(repr=False)
    encoding: EncodingVersion = ENCODING_1_1


@dataclass(frozen=True, slots=True)
class ObjectPrx:
    """A proxy: the object's identity and how to reach it."""

    identity: Identity
    facet: str = ""
    mode: int = 0
    secure: bool = False
    protocol: EncodingVersion = ENCODING_1_0
    encoding: EncodingVersion = ENCODING_1_1
    endpoints: tuple[Endpoint, ...] = ()
    adapter_id: str = ""


def socket_endpoint(host: str, port: int, *, secure: bool, timeout_ms: int = 60_000) -> Endpoint:
    """A TCP or SSL endpoint of `host` and `port`."""
    out = OutputStream()
    out.write_string(host)
    out.write_int(port)
    out.write_int(timeout_ms)
    out.write_bool(False)  # compression
    return Endpoint(SSL_ENDPOINT if secure else TCP_ENDPOINT, bytes(out.buffer))


class _IdentityType(SliceType[Identity]):
    least_size = 2

    def write(self, out: OutputStream, value: Identity) -> None:
        out.write_string(value.name)
        out.write_string(value.category)

    def read(self, inp: InputStream) -> Identity:
        return Identity(inp.read_string(), inp.read_string())


class _FacetType(SliceType[str]):
    """A facet path: an empty sequence for the default facet, else one name."""

    def write(self, out: OutputStream, value: str) -> None:
        if value:
            out.write_size(1)
            out.write_string(value)
        else:
            out.write_size(0)

    def read(self, inp: InputStream) -> str:
        count = inp.read_count(1)
        if count > 1:
            raise MarshalException("a facet path has more than one element")
        return inp.read_string() if count else ""


class _ProxyType(SliceType["ObjectPrx | None"]):
    least_size = 2

    def write(self, out: OutputStream, value: ObjectPrx | None) -> None:
        if value is None:
            IDENTITY.write(out, Identity(""))
            return
        if not isinstance(value, ObjectPrx):
            raise MarshalException(f"a {type(value).__name__} is not a proxy")
        IDENTITY.write(out, value.identity)
        FACET.write(out, value.facet)
        out.write_byte(value.mode)
        out.write_bool(value.secure)
        out.buffer += bytes(value.protocol) + bytes(value.encoding)
        out.write_size(len(value.endpoints))
        for endpoint in value.endpoints:
            out.write_short(endpoint.type)
            out.write_encapsulation(endpoint.content, endpoint.encoding)
        if not value.endpoints:
            out.write_string(value.adapter_id)

    def read(self, inp: InputStream) -> ObjectPrx | None:
        identity = IDENTITY.read(inp)
        if not identity.name:
            return None
        inp.charge(_PROXY_BYTES)
        facet = FACET.read(inp)
        mode = inp.read_byte()
        secure = inp.read_bool()
        protocol = EncodingVersion(inp.read_byte(), inp.read_byte())
        encoding = EncodingVersion(inp.read_byte(), inp.read_byte())
        endpoints = tuple(self._read_endpoint(inp) for _ in range(inp.read_count(2 + 6)))
        adapter_id = "" if endpoints else inp.read_string()
        return ObjectPrx(identity, facet, mode, secure, protocol, encoding, endpoints, adapter_id)

    @staticmethod
    def _read_endpoint(inp: InputStream) -> Endpoint:
        kind = inp.read_short()
        content = inp.read_encapsulation()
        inp.charge(_PROXY_BYTES + content.remaining)
        return Endpoint(kind, content.data[content.position : content.end], content.encoding)


IDENTITY: Final[SliceType[Identity]] = _IdentityType()
FACET: Final[SliceType[str]] = _FacetType()
PROXY: Final[SliceType[ObjectPrx | None]] = _ProxyType()
