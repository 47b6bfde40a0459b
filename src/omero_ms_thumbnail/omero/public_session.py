"""The public user's OMERO session: made by password, or OMERO.web's own where that is shared; all visitors have it.

A password that OMERO refuses is not tried again until `REFUSED_FOR` is over, by none of the workers that share a
folder: each try counts as a failed log-in, and somewhere too many of those lock the account, of OMERO.web's visitors
too. Starting the service anew forgets it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from ..ice.errors import IceException
from ..ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from ..ice.types import UserException
from .faults import Fault, fault_of
from .join_refusals import JoinRefusal, refusal_of
from .session import JoinedSession, OmeroServer

log: Final = logging.getLogger(__name__)

#: in place of a session's key wherever sessions go by that; no header, query or store can name it, since none may have
#: characters that cannot be printed
PUBLIC_KEY: Final = "\0public user"

#: seconds for which a password is not tried again that OMERO refused
REFUSED_FOR: Final = 600.0

#: seconds that OMERO has for each step of leaving a session that could not be set up
_LEAVE_TIMEOUT: Final = 5.0

#: what OMERO says of a user name and a password that do not go together, or not any more
_WRONG: Final = (JoinRefusal.KEY_UNKNOWN, JoinRefusal.CREDENTIALS_WRONG, JoinRefusal.CREDENTIALS_EXPIRED)

#: finds the key of the session that OMERO.web shares among its own workers, if there is one
SharedKey = Callable[[], Awaitable[str | None]]


async def _none() -> str | None:
    return None


class PublicUser:
    """Joins for the public user. `folder` is where all workers remember a refusal; without, each has its own."""

    def __init__(self, user: str, password: str, *, shared_key: SharedKey = _none, folder: Path | None = None) -> None:
        self._user = user
        self._password = password
        self._shared_key = shared_key
        self._ended_key: str | None = None
        self._file = folder / "public-user-refused" if folder is not None else None
        self._refused_at = float("-inf")

    def is_refused(self) -> bool:
        """Whether OMERO has refused the password, and is not to be asked again yet."""
        return time.time() - self._last_refusal() < REFUSED_FOR

    async def join(self, server: OmeroServer) -> JoinedSession:
        """OMERO.web's session if it shares one that goes on, else one of this worker's, which ends on leaving.

        Raises as `JoinedSession.create`. While `is_refused`, OMERO is not asked.
        """
        key = await self._shared_key()
        if key is not None and key != self._ended_key:
            try:
                return await JoinedSession.join(server, key)
            except (PermissionDeniedException, CannotCreateSessionException) as error:
                if fault_of(error) is not Fault.SESSION_GONE:
                    raise
                self._ended_key = key
        if self.is_refused():
            raise PermissionDeniedException(reason=f"Password check failed for '{self._user}'")
        try:
            session = await JoinedSession.create(server, self._user, self._password)
        except (PermissionDeniedException, CannotCreateSessionException) as error:
            if refusal_of(error) in _WRONG:
                self._remember_refusal(server)
            raise
        try:
            await session.end_on_leaving()
        except (IceException, UserException):
            await session.leave(_LEAVE_TIMEOUT)
            raise
        return session

    def _last_refusal(self) -> float:
        if self._file is not None:
            try:
                return self._file.stat().st_mtime
            except OSError:
                # as a rule there is none
                return self._refused_at
        return self._refused_at

    def _remember_refusal(self, server: OmeroServer) -> None:
        log.error(
            "OMERO at %s refuses the public user %r: the user name or the password is wrong; correct "
            "omero.web.public.user and omero.web.public.password, and restart the service. Until then nobody is "
            "answered as the public user; OMERO is asked again in %g minutes",
            server,
            self._user,
            REFUSED_FOR / 60,
        )
        self._refused_at = time.time()
        if self._file is not None:
            try:
                self._file.touch()
            except OSError as error:
                log.warning("that the public user is refused is not shared among workers: %s", error)
