"""The steps from here to OMERO's port: name, connection, TLS, certificate, and Ice's first word.

Each probe makes one connection and closes it. An Ice server speaks first: a plain port is told by the magic number that
it sends unasked, a TLS port by its silence and by completing a handshake.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ..ice.errors import (
    ConnectTimeoutException,
    IceException,
    InvocationTimeoutException,
    ObjectNotExistException,
    UpgradeRefusal,
    UpgradeRefusedException,
)
from ..ice.glacier2 import GET_SESSION_TIMEOUT
from ..ice.references import ObjectPrx
from ..ice.tls import client_context
from ..omero.session import ROUTER, OmeroServer
from .certificate import Certificate, read_certificate
from .diagnoses import (
    ANONYMOUS_ONLY,
    CERTIFICATE_DATES,
    CERTIFICATE_ENDS_SOON,
    CERTIFICATE_NAME,
    CERTIFICATE_UNTRUSTED,
    NOT_A_ROUTER,
    NOT_ICE,
    OMERO_FIREWALL,
    OMERO_NAME,
    OMERO_REFUSED,
    OMERO_UNREACHABLE,
    PLAIN_TO_TLS_PORT,
    ROUTER_SILENT,
    TLS_NO_COMMON,
    TLS_OLD,
    TLS_TO_PLAIN_PORT,
    WEBSOCKET_OTHER,
    WS_TO_TLS_PORT,
    WSS_TO_PLAIN_PORT,
    Diagnosis,
)
from .finding import Finding, Outcome, Stopwatch, Trouble
from .names import REACHABLE, TLS
from .names import ROUTER as ROUTER_STEP

_MAGIC: Final = b"IceP"

#: seconds that an Ice server has for its first word to a probe that only wants to tell what it is
_FIRST_WORD: Final = 1.0
_ENDS_SOON: Final = timedelta(days=21)

_NO_TLS: Final = "none, as configured: session keys cross the network unencrypted"

#: what is so old that machines refuse it, as `ssl.SSLObject.version` says it
_OLD: Final = ("TLSv1", "TLSv1.1")

#: X509_V_ERR_* of OpenSSL's x509_vfy.h
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_OTHER_NAME: Final = (62, 64)


@dataclass(frozen=True, slots=True)
class Handshake:
    """What TLS came to."""

    protocol: str
    cipher: str
    #: None where the suite is anonymous
    certificate: Certificate | None

    def __str__(self) -> str:
        if self.certificate is None:
            return f"{self.protocol}, {self.cipher}, anonymous (no certificate: omero-certificates makes one)"
        one = self.certificate
        issuer = "self-signed" if one.issuer == one.subject else f"by {one.issuer}"
        return (
            f"{self.protocol}, {self.cipher}, certificate of {one.subject} ({issuer}), "
            f"valid until {one.not_after:%Y-%m-%d}"
        )


async def reach(server: OmeroServer) -> Finding:
    """Whether OMERO's port takes a connection. Raises Trouble."""
    watch = Stopwatch()
    try:
        async with asyncio.timeout(server.connect_timeout):
            infos = await asyncio.get_running_loop().getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
            addresses = ", ".join(dict.fromkeys(str(info[4][0]) for info in infos))
            async with opened(server, None):
                pass
    except TimeoutError:
        found = f"{server} did not answer within {server.connect_timeout:g} s"
        raise Trouble(OMERO_FIREWALL, found) from None
    except (socket.gaierror, UnicodeError) as error:
        raise Trouble(OMERO_NAME, f"{server.host!r} does not resolve") from error
    except ConnectionRefusedError as error:
        raise Trouble(OMERO_REFUSED, f"{server} refuses connections") from error
    except OSError as error:
        raise Trouble(OMERO_UNREACHABLE, f"{server}: {error.strerror or error}") from error
    return Finding(REACHABLE, Outcome.OK, f"{server} ({addresses}) takes connections", watch.seconds)


async def secure(server: OmeroServer) -> Finding:
    """Whether the port speaks TLS as the configuration wants it, or Ice where it wants none. Raises Trouble."""
    watch = Stopwatch()
    if server.tls is None:
        return await _plain(server, watch)
    try:
        handshake = await _handshake(server, server.tls)
    except (OSError, TimeoutError) as error:
        raise await _why_not(server, error) from error
    verified = server.tls.verify_mode is ssl.CERT_REQUIRED
    found = f"{handshake}, {'verified' if verified else 'not verified, as configured'}"
    certificate = handshake.certificate
    if handshake.protocol in _OLD:
        return Finding(TLS, Outcome.WARNING, found, watch.seconds, TLS_OLD)
    if certificate is not None and certificate.not_after < datetime.now(UTC) + _ENDS_SOON:
        return Finding(TLS, Outcome.WARNING, found, watch.seconds, CERTIFICATE_ENDS_SOON)
    return Finding(TLS, Outcome.OK, found, watch.seconds)


