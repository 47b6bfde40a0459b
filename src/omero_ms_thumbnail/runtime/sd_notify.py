"""What any service tells the manager that started it: systemd's protocol of notification.

A datagram of lines ``NAME=value`` goes to the socket that ``NOTIFY_SOCKET`` names (sd_notify(3)). ``WATCHDOG_USEC``
says how often the manager wants to hear ``WATCHDOG=1`` (sd_watchdog_enabled(3)). A container's runtime that speaks the
same protocol, as podman does, is told the same.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Final

log: Final = logging.getLogger(__name__)

_MICROSECONDS: Final = 1_000_000


class ServiceManager:
    """The manager of this process; one that nobody listens to, where the environment names none."""

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._address = address
        #: seconds without ``WATCHDOG=1`` after which the manager takes the service for dead; None if it does not ask
        self.watchdog = watchdog

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> ServiceManager:
        """As the environment of this process says. What is not understood there is logged and left alone."""
        address = environ.get("NOTIFY_SOCKET")
        if not address:
            return cls()
        if address[0] not in "/@":
            # systemd knows vsock: too, for virtual machines
            log.warning("NOTIFY_SOCKET names no Unix socket: %s; the service manager is told nothing", address)
            return cls()
        span = environ.get("WATCHDOG_USEC", "")
        # the variables are inherited, and may be meant for the process that started this one
        is_meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = int(span) / _MICROSECONDS if is_meant and span.isascii() and span.isdigit() else 0
        return cls(address, watchdog or None)

    def tell(self, **values: str | int) -> None:
        """Tell it `values`, such as ``READY=1``. Blocks for as long as the manager does not read.

        What cannot be told is logged: the service itself works on without its manager.
        """
        if self._address is None:
            return
        # a name that begins with @ is in the kernel's own name space, where that character is a zero byte
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        content = "\n".join(f"{name}={value}" for name, value in values.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.sendto(content.encode(), address)
        except OSError as error:
            log.warning("the service manager at %s cannot be told %s: %s", self._address, ", ".join(values), error)


def extension(seconds: float) -> int:
    """The value of ``EXTEND_TIMEOUT_USEC`` that asks for so many seconds more."""
    return int(seconds * _MICROSECONDS)
