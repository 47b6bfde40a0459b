"""Python runs this before anything else in each process of a service under test: its wall clock and names can be wrong.

``FAULTS_CLOCK`` names a file with the seconds by which `time.time` is wrong. ``FAULTS_NAMES`` names a file with host
names, one a line, that are 127.0.0.1; others, and those that are taken out of it, do not resolve. uvloop, which asks
the C library for names, is hidden then, so that the service runs on asyncio's own loop, which asks `socket`.
"""

import os
import pathlib
import socket
import sys
import time

_clock = os.environ.get("FAULTS_CLOCK")
_names = os.environ.get("FAULTS_NAMES")

if _clock:
    _real_time = time.time

    def _wrong_time() -> float:
        return _real_time() + float(pathlib.Path(_clock).read_text() or 0)

    time.time = _wrong_time

if _names:
    sys.modules["uvloop"] = None  # type: ignore[assignment]
    _real_getaddrinfo = socket.getaddrinfo

    def _wrong_getaddrinfo(host, *arguments, **keywords):  # type: ignore[no-untyped-def]
        name = host.decode() if isinstance(host, bytes) else host
        if name and not name.replace(".", "").isdigit():
            if name not in pathlib.Path(_names).read_text().split():
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = "127.0.0.1"
        return _real_getaddrinfo(host, *arguments, **keywords)

    socket.getaddrinfo = _wrong_getaddrinfo
