# ruff: noqa: RUF009 - key makes dataclass fields, which ruff cannot know
"""Several OMERO.servers: what each of them is, and which one an OMERO.web session means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..omero.address import DEFAULT_PORTS, OmeroAddress, parse_omero_address
from .definition import key
from .kinds import FilePath, OmeroHost, Switch, Text, WholeNumber

PORT = WholeNumber(1, 65535)
DATA_DIR = FilePath("the path of a folder that has the folder Thumbnails in it")

#: what an OMERO.web session, or a request, says of its OMERO.server; None where it says nothing
ServerId = int | str | None

_ID_MAX = 1_000_000
_ID_DIGITS_MAX = 7


@dataclass(frozen=True, slots=True)
class OmeroServerSettings:
    """One OMERO.server of those that OMERO.web lets people choose from."""

    id: int = key(
        "omero.servers.id",
        WholeNumber(1, _ID_MAX),
        1,
        "Its place in OMERO.web's omero.web.server_list, from 1; sessions say it. Where there is no `omero.servers`,"
        " every session is of the OMERO at omero.host, whatever it says.",
        default_note="none: each has to have one of its own",
    )
    name: str = key(
        "omero.servers.name",
        Text(),
        "",
        "Its name in that list, for sessions that say it in place of the number.",
    )
    host: str = key(
        "omero.servers.host",
        OmeroHost(),
        "",
        "Its host, or a URL as for `omero.host`.",
        default_note="none: each has to have one",
    )
    port: int = key(
        "omero.servers.port",
        PORT,
        DEFAULT_PORTS["ssl"],
        "Its port. One in the URL of its host wins.",
        default_note=f"as of `omero.port`: {DEFAULT_PORTS['ssl']}, or {DEFAULT_PORTS['tcp']} without TLS",
    )
    secure: bool = key(
        "omero.servers.secure",
        Switch(),
        True,
        "TLS; false for plain TCP.",
        default_note="true, or what the URL in its host says",
    )
    data_dir: Path | None = key(
        "omero.servers.data_dir",
        DATA_DIR,
        None,
        "Its omero.data.dir, as for `omero.data_dir`. Each has a folder of its own.",
        default_note="none: it is asked for every thumbnail",
    )

    @property
    def address(self) -> OmeroAddress:
        """Where it is. Raises ValueError where host, port and secure were not read together and do not fit."""
        return parse_omero_address(self.host, self.port, self.secure)

    def __str__(self) -> str:
        return str(self.address)


def named(server_id: ServerId, servers: Sequence[OmeroServerSettings]) -> OmeroServerSettings | None:
    """The one of `servers` that ``connector.server_id`` means: by number, that number as text, or its name.

    The first where nothing is said. Source: ``Connector.lookup_host_and_port`` of omeroweb/connector.py.
    """
    if server_id is None:
        return servers[0]
    number = _number(server_id)
    for one in servers:
        if one.id == number:
            return one
    return next((one for one in servers if one.name and one.name == server_id), None)


def names(servers: Sequence[OmeroServerSettings]) -> tuple[str, ...]:
    """What `named` takes, of several: the numbers as text, then the names. Of one, none: it is whatever is said."""
    if len(servers) < 2:
        return ()
    return (*(str(one.id) for one in servers), *(one.name for one in servers if one.name))


def _number(server_id: int | str) -> int | None:
    if isinstance(server_id, int):
        return server_id
    text = server_id.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX else None


def completed(servers: Sequence[OmeroServerSettings], host: OmeroServerSettings | None) -> list[OmeroServerSettings]:
    """`servers`, with that of requests that name none first.

    That is `host`, the OMERO at ``omero.host``, where it is given: as the one of them that has its address, else as
    one more with the number 1. If another has that number, the list is taken to know better, and `host` is none.
    What the list does not say of its folder, ``omero.data_dir`` does.
    """
    listed = [*servers]
    if host is None or not listed:
        return listed
    same = next((one for one in listed if one.address == host.address), None)
    if same is not None:
        listed.remove(same)
        return [replace(same, data_dir=same.data_dir or host.data_dir), *listed]
    return listed if any(one.id == host.id for one in listed) else [host, *listed]
