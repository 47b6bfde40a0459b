"""Requests as Granian hands them over, without Granian."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


class Headers:
    """As `granian.rsgi`'s: names in lower case, and a value that is not ASCII is there but cannot be read."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = pairs

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self._pairs)

    def get(self, name: str) -> str | None:
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name and value.isascii()]


@dataclass(frozen=True)
class Scope:
    path: str
    method: str = "GET"
    query_string: str = ""
    headers: Headers = field(default_factory=Headers)
    proto: str = "http"


class Protocol:
    """Takes the one answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body: bytes | None = None
        self.closed: int | None = None
        self.gone = asyncio.Event()

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert self.body is None, "two answers to one request"
        self.status, self.headers, self.body = status, headers, body

    async def client_disconnect(self) -> None:
        await self.gone.wait()

    def close(self, code: int) -> None:
        self.closed = code
