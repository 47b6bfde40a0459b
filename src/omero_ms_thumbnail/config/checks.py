"""What has to go together: rules about several keys at once, each of which is right by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from omero_ms_thumbnail.config.uris import parse_store_uri
from omero_ms_thumbnail.omero.address import DEFAULT_PORTS, parse_omero_address

if TYPE_CHECKING:
    from omero_ms_thumbnail.config.findings import Findings
    from omero_ms_thumbnail.config.settings import OmeroSettings, SessionStoreSettings, Settings

#: the default of OMERO's ``omero.db.poolsize``, and how many of those people's log-ins and pages should find free
_DATABASE_CONNECTIONS = 10
_FOR_OTHERS = 2
#: calls that join a session, beside those that ``worker_pool_size`` counts
_JOINS = 2

_EXAMPLES = {"redis": "redis://localhost:6379/1", "postgres": "postgresql://user@localhost:5432/omero"}


#: of OMERO's router, on which no WebSocket is spoken
_ROUTER_PORTS = (DEFAULT_PORTS["tcp"], DEFAULT_PORTS["ssl"])


def with_address(omero: OmeroSettings, findings: Findings) -> OmeroSettings:
    """The settings with the port and TLS that they come to together, since each may stand in the URL of the host.

    Adds a problem where they contradict one another, and a warning for what OMERO's clients would not do as meant.
    """
    if findings.is_rejected("omero.host", "omero.port", "omero.secure"):
        return omero
    port = omero.port if findings.is_given("omero.port") else None
    secure = omero.secure if findings.is_given("omero.secure") else None
    try:
        address = parse_omero_address(omero.host, port, secure)
    except ValueError as error:
        findings.problem("omero.host", str(error))
        findings.rejected.add(("omero.host", 0))
        return omero
    if port is not None and port != address.port:
        findings.warnings.append(
            f"{findings.label('omero.port')}: the port in omero.host counts, {address.port}; take this line out"
        )
    elif port in _ROUTER_PORTS and address.is_websocket:
        usual = DEFAULT_PORTS[address.transport]
        findings.warnings.append(
            f"{findings.label('omero.port')}: {port} is a port of OMERO's router itself, and {address.transport}:// is"
            f" spoken on {usual} where nothing else is said; take this line out"
        )
    return replace(omero, port=address.port, secure=address.secure)


def check_together(settings: Settings, findings: Findings) -> None:
    """Add a problem to the findings for each rule that the settings break, a warning for what harms OMERO's users."""
    _check_tls(settings.omero, findings)
    _check_calls(settings.worker_pool_size, findings)
    for index, store in enumerate(settings.session_stores):
        _check_store(store, index, findings)


def _check_tls(omero: OmeroSettings, findings: Findings) -> None:
    """A certificate that is asked for but never checked would be a false comfort."""
    if findings.is_rejected("omero.host", "omero.secure", "omero.tls.verify", "omero.tls.ca_file"):
        return
    if omero.tls.verify and not omero.secure:
        scheme, is_url, _ = omero.host.partition("://")
        plain = f"{scheme.lower()}:// in omero.host" if is_url else "plain TCP (omero.secure: false)"
        findings.problem("omero.tls.verify", f"{plain} has no certificate to verify; change one of them")
    if omero.tls.ca_file is None:
        return
    if not omero.tls.verify:
        findings.problem("omero.tls.ca_file", "no certificate is checked against it; write omero.tls.verify: true too")
    if not omero.tls.ca_file.is_file():
        findings.problem("omero.tls.ca_file", f"there is no file {omero.tls.ca_file}; name one that there is")


def _check_calls(calls: int, findings: Findings) -> None:
    """The Java microservice's example has 16, for threads; here that would be all that OMERO has."""
    taken = min(calls + _JOINS, _DATABASE_CONNECTIONS)
    if findings.is_rejected("worker_pool_size") or taken <= _DATABASE_CONNECTIONS - _FOR_OTHERS:
        return
    how_many = "all" if taken == _DATABASE_CONNECTIONS else str(taken)
    findings.warnings.append(
        f"{findings.label('worker_pool_size')}: {calls} calls at once and {_JOINS} joins can take {how_many} of the"
        f" {_DATABASE_CONNECTIONS} database connections that a stock OMERO has (omero.db.poolsize), and people wait to"
        " log in; take the line out, for 4 calls, unless that OMERO has more connections"
    )


def _check_store(store: SessionStoreSettings, index: int, findings: Findings) -> None:
    if findings.is_rejected("session-store.type", "session-store.uri", "session-store.directory", index=index):
        return
    if store.type == "files" and store.directory is None:
        findings.problem("session-store.directory", "the type files needs it; name OMERO.web's session folder", index)
    if store.type not in _EXAMPLES:
        return
    if store.uri is None:
        example = _EXAMPLES[store.type]
        findings.problem("session-store.uri", f"the type {store.type} needs it; write one such as {example}", index)
        return
    engine = parse_store_uri(store.uri).engine
    if engine != store.type:
        findings.problem(
            "session-store.uri",
            f"the URI is one of {engine}, but session-store.type is {store.type}; change one of them",
            index,
        )
