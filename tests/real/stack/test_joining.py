"""Joining a user's OMERO session never harms it, and the joins end when they should."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.real.stack.running import Stack
from tests.real.stack.service import IDLE_TIMEOUT
from tests.real.stack.visitor import Visitor
from tests.real.stack.world import MANY

_AGENT = "OMERO.web"

#: seconds that a busy machine may take on top of what is promised
_SLACK = 3.0


@pytest.fixture
def alice(stack: Stack) -> Iterator[Visitor]:
    visitor = Visitor(stack.address)
    visitor.log_in("alice")
    yield visitor
    visitor.close()


def _our_joins(stack: Stack) -> list[dict[str, Any]]:
    """What OMERO remembers of the joins that this service made."""
    clients = stack.omero.stats()["clients"].values()
    return [client for client in clients if not client["agent"].startswith(_AGENT)]


def _works(stack: Stack, visitor: Visitor) -> bool:
    """Whether OMERO.web itself still gets a thumbnail with the cookie."""
    return visitor.client.get(f"{stack.omeroweb.address}/webclient/render_thumbnail/11/").status_code == 200


def _session_key(stack: Stack) -> str:
    (key,) = {client["key"] for client in _our_joins(stack)}
    return key


def test_a_thousand_thumbnails_and_the_end_of_the_service_leave_the_session_as_it_was(
    stack: Stack, alice: Visitor
) -> None:
    query = "&".join(f"id={image}" for image in MANY[:50])
    for page in range(20):
        answer = alice.client.get(f"/webclient/get_thumbnails/?{query}&version={page}").raise_for_status().json()
        assert len(answer) == 50
        assert all(answer.values())
    key = _session_key(stack)
    stack.service.stop()
    try:
        joins = _our_joins(stack)
        assert len(joins) == 1
        for join in joins:
            assert join["detachOnDestroy"] == 1
            assert join["services_created"] == join["services_closed"] > 0
            assert not join["present"]
        stats = stack.omero.stats()
        assert key in stats["sessions"]
        assert stats["left_open"] == []
        assert stats["overlaps"] == 0
        assert _works(stack, alice)
        # as nginx says it while nobody listens there
        assert alice.client.get("/webclient/render_thumbnail/11/").status_code == 503
    finally:
        stack.service.start()
    assert alice.client.get("/webclient/render_thumbnail/11/?version=after").status_code == 200


def test_the_join_of_an_idle_user_is_gone_within_the_time_out(stack: Stack, alice: Visitor) -> None:
    assert alice.client.get("/webclient/render_thumbnail/11/?version=idle").status_code == 200
    asked = time.monotonic()
    key = _session_key(stack)
    stack.omero.wait_until_left(IDLE_TIMEOUT + _SLACK)
    assert time.monotonic() - asked < IDLE_TIMEOUT + _SLACK
    (join,) = _our_joins(stack)
    assert join["services_created"] == join["services_closed"] > 0
    assert key in stack.omero.stats()["sessions"]
    assert _works(stack, alice)
    assert alice.client.get("/webclient/render_thumbnail/11/?version=again").status_code == 200


def test_logging_out_at_omero_web_ends_it_here_too(stack: Stack, alice: Visitor) -> None:
    path = "/webclient/render_thumbnail/11/"
    cookie = {"cookie": f"sessionid={alice.cookie}"}
    with httpx.Client(base_url=stack.address) as other:
        assert other.get(path, headers=cookie).status_code == 200
        key = _session_key(stack)
        by_key = {"x-omero-session-key": key}
        assert other.get(path, headers=by_key).status_code == 200
        alice.log_out()
        logged_out = time.monotonic()
        assert key not in stack.omero.stats()["sessions"]
        # the cookie as it was, and another size: what a page left open asks for next
        assert other.get(f"{path}?version=next", headers=cookie).status_code == 403
        assert other.get(path, headers=cookie).status_code == 403
        assert time.monotonic() - logged_out < 1
        assert other.get(f"{path}?version=next", headers=by_key).status_code == 403
    deadline = logged_out + IDLE_TIMEOUT + _SLACK
    while stack.service.metric("omero_ms_thumbnail_joined_sessions"):
        assert time.monotonic() < deadline, "the session that OMERO has ended is still kept"
    assert not any(join["present"] for join in _our_joins(stack))


def test_users_at_once_get_what_is_theirs(stack: Stack) -> None:
    def seen_by(name: str) -> int:
        visitor = Visitor(stack.address)
        try:
            visitor.log_in(name)
            return visitor.client.get("/webclient/render_thumbnail/22/").status_code
        finally:
            visitor.close()

    with ThreadPoolExecutor() as threads:
        assert list(threads.map(seen_by, ("alice", "bob", "root"))) == [404, 200, 200]
