"""URIs of session stores: lettuce's, redis-py's, libpq's and JDBC's forms, and what is shown of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.config import StoreAddress, parse_store_uri, redact_uri
from omero_ms_thumbnail.config.config_error import InvalidValueError

if TYPE_CHECKING:
    from tests.unit.config.conftest import Configure

ENCODE = "write a password's own / ? # @ and % as %2F %3F %23 %40 and %25"


@pytest.mark.parametrize(
    ("uri", "address", "shown"),
    [
        (
            "redis://:@localhost:6379/1",
            StoreAddress("redis", "redis", (("localhost", 6379),), database="1"),
            "redis://localhost:6379/1",
        ),
        ("redis://h", StoreAddress("redis", "redis", (("h", 6379),)), "redis://h:6379"),
        ("redis://user:pw@h:1/", StoreAddress("redis", "redis", (("h", 1),)), "redis://h:1"),
        ("redis://pw@h?timeout=10s&database=3", StoreAddress("redis", "redis", (("h", 6379),), database="3"), None),
        ("REDISS://:p%40w@[::1]:6380/0", StoreAddress("redis", "rediss", (("[::1]", 6380),), database="0"), None),
        (
            "redis-sentinel://:pw@a,b:26380/2#mymaster",
            StoreAddress("redis", "redis-sentinel", (("a", 26379), ("b", 26380)), database="2", master="mymaster"),
            "redis-sentinel://a:26379,b:26380/2#mymaster",
        ),
        (
            "redis-sentinel://a?sentinelMasterId=m",
            StoreAddress("redis", "redis-sentinel", (("a", 26379),), master="m"),
            "redis-sentinel://a:26379#m",
        ),
        (
            "redis-socket://:pw@/run/redis%20a.sock?database=4",
            StoreAddress("redis", "redis-socket", path="/run/redis a.sock", database="4"),
            "redis-socket:///run/redis a.sock?database=4",
        ),
        ("redis-cluster://:pw@a,b:1", StoreAddress("redis", "redis-cluster", (("a", 6379), ("b", 1))), None),
        ("unix:///run/redis.sock", StoreAddress("redis", "unix", path="/run/redis.sock"), "unix:///run/redis.sock"),
        (
            "jdbc:postgresql://localhost:5432/omero_database?user=omero&password=p@ss",
            StoreAddress("postgres", "jdbc:postgresql", (("localhost", 5432),), database="omero_database"),
            "jdbc:postgresql://localhost:5432/omero_database",
        ),
        (
            "postgresql://omero:pw@a:1,b/omero?sslmode=require",
            StoreAddress("postgres", "postgresql", (("a", 1), ("b", 5432)), database="omero"),
            "postgresql://a:1,b:5432/omero",
        ),
        ("postgres://a/d%2Fb", StoreAddress("postgres", "postgres", (("a", 5432),), database="d/b"), None),
    ],
)
def test_forms_that_are_understood(uri: str, address: StoreAddress, shown: str | None) -> None:
    assert parse_store_uri(uri) == address
    assert redact_uri(f" {uri} ") == (shown or str(address))


HOST = "the Redis URI names no possible host and port (the characters / ? # in a password are written %2F %3F %23)"
POSTGRES = (
    "a PostgreSQL URI is postgresql://user:password@host:5432/database or "
    "jdbc:postgresql://host:5432/database?user=user&password=password "
    "(the characters / ? # @ in a password are written %2F %3F %23 %40)"
)


@pytest.mark.parametrize(
    ("uri", "reason", "shown"),
    [
        (
            "http://h",
            (
                "the URI does not begin with redis://, rediss://, redis-sentinel://, redis-socket://, postgresql://"
                " or jdbc:postgresql://"
            ),
            "***",
        ),
        ("redis://", HOST, "redis://***"),
        ("redis://h:0", HOST, "redis://***"),
        ("redis://h:65536", HOST, "redis://***"),
        ("redis://:p/w@h", f"the URI has an @ after its host; {ENCODE}", "redis://***"),
        ("redis://u:1?w@h", f"the URI has an @ after its host; {ENCODE}", "redis://***"),
        ("redis://u:1#w@h", f"the URI has an @ after its host; {ENCODE}", "redis://***"),
        ("redis://h#w", f"the URI has a # in it; {ENCODE}", "redis://***"),
        ("redis://h?w", f"a parameter after the URI's ? has no =; {ENCODE}", "redis://***"),
        ("redis://h/w", "the database in the Redis URI is not a number, as 1 is in redis://host:6379/1", "redis://***"),
        (
            "redis://a,b",
            "the Redis URI names several hosts, which only redis-sentinel:// and redis-cluster:// can",
            "redis://***",
        ),
        (
            "redis-sentinel://a",
            "the Redis URI names no master: add #name, the name that the sentinels know it by",
            "redis-sentinel://***",
        ),
        (
            "redis-cluster://a,b/1",
            "the Redis URI names a database, of which a Redis Cluster has only number 0",
            "redis-cluster://***",
        ),
        (
            "redis-socket://run/redis.sock",
            "the Redis URI names no socket: the scheme needs an absolute path, as in unix:///path",
            "redis-socket://***",
        ),
        ("postgresql://h", POSTGRES, "postgresql://***"),
        ("postgresql://h/a/b", POSTGRES, "postgresql://***"),
    ],
)
def test_forms_that_are_not(uri: str, reason: str, shown: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        parse_store_uri(uri)
    assert raised.value.reason == reason
    assert redact_uri(uri) == shown


def test_a_wrong_uri_in_a_configuration(configure: Configure) -> None:
    assert configure.problems("session-store: {uri: 'redis://:p/w@h'}") == [
        f"c.yaml, line 1: session-store.uri: the URI has an @ after its host; {ENCODE}"
    ]
    assert configure.problems("session-store: {uri: 5}") == [
        (
            "c.yaml, line 1: session-store.uri: the value is not text; write a URI such as"
            " redis://:password@host:6379/1 or postgresql://user:password@host:5432/database"
        )
    ]


@given(
    scheme=st.sampled_from(["redis", "rediss", "redis-sentinel", "redis-socket", "postgresql", "jdbc:postgresql", "x"]),
    before=st.text("Q/?#@:%&=, 19[]", max_size=8),
    after=st.text("Q/?#@:%&=, 19[]", max_size=8),
    rest=st.sampled_from(["host:6379/1", "host/db?user=u", "/run/s.sock", "host/1#master", ""]),
)
def test_a_password_is_never_shown_whatever_is_in_it(scheme: str, before: str, after: str, rest: str) -> None:
    secret = f"{before}SECRET{after}"
    assert "SECRET" not in redact_uri(f"{scheme}://user:{secret}@{rest}")
    assert "SECRET" not in redact_uri(f"{scheme}://:{secret}@{rest}")
    assert "SECRET" not in redact_uri(f"jdbc:postgresql://host/db?user=u&password={secret}")


@given(st.text())
def test_any_text_at_all_can_be_redacted(text: str) -> None:
    shown = redact_uri(text)
    assert shown.endswith("***") or parse_store_uri(text.strip())
