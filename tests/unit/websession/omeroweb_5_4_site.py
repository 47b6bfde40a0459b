"""A site on OMERO.web 5.4 that saves sessions, through each of its engines; runs in CPython 2.7.

Prints, as JSON, what lies in the stores afterwards: data/omeroweb-5.4-site.json beside this, whose README says how.

OMERO.web 5.4 itself needs an Ice for Python 2.7, so this is its settings and its class without the rest: Django 1.8,
django-redis 4.8, `SESSION_SERIALIZER` the pickle one (settings.py), a `Connector` with its attributes (connector.py),
and what its pages put into a session (decorators.py, webclient/views.py), all under components/tools/OmeroWeb/omeroweb
in ome/openmicroscopy at v5.4.10.
"""

# ruff: noqa: F821, PTH118, PTH119, PTH123, PTH207, UP004, UP032 - Python 2
import base64
import datetime
import glob
import importlib
import json
import os
import sys
import tempfile
import types

import django
from django.conf import settings

OMERO_SESSION_KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"
SECRET_KEY = "the secret of a site on Django 1.8"
CACHES = {
    "default": {},
    "zlib": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"},
    "protocol 0": {"PICKLE_VERSION": 0},
    "protocol 1": {"PICKLE_VERSION": 1},
}


class Connector(object):
    def __init__(self, server_id, is_secure):
        self.server_id = server_id
        self.is_secure = is_secure
        self.is_public = False
        self.omero_session_key = None
        self.user_id = None


def session():
    """The session of a user who has looked at the preview panel, with a script and a deletion behind them."""
    connector = Connector("1".decode("ascii"), True)
    connector.omero_session_key = OMERO_SESSION_KEY
    connector.user_id = long(52)
    started = datetime.datetime(2019, 1, 15, 14, 40, 30, 123456)
    return {
        "connector": connector,
        "can_create": True,
        "active_group": long(3),
        "user_id": long(-1),
        "shares": {},
        "server_settings": {
            "browser": {"thumb_default_size": 96},
            "ui": {"tree": {"orphans": {"name": "Verwaiste Bilder \xc3\xa4".decode("utf-8"), "enabled": True}}},
            "viewer": {"interpolate_pixels": True, "roi_limit": 2000},
            "email": False,
            "download_as": {"max_size": 144000000},
        },
        "callback": {
            "ProcessCallback/1/4b1b": {
                "job_type": "script",
                "job_name": "Zellen z\xc3\xa4hlen",
                "status": "in progress",
                "start_time": started,
                "Message": "in latin-1: \xe4",
            },
            "0a0b0c": {
                "job_type": "delete",
                "delmany": False,
                "did": [long(101), long(102)],
                "dtype": "Image",
                "dreport": None,
                "error": 0,
                "start_time": started,
            },
        },
    }


def configure(redis_port, folder):
    module = types.ModuleType("omeroweb.connector")
    module.Connector = Connector
    Connector.__module__ = module.__name__
    sys.modules["omeroweb"] = types.ModuleType("omeroweb")
    sys.modules[module.__name__] = module
    settings.configure(
        SECRET_KEY=SECRET_KEY,
        SESSION_SERIALIZER="django.contrib.sessions.serializers.PickleSerializer",
        SESSION_FILE_PATH=folder,
        INSTALLED_APPS=["django.contrib.sessions"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        CACHES={
            name: {
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": "redis://127.0.0.1:{}/0".format(redis_port),
                "OPTIONS": options,
            }
            for name, options in CACHES.items()
        },
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def saved(engine, cache="default"):
    settings.SESSION_CACHE_ALIAS = cache
    module = importlib.import_module("django.contrib.sessions.backends." + engine)
    store = module.SessionStore()
    store.update(session())
    store.save()
    return store.session_key


def in_redis(key):
    from django_redis import get_redis_connection

    found = [name for name in get_redis_connection("default").keys("*") if name.endswith(key)]
    assert len(found) == 1
    return {"key": found[0], "stored": base64.b64encode(get_redis_connection("default").get(found[0]))}


def in_database(key):
    from django.contrib.sessions.models import Session

    return {"stored": base64.b64encode(Session.objects.get(session_key=key).session_data.encode("ascii"))}


def in_file(folder, key):
    (path,) = glob.glob(os.path.join(folder, "*" + key))
    with open(path, "rb") as stored:
        return {"file": os.path.basename(path), "stored": base64.b64encode(stored.read())}


def main():
    folder = tempfile.mkdtemp()
    configure(int(sys.argv[1]), folder)
    rows = []
    for cache in sorted(CACHES):
        key = saved("cache", cache)
        rows.append(dict(in_redis(key), engine="cache", options=cache, id=key))
    key = saved("cached_db")
    rows.append(dict(in_redis(key), engine="cached_db", options="its cache", id=key))
    rows.append(dict(in_database(key), engine="cached_db", options="its table", id=key))
    key = saved("db")
    rows.append(dict(in_database(key), engine="db", options="", id=key))
    key = saved("file")
    rows.append(dict(in_file(folder, key), engine="file", options="", id=key))
    versions = {"python": sys.version.split()[0], "django": django.get_version()}
    written = {"versions": versions, "secret": SECRET_KEY, "sessions": rows}
    print(json.dumps(written, indent=1, sort_keys=True, separators=(",", ": ")))


if __name__ == "__main__":
    main()
