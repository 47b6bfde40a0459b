"""Thumbnails for the users of the embedded OMERO: who gets what, and what is done where something goes wrong."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.picture import Picture
from omero_embedded.images.rendering import RenderingSettings
from omero_embedded.renderer import Renderer
from omero_embedded.sample_world import USERS
from omero_embedded.workload import Latency
from omero_embedded.world import Experimenter, Image, ImageState
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession
from omero_ms_thumbnail.thumbnails.model import (
    ImageUnavailable,
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
)
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.small_omero import LEAVE_WITHIN, hold, key_of, pool_at, server_of, small_omero

#: images of the small world, by what is odd about them
PLAIN, IN_PROGRESS, FAILING, PRIVATE = 101, 119, 120, 107


@asynccontextmanager
async def thumbnails_of(
    omero: EmbeddedOmero, *, timeout: float = 10.0, stores: int = 4, sessions_max: int = 100, loses_stores: bool = False
) -> AsyncIterator[Thumbnails]:
    """They have closed every ThumbnailStore in the end, unless a session or connection goes in which they could."""
    async with pool_at(omero, call_timeout=timeout, stores=stores, sessions_max=sessions_max) as pool:
        yield Thumbnails(pool, timeout=timeout, stores=stores)
    assert loses_stores or omero.omero.stores_created == omero.omero.stores_closed
    assert omero.omero.stores_overlapping == 0


def expected(omero: EmbeddedOmero, user: Experimenter, image: Image) -> type:
    """What the world's rules say of an image and a user, before anybody has looked at it."""
    world = omero.world
    if not world.may_read(user, image) or image.state is ImageState.FAILING:
        return ImageUnavailable
    # in progress or not: without settings, and where none may be made, OMERO has not even a clock
    seen = world.settings_for(user, image) is not None or world.may_make_settings(user, image)
    return Thumbnail if seen else ImageUnavailable


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
@pytest.mark.parametrize("more", [{}, {"height": 16}, {"z": 0, "t": 0}], ids=["longest side", "exact", "section"])
async def test_a_user_gets_what_they_may_read_and_nothing_else(user: Experimenter, more: dict[str, int]) -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        images = list(omero.world.images.values())
        wanted = {image.id: expected(omero, user, image) for image in images}
        readable = {image.id for image in images if omero.world.may_read(user, image)}
        requests = [ThumbnailRequest(image.id, 16, **more) for image in images]
        outcomes = await thumbnails.get_all(key_of(omero, user.name), requests)
        got = {request.image_id: type(outcome) for request, outcome in zip(requests, outcomes, strict=True)}
        assert got == wanted
        assert {image for image, kind in got.items() if kind is Thumbnail} <= readable
    # the world has both for everybody but the administrator, who reads all
    assert readable
    assert user.is_admin or len(readable) < len(images)


async def test_users_who_ask_at_the_same_time_get_each_their_own() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        requests = [ThumbnailRequest(image, 16) for image in omero.world.images]
        together = await asyncio.gather(
            *(
                thumbnails.get_all(key, requests)
                for key in [key_of(omero, user.name) for user in USERS]
                for _ in range(3)
            )
        )
        shown = 0
        for user, outcomes in zip((user for user in USERS for _ in range(3)), together, strict=True):
            for image, outcome in zip(omero.world.images.values(), outcomes, strict=True):
                assert isinstance(outcome, ImageUnavailable) or omero.world.may_read(user, image)
                shown += isinstance(outcome, Thumbnail)
        assert shown
        assert omero.workload.calls["createSession"] == len(USERS)


async def test_a_user_sees_their_own_settings_and_no_one_elses() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        image = omero.world.images[PLAIN]
        by_owner = {one.owner_id: one for one in image.rendering_defs}
        jpegs = {}
        for user in USERS:
            if omero.world.may_read(user, image):
                # not the stored one: where an owner's is newer than a user's settings, OMERO shows that
                request = ThumbnailRequest(PLAIN, 16, stored=False)
                jpegs[user.id] = (await thumbnails.get(key_of(omero, user.name), request)).jpeg
        for user_id, jpeg in jpegs.items():
            settings = by_owner.get(user_id, by_owner[image.owner_id]).settings
            assert jpeg == await omero.omero.renderer.render(image.picture, settings, (16, 8), None)


async def test_one_that_cannot_be_had_says_why_in_a_sentence() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        key = key_of(omero, "colleague")
        for image, why in {
            9_999_999: "image 9999999 does not exist or you may not read it",
            PRIVATE: f"image {PRIVATE} does not exist or you may not read it",
            FAILING: f"OMERO cannot give a thumbnail of image {FAILING}",
        }.items():
            for more in ({}, {"height": 16}):
                with pytest.raises(ImageUnavailable) as unavailable:
                    await thumbnails.get(key, ThumbnailRequest(image, 16, **more))
                assert str(unavailable.value) == why


async def test_a_section_that_the_image_does_not_have() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        key = key_of(omero)
        assert await thumbnails.get(key, ThumbnailRequest(PLAIN, 16, z=2, t=2))
        with pytest.raises(ImageUnavailable):
            await thumbnails.get(key, ThumbnailRequest(PLAIN, 16, z=3))


