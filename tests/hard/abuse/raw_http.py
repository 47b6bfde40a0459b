"""HTTP as bytes: sends what it is told, and takes apart what comes back, one answer after the other."""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import dataclass, field

from tests.support.service_process import DEADLINE


@dataclass(frozen=True)
class Answer:
    """One answer; informational ones (1xx) are passed over."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def _head(received: bytes) -> tuple[int, dict[str, str]]:
    lines = received.decode("latin-1").split("\r\n")
    found = re.fullmatch(r"HTTP/1\.[01] (\d{3}) ?.*", lines[0])
    assert found is not None, lines[0][:200]
    return int(found.group(1)), {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
    }


def take_apart(received: bytes) -> tuple[list[Answer], bytes]:
    """The answers that are complete, none of them to HEAD, and what is left."""
    answers: list[Answer] = []
    while (end := received.find(b"\r\n\r\n")) >= 0:
        status, headers = _head(received[:end])
        length = int(headers.get("content-length", "0"))
        begin = end + 4
        if len(received) < begin + length:
            break
        if status >= 200:
            answers.append(Answer(status, headers, received[begin : begin + length]))
        received = received[begin + length :]
    return answers, received


class RawConnection:
    """One connection to `port`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        #: what has come and belongs to no answer that is complete
        self.left = b""

    def send(self, data: bytes) -> None:
        """Send all of it, or as much as the other side wants to have."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(data)

    def answers(self, until: bytes = b"\0never\0") -> tuple[list[Answer], bool]:
        """All answers until one whose body is `until`, which is left out, or the end; and whether that was the end.

        Raises TimeoutError after DEADLINE seconds without a byte.
        """
        answers: list[Answer] = []
        while True:
            complete, self.left = take_apart(self.left)
            answers += complete
            if answers and answers[-1].body == until:
                return answers[:-1], False
            try:
                more = self._socket.recv(65_536)
            except ConnectionError:
                more = b""
            if not more:
                return answers, True
            self.left += more

    def close(self) -> None:
        self._socket.close()