async def _plain(server: OmeroServer, watch: Stopwatch) -> Finding:
    """What the port is where TLS is not wanted: whichever of both it speaks is heard as soon as it speaks."""
    if server.path:
        # who speaks WebSocket there waits to be asked, and answers to TLS with a complaint or by hanging up
        if await _tls(server) is not None:
            raise Trouble(WS_TO_TLS_PORT, f"{server} speaks TLS")
        return Finding(TLS, Outcome.OK, _NO_TLS, watch.seconds)
    plain = asyncio.create_task(_speaks_plain_ice(server, server.connect_timeout))
    tls = asyncio.create_task(_tls(server))
    try:
        await asyncio.wait({plain, tls}, return_when=asyncio.FIRST_COMPLETED)
        if not plain.done() and await tls is not None:
            raise Trouble(PLAIN_TO_TLS_PORT, f"{server} speaks TLS, and omero.secure is false")
        if not await plain:
            raise Trouble(NOT_ICE, f"{server} does not speak Ice")
    finally:
        for task in (plain, tls):
            task.cancel()
        await asyncio.gather(plain, tls, return_exceptions=True)
    return Finding(TLS, Outcome.OK, _NO_TLS, watch.seconds)


async def greet_router(server: OmeroServer) -> Finding:
    """Whether Ice is spoken there, by OMERO's router; no session is touched. Raises Trouble."""
    watch = Stopwatch()
    try:
        connection = await server.connect()
    except ConnectTimeoutException as error:
        raise Trouble(ROUTER_SILENT, str(error)) from error
    except IceException as error:
        raise Trouble(WEBSOCKET_OTHER if server.path else NOT_ICE, f"{server} does not speak Ice: {error}") from error
    try:
        await connection.call(ObjectPrx(ROUTER), GET_SESSION_TIMEOUT, timeout=server.connect_timeout)
    except ObjectNotExistException as error:
        raise Trouble(NOT_A_ROUTER, f"{server} has no object {ROUTER.category}/{ROUTER.name}") from error
    except (InvocationTimeoutException, IceException) as error:
        raise Trouble(ROUTER_SILENT, f"the router did not answer a question: {error}") from error
    finally:
        await connection.close(_FIRST_WORD)
    return Finding(ROUTER_STEP, Outcome.OK, f"{ROUTER.category}/{ROUTER.name} answers", watch.seconds)


async def _why_not(server: OmeroServer, error: Exception) -> Trouble:
    """Why TLS did not come about, told by what else the port answers to."""
    is_tls = isinstance(error, ssl.SSLCertVerificationError)
    if server.path and not is_tls and await _answers_http(server):
        return Trouble(WSS_TO_PLAIN_PORT, f"{server} answers, and without TLS")
    lenient = await _tls(server)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(_certificate_diagnosis(error), f"{error.verify_message}; offered: {lenient or 'nothing'}")
    if lenient is not None and lenient.certificate is None:
        return Trouble(ANONYMOUS_ONLY, f"offered: {lenient}")
    if await _speaks_plain_ice(server, min(_FIRST_WORD, server.connect_timeout)):
        return Trouble(TLS_TO_PLAIN_PORT, f"{server} speaks Ice without TLS")
    if isinstance(error, ssl.SSLError) and "HANDSHAKE_FAILURE" in (error.reason or ""):
        return Trouble(TLS_NO_COMMON, f"{server} refuses the handshake: {error.reason}")
    if isinstance(error, ssl.SSLError) and "PROTOCOL_VERSION" in (error.reason or ""):
        return Trouble(TLS_NO_COMMON, f"{server} speaks another TLS version: {error.reason}")
    return Trouble(NOT_ICE, f"{server} speaks neither TLS nor Ice")


def _certificate_diagnosis(error: ssl.SSLCertVerificationError) -> Diagnosis:
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        return CERTIFICATE_DATES
    return CERTIFICATE_NAME if error.verify_code in _OTHER_NAME else CERTIFICATE_UNTRUSTED


async def _tls(server: OmeroServer) -> Handshake | None:
    """A handshake that verifies nothing, if there can be one."""
    try:
        return await _handshake(server, client_context())
    except (OSError, TimeoutError):
        return None


async def _handshake(server: OmeroServer, context: ssl.SSLContext) -> Handshake:
    async with asyncio.timeout(server.connect_timeout), opened(server, context) as (_, writer):
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        cipher = tls.cipher()
        der = tls.getpeercert(binary_form=True)
        return Handshake(tls.version() or "?", cipher[0] if cipher else "?", read_certificate(der) if der else None)


async def _speaks_plain_ice(server: OmeroServer, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout), opened(server, None) as (reader, _):
            return await reader.readexactly(len(_MAGIC)) == _MAGIC
    except (OSError, TimeoutError, EOFError):
        return False


async def _answers_http(server: OmeroServer) -> bool:
    """Whether a WebSocket that was asked for without TLS is agreed to, or refused in HTTP."""
    try:
        connection = await replace(server, tls=None).connect()
    except UpgradeRefusedException as error:
        return error.refusal not in (UpgradeRefusal.PLAIN_ICE, UpgradeRefusal.NEEDS_TLS, UpgradeRefusal.NOT_HTTP)
    except IceException:
        return False
    await connection.close(_FIRST_WORD)
    return True


@asynccontextmanager
async def opened(
    server: OmeroServer, context: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to OMERO's port, with TLS by `context` or without."""
    name = server.host if context else None
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=context, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