async def test_an_image_still_being_imported_is_a_clock_until_it_is_there() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        key = key_of(omero)
        request = ThumbnailRequest(IN_PROGRESS, 16, 16)
        clock = await thumbnails.get(key, request)
        assert clock.in_progress
        omero.world.images[IN_PROGRESS].state = ImageState.READY
        done = await thumbnails.get(key, request)
        assert not done.in_progress
        assert done.jpeg != clock.jpeg


async def test_the_same_asked_for_twice_in_one_request() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        request = ThumbnailRequest(PLAIN, 16)
        first, second = await thumbnails.get_all(key_of(omero), [request, request])
        assert isinstance(first, Thumbnail)
        assert first is second
        assert omero.workload.calls["getThumbnailByLongestSideSet"] == 1


async def test_an_image_that_was_moved_is_found_though_it_was_remembered_elsewhere() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        key = key_of(omero)
        await thumbnails.get(key, ThumbnailRequest(PLAIN, 16))
        omero.world.images[PLAIN].group_id = 5
        assert await thumbnails.get(key, ThumbnailRequest(PLAIN, 17, stored=False))
        assert await thumbnails.get(key, ThumbnailRequest(PLAIN, 18, 18))
        # what proved wrong was forgotten, and what is right is remembered
        assert omero.workload.calls["projection"] == 2


async def test_an_image_that_may_not_be_read_any_more_is_not_shown_though_it_was_remembered() -> None:
    async with small_omero() as omero, thumbnails_of(omero) as thumbnails:
        key = key_of(omero, "colleague")
        await thumbnails.get(key, ThumbnailRequest(PLAIN, 16))
        omero.world.images[PLAIN].group_id = 4
        before = omero.workload.calls.get("setPixelsId", 0)
        for more in ({}, {"height": 17}):
            with pytest.raises(ImageUnavailable, match="does not exist or you may not read it"):
                await thumbnails.get(key, ThumbnailRequest(PLAIN, 17, stored=False, **more))
        # forgotten at once: the second time nothing was asked of a ThumbnailStore
        assert omero.workload.calls["setPixelsId"] <= before + 1


async def test_a_lost_connection_is_made_again_unnoticed() -> None:
    async with small_omero() as omero, thumbnails_of(omero, loses_stores=True) as thumbnails:
        key = key_of(omero)
        await thumbnails.get(key, ThumbnailRequest(PLAIN, 16))
        tcp_port, ssl_port = omero.tcp_port, omero.ssl_port
        # all connections go, and the ports are there again at once
        await omero.stop_router()
        await omero.start(tcp_port=tcp_port, ssl_port=ssl_port)
        assert await thumbnails.get(key, ThumbnailRequest(PLAIN, 17))
        assert omero.workload.calls["createSession"] == 2


async def test_a_connection_lost_in_a_call_is_made_again_for_what_it_had_not_answered() -> None:
    async with small_omero() as omero, thumbnails_of(omero, loses_stores=True) as thumbnails:
        held = hold(omero)
        key = key_of(omero)
        asking = asyncio.create_task(
            thumbnails.get_all(key, [ThumbnailRequest(PLAIN, 16), ThumbnailRequest(9_999_999, 16)])
        )
        await held.drawing.wait()
        tcp_port, ssl_port = omero.tcp_port, omero.ssl_port
        await omero.stop_router()
        held.release.set()
        await omero.start(tcp_port=tcp_port, ssl_port=ssl_port)
        first, second = await asking
        assert isinstance(first, Thumbnail)
        assert isinstance(second, ImageUnavailable)
        assert omero.workload.calls["createSession"] == 2


@pytest.mark.parametrize("more", [{}, {"height": 17}])
async def test_a_session_that_has_ended_is_refused(more: dict[str, int]) -> None:
    async with small_omero() as omero, thumbnails_of(omero, loses_stores=True) as thumbnails:
        key = key_of(omero)
        assert await thumbnails.get(key, ThumbnailRequest(PLAIN, 17, **more))
        omero.sessions.end(key)
        with pytest.raises(SessionRefused):
            await thumbnails.get(key, ThumbnailRequest(PLAIN, 18, **more))


async def test_a_session_that_ended_while_it_was_asked_refuses_only_what_it_had_not_answered() -> None:
    async with small_omero() as omero, thumbnails_of(omero, stores=1, loses_stores=True) as thumbnails:
        key = key_of(omero)
        held = hold(omero)
        asking = asyncio.create_task(
            thumbnails.get_all(key, [ThumbnailRequest(PLAIN, 16), ThumbnailRequest(PLAIN, 17)])
        )
        await held.drawing.wait()
        omero.sessions.end(key)
        held.release.set()
        # the one that was being drawn came; the only store had no time for the other before
        assert [type(one) for one in await asking] == [Thumbnail, SessionRefused]


async def test_an_omero_that_is_not_there() -> None:
    async with small_omero() as omero:
        key = key_of(omero)
    async with thumbnails_of(omero) as thumbnails:
        with pytest.raises(OmeroUnavailable, match=f"no connection to {omero.host}:{omero.tcp_port}"):
            await thumbnails.get(key, ThumbnailRequest(PLAIN, 16))


