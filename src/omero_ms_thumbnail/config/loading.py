"""From a file and an environment to `Settings`: what overrides what, and each value checked by its key's kind.

Relative paths start from the configuration file's folder where they stand in it, and from the working directory where
they come from the environment.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checks import check_together, with_address
from .config_error import ConfigError, InvalidValueError
from .definition import Key, block_of, key_of, walk
from .document import read_document
from .entries import Entry, from_file
from .environment import read_environment
from .findings import Findings
from .omero_servers import OmeroServerSettings, completed
from .settings import OmeroSettings, Settings
from .table import REPEATED_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN_MAX = 60


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in a configuration file, overridden by environment variables.

    Raises `ConfigError` with everything that is wrong, one sentence a line.
    """
    problems: list[str] = []
    findings = Findings(path, read_document(path, problems), problems)
    _override(findings, environ)
    settings: Settings = _build(Settings, 0, findings)
    settings = replace(settings, omero=_with_addresses(settings.omero, findings))
    check_together(settings, findings)
    if problems:
        raise ConfigError(problems)
    return replace(settings, notes=tuple(findings.notes), warnings=tuple(findings.warnings))


def _with_addresses(omero: OmeroSettings, findings: Findings) -> OmeroSettings:
    """Each with the port and TLS that it comes to; `servers` are all that there are then."""
    omero = with_address(omero, findings, "omero")
    servers = [with_address(one, findings, "omero.servers", index) for index, one in enumerate(omero.servers)]
    at_host = OmeroServerSettings(1, "", omero.host, omero.port, omero.secure, omero.data_dir)
    host = at_host if findings.is_given("omero.host") else None
    is_usable = not any(name in ("omero.host", "omero.servers.host") for name, _ in findings.rejected)
    return replace(omero, servers=tuple(completed(servers, host) if is_usable else servers))


def _override(findings: Findings, environ: Mapping[str, str]) -> None:
    for place, entry in read_environment(environ, findings.problems).items():
        block = place[0].rpartition(".")[0]
        if block in REPEATED_BLOCKS and findings.repetitions(block) > 1:
            findings.problems.append(
                f"{entry.label}: {findings.path} has several blocks in {block}; write the value into one of them"
            )
        else:
            findings.entries[place] = entry


def _build(settings: type[Any], index: int, findings: Findings) -> Any:
    values: dict[str, Any] = {}
    for member in fields(settings):
        key = key_of(member)
        inner, is_repeated = block_of(member)
        if key is not None:
            values[member.name] = _read(key, index, findings)
        elif inner is not None and is_repeated:
            first, _ = next(walk(inner))
            name = first.name.rpartition(".")[0]
            count = findings.repetitions(name) if findings.has_block(name) else member.metadata["at_least"]
            values[member.name] = tuple(_build(inner, number, findings) for number in range(count))
        elif inner is not None:
            values[member.name] = _build(inner, index, findings)
    return settings(**values)


def _read(key: Key, index: int, findings: Findings) -> object:
    """The checked value of a key; its default where it is not given or not usable."""
    place = (key.name, index)
    entry = findings.entries.get(place)
    if entry is None:
        return key.default
    try:
        if entry.is_file:
            entry, warning = from_file(entry)
            findings.warnings.extend([warning] if warning and key.is_secret else [])
        if entry.value is None:
            raise InvalidValueError(f"it has no value; write {key.kind.expected}, or take the line out")
        value = key.kind.parse(entry.value)
    except InvalidValueError as error:
        reason = error.reason or f"{_shown(key, entry)} is not {key.kind.expected}"
        findings.problems.append(f"{entry.label}: {reason}")
        findings.rejected.add(place)
        return key.default
    if key.without_meaning:
        findings.notes.append(f"{entry.label}: the key has no meaning here: {key.without_meaning}")
    return entry.base / value if isinstance(value, Path) else value


def _shown(key: Key, entry: Entry) -> str:
    """A rejected value as a sentence may quote it: shortened, and neither a secret nor what a file holds."""
    value = entry.value
    if key.is_secret or entry.is_file:
        return "the value"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        text = repr(value)
        return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
    if isinstance(value, list):
        return "a list"
    return "a block of keys" if isinstance(value, dict) else f"a {type(value).__name__}"
