"""Host, port and TLS of OMERO: three keys, which may all stand in one, a URL as OMERO's clients have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.config.conftest import STORE

if TYPE_CHECKING:
    from tests.unit.config.conftest import Configure

FORMS = "a URL such as wss://omero.example.org/omero-wss, or the host alone"
OTHERWISE = "where nothing else is said; take this line out"


@pytest.mark.parametrize(
    ("lines", "address", "secure"),
    [
        ("", "localhost:4064", True),
        ("omero.secure: false", "localhost:4063", False),
        ("omero.host: omero.example.org", "omero.example.org:4064", True),
        ("omero: {host: '::1', port: 14064}", "::1:14064", True),
        ("omero.host: wss://omero.example.org/omero-wss", "wss://omero.example.org:443/omero-wss", True),
        ("omero.host: wss://omero.example.org:4443/omero-wss", "wss://omero.example.org:4443/omero-wss", True),
        (
            "omero: {host: wss://omero.example.org/omero-wss, port: 4443}",
            "wss://omero.example.org:4443/omero-wss",
            True,
        ),
        (
            "omero: {host: wss://omero.example.org/omero-wss, secure: true}",
            "wss://omero.example.org:443/omero-wss",
            True,
        ),
        ("omero.host: ws://omero.example.org:4065", "ws://omero.example.org:4065/", False),
        ("omero: {host: ws://omero.example.org, secure: false}", "ws://omero.example.org:80/", False),
        ("omero.host: ssl://omero.example.org", "omero.example.org:4064", True),
        ("omero.host: tcp://omero.example.org", "omero.example.org:4063", False),
    ],
)
def test_what_they_come_to(configure: Configure, lines: str, address: str, secure: bool) -> None:
    settings = configure(f"{STORE}{lines}\n")
    assert str(settings.omero.address) == address
    assert (settings.omero.port, settings.omero.secure) == (settings.omero.address.port, secure)
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            "omero.host: https://omero.example.org/omero-wss",
            "omero.host: https:// is no transport of OMERO; Ice over WebSocket at that web server is wss://",
        ),
        (
            "omero.host: wss://omero.example.org:banana/",
            "omero.host: the port in its URL is not a whole number from 1 to 65535",
        ),
        (
            "omero.host: wss://user:Very-Secret@omero.example.org/",
            f"omero.host: its URL has a user in it, which OMERO is never asked with; write {FORMS}",
        ),
        (
            "omero.host: omero.example.org:4064",
            "omero.host: it has a port, which is a key of its own; or write a URL such as ssl://host:4064",
        ),
        (
            "omero: {host: ws://omero.example.org, secure: true}",
            "omero.host: ws:// is without TLS, and secure is true; change one of them",
        ),
        (
            "omero: {host: wss://omero.example.org, secure: false}",
            "omero.host: wss:// is with TLS, and secure is false; change one of them",
        ),
        (
            "omero: {host: ws://omero.example.org, tls: {verify: true}}",
            "omero.tls.verify: ws:// in omero.host has no certificate to verify; change one of them",
        ),
        (
            "omero: {secure: false, tls: {verify: true}}",
            "omero.tls.verify: plain TCP (omero.secure: false) has no certificate to verify; change one of them",
        ),
        (
            "omero.host: 42",
            "omero.host: 42 is not a host name, an IP address, or a URL such as wss://omero.example.org/omero-wss",
        ),
    ],
)
def test_what_contradicts_or_is_malformed(configure: Configure, lines: str, sentence: str) -> None:
    assert configure.problems(f"{STORE}{lines}\n") == [f"c.yaml, line 2: {sentence}"]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            "omero: {host: wss://omero.example.org/omero-wss, port: 4064}",
            f"omero.port: 4064 is a port of OMERO's router itself, and wss:// is spoken on 443 {OTHERWISE}",
        ),
        (
            "omero: {host: ws://omero.example.org, port: 4063}",
            f"omero.port: 4063 is a port of OMERO's router itself, and ws:// is spoken on 80 {OTHERWISE}",
        ),
        (
            "omero: {host: wss://omero.example.org:4443/omero-wss, port: 4064}",
            "omero.port: the port in omero.host counts, 4443; take this line out",
        ),
    ],
)
def test_what_is_hardly_meant_is_a_warning(configure: Configure, lines: str, sentence: str) -> None:
    assert [warning.partition("line 2: ")[2] for warning in configure(f"{STORE}{lines}\n").warnings] == [sentence]


def test_the_environment_may_name_a_url(configure: Configure) -> None:
    environment = {"OMERO_MS_THUMBNAIL_OMERO_HOST": "wss://omero.example.org/omero-wss"}
    settings = configure(STORE, environment)
    assert str(settings.omero.address) == "wss://omero.example.org:443/omero-wss"