async def test_an_omero_that_lets_nobody_in_in_time() -> None:
    async with small_omero(Latency(join=300)) as omero, thumbnails_of(omero, timeout=0.05) as thumbnails:
        key = key_of(omero)
        with pytest.raises(OmeroTooSlow, match=r"not let the session in within 0\.05 s"):
            await thumbnails.get(key, ThumbnailRequest(PLAIN, 16))
        assert omero.sessions.find(key) is not None


async def test_what_is_answered_in_time_is_not_lost_with_what_is_not() -> None:
    async with small_omero() as omero, thumbnails_of(omero, timeout=0.5) as thumbnails:
        held = hold(omero)
        slow, fast, missing = ThumbnailRequest(PLAIN, 16), ThumbnailRequest(IN_PROGRESS, 17), ThumbnailRequest(9, 16)
        outcomes = await thumbnails.get_all(key_of(omero), [slow, fast, missing])
        assert [type(one) for one in outcomes] == [OmeroTooSlow, Thumbnail, ImageUnavailable]
        held.release.set()


async def test_a_set_in_which_one_image_crashes_omero_is_asked_for_one_by_one() -> None:
    class CrashingRenderer(Renderer):
        async def render(
            self, picture: Picture, settings: RenderingSettings, size: tuple[int, int], section: tuple[int, int] | None
        ) -> bytes:
            if picture is omero.world.images[PLAIN].picture:
                raise RuntimeError("a fault that no slice declares")
            return await super().render(picture, settings, size, section)

    async with small_omero() as omero, thumbnails_of(omero, stores=1) as thumbnails:
        omero.omero.renderer = CrashingRenderer()
        outcomes = await thumbnails.get_all(key_of(omero), [ThumbnailRequest(PLAIN, 16), ThumbnailRequest(102, 16)])
        assert [type(one) for one in outcomes] == [ImageUnavailable, Thumbnail]


async def test_after_a_set_that_was_too_large_come_smaller_ones() -> None:
    async with small_omero() as omero, thumbnails_of(omero, timeout=0.6, stores=1) as thumbnails:
        held = hold(omero)
        key = key_of(omero)
        images = [image.id for image in omero.world.images.values() if image.group_id == 3]
        too_many = await thumbnails.get_all(key, [ThumbnailRequest(image, 16) for image in images])
        assert {type(one) for one in too_many} == {OmeroTooSlow}
        assert omero.workload.calls["getThumbnailByLongestSideSet"] == 1
        held.release.set()
        fewer = await thumbnails.get_all(key, [ThumbnailRequest(image, 17) for image in images])
        assert Thumbnail in {type(one) for one in fewer}
        assert omero.workload.calls["getThumbnailByLongestSideSet"] > 2


async def test_more_users_than_sessions_may_be_joined_is_for_later() -> None:
    async with small_omero() as omero, thumbnails_of(omero, sessions_max=1) as thumbnails:
        held = hold(omero)
        asking = asyncio.create_task(thumbnails.get(key_of(omero), ThumbnailRequest(PLAIN, 16)))
        await held.drawing.wait()
        with pytest.raises(OmeroUnavailable, match=r"omero\.joined_sessions"):
            await thumbnails.get(key_of(omero, "root"), ThumbnailRequest(PLAIN, 16))
        held.release.set()
        assert await asking


async def test_a_session_that_was_left_is_not_kept_in_memory() -> None:
    async with small_omero() as omero:
        joined: list[weakref.ref[JoinedSession]] = []

        async def join(key: str) -> JoinedSession:
            session = await JoinedSession.join(server_of(omero), key)
            joined.append(weakref.ref(session))
            return session

        pool = SessionPool(join, idle_timeout=60, sessions_max=1)
        thumbnails = Thumbnails(pool, timeout=10, stores=1)
        first = key_of(omero)
        await thumbnails.get(first, ThumbnailRequest(PLAIN, 16))
        session = joined[0]()
        assert session is not None
        # one more than may be joined: the first is left
        await thumbnails.get(key_of(omero, "root"), ThumbnailRequest(PLAIN, 16))
        await session.wait_closed()
        del session
        await thumbnails.get(first, ThumbnailRequest(PLAIN, 16))
        gc.collect()
        assert joined[0]() is None
        await pool.close(LEAVE_WITHIN)


async def test_errors_and_thumbnails_show_no_key_and_no_picture() -> None:
    async with small_omero() as omero, thumbnails_of(omero, loses_stores=True) as thumbnails:
        key = key_of(omero)
        thumbnail = await thumbnails.get(key, ThumbnailRequest(PLAIN, 16))
        assert len(repr(thumbnail)) < 100
        omero.sessions.end(key)
        with pytest.raises(ThumbnailError) as refused:
            await thumbnails.get(key, ThumbnailRequest(PLAIN, 17))
        error: BaseException | None = refused.value
        while error is not None:
            assert key not in repr(error)
            assert key not in str(error)
            error = error.__cause__ or error.__context__
