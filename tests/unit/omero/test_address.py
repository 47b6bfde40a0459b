"""Where an OMERO.server is: hosts and URLs as omero-py's client and OMERO.web's server_list take them."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.omero.address import OmeroAddress, parse_omero_address


@pytest.mark.parametrize(
    ("host", "port", "secure", "address"),
    [
        ("omero.example.org", None, None, OmeroAddress("omero.example.org", 4064, "ssl")),
        ("omero.example.org", None, True, OmeroAddress("omero.example.org", 4064, "ssl")),
        ("omero.example.org", None, False, OmeroAddress("omero.example.org", 4063, "tcp")),
        ("omero.example.org", 14064, None, OmeroAddress("omero.example.org", 14064, "ssl")),
        ("::1", 14063, False, OmeroAddress("::1", 14063, "tcp")),
        # omero-py's own cases, in its test_clients.py
        ("wss://test", None, None, OmeroAddress("test", 443, "wss", "/")),
        ("wss://test:12345", None, None, OmeroAddress("test", 12345, "wss", "/")),
        ("wss://test/sub/path", None, None, OmeroAddress("test", 443, "wss", "/sub/path")),
        ("ws://test", None, None, OmeroAddress("test", 80, "ws", "/")),
        ("tcp://test", None, None, OmeroAddress("test", 4063, "tcp")),
        ("ssl://test", None, None, OmeroAddress("test", 4064, "ssl")),
        ("wss://test", 12345, None, OmeroAddress("test", 12345, "wss", "/")),
        ("wss://omero.example.org/omero-ws", None, None, OmeroAddress("omero.example.org", 443, "wss", "/omero-ws")),
        # the URL's port wins, and 0 is none, as in an entry of server_list
        ("wss://test:4443/omero-wss", 4064, True, OmeroAddress("test", 4443, "wss", "/omero-wss")),
        ("wss://test/omero-wss", 0, None, OmeroAddress("test", 443, "wss", "/omero-wss")),
        ("WSS://test/Path", None, None, OmeroAddress("test", 443, "wss", "/Path")),
        ("ws://[::1]:4065", None, False, OmeroAddress("::1", 4065, "ws", "/")),
        ("ssl://test:14064/", None, None, OmeroAddress("test", 14064, "ssl")),
        ("wss://test//a:b/%20/", None, None, OmeroAddress("test", 443, "wss", "//a:b/%20/")),
    ],
)
def test_what_a_host_means(host: str, port: int | None, secure: bool | None, address: OmeroAddress) -> None:
    assert parse_omero_address(host, port, secure) == address


@pytest.mark.parametrize(
    ("host", "port", "secure", "clause"),
    [
        ("https://omero.example.org/omero-wss", None, None, "at that web server is wss://"),
        ("http://omero.example.org", None, None, "at that web server is ws://"),
        ("wsss://omero.example.org", None, None, "begins with none of tcp://, ssl://, ws://, wss://"),
        ("://omero.example.org", None, None, "begins with none of tcp://, ssl://, ws://, wss://"),
        ("wss://", None, None, "names no possible host"),
        ("wss:///omero-wss", None, None, "names no possible host"),
        ("wss://a..b/omero-wss", None, None, "names no possible host"),
        ("wss://a b/omero-wss", None, None, "names no possible host"),
        ("wss://a:1:2/", None, None, "names no possible host and port"),
        ("wss://[::1/", None, None, "names no possible host and port"),
        ("wss://[test]/", None, None, "not one of IPv6"),
        ("wss://[]/", None, None, "not one of IPv6"),
        ("wss://test:", None, None, "the port in its URL is not a whole number from 1 to 65535"),
        ("wss://test:0/", None, None, "the port is not a whole number from 1 to 65535"),
        ("wss://test:65536/", None, None, "the port is not a whole number from 1 to 65535"),
        ("wss://test:443x/", None, None, "the port in its URL is not a whole number from 1 to 65535"),
        ("wss://test", 65536, None, "the port is not a whole number from 1 to 65535"),
        ("wss://user:Very-Secret@test/", None, None, "has a user in it"),
        ("wss://test/a b", None, None, "visible ASCII characters only"),
        ("wss://test/Straße", None, None, "visible ASCII characters only"),
        ("wss://test/\r\nX-Evil: 1", None, None, "visible ASCII characters only"),
        ("wss://test/path#part", None, None, "no ? or #"),
        ("wss://test/path?token=Very-Secret", None, None, "no ? or #"),
        ("wss://test?token=Very-Secret", None, None, "no ? or #"),
        ("ssl://test/omero-wss", None, None, "ssl:// has no path"),
        ("wss://test/", None, False, "wss:// is with TLS, and secure is false"),
        ("ws://test/", None, True, "ws:// is without TLS, and secure is true"),
        ("tcp://test", None, True, "tcp:// is without TLS, and secure is true"),
        ("omero.example.org:4064", None, None, "it has a port, which is a key of its own"),
        ("", None, None, "names no possible host"),
        ("omero example", None, None, "names no possible host"),
        ("omero.example.org", 65536, None, "the port is not a whole number"),
    ],
)
def test_what_is_refused(host: str, port: int | None, secure: bool | None, clause: str) -> None:
    with pytest.raises(ValueError, match=r".") as info:
        parse_omero_address(host, port, secure)
    assert clause in str(info.value)
    assert "Secret" not in str(info.value)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("omero.example.org", "omero.example.org:4064"),
        ("ssl://omero.example.org", "omero.example.org:4064"),
        ("wss://omero.example.org/omero-wss", "wss://omero.example.org:443/omero-wss"),
        ("ws://[::1]", "ws://[::1]:80/"),
    ],
)
def test_an_address_for_people(host: str, shown: str) -> None:
    address = parse_omero_address(host)
    assert str(address) == shown
    # what was read is read again as itself, with the port and TLS that it came to
    assert parse_omero_address(host, address.port, address.secure) == address
