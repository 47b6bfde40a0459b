"""What has to go together: rules about several keys at once, each of which is right by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omero_ms_thumbnail.config.uris import parse_store_uri

if TYPE_CHECKING:
    from omero_ms_thumbnail.config.findings import Findings
    from omero_ms_thumbnail.config.settings import OmeroSettings, SessionStoreSettings, Settings

#: the default of OMERO's ``omero.db.poolsize``, and how many of those people's log-ins and pages should find free
_DATABASE_CONNECTIONS = 10
_FOR_OTHERS = 2
#: calls that join a session, beside those that ``worker_pool_size`` counts
_JOINS = 2

_EXAMPLES = {"redis": "redis://localhost:6379/1", "postgres": "postgresql://user@localhost:5432/omero"}


def check_together(settings: Settings, findings: Findings) -> None:
    """Add a problem to the findings for each rule that the settings break, a warning for what harms OMERO's users."""
    _check_tls(settings.omero, findings)
    _check_servers(settings.omero, findings)
    _check_public(settings, findings)
    _check_calls(settings.worker_pool_size, findings)
    for index, store in enumerate(settings.session_stores):
        _check_store(store, index, findings)


def _check_tls(omero: OmeroSettings, findings: Findings) -> None:
    """A certificate that is asked for but never checked would be a false comfort."""
    if findings.is_rejected("omero.secure", "omero.tls.verify", "omero.tls.ca_file"):
        return
    if omero.tls.verify and not any(one.secure for one in omero.all_servers):
        findings.problem(
            "omero.tls.verify", "plain TCP (omero.secure: false) has no certificate to verify; change one of them"
        )
    if omero.tls.ca_file is None:
        return
    if not omero.tls.verify:
        findings.problem("omero.tls.ca_file", "no certificate is checked against it; write omero.tls.verify: true too")
    if not omero.tls.ca_file.is_file():
        findings.problem("omero.tls.ca_file", f"there is no file {omero.tls.ca_file}; name one that there is")


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
    is_used = any((one.host, one.port) == (omero.host, omero.port) for one in omero.servers)
    if findings.is_given("omero.host") and not is_used:
        findings.warnings.append(
            f"{findings.label('omero.host')}: {omero.host}:{omero.port} is not used: omero.servers has another OMERO "
            "with the number 1; take omero.host out, or give it a number in omero.servers"
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
