"""The real glacier2router, configured as OMERO's etc/templates/grid/templates.xml does it, one per kind of endpoint.

Of that template these differ: OpenSSL 3 needs security level 0 for anonymous Diffie-Hellman, and offers nothing below
TLS 1.2 unless told so by name; and the stand-in is named by address, where OMERO asks IceGrid.
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import socket
from typing import TYPE_CHECKING

from tests.real.conformance.certificates import PASSWORD
from tests.real.conformance.processes import Child, ProcessEnded

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"

TRANSPORTS = ("plain", "adh", "self_signed", "ca_signed")

_TEMPLATE = {
    "Ice.MessageSizeMax": "65536",
    "Ice.CacheMessageBuffers": "0",
    "Ice.Override.ConnectTimeout": "5000",
    "Ice.IPv6": "0",
    "Ice.PrintAdapterReady": "1",
    "Glacier2.InstanceName": "OMERO.Glacier2",
    "Glacier2.Server.Endpoints": f"tcp -h {HOST}",
    "Glacier2.Client.ForwardContext": "1",
    "Glacier2.Filter.Category.Accept": "ProcessCallback ProcessorCallback",
    "IceSSL.VerifyPeer": "0",
}

_ANONYMOUS = {
    "IceSSL.Ciphers": "ADH:!LOW:!MD5:!EXP:!3DES:@STRENGTH:@SECLEVEL=0",
    "IceSSL.Protocols": "tls1_0,tls1_1,tls1_2",
}

_CERTIFICATE = {
    "IceSSL.Ciphers": "HIGH",
    "IceSSL.Protocols": "tls1_2,tls1_3",
    "IceSSL.CertFile": "server.p12",
    "IceSSL.Password": PASSWORD,
}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        port: int = listening.getsockname()[1]
        return port


@dataclasses.dataclass
class Router:
    """One glacier2router with one client endpoint."""

    transport: str
    folder: Path
    program: Path
    blitz_port: int
    session_timeout: int = 600
    """Seconds without a request after which Glacier2 ends a session; OMERO's template says 600."""
    protocols: str = ""
    """IceSSL.Protocols, in place of what the transport has."""
    ciphers: str = ""
    """IceSSL.Ciphers, likewise."""
    websocket: bool = False
    """Whether its endpoint is of type ws, or wss where the transport has TLS."""
    port: int = 0
    host: str = HOST
    _child: Child | None = dataclasses.field(default=None, repr=False)

    @property
    def secure(self) -> bool:
        return self.transport != "plain"

    @property
    def endpoint_type(self) -> str:
        """As endpoints are written."""
        names = {(False, False): "tcp", (True, False): "ssl", (False, True): "ws", (True, True): "wss"}
        return names[self.secure, self.websocket]

    @property
    def ca_file(self) -> Path | None:
        """The PEM file to verify its certificate with."""
        names = {"self_signed": "server.pem", "ca_signed": "ca.pem"}
        return self.folder / names[self.transport] if self.transport in names else None

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Start it, on `port` if it has one, and return when it listens."""
        asked = self.port
        for attempts_left in reversed(range(3)):
            self.port = asked or free_port()
            child = Child([self.program, f"--Ice.Config={self._configuration()}"], self.folder / "router.log")
            try:
                ready = {child.read_line(), child.read_line()}
            except (ProcessEnded, TimeoutError):
                child.end()
                if not attempts_left or asked:
                    raise
                continue
            if ready != {"Glacier2.Client ready", "Glacier2.Server ready"}:
                child.end()
                raise ProcessEnded(f"glacier2router printed {ready}")
            self._child = child
            return

    def kill(self) -> None:
        """End it as a crash does: connections break, sessions are lost."""
        self._running().kill()

    def restart(self) -> None:
        """Start it again on the same port, whether it was killed or is running."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing is answered, until `resume`."""
        self._running().freeze()

    def resume(self) -> None:
        self._running().signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def make_sure(self) -> None:
        """Have it running, whatever a test did to it."""
        if self._child is None or not self._child.running:
            self.restart()
        else:
            self.resume()

    def _running(self) -> Child:
        if self._child is None:
            raise ProcessEnded(f"the {self.transport} router is not running")
        return self._child

    def _configuration(self) -> Path:
        blitz = f"tcp -h {HOST} -p {self.blitz_port}"
        properties = _TEMPLATE | {
            "Glacier2.SessionTimeout": str(self.session_timeout),
            "Glacier2.SessionManager": f"BlitzManager:{blitz}",
            "Glacier2.PermissionsVerifier": f"BlitzVerifier:{blitz}",
            "Glacier2.Client.Endpoints": f"{self.endpoint_type} -h {self.host} -p {self.port}",
        }
        if self.secure:
            properties["Ice.Plugin.IceSSL"] = "IceSSL:createIceSSL"
            properties["IceSSL.DefaultDir"] = str(self.folder)
            properties |= _ANONYMOUS if self.transport == "adh" else _CERTIFICATE
            properties["IceSSL.Protocols"] = self.protocols or properties["IceSSL.Protocols"]
            properties["IceSSL.Ciphers"] = self.ciphers or properties["IceSSL.Ciphers"]
        file = self.folder / "router.cfg"
        file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        return file

    def accepts(self) -> bool:
        """Whether anybody listens at its port."""
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 5):
            return True
        return False
