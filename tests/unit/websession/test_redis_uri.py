"""Every form of a Redis URI that the Java service's and Django's configurations use, and what is wrong with others."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from omero_ms_thumbnail.addresses import RedisAddress, parse_redis_uri
from omero_ms_thumbnail.config import parse_store_uri
from omero_ms_thumbnail.websession.redis_store import redis_client

HOST = (("host", 6379),)


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("redis://host", RedisAddress(hosts=HOST)),
        ("REDIS://host/", RedisAddress(hosts=HOST)),
        ("redis://:@host:6379/1", RedisAddress(hosts=HOST, database=1)),
        ("redis://:password@host:6379/1", RedisAddress(hosts=HOST, database=1, password="password")),
        ("redis://password@host", RedisAddress(hosts=HOST, password="password")),
        ("redis://user:pw@host:7000", RedisAddress(hosts=(("host", 7000),), username="user", password="pw")),
        ("redis://user:@host", RedisAddress(hosts=HOST)),
        ("redis://:p%40s%2Fs%3A@host", RedisAddress(hosts=HOST, password="p@s/s:")),
        ("redis://:p[s]w℀@host", RedisAddress(hosts=HOST, password="p[s]w℀")),
        ("redis://:p@ss:word@host", RedisAddress(hosts=HOST, password="p@ss:word")),
        ("redis://[::1]:7000/3", RedisAddress(hosts=(("::1", 7000),), database=3)),
        ("redis://host/1?database=2", RedisAddress(hosts=HOST, database=2)),
        ("redis://host?db=2&clientName=x", RedisAddress(hosts=HOST, database=2)),
        ("redis://host?timeout=10s", RedisAddress(hosts=HOST, timeout=10.0)),
        ("redis://host?timeout=250ms", RedisAddress(hosts=HOST, timeout=0.25)),
        ("redis://host?timeout=500", RedisAddress(hosts=HOST, timeout=0.5)),
        ("rediss://host", RedisAddress(hosts=HOST, tls=True)),
        ("rediss://host?verifyPeer=NONE", RedisAddress(hosts=HOST, tls=True, verify_peer="NONE")),
        ("rediss://host?verifyPeer=false", RedisAddress(hosts=HOST, tls=True, verify_peer="NONE")),
        ("rediss://host?verifyPeer=ca", RedisAddress(hosts=HOST, tls=True, verify_peer="CA")),
        ("redis-socket:///run/redis.sock?database=2", RedisAddress(socket_path="/run/redis.sock", database=2)),
        ("redis-socket://pw@/run/redis.sock", RedisAddress(socket_path="/run/redis.sock", password="pw")),
        ("unix:///run/redis.sock?db=1", RedisAddress(socket_path="/run/redis.sock", database=1)),
        ("unix://user:pw@/run/r", RedisAddress(socket_path="/run/r", username="user", password="pw")),
        (
            "redis-sentinel://:pw@one:26380,two/2#omero",
            RedisAddress(hosts=(("one", 26380), ("two", 26379)), database=2, password="pw", master="omero"),
        ),
        (
            "rediss-sentinel://one?sentinelMasterId=omero",
            RedisAddress(hosts=(("one", 26379),), tls=True, master="omero"),
        ),
        (
            "redis-cluster://user:pw@a,b:1",
            RedisAddress((("a", 6379), ("b", 1)), cluster=True, username="user", password="pw"),
        ),
        ("rediss-cluster://a", RedisAddress((("a", 6379),), cluster=True, tls=True)),
    ],
)
def test_uri(uri: str, address: RedisAddress) -> None:
    assert parse_redis_uri(uri) == address


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("", "begins with one of redis://"),
        ("localhost:6379", "begins with one of"),
        ("http://host", "begins with one of"),
        ("redis://", "no possible host and port"),
        ("redis://:pw@/1", "no possible host and port"),
        ("redis://host:port", "no possible host and port"),
        ("redis://host:0", "no possible host and port"),
        ("redis://::1", "no possible host and port"),
        ("redis://[::1", "no possible host and port"),
        ("redis://host:99999", "no possible host and port"),
        ("redis://" + "h" * 70, "no possible host and port"),
        ("redis://one,two", "several hosts"),
        ("redis://host/one", "database in the Redis URI is not a number"),
        ("redis://host/-1", "database in the Redis URI is not a number"),
        ("redis://host/²", "database in the Redis URI is not a number"),
        ("redis://host?timeout=soon", "timeout in the Redis URI"),
        ("redis://host?timeout=0", "timeout in the Redis URI"),
        ("redis://host?colour=red", "unknown parameter; known are database, db"),
        ("rediss://host?ssl_cert_reqs=perhaps", "none, optional, required"),
        ("redis://host?socket_timeout=soon", "numbers of seconds"),
        ("rediss://host?verifyPeer=perhaps", "NONE, CA, FULL"),
        ("redis-sentinel://one,two/1", "names no master: add #name"),
        ("redis-cluster://one/1", "only number 0"),
        ("unix://", "names no socket"),
        ("unix://relative", "names no socket"),
    ],
)
def test_wrong_uri(uri: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_redis_uri(uri)


@pytest.mark.parametrize("password", ["s3c/ret", "s3c?ret=1", "s3c#ret", "s3c[r/et", "s3c℀/ret"])
def test_password_that_is_not_escaped_is_not_shown(password: str) -> None:
    with pytest.raises(ValueError, match="Redis URI") as raised:
        parse_redis_uri(f"redis://:{password}@host:6379/1")
    assert "s3c" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_password_is_not_in_repr_or_str() -> None:
    address = parse_redis_uri("redis://user:s3cret@host/1")
    assert "s3cret" not in repr(address) + str(address)
    assert str(address) == "host:6379, database 1"
    assert str(parse_redis_uri("redis://[::1]")) == "[::1]:6379, database 0"
    assert str(parse_redis_uri("redis-sentinel://a,b/1#m")) == "master m of the sentinels a:26379, b:26379, database 1"


@pytest.mark.parametrize(
    ("query", "verify_peer"),
    [
        ("", "FULL"),
        ("ssl_cert_reqs=none", "NONE"),
        ("ssl_cert_reqs=None", "NONE"),
        ("ssl_cert_reqs=required", "FULL"),
        ("ssl_cert_reqs=optional&ssl_check_hostname=false", "CA"),
        ("ssl_check_hostname=False", "CA"),
        ("verifyPeer=none", "NONE"),
        ("verifyPeer=CA&ssl_cert_reqs=none", "CA"),
    ],
)
def test_certificates_are_checked_as_the_uri_says(query: str, verify_peer: str) -> None:
    uri = f"rediss://host:6380/1?{query}"
    assert parse_redis_uri(uri).verify_peer == verify_peer
    # what the configuration takes is what the store takes
    assert parse_store_uri(uri).hosts == (("host", 6380),)
    context = redis_client(uri).connection_pool.make_connection().ssl_context
    assert (context.cert_reqs is ssl.CERT_NONE) == (verify_peer == "NONE")
    assert context.check_hostname == (verify_peer == "FULL")


def test_parameters_of_redis_py() -> None:
    address = parse_redis_uri("rediss://h/?db=2&socket_timeout=3&socket_connect_timeout=1.5&ssl_ca_certs=/etc/ca.pem")
    assert (address.database, address.timeout, address.ca_file) == (2, 3.0, Path("/etc/ca.pem"))
