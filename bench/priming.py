"""Bringing a service into a state before anything is measured: users joined, images asked for."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

from .load import KEY
from .processes import BrokenMeasurement

T = TypeVar("T")

_AT_ONCE = 16
_PAGE = 50


def ask_once(address: str, keys: Sequence[str]) -> None:
    """One thumbnail for each of `keys`, so that each of these sessions is joined."""

    def one(connection: http.client.HTTPConnection, key: str) -> None:
        _get(connection, "/webclient/render_thumbnail/7/", key)

    _each(address, one, keys)


def ask_for_all(address: str, keys: Sequence[str], first: int, count: int) -> None:
    """Images from `first` on, a page at a time, each page for the next of `keys`."""

    def page(connection: http.client.HTTPConnection, start: int) -> None:
        ids = "&".join(f"id={image}" for image in range(start, min(start + _PAGE, first + count)))
        answer = _get(connection, f"/webclient/get_thumbnails/?{ids}", keys[start // _PAGE % len(keys)])
        if None in json.loads(answer).values():
            raise BrokenMeasurement(f"an image from {start} on was not answered")

    _each(address, page, range(first, first + count, _PAGE))


def _each(address: str, ask: Callable[[http.client.HTTPConnection, T], None], things: Sequence[T]) -> None:
    held = threading.local()

    def with_connection(thing: T) -> None:
        if not hasattr(held, "connection"):
            held.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        ask(held.connection, thing)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(with_connection, things):
            pass


def _get(connection: http.client.HTTPConnection, path: str, key: str) -> bytes:
    connection.request("GET", path, headers={KEY: key})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise BrokenMeasurement(f"{path} was answered {answer.status}: {body[:200]!r}")
    return body
