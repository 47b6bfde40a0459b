"""Where OMERO.web and this service differ in what they do on a request's way in: servers, prefix, visitors, origins.

Each difference comes with the line to write. No line has a password.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from ..config import OmeroServerSettings, PublicSettings, Settings
from ..omero.address import parse_omero_address
from .diagnoses import (
    OMERO_WEB_CORS,
    OMERO_WEB_PREFIX,
    OMERO_WEB_PUBLIC,
    OMERO_WEB_SERVER,
    OMERO_WEB_SERVERS,
    Diagnosis,
)
from .omero_web import OmeroWeb

Difference = tuple[str, Diagnosis]

#: in place of the password in a line to write
_PASSWORD_FILE: Final = "/path/of/a/file/with/its/password"  # noqa: S105 - it is none


def differences(settings: Settings, web: OmeroWeb) -> Iterator[Difference]:
    """What is found, with the line to write, and the diagnosis."""
    yield from _servers(settings, web.servers)
    yield from _prefix(settings, web)
    yield from _public(settings.omero_web.public, web.public)
    yield from _origins(settings, web)


def _line(block: str, **keys: Any) -> str:
    """A line of YAML, as JSON is."""
    return f"write {block}: {json.dumps(keys)}"


def _servers(settings: Settings, theirs: tuple[OmeroServerSettings, ...]) -> Iterator[Difference]:
    ours = settings.omero
    told = ", ".join(_told(one, several=len(theirs) > 1) for one in theirs) or "none that could be read"
    if len(theirs) < 2 and not ours.servers:
        if _place(ours.all_servers[0]) not in map(_place, theirs):
            yield f"OMERO.web uses {told}, the configuration {ours.address}", OMERO_WEB_SERVER
        return
    mine = {one.id: _place(one) for one in ours.servers}
    if any(mine.get(one.id) != _place(one) for one in theirs):
        here = ", ".join(_told(one, several=bool(mine)) for one in sorted(ours.all_servers, key=lambda one: one.id))
        line = _line("omero", servers=[_entry(one) for one in theirs])
        yield f"OMERO.web uses {told}, the configuration {here}; {line}", OMERO_WEB_SERVERS


def _place(server: OmeroServerSettings) -> tuple[str, int, str]:
    """Where it is; whether with TLS or without may differ, since a plain host of server_list does not say."""
    try:
        address = parse_omero_address(server.host, server.port)
    except ValueError:
        return server.host, server.port, ""
    return address.host, address.port, address.path


def _told(server: OmeroServerSettings, *, several: bool) -> str:
    host, port, path = _place(server)
    place = server.host if "://" in server.host else f"{host}:{port}{path}"
    return f"{server.id}: {place}" if several else place


def _entry(server: OmeroServerSettings) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": server.id, "host": server.host, "port": server.port}
    return {**entry, "name": server.name} if server.name else entry


def _prefix(settings: Settings, web: OmeroWeb) -> Iterator[Difference]:
    here = settings.omero_web.prefix.rstrip("/")
    if here != web.prefix:
        line = _line("omero.web", prefix=web.prefix) if web.prefix else "take omero.web.prefix out"
        yield f"OMERO.web is at {web.prefix or '/'}, the configuration's at {here or '/'}; {line}", OMERO_WEB_PREFIX


def _public(ours: PublicSettings, theirs: PublicSettings) -> Iterator[Difference]:
    if not theirs.enabled:
        if ours.enabled:
            found = (
                "OMERO.web has no public user, and this service answers as one; write omero.web.public.enabled: false"
            )
            yield found, OMERO_WEB_PUBLIC
        return
    wanted: dict[str, Any] = {
        "enabled": True,
        "user": theirs.user,
        "password_file": _PASSWORD_FILE,
        "url_filter": theirs.url_filter,
        "server_id": theirs.server_id,
    }
    if theirs.cache.enabled:
        wanted["cache"] = {"enabled": True, "key": theirs.cache.key}
    if not ours.enabled:
        line = _line("omero.web", public={name: value for name, value in wanted.items() if value is not None})
        yield (
            f"OMERO.web has a public user, and this service refuses whoever is not logged in; {line}",
            OMERO_WEB_PUBLIC,
        )
        return
    differing = [name for name in ("user", "password", "url_filter", "server_id") if _differ(ours, theirs, name)]
    if theirs.cache.enabled and (ours.cache.enabled, ours.cache.key) != (True, theirs.cache.key):
        differing.append("cache")
    if differing:
        keys = {
            ("password_file" if name == "password" else name): wanted.get(name, _PASSWORD_FILE) for name in differing
        }
        names = ", ".join(f"omero.web.public.{name}" for name in differing)
        yield f"{names}: not as in OMERO.web; {_line('omero.web', public=keys)}", OMERO_WEB_PUBLIC


def _differ(ours: PublicSettings, theirs: PublicSettings, name: str) -> bool:
    return bool(getattr(ours, name) != getattr(theirs, name))


def _origins(settings: Settings, web: OmeroWeb) -> Iterator[Difference]:
    here = settings.omero_web
    if here.cors_origin_allow_all != web.cors_origin_allow_all:
        what = "lets pages of every origin show pictures" if web.cors_origin_allow_all else "does not let every origin"
        line = _line("omero.web", cors_origin_allow_all=web.cors_origin_allow_all)
        yield f"OMERO.web {what}, and this service differs; {line}", OMERO_WEB_CORS
    elif not here.cors_origin_allow_all and set(here.cors_origin_whitelist) != set(web.cors_origin_whitelist):
        line = _line("omero.web", cors_origin_whitelist=list(web.cors_origin_whitelist))
        theirs, ours = _list(web.cors_origin_whitelist), _list(here.cors_origin_whitelist)
        yield f"OMERO.web lets pages of {theirs} show pictures, this service those of {ours}; {line}", OMERO_WEB_CORS


def _list(origins: tuple[str, ...]) -> str:
    return ", ".join(origins) or "no other origin"
