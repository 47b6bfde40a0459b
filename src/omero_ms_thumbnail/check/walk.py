"""The walk: which steps there are, in which order, and what is not tried because of what.

Two ways lead to the join, and each is walked as far as it goes: OMERO.web's sessions, and OMERO itself. So one command
shows what is wrong with both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ..config import ConfigError, Settings
from ..omero.session import OmeroServer
from ..parts import omero_server
from ..preflight import CannotServe, preflight
from ..web.sources import unknown_server
from ..websession import WebSession
from . import configuration, public_survey, shared_cache, transport, websocket
from .diagnoses import CANNOT_START, CONFIGURATION_WRONG
from .finding import Finding, Outcome, Stopwatch, Trouble
from .folder import look_at_folder
from .names import (
    CONFIGURATION,
    JOIN,
    OMERO_WEB,
    PUBLIC,
    QUERY,
    REACHABLE,
    ROUTER,
    SESSION,
    SESSION_STORE,
    SESSIONS,
    STORED,
    THUMBNAIL,
    TLS,
    WEBSOCKET,
)
from .omero_steps import OmeroSteps
from .session_diagnoses import SESSION_SERVER
from .sessions import StoreSteps, session_id_in

#: longest side where the session says nothing, in pixels
_SIZE: Final = 96

_NO_COOKIE: Final = "needs --session with the session cookie of somebody who is logged in to OMERO.web"


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What was asked of `check`. `cookie` is a secret; `config_is_default`: nobody named the file."""

    config: Path
    config_is_default: bool
    environ: Mapping[str, str] = field(repr=False)
    cookie: str | None = field(default=None, repr=False)
    image_id: int | None = None
    omeroweb_dir: Path | None = None


async def walk(request: CheckRequest) -> AsyncGenerator[Finding, None]:
    """Each finding as soon as it is made."""
    steps = _Walk(request)
    async with aclosing(steps.findings()) as findings:
        async for finding in findings:
            yield finding


