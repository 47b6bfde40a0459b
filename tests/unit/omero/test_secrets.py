"""A session's key is in nothing that OMERO's exceptions say, nor in what is made of them on their way to a log."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable

import pytest

from omero_ms_thumbnail.ice.errors import UnknownException
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.omero.exceptions import ResourceError
from omero_ms_thumbnail.omero.faults import Fault, described, fault_of
from omero_ms_thumbnail.omero.secrets import redact
from omero_ms_thumbnail.omero.session import JoinedSession
from omero_ms_thumbnail.omero.stores import create_thumbnail_store
from omero_ms_thumbnail.thumbnails.model import (
    ImageUnavailable,
    OmeroUnavailable,
    SessionRefused,
    ThumbnailError,
    ThumbnailRequest,
)
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.refusals import IN_A_CALL, NOT_NOW, UNKNOWN, cannot_read, saying, throwing
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of, pool_at, server_of, small_omero

KEY = "d41ad0c1-5ca5-4f5a-8c7d-9e8f7a6b5c4d"

Refusal = Callable[[str], UserException]


def all_that_is_shown(error: BaseException) -> str:
    logged = "".join(traceback.format_exception(error))
    return f"{error} {error!r} {error.args} {logged}"


@pytest.mark.parametrize("make", [*UNKNOWN, *NOT_NOW, *IN_A_CALL, cannot_read])
def test_no_exception_shows_the_key_that_it_holds(make: Refusal) -> None:
    error = make(KEY)
    assert KEY not in all_that_is_shown(error)
    assert KEY not in described(error)


def test_what_is_no_key_is_shown() -> None:
    shown = str(cannot_read(KEY))
    assert shown.startswith("omero.ResourceError: Error instantiating pixel buffer: /OMERO/ManagedRepository/<")
    assert shown.endswith("/a.tif is missing")


def test_a_key_of_any_shape_is_left_out_of_what_is_thrown_to_its_join() -> None:
    thrown = ResourceError(
        message="cannot read /OMERO/odd key/1", serverStackTrace="at odd key", serverExceptionClass=""
    )
    unknown = UnknownException("java.lang.RuntimeException: odd key")
    redact("odd key", thrown)
    redact("odd key", unknown)
    assert str(thrown) == "omero.ResourceError: cannot read /OMERO/<session key>/1"
    assert "odd key" not in thrown.serverStackTrace
    assert str(unknown) == "java.lang.RuntimeException: <session key>"


async def test_each_way_to_call_leaves_it_out() -> None:
    async with small_omero() as omero:
        key = "odd key"
        user = omero.world.user_named("researcher")
        assert user is not None
        omero.sessions.keep(user, key)
        session = await JoinedSession.join(server_of(omero), key)
        with throwing(omero, "", lambda: cannot_read(key)):
            for asking in (session.projection("select i.id from Image i", {}), create_thumbnail_store(session.calls)):
                with pytest.raises(ResourceError) as raised:
                    await asking
                assert key not in all_that_is_shown(raised.value) + raised.value.message
        async with session.stores.lend() as store:
            with throwing(omero, "getThumbnail", lambda: cannot_read(key)), pytest.raises(ResourceError) as raised:
                await store.get_thumbnail_by_longest_side(96, {})
            assert key not in all_that_is_shown(raised.value) + raised.value.message
        await session.leave(LEAVE_WITHIN)


async def _refused(thumbnails: Thumbnails, key: str, image: int = 101) -> ThumbnailError:
    with pytest.raises(ThumbnailError) as raised:
        await thumbnails.get(key, ThumbnailRequest(image, 96))
    return raised.value


@pytest.mark.parametrize(
    ("refusal", "says"),
    [(one, SessionRefused) for one in UNKNOWN] + [(one, OmeroUnavailable) for one in NOT_NOW],
)
async def test_of_a_key_that_omero_does_not_know_it_says_log_in_again_and_of_all_else_later(
    refusal: Refusal, says: type[ThumbnailError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with small_omero() as omero, pool_at(omero) as pool:
        key = key_of(omero)
        thumbnails = Thumbnails(pool, timeout=10, stores=1)
        with saying(omero, refusal):
            error = await _refused(thumbnails, key)
        assert type(error) is says
        assert key not in all_that_is_shown(error) + caplog.text


@pytest.mark.parametrize("thrown", IN_A_CALL)
async def test_a_session_that_is_said_to_have_ended_is_joined_once_more_and_then_refused(
    thrown: Refusal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with small_omero() as omero, pool_at(omero) as pool:
        key = key_of(omero)
        assert fault_of(thrown(key)) is Fault.SESSION_GONE
        thumbnails = Thumbnails(pool, timeout=10, stores=1)
        with throwing(omero, "projection", lambda: thrown(key)):
            error = await _refused(thumbnails, key)
        assert type(error) is SessionRefused
        assert omero.workload.calls["createSession"] == 2
        assert key not in all_that_is_shown(error) + caplog.text


async def test_an_administrator_reads_what_omero_could_not_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with small_omero() as omero, pool_at(omero) as pool:
        key = key_of(omero)
        thumbnails = Thumbnails(pool, timeout=10, stores=1)
        image = next(iter(omero.world.images))
        with throwing(omero, "getThumbnail", lambda: cannot_read(key)):
            error = await _refused(thumbnails, key, image)
        assert type(error) is ImageUnavailable
        assert "is missing" in caplog.text
        assert key not in all_that_is_shown(error) + caplog.text
        # nor is anybody else's
        assert str(uuid.UUID(key)) not in caplog.text
