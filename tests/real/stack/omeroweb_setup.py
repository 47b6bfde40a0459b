"""Prepare an OMERO.web: its configuration, its database and its static files. Runs in OMERO.web's own Python.

Reads {"settings": {"omero.web.…": "…"}, "database": true, "static": true} from standard input; OMERODIR is where.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys


def main() -> None:
    asked = json.load(sys.stdin)
    grid = pathlib.Path(os.environ["OMERODIR"]) / "etc" / "grid"
    grid.mkdir(parents=True)

    from omero.config import ConfigXml

    config = ConfigXml(str(grid / "config.xml"))
    for key, value in asked["settings"].items():
        config[key] = value
    config.close()

    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "omeroweb.settings"
    django.setup()
    from django.core.management import call_command

    if asked["database"]:
        call_command("migrate", "sessions", verbosity=0, interactive=False)
    if asked["static"]:
        call_command("collectstatic", link=True, verbosity=0, interactive=False)


if __name__ == "__main__":
    main()
