"""The command ``demo``: an embedded OMERO, its users logged in as OMERO.web would, the service and a gallery."""

from __future__ import annotations

import secrets
import string
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from omero_ms_thumbnail.config import ConfigError, OmeroSettings, SessionStoreSettings, Settings
from omero_ms_thumbnail.preflight import CannotServe, begin_logging, url
from omero_ms_thumbnail.server import Demo, serve
from omero_ms_thumbnail.telemetry.log import LogOptions
from omero_ms_thumbnail.websession import WebSession

from .embedded_process import EmbeddedOmeroFailed, OmeroProcess, Running
from .gallery_pages import DemoUser, Gallery, GalleryPages
from .images import ImageLibrariesMissing
from .session_writer import CannotStore, stored
from .workload import parse_latency

#: as Django makes them
_SESSION_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits
_SESSION_ID_LENGTH: Final = 32


class CannotShow(Exception):
    """The demo cannot do its work; the text says why."""


def show(
    *,
    host: str,
    port: int,
    images: Path | None,
    data_dir: Path | None,
    latency: str,
    session_store: SessionStoreSettings,
) -> None:
    """Show the service at `host` and `port` until interrupted; the rest is as the command line describes it.

    Raises CannotShow.
    """
    logs = LogOptions("WARNING")
    try:
        begin_logging(logs)
        omero = OmeroProcess(latency=parse_latency(latency), images=images, data_dir=data_dir)
    except (CannotServe, ValueError, ImageLibrariesMissing) as error:
        raise CannotShow(str(error)) from error
    try:
        running = omero.start()
        settings = Settings(
            host=host,
            port=port,
            omero=OmeroSettings(host=running.host, port=running.ssl_port, secure=True, data_dir=data_dir),
            session_stores=(session_store,),
        )
        demo = _demo_of(running, settings)
        with _stored(demo, settings):
            serve(settings, demo, logs)
    except (EmbeddedOmeroFailed, CannotServe, CannotStore, ConfigError) as error:
        raise CannotShow(str(error)) from error
    finally:
        omero.stop()


def _stored(demo: Demo, settings: Settings) -> AbstractContextManager[None]:
    """Its sessions in the settings' store as long as the context lasts, if they are to be in one."""
    if not demo.is_stored:
        return nullcontext()
    store = settings.session_stores[0]
    return stored(
        demo.sessions,
        uri=store.uri,
        directory=store.directory,
        cookie_name=settings.omero_web.session_cookie_name,
    )


def _demo_of(running: Running, settings: Settings) -> Demo:
    """The demo's page and sessions, as OMERO.web would have made them when its users logged in."""
    users = tuple(DemoUser(user.name, user.full_name, user.role, _session_id()) for user in running.users)
    sessions = {
        shown.session_id: WebSession(user.session_key, user.user_id)
        for shown, user in zip(users, running.users, strict=True)
    }
    cookie_name = settings.omero_web.session_cookie_name
    first_image = running.contents["datasets"][0]["images"][0]["id"]
    host = "localhost" if settings.host in ("0.0.0.0", "::", "127.0.0.1") else settings.host  # noqa: S104
    address = url(host, settings.port)
    cookie = f"{cookie_name}={users[0].session_id}"
    thumbnail = f"{address}/webclient/render_thumbnail/{first_image}/"
    announcement = f"""\
The gallery:  {address}/
The cookie:   {cookie}
A thumbnail:  curl -H 'Cookie: {cookie}' {thumbnail} -o thumbnail.jpg
Its OMERO:    {running.host}, TLS port {running.ssl_port}, TCP port {running.tcp_port}, \
user {users[0].name}, password thumbnails
Ctrl-C ends it."""
    pages = GalleryPages(Gallery(users, running.contents, cookie_name))
    return Demo(pages, sessions, announcement, is_stored=settings.session_stores[0].type != "memory")


def _session_id() -> str:
    return "".join(secrets.choice(_SESSION_ID_CHARACTERS) for _ in range(_SESSION_ID_LENGTH))
