"""What the configuration shows of a URI is what the store connects to."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omero_ms_thumbnail.addresses import parse_postgres_uri, parse_redis_uri
from omero_ms_thumbnail.config import parse_store_uri
from omero_ms_thumbnail.config.config_error import InvalidValueError

REDIS_SCHEMES = ["redis", "rediss", "redis+ssl", "redis+tls", "REDIS"]
OTHER_REDIS_SCHEMES = ["redis-socket", "redis+socket", "unix", "redis-sentinel", "rediss-sentinel", "redis-cluster"]
POSTGRES_SCHEMES = ["postgresql", "postgres", "jdbc:postgresql", "PostgreSQL"]
#: the parameters that say where, and some that do not
PARAMETERS = ["", "?database=2", "?db=3&timeout=2s", "?db=3&database=2", "?sentinelMasterId=other", "?verifyPeer=CA"]

HOSTS = st.lists(
    st.sampled_from(["h", "a-b.example.org", "10.0.0.1", "[::1]", "h:1", "[::1]:65535", "h:0", "h:65536", "", "a b"]),
    min_size=1,
    max_size=3,
).map(",".join)
CREDENTIALS = st.sampled_from(["", ":@", "pw@", ":pw@", "user:pw@", "u:p%40%2F%23@", "u:p:w@", "u@v:w@"])
PATHS = st.sampled_from(["", "/", "/0", "/15", "/name", "/a%2Fb", "/run/redis.sock", "/run/a%20b.sock", "/1/2"])
FRAGMENTS = st.sampled_from(["", "#mymaster", "#a%20b"])


def built(schemes: list[str], parameters: list[str]) -> st.SearchStrategy[str]:
    parts = (st.sampled_from(schemes), CREDENTIALS, HOSTS, PATHS, st.sampled_from(parameters), FRAGMENTS)
    return st.tuples(*parts).map(lambda part: f"{part[0]}://{''.join(part[1:])}")


def without_brackets(hosts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple((host.strip("[]"), port) for host, port in hosts)


@given(built(REDIS_SCHEMES + OTHER_REDIS_SCHEMES, PARAMETERS))
@example("redis://:@localhost:6379/1")
@example("redis-sentinel://:pw@a,b:26380/2#mymaster")
@example("redis-cluster://h?database=2")
@example("redis-cluster://a,b/0")
@example("redis-socket://:pw@/run/redis.sock?database=4")
def test_of_redis(uri: str) -> None:
    try:
        checked = parse_store_uri(uri)
    except InvalidValueError:
        return
    used = parse_redis_uri(uri)
    assert checked.engine == "redis"
    assert without_brackets(checked.hosts) == used.hosts
    assert (checked.path or None) == used.socket_path
    assert int(checked.database or 0) == used.database
    assert (checked.master or None) == used.master


@given(built(POSTGRES_SCHEMES, ["", "?sslmode=require", "?user=u&password=p"]))
@example("jdbc:postgresql://localhost:5432/omero?user=omero&password=p@ss")
def test_of_postgres(uri: str) -> None:
    try:
        checked = parse_store_uri(uri)
    except InvalidValueError:
        return
    used = parse_postgres_uri(uri)
    assert checked.engine == "postgres"
    assert without_brackets(checked.hosts) == used.hosts
    assert checked.database == used.database


@pytest.mark.parametrize("scheme", [*REDIS_SCHEMES, *OTHER_REDIS_SCHEMES, "rediss-cluster", *POSTGRES_SCHEMES])
def test_every_scheme_is_known_to_both(scheme: str) -> None:
    if "socket" in scheme or scheme == "unix":
        uri = f"{scheme}:///run/s.sock"
    else:
        uri = f"{scheme}://h/1" + ("#m" if "sentinel" in scheme else "")
        uri = uri.removesuffix("/1") if "cluster" in scheme else uri
    assert parse_store_uri(uri).engine == ("postgres" if "postgres" in scheme.lower() else "redis")
    (parse_postgres_uri if "postgres" in scheme.lower() else parse_redis_uri)(uri)
