"""What the embedded OMERO does over Ice: the model's answers, and OMERO's limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.model.data_folder import thumbnail_path
from omero_embedded.workload import Latency
from omero_ms_thumbnail.ice.errors import ObjectNotExistException
from omero_ms_thumbnail.ice.glacier2 import PermissionDeniedException
from omero_ms_thumbnail.omero.exceptions import (
    RemovedSessionException,
    SecurityViolation,
    SessionTimeoutException,
    TryAgain,
    WrappedCreateSessionException,
)
from omero_ms_thumbnail.omero.services import ICONFIG, SERVICE_FACTORY, THUMBNAIL_STORE
from omero_ms_thumbnail.omero.session import JoinedSession
from tests.unit.embedded.over_ice import LAB, MEMBER, OWNER, RawStore, joined, plain_world, save, started, store_of
from tests.unit.embedded.two_channels import look_of
from tests.unit.omero.small_omero import hold, server_of

#: a deadline, not a wait
WITHIN = 20.0


def rows(omero: EmbeddedOmero, image: int) -> list[tuple[int, int, int]]:
    found = omero.world.database.thumbnails.of(image + 1000).values()
    return sorted((one.owner_id, one.size_x, one.size_y) for one in found)


async def until(condition: Any) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0)


async def test_every_operation_of_a_thumbnail_store_answers_over_ice_with_pictures_of_the_right_look() -> None:
    async with started(plain_world()) as omero, joined(omero, MEMBER) as session:
        save(omero, 1001, OWNER, "blue")
        (settings,) = omero.world.images[1001].rendering_defs
        store = await store_of(session)
        looks: dict[str, Any] = {}
        assert await store.call("setPixelsId", 2001) is True
        assert await store.call("isInProgress") is False
        assert await store.call("thumbnailExists", 96, 72) is False
        for name, arguments in {
            "getThumbnail": (80, 40),
            "getThumbnailWithoutDefault": (70, 30),
            "getThumbnailByLongestSide": (96,),
            "getThumbnailDirect": (64, 32),
            "getThumbnailByLongestSideDirect": (64,),
            "getThumbnailForSectionDirect": (0, 0, 64, 32),
            "getThumbnailForSectionByLongestSideDirect": (0, 0, 64),
        }.items():
            looks[name] = look_of(await store.call(name, *arguments))
        assert await store.call("createThumbnail", 50, 50) is None
        assert await store.call("createThumbnails") is None
        assert await store.call("setRenderingDefId", settings.id) is None
        assert await store.call("getRenderingDefId") == settings.id
        assert await store.call("createThumbnailsByLongestSideSet", 48, [2001]) is None
        for name, arguments in {
            "getThumbnailByLongestSideSet": (96, [2001]),
            "getThumbnailSet": (90, 60, [2001]),
        }.items():
            looks[name] = look_of((await store.call(name, *arguments))[2001])
        assert looks == {
            "getThumbnail": (80, 40, "blue"),
            # what has been loaded for these Pixels stays, whatever size is asked for
            "getThumbnailWithoutDefault": (80, 40, "blue"),
            "getThumbnailByLongestSide": (80, 40, "blue"),
            "getThumbnailDirect": (64, 32, "blue"),
            "getThumbnailByLongestSideDirect": (64, 48, "blue"),
            "getThumbnailForSectionDirect": (64, 32, "blue"),
            "getThumbnailForSectionByLongestSideDirect": (64, 48, "blue"),
            "getThumbnailByLongestSideSet": (96, 72, "blue"),
            "getThumbnailSet": (90, 60, "blue"),
        }
        assert (MEMBER, 96, 72) in rows(omero, 1001)
        assert await store.call("close") is None
        with pytest.raises(ObjectNotExistException):
            await store.call("isInProgress")
        called = set(omero.workload.calls) & set(THUMBNAIL_STORE)
        assert called == set(THUMBNAIL_STORE) - {"resetDefaults"}


async def test_looks_can_be_told_apart() -> None:
    async with started(plain_world()) as omero, joined(omero, OWNER) as session:
        store = await store_of(session)
        seen = []
        (jpeg,) = (await store.call("getThumbnailByLongestSideSet", 96, [2001])).values()
        seen.append(look_of(jpeg))
        for colour in ("red", "green", "blue"):
            save(omero, 1001, OWNER, colour)
            (jpeg,) = (await store.call("getThumbnailByLongestSideSet", 96, [2001])).values()
            seen.append(look_of(jpeg))
        omero.world.images[1001].state = type(omero.world.images[1001].state).IN_PROGRESS
        save(omero, 1001, OWNER, "red")
        (jpeg,) = (await store.call("getThumbnailByLongestSideSet", 96, [2001])).values()
        seen.append(look_of(jpeg))
        assert seen == [(96, 72, "default"), (96, 72, "red"), (96, 72, "green"), (96, 72, "blue"), (96, 96, "clock")]


async def test_two_first_looks_at_once_make_two_settings() -> None:
    async with started(plain_world()) as omero, joined(omero, OWNER) as session:
        stores = [await store_of(session) for _ in range(2)]
        assert [await store.call("setPixelsId", 2001) for store in stores] == [False, False]
        await asyncio.gather(*(store.call("resetDefaults") for store in stores))
        assert len(omero.world.images[1001].rendering_defs) == 2


async def test_ten_calls_take_all_connections_and_log_ins_wait_for_one() -> None:
    async with started(plain_world(images=12)) as omero, joined(omero, OWNER) as session:
        held = hold(omero)
        stores = [await store_of(session) for _ in range(12)]
        asked = [
            asyncio.ensure_future(store.call("getThumbnailByLongestSideSet", 96, [2001 + number]))
            for number, store in enumerate(stores)
        ]
        await until(lambda: omero.driver.connections_held == 10)
        key = omero.sessions.keep(omero.world.users[MEMBER]).key
        log_in = asyncio.ensure_future(JoinedSession.join(server_of(omero), key))
        await until(lambda: omero.workload.calls.get("createSession", 0) == 2)
        assert not log_in.done()
        assert not any(one.done() for one in asked)
        held.release.set()
        await asyncio.gather(*asked)
        await (await asyncio.wait_for(log_in, WITHIN)).leave(5)
        assert omero.driver.most_connections_held == 10
        assert omero.driver.connections_held == 0


async def test_a_lock_on_the_table_of_thumbnails_holds_what_reads_it_and_nothing_else() -> None:
    async with started(plain_world()) as omero, joined(omero, OWNER) as session:
        save(omero, 1001, OWNER, "red")
        omero.driver.hold("rows")
        stored, direct = await store_of(session), await store_of(session)
        asked = asyncio.ensure_future(stored.call("getThumbnailByLongestSideSet", 96, [2001]))
        await until(lambda: omero.driver.connections_held == 1)
        await direct.call("setPixelsId", 2001)
        assert look_of(await direct.call("getThumbnailByLongestSideDirect", 96)) == (96, 72, "red")
        assert not asked.done()
        omero.driver.release("rows")
        assert list(await asyncio.wait_for(asked, WITHIN)) == [2001]


async def test_a_call_goes_on_and_holds_its_connection_when_nobody_waits_for_it_any_more() -> None:
    async with started(plain_world()) as omero:
        async with joined(omero, OWNER) as session:
            held = hold(omero)
            store = await store_of(session)
            asked = asyncio.ensure_future(store.call("getThumbnailByLongestSideSet", 96, [2001]))
            await asyncio.wait_for(held.drawing.wait(), WITHIN)
            asked.cancel()
        # the client has left, and its connection with it
        await until(lambda: len(omero.router) == 0)
        assert omero.driver.connections_held == 1
        assert rows(omero, 1001) == []
        held.release.set()
        await until(lambda: omero.driver.connections_held == 0)
        assert rows(omero, 1001) == [(OWNER, 96, 72)]


async def test_read_only_only_direct_calls_give_what_is_not_stored() -> None:
    async with started(plain_world()) as omero, joined(omero, OWNER) as session:
        save(omero, 1001, OWNER, "red")
        save(omero, 1002, OWNER, "red")
        store = await store_of(session)
        await store.call("getThumbnailByLongestSideSet", 96, [2001])
        omero.limits.read_only = True
        jpegs = await store.call("getThumbnailByLongestSideSet", 96, [2001])
        assert look_of(jpegs[2001]) == (96, 72, "red")
        with pytest.raises(SecurityViolation):
            await store.call("getThumbnailByLongestSideSet", 96, [2001, 2002])
        again = await store_of(session)
        await again.call("setPixelsId", 2002)
        assert look_of(await again.call("getThumbnailByLongestSideDirect", 96)) == (96, 72, "red")
        await again.call("setPixelsId", 2003)
        with pytest.raises(SecurityViolation):
            await again.call("resetDefaults")
        config = await session.calls.call(session._router.session, SERVICE_FACTORY["getConfigService"])
        said = await session.calls.call(config, ICONFIG["getConfigValues"], r"^omero\.cluster\.read_only\.runtime\.")
        assert said == {"omero.cluster.read_only.runtime.db": "true", "omero.cluster.read_only.runtime.repo": "true"}


@pytest.mark.parametrize(
    ("row", "path"),
    [
        (1, "Thumbnails/1"),
        (999, "Thumbnails/999"),
        (1000, "Thumbnails/Dir-001/1000"),
        (123_456, "Thumbnails/Dir-123/123456"),
        (1_234_567, "Thumbnails/Dir-001/Dir-234/1234567"),
        (10_000_000_001, "Thumbnails/Dir-010/Dir-000/Dir-000/10000000001"),
    ],
)
def test_the_file_of_a_row_is_where_omero_has_it(row: int, path: str) -> None:
    assert thumbnail_path(row) == path


async def test_the_files_of_rows_are_in_a_folder_where_one_is_given(tmp_path: Path) -> None:
    async with started(plain_world(), data_dir=tmp_path) as omero, joined(omero, OWNER) as session:
        save(omero, 1001, OWNER, "red")
        store = await store_of(session)
        (jpeg,) = (await store.call("getThumbnailByLongestSideSet", 96, [2001])).values()
        (row,) = omero.world.database.thumbnails.of(2001)
        file = tmp_path / thumbnail_path(row)
        assert file.read_bytes() == jpeg
        # an empty file, as a full disk leaves it, is answered as it is
        file.write_bytes(b"")
        assert await store.call("getThumbnailByLongestSideSet", 96, [2001]) == {2001: b""}
        file.unlink()
        assert await store.call("getThumbnailByLongestSideSet", 96, [2001]) == {2001: jpeg}
        assert list(omero.world.database.files) == [row]


async def test_omero_asks_to_try_again_on_order() -> None:
    async with started(plain_world()) as omero, joined(omero, OWNER) as session:
        store = await store_of(session)
        omero.limits.try_again("getThumbnailByLongestSideSet", back_off=7)
        with pytest.raises(TryAgain) as refused:
            await store.call("getThumbnailByLongestSideSet", 96, [2001])
        assert refused.value.backOff == 7
        assert list(await store.call("getThumbnailByLongestSideSet", 96, [2001])) == [2001]


async def test_sessions_are_lost_at_a_restart_and_what_is_refused_is_in_omeros_words() -> None:
    async with started(plain_world()) as omero:
        key = omero.sessions.keep(omero.world.users[OWNER]).key
        await omero.close()
        await omero.start()
        with pytest.raises(PermissionDeniedException) as refused:
            await JoinedSession.join(server_of(omero), key)
        # OMERO quotes the key, and the client leaves it out
        assert refused.value.reason == "Password check failed for '<session key>': []"
        omero.sessions.is_initialized = False
        with pytest.raises(WrappedCreateSessionException) as starting:
            await JoinedSession.join(server_of(omero), key)
        assert (starting.value.reason, starting.value.backOff) == ("Server not fully initialized", 1000)


async def test_a_session_that_has_ended_is_named_in_what_its_calls_throw() -> None:
    async with started(plain_world()) as omero, joined(omero, OWNER) as session:
        store = await store_of(session)
        (key,) = omero.sessions._sessions
        omero.sessions.end(key)
        with pytest.raises(RemovedSessionException) as refused:
            await store.call("isInProgress")
        assert refused.value.message == "No context for <session key>"


async def test_only_calls_keep_a_session_alive() -> None:
    now = 1000.0
    async with started(plain_world(), time_to_idle=600.0) as omero:
        omero.sessions._clock = lambda: now
        async with joined(omero, OWNER) as session:
            store = await store_of(session)
            now += 599.0
            await store.call("isInProgress")
            now += 599.0
            await store.call("isInProgress")
            # joined still, and its connection is alive
            now += 601.0
            with pytest.raises(SessionTimeoutException):
                await store.call("isInProgress")


async def test_the_group_of_a_session_does_not_change_while_a_store_is_open() -> None:
    async with started(plain_world()) as omero, joined(omero, OWNER) as session:
        (key,) = omero.sessions._sessions
        its = omero.sessions.find(key)
        assert its is not None
        store = await store_of(session)
        with pytest.raises(Exception, match="has active stateful services"):
            omero.sessions.set_group(its, LAB)
        await store.call("close")
        assert omero.sessions.set_group(its, LAB) == LAB


async def test_two_calls_at_once_on_one_store_are_refused() -> None:
    async with started(plain_world(), latency=Latency()) as omero, joined(omero, OWNER) as session:
        held = hold(omero)
        store = await store_of(session)
        first = asyncio.ensure_future(store.call("getThumbnailByLongestSideSet", 96, [2001]))
        await asyncio.wait_for(held.drawing.wait(), WITHIN)
        with pytest.raises(Exception, match="two calls at once"):
            await RawStore.call(store, "isInProgress")
        held.release.set()
        await first
        assert omero.omero.stores_overlapping == 1
