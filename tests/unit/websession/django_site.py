"""A Django site with one cache for each way OMERO.web's cache can be configured.

Run as a program with the Redis port as its argument, it saves one session through each cache, as a request would,
and prints the session ids as JSON, by name of the cache.
"""

from __future__ import annotations

import json
import sys
from typing import Any

OMERO_SESSION_KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"
USER_ID = 52
THUMB_DEFAULT_SIZE = 128

_SERIALIZERS = {
    "json": "django_redis.serializers.json.JSONSerializer",
    "msgpack": "django_redis.serializers.msgpack.MSGPackSerializer",
    "pickle": "django_redis.serializers.pickle.PickleSerializer",
}
_COMPRESSORS = {
    "plain": "django_redis.compressors.identity.IdentityCompressor",
    "zlib": "django_redis.compressors.zlib.ZlibCompressor",
    "gzip": "django_redis.compressors.gzip.GzipCompressor",
    "lzma": "django_redis.compressors.lzma.LzmaCompressor",
    "zstd": "django_redis.compressors.zstd.ZStdCompressor",
    "lz4": "django_redis.compressors.lz4.Lz4Compressor",
}
_PICKLE_PROTOCOLS = range(6)

DJANGO_REDIS = [f"django-redis {serializer} {compressor}" for serializer in _SERIALIZERS for compressor in _COMPRESSORS]
PICKLE_VERSIONS = [f"django-redis pickle protocol {version}" for version in _PICKLE_PROTOCOLS]
NAMES = ["django", *DJANGO_REDIS, *PICKLE_VERSIONS]


def caches(port: int) -> dict[str, dict[str, Any]]:
    location = f"redis://127.0.0.1:{port}/1"
    configured: dict[str, dict[str, Any]] = {
        "django": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location}
    }
    for name in DJANGO_REDIS:
        _, serializer, compressor = name.split()
        options = {"SERIALIZER": _SERIALIZERS[serializer], "COMPRESSOR": _COMPRESSORS[compressor]}
        configured[name] = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location, "OPTIONS": options}
    for version, name in enumerate(PICKLE_VERSIONS):
        options = {"PICKLE_VERSION": version}
        configured[name] = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location, "OPTIONS": options}
    return configured


def session_items() -> dict[str, Any]:
    """What a session of OMERO.web 5.33 holds after a log-in and a visit to the webclient."""
    return {
        "connector": {
            "server_id": "1",
            "is_secure": False,
            "is_public": False,
            "omero_session_key": OMERO_SESSION_KEY,
            "user_id": USER_ID,
        },
        "callback": {"ProcessCallback/1": {"job_type": "script", "results": {"File": [1, 2.5, None]}}},
        "shares": {},
        "can_create": True,
        "server_settings": {
            "browser": {"thumb_default_size": THUMB_DEFAULT_SIZE},
            "ui": {"menu": {"dropdown": {"leaders": {"label": "Owners ☃", "enabled": True}}}},
            "scripts_to_ignore": "/omero/figure_scripts/Movie_Figure.py," * 20,
            "email": False,
        },
        "active_group": 753,
        "user_id": USER_ID,
    }


def main() -> None:
    from django.conf import settings

    configured = caches(int(sys.argv[1]))
    settings.configure(
        CACHES={**configured, "default": configured["django"]},
        SESSION_SERIALIZER="django.contrib.sessions.serializers.JSONSerializer",
    )

    from django.contrib.sessions.backends.cache import SessionStore

    saved = {}
    for name in configured:
        settings.SESSION_CACHE_ALIAS = name
        session = SessionStore()
        session.update(session_items())
        session.save()
        saved[name] = session.session_key
    print(json.dumps(saved))


if __name__ == "__main__":
    main()
