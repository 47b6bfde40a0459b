"""LOCATION of OMERO.web's cache, in each form that Django's and django-redis's caches take."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.addresses import parse_redis_uri
from omero_ms_thumbnail.check.omero_web import _location


@pytest.mark.parametrize(
    ("cache", "host", "port", "database", "password"),
    [
        ({"LOCATION": "redis://h:6380/1"}, "h", 6380, 1, None),
        ({"LOCATION": ["redis://h:6380/1", "redis://replica:6379/1"]}, "h", 6380, 1, None),
        ({"LOCATION": "redis://h:6380/1,redis://replica:6379/1"}, "h", 6380, 1, None),
        ({"LOCATION": "redis://h/1; redis://replica/1"}, "h", 6379, 1, None),
        ({"LOCATION": "h:6380"}, "h", 6380, 0, None),
        ({"LOCATION": "redis://h:6379?db=2"}, "h", 6379, 2, None),
        ({"LOCATION": "redis://h:6379", "OPTIONS": {"db": 3}}, "h", 6379, 3, None),
        ({"LOCATION": "redis://h:6379/1", "OPTIONS": {"PASSWORD": "s3/c@ret"}}, "h", 6379, 1, "s3/c@ret"),
        ({"LOCATION": "redis://:own@h:6379/1", "OPTIONS": {"PASSWORD": "other"}}, "h", 6379, 1, "own"),
    ],
)
def test_location(cache: dict[str, object], host: str, port: int, database: int, password: str | None) -> None:
    address = parse_redis_uri(_location(cache))
    assert (address.hosts, address.database, address.password) == (((host, port),), database, password)


def test_location_of_a_socket() -> None:
    assert parse_redis_uri(_location({"LOCATION": "unix:///run/redis.sock?db=1"})).socket_path == "/run/redis.sock"
