"""Each kind of value: what it takes, and the sentence about what it does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.config.conftest import STORE

if TYPE_CHECKING:
    from tests.unit.config.conftest import Configure

HOST = "a host name or an IP address (without scheme and port)"
COOKIE = "a cookie's name (letters, digits and any of !#$%&'*+-.^_`|~)"
CACHE_CONTROL = "the value of a Cache-Control header, such as private, no-cache"
ZIPKIN = "the value is not a URL such as http://localhost:9411/api/v2/spans, without user and password"
SIZE = "a number of bytes from 1048576 to 2147483647, or such as 256 MiB"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("port: eighty", "'eighty' is not a whole number from 1 to 65535"),
        ("port: 0", "0 is not a whole number from 1 to 65535"),
        ("port: 65536", "65536 is not a whole number from 1 to 65535"),
        ("port: 80.5", "80.5 is not a whole number from 1 to 65535"),
        ("port: true", "true is not a whole number from 1 to 65535"),
        ("port: [80]", "a list is not a whole number from 1 to 65535"),
        ("port: {a: 80}", "a block of keys is not a whole number from 1 to 65535"),
        ("port: 2026-01-02", "a date is not a whole number from 1 to 65535"),
        ("port: 2026-13-45", "'2026-13-45' is not a whole number from 1 to 65535"),
        ("port:", "it has no value; write a whole number from 1 to 65535, or take the line out"),
        (f"port: {'9' * 80}", f"{'9' * 60}… is not a whole number from 1 to 65535"),
        ("event-bus-send-timeout: 15s", "'15s' is not a whole number from 1 to 3600000 (milliseconds)"),
        ("event-bus-send-timeout: 0", "0 is not a whole number from 1 to 3600000 (milliseconds)"),
        ("omero.connect_timeout: soon", "'soon' is not a number of seconds from 0.1 to 300"),
        ("omero.connect_timeout: .nan", "nan is not a number of seconds from 0.1 to 300"),
        ("omero.connect_timeout: .inf", "inf is not a number of seconds from 0.1 to 300"),
        ("omero.connect_timeout: false", "false is not a number of seconds from 0.1 to 300"),
        ("omero.message_size_max: 1 TiB", f"'1 TiB' is not {SIZE}"),
        ("omero.message_size_max: 2 GiB", f"'2 GiB' is not {SIZE}"),
        ("omero.secure: maybe", "'maybe' is not true or false"),
        ("omero.secure: 1", "1 is not true or false"),
        ("host: https://omero.example.org", f"'https://omero.example.org' is not {HOST}"),
        ("host: omero.example.org:4064", f"'omero.example.org:4064' is not {HOST}"),
        ("host: ''", f"'' is not {HOST}"),
        ("host: 42", f"42 is not {HOST}"),
        ("omero.web.session_cookie_name: session id", f"'session id' is not {COOKIE}"),
        ("omero.web.session_cookie_name: ''", f"'' is not {COOKIE}"),
        ("omero.web.session_cookie_name: 123", f"the value is not text; write {COOKIE}, in quotes"),
        (r'cache-control: "private\r\nX-Evil: 1"', rf"'private\r\nX-Evil: 1' is not {CACHE_CONTROL}"),
        ("omero.tls.ca_file: 5", "5 is not the path of a file with certificates in PEM form"),
        ("omero.web.secret_key: 1234567", "the value is not text; write printable text, in quotes"),
        ("omero.web.secret_key: ''", "the value is not printable text"),
        ("omero.web.secret_key_fallbacks: 5", "the value is not a list of texts"),
        ("omero.web.secret_key_fallbacks: [a, 5]", "an item of the list is not text; put each in quotes"),
        ("http-tracing.zipkin-url: localhost:9411", ZIPKIN),
        ("http-tracing.zipkin-url: http://host:port/", ZIPKIN),
        ("http-tracing.zipkin-url: http://user:password@host/", ZIPKIN),
        ("http-tracing.zipkin-url: 5", ZIPKIN),
    ],
)
def test_what_a_key_does_not_take(configure: Configure, line: str, sentence: str) -> None:
    key = line.partition(": ")[0].rstrip(":")
    assert configure.problems(f"{STORE}{line}\n") == [f"c.yaml, line 2: {key}: {sentence}"]


@pytest.mark.parametrize("written", ["8081", "'8081'", "0x1f91"])
def test_whole_numbers(configure: Configure, written: str) -> None:
    assert configure(f"{STORE}port: {written}").port == 8081


@pytest.mark.parametrize(
    ("written", "size"),
    [("1048576", 1 << 20), ("1 MiB", 1 << 20), ("1GiB", 1 << 30), ("2048 KiB", 2 << 20), ("2147483647", 2**31 - 1)],
)
def test_sizes(configure: Configure, written: str, size: int) -> None:
    assert configure(f"{STORE}omero.message_size_max: {written}").omero.message_size_max == size


@pytest.mark.parametrize("host", ["localhost", "omero-1.example.org.", "10.0.0.1", "::1", "fe80::1"])
def test_hosts(configure: Configure, host: str) -> None:
    assert configure(f"{STORE}omero.host: '{host}'").omero.host == host


@pytest.mark.parametrize(("written", "value"), [("FALSE", False), ("No", False), ("' ON '", True), ("true", True)])
def test_switches(configure: Configure, written: str, value: bool) -> None:
    assert configure(f"{STORE}omero.web.accept_bsession: {written}").omero_web.accept_bsession is value


def test_fractions_of_seconds(configure: Configure) -> None:
    assert configure(f"{STORE}omero.connect_timeout: 0.25").omero.connect_timeout == 0.25
    assert configure(f"{STORE}event-bus-send-timeout: 1").request_timeout == 0.001
