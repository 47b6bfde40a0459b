"""Requests as Granian hands them over, without Granian."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from omero_ms_thumbnail.web import asgi

Pairs = tuple[tuple[str, str | bytes], ...]


def _bytes(pairs: Pairs) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in pairs]


class Headers(asgi.Headers):
    """Headers as they come, names in lower case; a value that is text is Latin-1."""

    def __init__(self, *pairs: tuple[str, str | bytes]) -> None:
        super().__init__(_bytes(pairs))
        self.pairs = _bytes(pairs)


@dataclass(frozen=True)
class Scope:
    path: str
    method: str = "GET"
    query_string: str = ""
    headers: Headers = field(default_factory=Headers)
    type: str = "http"

    @property
    def asgi(self) -> dict[str, Any]:
        query = self.query_string.encode()
        headers = self.headers.pairs
        return {"type": self.type, "method": self.method, "path": self.path, "query_string": query, "headers": headers}


class Client:
    """Takes the one answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body: bytes | None = None
        self.closed: int | None = None
        self.gone = asyncio.Event()
        #: what the client sends after the head of its request
        self.sends: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self) -> Mapping[str, Any]:
        if self.sends:
            return self.sends.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "http.response.start":
                assert self.status == 0, "two answers to one request"
                self.status = message["status"]
                self.headers = [(name.decode(), value.decode("latin-1")) for name, value in message["headers"]]
            case "http.response.body":
                assert self.body is None, "two bodies of one answer"
                self.body = message["body"]
            case "websocket.close":
                self.closed = message["code"]

    async def left(self) -> None:
        await self.gone.wait()


async def ask(application: Callable[..., Awaitable[None]], scope: Scope, client: Client | None = None) -> Client:
    """The client that has its answer."""
    client = client or Client()
    await application(scope.asgi, client.receive, client.send)
    return client
