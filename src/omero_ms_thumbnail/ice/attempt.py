"""One attempt to connect, and the sentence that says why it failed: which host and port, what came, what to look at."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ConnectionLostException, ProtocolException
from .websocket_refusals import url_of

if TYPE_CHECKING:
    from .websocket_protocol import WebSocket


@dataclass
class Attempt:
    """Where it goes, and how far it has come; `path` is that of a WebSocket, empty for none."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None
    #: what is spoken there once the transport stands
    websocket: WebSocket | None = None

    @property
    def where(self) -> str:
        """The host and port, or the URL, for people."""
        if not self.path:
            return f"{self.host}:{self.port}"
        return url_of(self.host, self.port, self.path, secure=self.tls is not None)

    def timeout_text(self, timeout: float, *, is_open: bool) -> str:
        """Why there is no answer after `timeout` seconds; `is_open`: the transport stands."""
        if is_open and self.websocket is not None:
            if self.websocket.was_upgraded:
                silent = f"{self.where} agreed to WebSocket but did not speak Ice within {timeout:g} s"
                return silent + self._no_subprotocol()
            hint = "; a TLS port waits like this for a client that does not use TLS" if self.tls is None else ""
            return (
                f"{self.where} accepted the connection but did not answer the request for WebSocket within "
                f"{timeout:g} s{hint}"
            )
        if is_open and self.tls is None:
            return (
                f"{self.where} accepted the connection but did not speak Ice within {timeout:g} s; "
                "a TLS port waits like this for a client that does not use TLS"
            )
        hint = ", and so does OMERO's port for ws://" if self.path and self.tls is not None else ""
        return f"{self.where} did not answer within {timeout:g} s; a firewall that drops packets looks like this{hint}"

    def failure_text(self, error: Exception) -> str:
        """Why `error`, with which it ended."""
        if isinstance(error, ssl.SSLError):
            return self._tls_text(error)
        if isinstance(error, socket.gaierror):
            return f"the name {self.host!r} does not resolve: {error.strerror}"
        if isinstance(error, UnicodeError):
            # an empty label, or one that is too long: the resolver is not even asked
            return f"{self.host!r} is not a host name"
        if isinstance(error, ConnectionLostException):
            return self._lost_text(error)
        if isinstance(error, ProtocolException):
            return f"no Ice connection to {self.where}: {error}{self._no_subprotocol()}"
        if isinstance(error, ConnectionResetError) and self.tls is not None and self.websocket is None:
            hint = "; a stock OMERO has no certificate that could be verified" if self.tls.verify_mode else ""
            return f"TLS with {self.where} failed: it closed the connection during the handshake{hint}"
        # asyncio puts the address, which is known, in the place of the reason
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return f"no connection to {self.where}: {reason}"

    def _lost_text(self, error: ConnectionLostException) -> str:
        if self.websocket is None:
            return f"{self.where} accepted the connection and closed it at once"
        if self.websocket.was_upgraded:
            return f"no Ice connection to {self.where}: {error}{self._no_subprotocol()}"
        tls = "a port with TLS does so, for which wss:// is written; and " if self.tls is None else ""
        return (
            f"{self.where} closed the connection without an answer to the request for WebSocket; {tls}a web server in"
            " front may, where it hands on to OMERO's port for Ice alone"
        )

    def _no_subprotocol(self) -> str:
        if self.websocket is None or not self.websocket.was_upgraded or self.websocket.has_subprotocol:
            return ""
        return "; nor did it agree to Ice's subprotocol ice.zeroc.com, so another application may be at this path"

    def _tls_text(self, error: ssl.SSLError) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the certificate of {self.where} was not accepted: {error.verify_message}"
        if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
            plain = "a plain TCP port" if not self.path else "a port for ws:// or http://"
            return f"{self.where} does not speak TLS; {plain} answers like this"
        return f"TLS with {self.where} failed: {error.reason or error}"