class _Walk:
    """One walk, and what its steps have learnt for those that follow."""

    def __init__(self, request: CheckRequest) -> None:
        self._request = request
        self._settings: Settings | None = None
        self._session: WebSession | None = None
        #: those that can be used, by number
        self._servers: dict[int, OmeroServer] = {}

    async def findings(self) -> AsyncGenerator[Finding, None]:
        """Every step, in order."""
        async for finding in self._configuration():
            yield finding
        if self._settings is None:
            for step in (SESSION_STORE, SESSIONS, SESSION, REACHABLE, TLS, ROUTER, JOIN, QUERY, THUMBNAIL):
                yield _skipped(step, "needs a configuration")
            return
        async for finding in self._sessions(self._settings):
            yield finding
        async for finding in shared_cache.findings(self._settings):
            yield finding
        async for finding in self._omero(self._settings):
            yield finding
        async for finding in self._as_user(self._settings):
            yield finding

    # the configuration

    async def _configuration(self) -> AsyncIterator[Finding]:
        request, watch = self._request, Stopwatch()
        try:
            web = configuration.omero_web(request.omeroweb_dir, request.environ) if request.omeroweb_dir else None
        except Trouble as trouble:
            web = None
            yield _failed(OMERO_WEB, trouble, watch)
        watch = Stopwatch()
        source = str(request.config)
        try:
            if web is not None and request.config_is_default and not request.config.exists():
                source = f"from {web.path}, as {request.config} does not exist"
                self._settings = configuration.settings_of(web)
            else:
                self._settings = configuration.read_configuration(request.config, request.environ)
            self._servers = {one.id: omero_server(self._settings, one) for one in self._settings.omero.all_servers}
        except (Trouble, ConfigError) as error:
            self._settings = None
            found = error if isinstance(error, Trouble) else Trouble(CONFIGURATION_WRONG, str(error))
            yield _failed(CONFIGURATION, found, watch)
            return
        yield configuration.describe(source, self._settings, watch)
        watch = Stopwatch()
        try:
            await asyncio.to_thread(preflight, self._settings, is_running=True)
        except (ConfigError, CannotServe) as error:
            yield _failed(CONFIGURATION, Trouble(CANNOT_START, str(error)), watch)
        for finding in configuration.cross_origin(self._settings, watch):
            yield finding
        if web is not None:
            for finding in configuration.compare(self._settings, web, watch):
                yield finding

    # OMERO.web's sessions

    async def _sessions(self, settings: Settings) -> AsyncIterator[Finding]:
        cookie, session_id = self._request.cookie, None
        trouble_with_cookie: Finding | None = None
        if cookie is not None:
            try:
                session_id = session_id_in(cookie, settings.omero_web.session_cookie_name)
            except Trouble as trouble:
                trouble_with_cookie = _failed(SESSION, trouble, Stopwatch())
        looked_up: list[Finding] = []
        for store in settings.session_stores:
            watch = Stopwatch()
            try:
                steps = StoreSteps(settings, store)
            except Trouble as trouble:
                yield _failed(CONFIGURATION, trouble, watch)
                continue
            try:
                async for finding in self._one_store(settings, steps, session_id, looked_up):
                    yield finding
            finally:
                await steps.close()
        if cookie is None:
            yield _skipped(SESSION, _NO_COOKIE)
        elif trouble_with_cookie is not None:
            yield trouble_with_cookie
        elif self._session is not None or looked_up:
            # a hit in any store is a hit: only where there is none do the reasons matter
            hits = [one for one in looked_up if one.outcome is Outcome.OK]
            for finding in hits[:1] or looked_up:
                yield finding
        else:
            yield _skipped(SESSION, "needs the session store")

    async def _one_store(
        self, settings: Settings, steps: StoreSteps, session_id: str | None, looked_up: list[Finding]
    ) -> AsyncIterator[Finding]:
        watch = Stopwatch()
        try:
            yield await steps.ping()
        except Trouble as trouble:
            yield _failed(SESSION_STORE, trouble, watch)
            yield _skipped(SESSIONS, "needs the session store")
            return
        watch = Stopwatch()
        try:
            async for finding in steps.look_around():
                yield finding
        except Trouble as trouble:
            yield _failed(SESSIONS, trouble, watch)
        if session_id is None or self._session is not None:
            return
        watch = Stopwatch()
        try:
            found, session = await steps.session(session_id)
            if settings.omero.server(session.server_id) is None:
                raise Trouble(SESSION_SERVER, unknown_server(session.server_id))
        except Trouble as trouble:
            looked_up.append(_failed(SESSION, trouble, watch))
        else:
            self._session = session
            looked_up.append(found)

    # OMERO

    async def _omero(self, settings: Settings) -> AsyncIterator[Finding]:
        for one in settings.omero.all_servers:
            async for finding in self._one_omero(one.id, one.data_dir):
                # of several each says the same steps
                told = f"OMERO.server {one.id}: {finding.found}" if settings.omero.servers else finding.found
                yield replace(finding, found=told)
        async for finding in self._public_user(settings):
            yield finding

    async def _one_omero(self, number: int, data_dir: Path | None) -> AsyncIterator[Finding]:
        server = self._servers[number]
        steps: tuple[tuple[str, Callable[[OmeroServer], Awaitable[Finding]]], ...] = (
            (REACHABLE, transport.reach),
            (TLS, transport.secure),
            *(((WEBSOCKET, websocket.upgrade),) if server.path else ()),
            (ROUTER, transport.greet_router),
        )
        failed_at = ""
        for step, run in steps:
            if failed_at:
                yield _skipped(step, f"needs {failed_at}")
                continue
            watch = Stopwatch()
            try:
                yield await run(server)
            except Trouble as trouble:
                failed_at = step
                del self._servers[number]
                yield _failed(step, trouble, watch)
        if data_dir is not None:
            yield await look_at_folder(data_dir)

    async def _public_user(self, settings: Settings) -> AsyncIterator[Finding]:
        if not settings.omero_web.public.enabled:
            return
        one = settings.omero.server(settings.omero_web.public.server_id)
        server = self._servers.get(one.id) if one is not None else None
        if server is None:
            yield _skipped(PUBLIC, "needs OMERO")
            return
        watch = Stopwatch()
        try:
            yield await public_survey.log_in(settings, server)
        except Trouble as trouble:
            yield _failed(PUBLIC, trouble, watch)

    # as the user

    async def _as_user(self, settings: Settings) -> AsyncIterator[Finding]:
        session = self._session
        one = settings.omero.server(session.server_id if session is not None else None)
        server = self._servers.get(one.id) if one is not None else None
        if server is None or session is None:
            missing = "a session" if self._request.cookie else "--session"
            reason = f"needs {missing if server is not None else 'OMERO'}"
            for step in (JOIN, QUERY, THUMBNAIL):
                yield _skipped(step, reason)
            return
        size = session.thumb_default_size or _SIZE
        steps = OmeroSteps(
            server,
            session.omero_session_key,
            timeout=settings.request_timeout,
            size=size,
            data_dir=one.data_dir if one is not None else None,
        )
        try:
            async for finding in self._user_steps(steps):
                yield finding
        finally:
            await steps.close()

    async def _user_steps(self, steps: OmeroSteps) -> AsyncIterator[Finding]:
        step, watch = JOIN, Stopwatch()
        try:
            yield await steps.join()
            step, watch = QUERY, Stopwatch()
            finding, image_id = await steps.query(self._request.image_id)
            yield finding
            if self._request.image_id is not None:
                # before the thumbnail is asked for, which may store one
                async for finding in self._stored(steps, self._request.image_id):
                    yield finding
            step, watch = THUMBNAIL, Stopwatch()
            if image_id is None:
                yield _skipped(THUMBNAIL, "needs an image")
            else:
                yield await steps.thumbnail(image_id)
        except Trouble as trouble:
            yield _failed(step, trouble, watch)
            for later in (JOIN, QUERY, THUMBNAIL)[(JOIN, QUERY, THUMBNAIL).index(step) + 1 :]:
                yield _skipped(later, f"needs {step}")

    async def _stored(self, steps: OmeroSteps, image_id: int) -> AsyncIterator[Finding]:
        watch = Stopwatch()
        try:
            for finding in await steps.stored(image_id):
                yield finding
        except Trouble as trouble:
            yield _failed(STORED, trouble, watch)


def _failed(step: str, trouble: Trouble, watch: Stopwatch) -> Finding:
    return Finding(step, Outcome.FAILED, trouble.found, watch.seconds, trouble.diagnosis)


def _skipped(step: str, why: str) -> Finding:
    return Finding(step, Outcome.SKIPPED, f"not tried: {why}")
