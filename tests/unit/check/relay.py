"""A relay in front of a Redis whose clock is wrong: the answer to TIME is changed on its way."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TIME = re.compile(rb"^\*2\r\n\$10\r\n(\d{10})\r\n")


@contextmanager
def clock_changed(redis_port: int, *, seconds: int) -> Iterator[int]:
    """The port of the relay."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_sockets: list[socket.socket] = []

    def changed(match: re.Match[bytes]) -> bytes:
        return b"*2\r\n$10\r\n%d\r\n" % (int(match[1]) + seconds)

    def pump(source: socket.socket, sink: socket.socket, *, change: bool) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(_TIME.sub(changed, data) if change else data)
        except OSError:
            pass
        finally:
            for one in (source, sink):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            behind = socket.create_connection(("127.0.0.1", redis_port))
            open_sockets.extend((client, behind))
            threading.Thread(target=pump, args=(client, behind), kwargs={"change": False}, daemon=True).start()
            threading.Thread(target=pump, args=(behind, client), kwargs={"change": True}, daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(10)
        for one in open_sockets:
            one.close()
