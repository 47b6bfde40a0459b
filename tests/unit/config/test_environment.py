"""Environment variables: overriding, misspelling, files, and those that Kubernetes sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from omero_ms_thumbnail.config.table import KEYS, VARIABLES
from tests.unit.config.conftest import STORE

if TYPE_CHECKING:
    from tests.unit.config.conftest import Configure

P = "OMERO_MS_THUMBNAIL_"


def test_a_variable_overrides_its_key(configure: Configure) -> None:
    settings = configure(
        "port: 1\nworkers: 2\nomero.web: {session_cookie_name: a}\nsession-store: {uri-file: gone, version: 3}\n",
        {
            f"{P}PORT": "8081",
            f"{P}EVENT_BUS_SEND_TIMEOUT": "500",
            f"{P}OMERO_WEB_SESSION_COOKIE_NAME": "b",
            f"{P}OMERO_WEB_ACCEPT_BSESSION": "false",
            f"{P}OMERO_WEB_SECRET_KEY_FALLBACKS": "one\ntwo\n",
            f"{P}OMERO_MESSAGE_SIZE_MAX": "32 MiB",
            f"{P}SESSION_STORE_URI": "redis://localhost:1/2",
            "PORT": "9999",
        },
    )
    assert (settings.port, settings.workers, settings.request_timeout) == (8081, 2, 0.5)
    assert settings.omero_web.session_cookie_name == "b"
    assert settings.omero_web.accept_bsession is False
    assert settings.omero_web.secret_key_fallbacks == ("one", "two")
    assert settings.omero.message_size_max == 32 << 20
    assert settings.session_stores[0].uri == "redis://localhost:1/2"
    assert settings.session_stores[0].version == 3


def test_a_wrong_key_in_the_file_does_not_matter_where_a_variable_overrides_it(configure: Configure) -> None:
    assert configure(STORE + "port: eighty", {f"{P}PORT": "80"}).port == 80


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PRT", f"did you mean {P}PORT?"),
        ("SESSION_STORE_URL", f"did you mean {P}SESSION_STORE_URI?"),
        ("SESSION_STORE_URL_FILE", f"did you mean {P}SESSION_STORE_URI_FILE?"),
        ("SESSION_COOKIE_NAME", f"did you mean {P}OMERO_WEB_SESSION_COOKIE_NAME?"),
        ("XYZZY_PLUGH", "docs/configuration.md lists those that there are"),
    ],
)
def test_an_unknown_variable_brings_up_the_nearest(configure: Configure, name: str, hint: str) -> None:
    assert configure.problems(STORE, {P + name: "hunter2"}) == [
        f"environment: {P}{name}: there is no such variable; {hint}"
    ]


@pytest.mark.parametrize("value", ["", "eighty", "80 80"])
def test_a_wrong_value(configure: Configure, value: str) -> None:
    assert configure.problems(STORE, {f"{P}PORT": value}) == [
        f"environment: {P}PORT: {value!r} is not a whole number from 1 to 65535"
    ]


def test_a_value_from_a_file(configure: Configure) -> None:
    Path("port").write_text(" 8081\n")
    Path("uri").write_text("redis://:secret@localhost\n")
    settings = configure("", {f"{P}PORT_FILE": "port", f"{P}SESSION_STORE_URI_FILE": "uri"})
    assert settings.port == 8081
    assert settings.session_stores[0].uri == "redis://:secret@localhost"


def test_what_a_file_holds_is_never_quoted(configure: Configure) -> None:
    Path("port").write_text("hunter2")
    assert configure.problems(STORE, {f"{P}PORT_FILE": "port"}) == [
        f"environment: {P}PORT_FILE: the value is not a whole number from 1 to 65535"
    ]


def test_a_key_that_ends_in_file_is_no_file_of_another(configure: Configure) -> None:
    Path("ca.pem").touch()
    Path("where").write_text("ca.pem\n")
    environ = {f"{P}OMERO_TLS_VERIFY": "true", f"{P}OMERO_TLS_CA_FILE": "ca.pem"}
    assert configure(STORE, environ).omero.tls.ca_file == Path("ca.pem")
    environ = {f"{P}OMERO_TLS_VERIFY": "true", f"{P}OMERO_TLS_CA_FILE_FILE": "where"}
    assert configure(STORE, environ).omero.tls.ca_file == Path("ca.pem")


def test_a_value_and_its_file_cannot_both_be_given(configure: Configure) -> None:
    assert configure.problems(STORE, {f"{P}PORT": "1", f"{P}PORT_FILE": "x"}) == [
        f"environment: {P}PORT_FILE: {P}PORT is set too; keep one of them"
    ]


def test_variables_that_kubernetes_sets_for_the_service_are_left_alone(configure: Configure) -> None:
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_HTTP": "8080",
        "PORT": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP_PROTO": "tcp",
        "PORT_8080_TCP_PORT": "8080",
        "PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert configure(STORE + "port: 81", {P + name: value for name, value in links.items()}).port == 81


def test_each_key_has_a_variable_of_its_own(configure: Configure) -> None:
    assert len(VARIABLES) == len(KEYS)
    assert VARIABLES[f"{P}SESSION_STORE_KEY_PREFIX"] is KEYS["session-store.key-prefix"]
