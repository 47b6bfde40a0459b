"""What has to go together: rules about several keys at once, each of which is right by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ..omero.address import DEFAULT_PORTS, parse_omero_address
from .uris import parse_store_uri

if TYPE_CHECKING:
    from .findings import Findings
    from .omero_servers import OmeroServerSettings
    from .settings import CacheSettings, OmeroSettings, SessionStoreSettings, Settings

#: the default of OMERO's ``omero.db.poolsize``, and how many of those people's log-ins and pages should find free
_DATABASE_CONNECTIONS = 10
_FOR_OTHERS = 2
#: calls that join a session, beside those that ``worker_pool_size`` counts
_JOINS = 2

#: seconds of ``cache.life`` above which it may have been meant for the pictures themselves
_BELIEVED_USUALLY = 30.0

_EXAMPLES = {"redis": "redis://localhost:6379/1", "postgres": "postgresql://user@localhost:5432/omero"}


#: of OMERO's router, on which no WebSocket is spoken
_ROUTER_PORTS = (DEFAULT_PORTS["tcp"], DEFAULT_PORTS["ssl"])


_Addressed = TypeVar("_Addressed", "OmeroSettings", "OmeroServerSettings")


def with_address(omero: _Addressed, findings: Findings, block: str, index: int = 0) -> _Addressed:
    """The settings with the port and TLS that they come to together, since each may stand in the URL of the host.

    `block` and `index` are where they stand. Adds a problem where they contradict one another, and a warning for what
    OMERO's clients would not do as meant.
    """
    name = f"{block}.host"
    if findings.is_rejected(name, f"{block}.port", f"{block}.secure", index=index):
        return omero
    port = omero.port if findings.is_given(f"{block}.port", index) else None
    secure = omero.secure if findings.is_given(f"{block}.secure", index) else None
    try:
        address = parse_omero_address(omero.host, port, secure)
    except ValueError as error:
        if omero.host:
            findings.problem(name, str(error), index)
        # of one without a host it is said that it needs one
        findings.rejected.add((name, index))
        return omero
    label = findings.label(f"{block}.port", index)
    if port is not None and port != address.port:
        findings.warnings.append(f"{label}: the port in {name} counts, {address.port}; take this line out")
    elif port in _ROUTER_PORTS and address.is_websocket:
        usual = DEFAULT_PORTS[address.transport]
        findings.warnings.append(
            f"{label}: {port} is a port of OMERO's router itself, and {address.transport}:// is"
            f" spoken on {usual} where nothing else is said; take this line out"
        )
    return replace(omero, port=address.port, secure=address.secure)


def check_together(settings: Settings, findings: Findings) -> None:
    """Add a problem to the findings for each rule that the settings break, a warning for what harms OMERO's users."""
    _check_tls(settings.omero, findings)
    _check_servers(settings.omero, findings)
    _check_data_dirs(settings.omero, findings)
    _check_public(settings, findings)
    _check_calls(settings.worker_pool_size, findings)
    _check_cache(settings.cache, findings)
    for index, store in enumerate(settings.session_stores):
        _check_store(store, index, findings)


def _check_tls(omero: OmeroSettings, findings: Findings) -> None:
    """A certificate that is asked for but never checked would be a false comfort."""
    if findings.is_rejected("omero.host", "omero.secure", "omero.tls.verify", "omero.tls.ca_file"):
        return
    if omero.tls.verify and not any(one.secure for one in omero.all_servers):
        scheme, is_url, _ = omero.host.partition("://")
        plain = f"{scheme.lower()}:// in omero.host" if is_url else "plain TCP (omero.secure: false)"
        findings.problem("omero.tls.verify", f"{plain} has no certificate to verify; change one of them")
    if omero.tls.ca_file is None:
        return
    if not omero.tls.verify:
        findings.problem("omero.tls.ca_file", "no certificate is checked against it; write omero.tls.verify: true too")
    if not omero.tls.ca_file.is_file():
        findings.problem("omero.tls.ca_file", f"there is no file {omero.tls.ca_file}; name one that there is")


def _check_cache(cache: CacheSettings, findings: Findings) -> None:
    """What the key meant before this service told pictures by what they show, it means no more."""
    if findings.is_given("cache.life") and cache.life > _BELIEVED_USUALLY:
        findings.notes.append(
            f"{findings.label('cache.life')}: is how long OMERO is not asked whether somebody may still see an image;"
            " a few seconds do, since pictures themselves are kept for cache.picture-life"
        )


def _check_servers(omero: OmeroSettings, findings: Findings) -> None:
    """Each has to be told from all others, and by the number that sessions say."""
    if not findings.has_block("omero.servers"):
        return
    for index in range(findings.repetitions("omero.servers")):
        if not findings.is_given("omero.servers.host", index):
            findings.problem("omero.servers.host", "each of the servers has to have a host; write it", index)
        if not findings.is_given("omero.servers.id", index):
            findings.problem(
                "omero.servers.id",
                "each has to have a number; write its place in OMERO.web's omero.web.server_list, from 1",
                index,
            )
    numbers = [one.id for one in omero.servers]
    for number in sorted({one for one in numbers if numbers.count(one) > 1}):
        findings.problem("omero.servers.id", f"{number} is the number of more than one of them; give each its own")
    if any(name == "omero.servers.host" for name, _ in findings.rejected) or findings.is_rejected("omero.host"):
        return
    is_used = any(one.address == omero.address for one in omero.servers)
    if findings.is_given("omero.host") and not is_used:
        findings.warnings.append(
            f"{findings.label('omero.host')}: {omero.address} is not used: omero.servers has another OMERO "
            "with the number 1; take omero.host out, or give it a number in omero.servers"
        )


def _check_data_dirs(omero: OmeroSettings, findings: Findings) -> None:
    """Thumbnails of several OMEROs have the same numbers: a folder has to be that of one of them."""
    if not findings.has_block("omero.servers"):
        return
    if findings.is_given("omero.data_dir") and not findings.is_given("omero.host"):
        findings.problem(
            "omero.data_dir", "it is that of the OMERO at omero.host; write data_dir into one of omero.servers instead"
        )
    folders = [one.data_dir for one in omero.servers if one.data_dir is not None]
    for folder in sorted({one for one in folders if folders.count(one) > 1}):
        findings.problem(
            "omero.servers.data_dir", f"{folder} is the folder of more than one of them; give each its own, or none"
        )


def _check_public(settings: Settings, findings: Findings) -> None:
    """A public user who cannot log in, or may see nothing, would be no public user."""
    public = settings.omero_web.public
    block = "omero.web.public"
    if not public.enabled:
        return
    for name, value in (("user", public.user), ("password", public.password)):
        if value is None and not findings.is_rejected(f"{block}.{name}"):
            findings.problem(f"{block}.{name}", f"{block}.enabled needs it; write that of OMERO.web's {block}.{name}")
    if settings.omero.server(public.server_id) is None:
        findings.problem(
            f"{block}.server_id", f"{public.server_id} is the number of none of omero.servers; write that of one"
        )
    if public.url_filter is None and not findings.is_rejected(f"{block}.url_filter"):
        findings.warnings.append(
            f"{findings.label(f'{block}.url_filter')}: without it nothing is public, as in OMERO.web; write that of "
            f"OMERO.web's {block}.url_filter"
        )


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
