"""Where an OMERO.server is: the only place where its host, plain or as a URL, is taken apart.

As omero-py's client has it (``omero/clients.py``, ``_check_for_hosturl``), which OMERO.web hands the hosts of
``omero.web.server_list`` to, a host is a name or an address, or a URL whose scheme is the transport of Ice:

    omero.example.org                                      the router's own port, with TLS or without
    ssl://host[:port]       tcp://host[:port]              the same, said in the URL
    wss://host[:port][/path]      ws://host[:port][/path]  Ice over WebSocket, usually through a web server

A port in the URL wins over the one beside it; without either it is the transport's own. Nothing here connects, and no
client is imported.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Literal, cast

#: the transports of Ice that OMERO's router offers, by the names that endpoints have for them
Transport = Literal["tcp", "ssl", "ws", "wss"]

#: what omero-py connects to without a port (``default_ports``); the router itself has 4065 for ws and 4066 for wss
DEFAULT_PORTS: Final[dict[Transport, int]] = {"tcp": 4063, "ssl": 4064, "ws": 80, "wss": 443}

_SECURE: Final = ("ssl", "wss")
_WEBSOCKET: Final = ("ws", "wss")

HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9_-]{0,62}))*\.?")

_URL: Final = re.compile(r"([^:/?#]*)://([^/?#]*)(.*)", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::([^:]*))?")
#: of visible ASCII, as it goes into the first line of a request
_PATH: Final = re.compile(r"/[!-~]*")

_FORMS: Final = "write a URL such as wss://omero.example.org/omero-wss, or the host alone"


@dataclass(frozen=True, slots=True)
class OmeroAddress:
    """Where an OMERO.server's router is and how it is spoken to."""

    host: str
    port: int
    transport: Transport = "ssl"
    #: the path of a WebSocket endpoint, as Ice's ``-r`` has it; empty for tcp and ssl
    path: str = ""

    @property
    def secure(self) -> bool:
        """Whether it is reached with TLS."""
        return self.transport in _SECURE

    @property
    def is_websocket(self) -> bool:
        """Whether Ice is spoken over WebSocket there."""
        return self.transport in _WEBSOCKET

    @property
    def spoken(self) -> str:
        """What carries Ice there, for people."""
        return {"tcp": "TCP", "ssl": "TLS", "ws": "WebSocket", "wss": "WebSocket over TLS"}[self.transport]

    def __str__(self) -> str:
        """The address for people, and for telling two OMERO.servers apart."""
        if not self.is_websocket:
            return f"{self.host}:{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}{self.path}"


def parse_omero_address(host: str, port: int | None = None, secure: bool | None = None) -> OmeroAddress:
    """The address in a host and what stands beside it; None, or port 0, is what was not given.

    `secure` chooses between ssl and tcp for a plain host (ssl unless False); beside a URL it may only agree. Raises
    ValueError with a clause that says what is wrong, without quoting the host: a URL may hold a password.
    """
    if "://" not in host:
        transport: Transport = "tcp" if secure is False else "ssl"
        return OmeroAddress(_host(host), _port(port or DEFAULT_PORTS[transport]), transport)
    scheme, authority, path = cast("re.Match[str]", _URL.fullmatch(host) or _URL.fullmatch("://")).groups()
    transport = _transport(scheme)
    if "@" in authority:
        raise ValueError(f"its URL has a user in it, which OMERO is never asked with; {_FORMS}")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError(f"its URL names no possible host and port; {_FORMS}")
    address, name, in_url = match.groups()
    if address is not None and not _is_address(address):
        raise ValueError("the address between the brackets of its URL is not one of IPv6")
    if secure is not None and secure is not (transport in _SECURE):
        meaning = "with TLS" if transport in _SECURE else "without TLS"
        raise ValueError(f"{transport}:// is {meaning}, and secure is {str(secure).lower()}; change one of them")
    if in_url is not None and not (in_url.isascii() and in_url.isdigit() and len(in_url) <= 5):
        raise ValueError("the port in its URL is not a whole number from 1 to 65535")
    return OmeroAddress(
        _host(address or name),
        _port(int(in_url) if in_url else port or DEFAULT_PORTS[transport]),
        transport,
        _path(transport, path),
    )


def _transport(scheme: str) -> Transport:
    lower = scheme.lower()
    if lower in ("http", "https"):
        meant = "wss" if lower == "https" else "ws"
        raise ValueError(f"{lower}:// is no transport of OMERO; Ice over WebSocket at that web server is {meant}://")
    if lower not in DEFAULT_PORTS:
        raise ValueError(f"its URL begins with none of {', '.join(f'{name}://' for name in DEFAULT_PORTS)}; {_FORMS}")
    return lower


def _host(text: str) -> str:
    if HOST_NAME.fullmatch(text) or _is_address(text):
        return text
    name, colon, port = text.rpartition(":")
    if colon and port.isdigit() and HOST_NAME.fullmatch(name):
        raise ValueError("it has a port, which is a key of its own; or write a URL such as ssl://host:4064")
    raise ValueError(f"it names no possible host; {_FORMS}")


def _port(port: int) -> int:
    if not 1 <= port <= 65_535:
        raise ValueError("the port is not a whole number from 1 to 65535")
    return port


def _path(transport: Transport, path: str) -> str:
    if transport not in _WEBSOCKET:
        if path not in ("", "/"):
            raise ValueError(f"{transport}:// has no path: only ws:// and wss:// have one")
        return ""
    if path and ("#" in path or "?" in path or not _PATH.fullmatch(path)):
        raise ValueError(
            "the path of its URL may have visible ASCII characters only, and no ? or #; a space is written %20"
        )
    return path or "/"


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False
