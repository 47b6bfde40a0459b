"""An OMERO.web that saves sessions, through each engine and serializer; runs in its own Python, 3.9 or 3.10.

Reads {"redis": port, "postgres": port, "password": …, "files": folder, "secret": …} from standard input and prints
{"versions": …, "sessions": [{"engine": …, "serializer": …, "state": …, "id": …}]}. The states: live, expired (by the
engine's own rule), deleted (by its own method), tampered (live; the test changes it).
"""

import datetime
import json
import os
import pickle
import sys
import time
from types import SimpleNamespace

import django
import omeroweb.connector
from django.conf import settings
from omeroweb.version import omeroweb_version

OMERO_SESSION_KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"
USER_ID = 52
THUMB_DEFAULT_SIZE = 128
COOKIE_NAME = "sessionid"
COOKIE_AGE = 86400

CACHE_SERIALIZERS = {
    "django-redis pickle": "django_redis.serializers.pickle.PickleSerializer",
    "django-redis JSON": "django_redis.serializers.json.JSONSerializer",
    "django-redis msgpack": "django_redis.serializers.msgpack.MSGPackSerializer",
}
DJANGO_CACHE = "Django's Redis cache"


class PickleSerializer:
    """As Django's own, which 5.0 took out; sites that need it keep it as this."""

    def dumps(self, obj):
        return pickle.dumps(obj, pickle.HIGHEST_PROTOCOL)

    def loads(self, data):
        return pickle.loads(data)


def serializers():
    yield "JSON", "django.contrib.sessions.serializers.JSONSerializer"
    if django.VERSION < (5, 0):
        yield "pickle", "django.contrib.sessions.serializers.PickleSerializer"
    else:
        yield "pickle", "__main__.PickleSerializer"


def configure(where):
    location = "redis://127.0.0.1:{}/1".format(where["redis"])
    caches = {
        name: {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location, "OPTIONS": {"SERIALIZER": path}}
        for name, path in CACHE_SERIALIZERS.items()
    }
    if django.VERSION >= (4, 0):
        caches[DJANGO_CACHE] = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location}
    caches["default"] = caches["django-redis pickle"]
    settings.configure(
        SECRET_KEY=where["secret"],
        CACHES=caches,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": "127.0.0.1",
                "PORT": where["postgres"],
                "NAME": "postgres",
                "USER": "omero",
                "PASSWORD": where["password"],
            }
        },
        INSTALLED_APPS=["django.contrib.sessions"],
        SESSION_FILE_PATH=where["files"],
        SESSION_COOKIE_NAME=COOKIE_NAME,
        SESSION_COOKIE_AGE=COOKIE_AGE,
        USE_TZ=True,
        TIME_ZONE="Europe/London",
    )
    django.setup()
    from django.contrib.sessions.models import Session
    from django.db import connection

    if Session._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Session)


def log_in(session, is_json):
    """What OMERO.web puts into a session when somebody logs in."""
    connector = omeroweb.connector.Connector("1", True)
    connector.omero_session_key = OMERO_SESSION_KEY
    connector.user_id = USER_ID
    if hasattr(connector, "to_session"):
        connector.to_session(SimpleNamespace(session=session))
    else:
        # The instance itself, which JSON and msgpack cannot hold: OMERO.web of that time was pickled only.
        session["connector"] = vars(connector) if is_json else connector
    browser = {"thumb_default_size": THUMB_DEFAULT_SIZE}
    session["server_settings"] = {"browser": browser, "ui": {"label": "Owners ☃" * 40}}
    session["shares"] = {}
    session["can_create"] = True
    # What it keeps of a job that runs (`omeroweb.webclient.views`): 5.6 the time itself, 5.33 its text.
    started = datetime.datetime.now()
    session["callback"] = {"job": {"status": "in progress", "start_time": str(started) if is_json else started}}


def engines():
    """Engine, name of its serializer, its class, and whether the serializer needs plain data."""
    import omeroweb.filesessionstore
    from django.contrib.sessions.backends import cache, cached_db, db, file

    for engine in (cache, cached_db):
        for name in settings.CACHES:
            if name != "default":
                yield engine, name, name in ("django-redis JSON", "django-redis msgpack")
    for engine in (db, file, omeroweb.filesessionstore):
        for name, _ in serializers():
            yield engine, name, name == "JSON"


def save(engine, name, is_json, state):
    cached = engine.__name__.rpartition(".")[2].startswith("cache")
    if cached:
        settings.SESSION_CACHE_ALIAS = name
    # The database half of cached_db has this one.
    settings.SESSION_SERIALIZER = dict(serializers()).get(name, dict(serializers())["JSON" if is_json else "pickle"])
    session = engine.SessionStore()
    log_in(session, is_json)
    in_file = hasattr(session, "_key_to_file")
    if state == "expired" and not in_file:
        session.set_expiry(-5)
    session.save()
    if state == "expired" and in_file:
        past = time.time() - COOKIE_AGE - 5
        os.utime(session._key_to_file(), (past, past))
    if state == "deleted":
        session.delete()
    return session.session_key


def main():
    where = json.load(sys.stdin)
    configure(where)
    sessions = [
        {"engine": engine.__name__, "serializer": name, "state": state, "id": save(engine, name, is_json, state)}
        for engine, name, is_json in engines()
        for state in ("live", "expired", "deleted", "tampered")
    ]
    versions = {
        "OMERO.web": omeroweb_version,
        "Django": django.get_version(),
        "Python": "{}.{}".format(*sys.version_info),
    }
    print(json.dumps({"versions": versions, "sessions": sessions}))


if __name__ == "__main__":
    main()
