"""OMERO.web's sessions in files: how they are named, how old one may be, and what each failure means.

``django.contrib.sessions.backends.file`` and ``omeroweb.filesessionstore`` name a session's file
``<SESSION_FILE_PATH>/<SESSION_COOKIE_NAME><session id>``, replace it as a whole with each change, and count its age
from when it was last modified (``_expiry_date``), unless the session says otherwise in ``_session_expiry``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from .decode_error import SessionDecodeError
from .reading import SessionReader
from .store import SessionStoreUnavailable, is_session_id
from .web_session import web_session

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path

    from .signed_text import SigningKeys
    from .web_session import WebSession

_T = TypeVar("_T")

_THREADS = 4
"""A file on a network that hangs holds its thread; the service goes on, and says so, when all of them hang."""


class FileSessionStore:
    """A `SessionStore` on the folder of OMERO.web's session files.

    cookie_name is ``omero.web.session_cookie_name``, which the files' names begin with; session_age is
    ``omero.web.session_cookie_age`` in seconds; timeout bounds one look-up, in seconds.
    """

    def __init__(
        self,
        directory: Path,
        *,
        cookie_name: str = "sessionid",
        session_age: float = 86_400.0,
        keys: SigningKeys | None = None,
        timeout: float = 2.0,
    ) -> None:
        if "/" in cookie_name or "\0" in cookie_name:
            raise ValueError("the cookie's name cannot begin the name of a file")
        self._directory = directory
        self._cookie_name = cookie_name
        self._session_age = session_age
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_THREADS, "session-files")
        self._reader = SessionReader(self.describe(), keys=keys)

    @property
    def unreadable(self) -> Counter[str]:
        """How many sessions could not be read, by reason."""
        return self._reader.unreadable

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None; see `SessionStore.get`."""
        # Nothing that passes has a separator or a dot in it, so that no id can name a file outside the folder.
        if not is_session_id(session_id):
            return None
        self._reader.begin(session_id)
        try:
            text, modified = await self._in_thread(lambda: self._read(self._cookie_name + session_id))
        except _NoSession:
            return None
        except SessionDecodeError as error:
            self._reader.count(error, session_id)
            return None
        session = self._reader.read_text(text, session_id)
        found = web_session(session) if session is not None else None
        if found is None or session is None:
            return None
        expires = _expiry(session.get("_session_expiry"), modified, self._session_age)
        return replace(found, expires=expires) if time.time() < expires else None

    def is_unreadable(self, session_id: str) -> bool:
        """Whether the session was there when `get` looked for it last, and could not be read."""
        return self._reader.is_unreadable(session_id)

    async def ping(self) -> None:
        """Return if the folder can be entered; raise `SessionStoreUnavailable` if not."""
        await self._in_thread(lambda: os.close(self._open_directory()))

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def describe(self) -> str:
        """The folder."""
        return f"folder of session files {self._directory}"

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            raise SessionStoreUnavailable(f"The {self.describe()} {self._advice(error)}.") from error

    def _open_directory(self) -> int:
        # No permission to list it is asked for: to open files by their names, entering it is enough.
        return os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _read(self, name: str) -> tuple[bytes, float]:
        """The text of a file and when it was last modified. A folder that is not there is an OSError."""
        folder = self._open_directory()
        try:
            # Without waiting, should it be a pipe; without following, should it be a link to somebody else's file.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(name, flags, dir_fd=folder)
        except FileNotFoundError:
            raise _NoSession from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise SessionDecodeError("not-a-file", "it is a link or a socket instead of a file") from None
            raise
        finally:
            os.close(folder)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise SessionDecodeError("not-a-file", "it is no regular file")
            # Django makes the file first and writes it afterwards.
            if status.st_size == 0:
                raise _NoSession
            return _read_up_to(file, self._reader.limits.stored_bytes + 1), status.st_mtime
        finally:
            os.close(file)

    def _advice(self, error: OSError) -> str:
        match error:
            case TimeoutError():
                return f"did not answer within {self._timeout:g} s; check the file system that it is on"
            case FileNotFoundError() | NotADirectoryError():
                return "is not there; check session-store.directory, and that its file system is mounted"
            case PermissionError():
                return (
                    "or a file in it may not be read by this service's user; run the service as OMERO.web's user, "
                    "which alone may read the files it writes"
                )
            case _:
                reason = errno.errorcode.get(error.errno or 0, "without a reason")
                return f"cannot be read ({reason}); check its file system"


def _read_up_to(file: int, size: int) -> bytes:
    text = b""
    while len(text) < size and (more := os.read(file, size - len(text))):
        text += more
    return text


class _NoSession(Exception):
    """There is no file of that name, or nothing in it yet."""


def _expiry(said: object, modified: float, session_age: float) -> float:
    """When a session ends, in seconds since 1970: what it says of itself, or its age since it was last modified.

    What it says (`SessionBase.set_expiry`) is seconds, a date as text, or 0 for: when the browser is closed.
    """
    if isinstance(said, int | float) and not isinstance(said, bool) and said > 0:
        return modified + said
    if isinstance(said, str):
        try:
            date = datetime.fromisoformat(said)
        except ValueError:
            return modified + session_age
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return modified + session_age
