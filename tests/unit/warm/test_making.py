"""What becomes of each image where OMERO does not simply make a set: an OMERO of a few lines, told what to answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import (
    ConnectionLostException,
    InvocationTimeoutException,
    ObjectNotExistException,
)
from omero_ms_thumbnail.ice.glacier2 import PermissionDeniedException
from omero_ms_thumbnail.omero import queries
from omero_ms_thumbnail.omero.exceptions import (
    ApiUsageException,
    InternalException,
    MissingPyramidException,
    RemovedSessionException,
    ResourceError,
    SecurityViolation,
    TryAgain,
)
from omero_ms_thumbnail.omero.session import GROUP, USER
from omero_ms_thumbnail.omero.thumbnail_rows import PROGRESS_VERSION
from omero_ms_thumbnail.thumbnails.model import OmeroTooSlow, OmeroUnavailable, SessionRefused
from omero_ms_thumbnail.warm.making import NotMade, Outcomes, ThumbnailMaker
from omero_ms_thumbnail.warm.whose import Warmer

OWNER, GROUP_ID = 2, 5
CONTEXT = {GROUP: str(GROUP_ID), USER: str(OWNER)}
JPEG = b"\xff\xd8 a picture"
SAID = "0f1e2d3c in OMERO's own words"


def thrown(kind: type[Any], **members: Any) -> Exception:
    error: Exception = kind(serverStackTrace="", serverExceptionClass="", message=SAID, **members)
    return error


class Omero:
    """Images 1, 2, … with the Pixels 101, 102, …; tests change what it has and what it throws."""

    def __init__(self) -> None:
        self.owners = dict.fromkeys(range(1, 5), OWNER)
        self.settings = set(self.owners)
        self.versions: dict[int, int] = {}
        #: the event in which settings were last saved; rows are of event 5
        self.saved: dict[int, int] = {}
        self.pictures: dict[int, bytes] = dict.fromkeys(self.owners, JPEG)
        self.clocks: set[int] = set()
        self.errors: dict[str, list[Exception]] = {}
        self.join_error: Exception | None = None
        self.calls: list[tuple[str, tuple[Any, ...], Mapping[str, str]]] = []
        self.closed = self.dropped = 0

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for called, arguments, _ in self.calls if called == name]

    # the pool and the session

    @asynccontextmanager
    async def lend(self, _key: str) -> AsyncIterator[Omero]:
        if self.join_error is not None:
            raise self.join_error
        yield self

    def drop(self, _key: str, _session: object) -> None:
        self.dropped += 1

    @property
    def stores(self) -> _Stores:
        return _Stores(self)

    async def projection(self, query: str, parameters: Mapping[str, Any]) -> list[list[int]]:
        self._throw("projection")
        ids = {one.val for one in parameters["ids"].val}
        images = [one for one in self.owners if {one, 100 + one} & ids]
        if query == queries.PIXELS_WITH_SIZES:
            return [[100 + one, one, GROUP_ID, self.owners[one], 256, 192, 0] for one in images]
        if query == queries.SETTINGS_OF_PIXELS:
            return [[one, 100 + one, OWNER, 1, self.saved.get(one, 1)] for one in images if one in self.settings]
        assert query == queries.THUMBNAILS_OF_PIXELS
        return [[one, 100 + one, OWNER, 96, 72, 5, self.versions[one]] for one in images if one in self.versions]

    # the ThumbnailStores

    def call(self, name: str, *arguments: Any, context: Mapping[str, str]) -> None:
        self.calls.append((name, arguments, context))
        self._throw(name)

    def _throw(self, name: str) -> None:
        if self.errors.get(name):
            raise self.errors[name].pop(0)

    def row(self, image: int) -> None:
        self.versions.setdefault(image, PROGRESS_VERSION if image in self.clocks else 0)


class _Stores:
    def __init__(self, omero: Omero) -> None:
        self._omero = omero

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[_Store]:
        try:
            yield _Store(self._omero)
        finally:
            self._omero.closed += 1


class _Store:
    def __init__(self, omero: Omero) -> None:
        self._omero = omero
        self._image = 0

    async def create_thumbnails_by_longest_side_set(
        self, size: int, ids: list[int], context: Mapping[str, str]
    ) -> None:
        self._omero.call("create", size, ids, context=context)
        for one in ids:
            self._omero.row(one - 100)

    async def get_thumbnail_by_longest_side_set(
        self, size: int, ids: list[int], context: Mapping[str, str]
    ) -> dict[int, bytes]:
        self._omero.call("read", size, ids, context=context)
        return {one: self._omero.pictures[one - 100] for one in ids}

    async def set_pixels_id(self, pixels_id: int, context: Mapping[str, str]) -> bool:
        self._image = pixels_id - 100
        self._omero.call("setPixelsId", pixels_id, context=context)
        return self._image in self._omero.settings

    async def reset_defaults(self, context: Mapping[str, str]) -> None:
        self._omero.call("resetDefaults", context=context)
        self._omero.settings.add(self._image)

    async def get_thumbnail_by_longest_side(self, size: int, context: Mapping[str, str]) -> bytes:
        self._omero.call("single", size, context=context)
        self._omero.row(self._image)
        return self._omero.pictures[self._image]

    async def is_in_progress(self, context: Mapping[str, str]) -> bool:
        self._omero.call("isInProgress", context=context)
        return self._image in self._omero.clocks


@pytest.fixture
def omero() -> Omero:
    return Omero()


@pytest.fixture
def maker(omero: Omero) -> ThumbnailMaker:
    pool: Any = omero
    return ThumbnailMaker(pool, "a key", Warmer(0, is_administrator=True), size=96, at_once=1)


async def make(maker: ThumbnailMaker, images: Sequence[int] = (1, 2, 3)) -> Outcomes:
    return await maker.make(await maker.look(images))


async def test_a_set_is_made_and_read_as_its_owner(omero: Omero, maker: ThumbnailMaker) -> None:
    assert await make(maker) == {1: None, 2: None, 3: None}
    assert omero.calls == [
        ("create", (96, [101, 102, 103]), CONTEXT),
        ("read", (96, [101, 102, 103]), CONTEXT),
    ]
    assert omero.closed == 2


async def test_sets_are_of_images_alike(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.settings = {1, 2}
    omero.versions = {2: 0}
    assert await make(maker) == {1: None, 2: None, 3: None}
    assert [ids for _, ids in omero.named("read")] == [[101], [102], [103]]
    # what has a row is drawn by reading, if need be
    assert [ids for _, ids in omero.named("create")] == [[101], [103]]


async def test_what_is_older_than_its_settings_is_made_alone(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.versions = {1: 0, 2: 0, 3: 0}
    # made in one event is not older
    omero.saved = {1: 5, 2: 6}
    assert await make(maker) == {1: None, 2: None, 3: None}
    assert [ids for _, ids in omero.named("read")] == [[101, 103]]
    assert omero.named("setPixelsId") == [(102,)]


async def test_an_image_of_which_a_clock_was_shown_long_ago_has_its_thumbnail(
    omero: Omero, maker: ThumbnailMaker
) -> None:
    omero.versions = {2: PROGRESS_VERSION}
    assert await make(maker) == {1: None, 2: None, 3: None}
    assert omero.named("setPixelsId") == [(102,)]
    assert omero.versions[2] == PROGRESS_VERSION


async def test_a_clock_is_no_thumbnail(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.clocks = {3}
    outcomes = await make(maker)
    assert [image for image, outcome in outcomes.items() if outcome] == [3]
    assert "still being imported" in str(outcomes[3])
    assert len(omero.named("isInProgress")) == 1


async def test_a_row_without_a_picture_is_no_thumbnail(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.pictures[2] = b""
    outcomes = await make(maker)
    assert [image for image, outcome in outcomes.items() if outcome] == [2]
    assert "a full disk" in str(outcomes[2])


async def test_what_cannot_be_drawn_is_told_from_the_rest_of_its_set(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.pictures[1] = b""
    omero.errors["single"] = [thrown(ResourceError)]
    assert await make(maker) == {1: NotMade("OMERO cannot draw it (ResourceError)"), 2: None, 3: None}


async def test_a_set_that_omero_refuses_is_made_one_by_one(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.errors["create"] = [thrown(InternalException)]
    assert await make(maker) == {1: None, 2: None, 3: None}
    assert omero.named("setPixelsId") == [(101,), (102,), (103,)]
    # a store for the set, and one for each image
    assert omero.closed == 4


@pytest.mark.parametrize(
    "error", [None, thrown(ApiUsageException), thrown(MissingPyramidException, backOff=1, pixelsID=1)]
)
async def test_settings_are_made_where_a_set_made_none(
    omero: Omero, maker: ThumbnailMaker, error: Exception | None
) -> None:
    omero.settings = set()
    omero.errors["create"] = [thrown(InternalException)]
    omero.errors["resetDefaults"] = [error] if error else []
    assert await make(maker, [1]) == {1: None}
    names = [name for name, _, _ in omero.calls]
    chosen_again = [] if isinstance(error, MissingPyramidException) else ["setPixelsId"]
    assert names[1:] == ["setPixelsId", "resetDefaults", *chosen_again, "single", "isInProgress"]
    assert {str(context) for _, _, context in omero.calls} == {str(CONTEXT)}


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (thrown(TryAgain, backOff=1), True),
        (InvocationTimeoutException("no answer in time"), True),
        (ConnectionLostException("the connection is gone"), True),
        (thrown(SecurityViolation), False),
        (thrown(InternalException), False),
    ],
)
async def test_what_is_worth_another_try(omero: Omero, maker: ThumbnailMaker, error: Exception, again: bool) -> None:
    omero.errors["create"] = [thrown(InternalException)]
    omero.errors["single"] = [error]
    outcomes = await make(maker, [1, 2])
    assert outcomes[2] is None
    assert outcomes[1] is not None
    assert outcomes[1].again is again
    assert SAID not in outcomes[1].why


async def test_a_set_that_takes_too_long_is_tried_again(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.errors["create"] = [InvocationTimeoutException("no answer in time")]
    outcomes = await make(maker)
    assert all(outcome is not None and outcome.again for outcome in outcomes.values())
    assert len(omero.calls) == 1


@pytest.mark.parametrize("place", ["projection", "create", "single"])
async def test_a_join_that_is_lost_is_made_anew(omero: Omero, maker: ThumbnailMaker, place: str) -> None:
    if place == "single":
        omero.errors["create"] = [thrown(InternalException)]
    omero.errors[place] = [ObjectNotExistException(None, "", "")]
    with pytest.raises(OmeroUnavailable):
        await make(maker)
    assert omero.dropped == 1
    assert await make(maker) == {1: None, 2: None, 3: None}


async def test_a_session_that_has_ended(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.join_error = PermissionDeniedException(reason=f"Password check failed for '{SAID}': []")
    with pytest.raises(SessionRefused) as caught:
        await make(maker)
    assert SAID not in str(caught.value)


async def test_a_session_that_has_ended_is_joined_once_more_and_no_more(omero: Omero, maker: ThumbnailMaker) -> None:
    for outcome in (OmeroUnavailable, SessionRefused):
        omero.errors["create"] = [thrown(RemovedSessionException)]
        with pytest.raises(outcome) as caught:
            await make(maker)
        assert SAID not in str(caught.value)
    assert omero.dropped == 2


async def test_an_omero_that_hangs(omero: Omero, maker: ThumbnailMaker) -> None:
    omero.errors["projection"] = [InvocationTimeoutException("no answer in time")]
    with pytest.raises(OmeroTooSlow):
        await make(maker)


async def test_what_is_another_users_by_now_is_left_alone(omero: Omero) -> None:
    pool: Any = omero
    maker = ThumbnailMaker(pool, "a key", Warmer(OWNER, is_administrator=False), size=96, at_once=1)
    omero.owners[2] = 7
    assert await make(maker, [1, 2, 99]) == {1: None}
