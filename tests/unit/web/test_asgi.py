"""What ASGI hands over, read as it came."""

from __future__ import annotations

import asyncio

from omero_ms_thumbnail.web.asgi import beginning, disconnected
from tests.unit.web.requests import Client, Headers


def test_of_several_headers_the_first_counts_and_all_can_be_had() -> None:
    headers = Headers(("cookie", "a"), ("accept", "x"), ("cookie", b"\xff"), ("cookie", ""))
    assert headers.get("cookie") == "a"
    assert headers.get_all("cookie") == ["a", "\xff", ""]
    assert headers.get_all("accept") == ["x"]
    assert ("accept" in headers, "origin" in headers) == (True, False)
    assert (headers.get("origin"), headers.get_all("origin")) == (None, [])


def test_no_byte_is_lost() -> None:
    every = bytes(range(1, 256))
    headers = Headers(("referer", every))
    assert headers.get("referer") == every.decode("latin-1")
    assert headers.get_all("referer") == [every.decode("latin-1")]
    (sent, _) = beginning(200, (("access-control-allow-origin", "\xff"),), "1")["headers"]
    assert sent == (b"access-control-allow-origin", b"\xff")


async def test_what_a_client_sends_of_a_body_does_not_mean_that_it_left() -> None:
    client = Client()
    client.sends = [{"type": "http.request", "body": b"x" * 1_000, "more_body": more} for more in (True, True, False)]
    leaving = asyncio.create_task(disconnected(client.receive))
    while client.sends:
        await asyncio.sleep(0)
    assert not leaving.done()
    client.gone.set()
    await asyncio.wait_for(leaving, 10)
