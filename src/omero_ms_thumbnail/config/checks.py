"""What has to go together: rules about several keys at once, each of which is right by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omero_ms_thumbnail.config.uris import parse_store_uri

if TYPE_CHECKING:
    from omero_ms_thumbnail.config.findings import Findings
    from omero_ms_thumbnail.config.settings import OmeroSettings, SessionStoreSettings, Settings

_EXAMPLES = {"redis": "redis://localhost:6379/1", "postgres": "postgresql://user@localhost:5432/omero"}


def check_together(settings: Settings, findings: Findings) -> None:
    """Add a problem to the findings for each rule that the settings break."""
    _check_tls(settings.omero, findings)
    for index, store in enumerate(settings.session_stores):
        _check_store(store, index, findings)


def _check_tls(omero: OmeroSettings, findings: Findings) -> None:
    """A certificate that is asked for but never checked would be a false comfort."""
    if findings.is_rejected("omero.secure", "omero.tls.verify", "omero.tls.ca_file"):
        return
    if omero.tls.verify and not omero.secure:
        findings.problem(
            "omero.tls.verify", "plain TCP (omero.secure: false) has no certificate to verify; change one of them"
        )
    if omero.tls.ca_file is None:
        return
    if not omero.tls.verify:
        findings.problem("omero.tls.ca_file", "no certificate is checked against it; write omero.tls.verify: true too")
    if not omero.tls.ca_file.is_file():
        findings.problem("omero.tls.ca_file", f"there is no file {omero.tls.ca_file}; name one that there is")


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
