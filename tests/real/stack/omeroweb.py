"""OMERO.web under gunicorn, with each of the session engines that it offers."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real.conformance.processes import Child
from tests.real.stack.listening import wait_for_port

if TYPE_CHECKING:
    from collections.abc import Mapping

#: seconds that its preparation may take
_PREPARED_WITHIN = 60.0

FILE = "django.contrib.sessions.backends.file"
OLD_FILE = "omeroweb.filesessionstore"
DATABASE = "django.contrib.sessions.backends.db"
CACHE = "django.contrib.sessions.backends.cache"
CACHED_DATABASE = "django.contrib.sessions.backends.cached_db"

#: all that OMERO.web accepts as omero.web.session_engine
ENGINES = (FILE, OLD_FILE, DATABASE, CACHE, CACHED_DATABASE)


@dataclass(frozen=True)
class Places:
    """Where sessions may be kept. `redis` is a port, `postgres` a port, database and password; `files` a folder."""

    redis: int
    postgres: int
    database: str
    password: str = field(repr=False)
    files: Path

    @property
    def redis_uri(self) -> str:
        return f"redis://127.0.0.1:{self.redis}/1"

    def settings(self, engine: str) -> dict[str, str]:
        """OMERO.web's settings for an engine."""
        settings = {"omero.web.session_engine": engine}
        if engine in (CACHE, CACHED_DATABASE):
            cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": self.redis_uri}
            settings["omero.web.caches"] = json.dumps({"default": cache})
        if engine in (DATABASE, CACHED_DATABASE):
            database = {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": "127.0.0.1",
                "PORT": self.postgres,
                "NAME": self.database,
                "USER": "omero",
                "PASSWORD": self.password,
            }
            settings["omero.web.databases"] = json.dumps({"default": database})
        return settings


class OmeroWeb:
    """A running OMERO.web; `address` is gunicorn's own, without nginx."""

    def __init__(
        self,
        python: Path,
        folder: Path,
        settings: Mapping[str, str],
        places: Places,
        port: int,
        *,
        workers: int = 2,
    ) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.static = folder / "static"
        engine = settings["omero.web.session_engine"]
        environment = [f"OMERODIR={folder}", f"HOME={folder}", f"TMPDIR={places.files}", "PYTHONWARNINGS=ignore"]
        asked = {
            "settings": {**settings, "omero.web.static_root": str(self.static)},
            "database": engine in (DATABASE, CACHED_DATABASE),
            "static": True,
        }
        prepared = subprocess.run(
            ["env", *environment, python, "-I", Path(__file__).with_name("omeroweb_setup.py")],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=_PREPARED_WITHIN,
            check=False,
        )
        if prepared.returncode:
            raise RuntimeError(f"OMERO.web could not be prepared:\n{prepared.stderr}")
        if "omero.web.prefix" in settings:
            # as `omero web start` does
            environment.append(f"SCRIPT_NAME={settings['omero.web.prefix']}")
        gunicorn = ["-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
        gunicorn += ["--graceful-timeout", "2"]
        self._child = Child(
            ["env", *environment, python, *gunicorn, "omeroweb.wsgi:application"], folder / "gunicorn.log", cwd=folder
        )
        wait_for_port(port, self._child)

    @property
    def secret_key(self) -> Path:
        """The file that holds Django's SECRET_KEY, which OMERO.web made for itself."""
        return self.static.parent / "var" / "django_secret_key"

    @property
    def pid(self) -> int:
        """gunicorn's own process, whose children are the workers."""
        return self._child.pid

    def stop(self) -> None:
        self._child.end()
