"""Questions that are cheap for OMERO whoever asks, and whether it can be written to, asked once for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from omero_embedded.ice_server import Current
from omero_embedded.servants import ConfigServant
from omero_ms_thumbnail.omero import images
from omero_ms_thumbnail.omero.exceptions import ApiUsageException, SecurityViolation
from omero_ms_thumbnail.omero.images import newest_images
from omero_ms_thumbnail.omero.queries import NEWEST_IMAGES
from omero_ms_thumbnail.omero.read_only import READ_ONLY_KEYS, ReadOnlyMode
from omero_ms_thumbnail.omero.session import ALL_GROUPS, JoinedSession
from omero_ms_thumbnail.omero.system import EventContext
from tests.unit.omero.refusals import throwing
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of, server_of, small_omero


class Asked:
    """A session whose groups have these images, newest first; None: it was taken out of that group."""

    def __init__(self, groups: Mapping[int, Sequence[int] | None], *, default: int, member_of: Sequence[int]) -> None:
        self._groups = groups
        self._who = EventContext(userId=7, groupId=default, memberOfGroups=list(member_of))
        self.asked: list[str] = []

    async def event_context(self) -> EventContext:
        return self._who

    async def projection(self, query: str, _parameters: Any, group: str = ALL_GROUPS, *, limit: int) -> list[list[int]]:
        assert query == NEWEST_IMAGES
        self.asked.append(group)
        if group == ALL_GROUPS:
            return [[one] for one in sorted((one for ids in self._groups.values() for one in ids or ()), reverse=True)]
        images = self._groups[int(group)]
        if images is None:
            raise SecurityViolation(message="User 7 is not a member of group")
        return [[one] for one in images[:limit]]


async def newest(asked: Any, limit: int = 2) -> list[int]:
    return await newest_images(asked, limit)


async def test_new_images_are_looked_for_group_by_group_and_the_newest_of_all_come_first() -> None:
    asked = Asked({3: [], 4: [9, 8, 7], 5: [99]}, default=4, member_of=[1, 3, 4, 5])
    assert await newest(asked) == [99, 9]
    assert asked.asked == ["4", "3", "5"]
    # no member of one any more
    asked = Asked({3: [], 4: None, 5: [99]}, default=3, member_of=[1, 3, 4, 5])
    assert await newest(asked) == [99]
    asked = Asked({3: []}, default=3, member_of=[1, 3])
    assert await newest(asked) == []


async def test_no_more_groups_are_asked_than_a_person_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_GROUPS_MAX", 2)
    asked = Asked({3: [1], 4: [9], 5: [99]}, default=4, member_of=[1, 3, 4, 5])
    assert await newest(asked) == [9, 1]
    assert asked.asked == ["4", "3"]


async def test_an_administrators_are_the_newest_of_all() -> None:
    asked = Asked({0: [], 4: [9]}, default=0, member_of=[0, 1])
    assert await newest(asked) == [9]
    assert asked.asked == [ALL_GROUPS]


@pytest.fixture
def asked_for_values(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What OMERO is asked of its configuration."""
    asked: list[str] = []
    answer = ConfigServant.getConfigValues

    async def noted(servant: ConfigServant, current: Current, key_regex: str) -> dict[str, str]:
        asked.append(key_regex)
        return await answer(servant, current, key_regex)

    monkeypatch.setattr(ConfigServant, "getConfigValues", noted)
    return asked


async def test_an_omero_that_can_be_written_to_is_asked_once(asked_for_values: list[str]) -> None:
    async with small_omero() as omero:
        server = server_of(omero)
        sessions = [await JoinedSession.join(server, key_of(omero)) for _ in range(2)]
        assert [await session.is_read_only() for session in sessions * 3] == [False] * 6
        assert asked_for_values == [READ_ONLY_KEYS]
        omero.limits.read_only = True
        # another knows nothing of it
        other = await JoinedSession.join(server_of(omero), key_of(omero))
        assert not other.is_known_to_be_read_only
        assert await other.is_read_only()
        assert other.is_known_to_be_read_only
        for session in (*sessions, other):
            await session.leave(LEAVE_WITHIN)


async def test_one_that_refuses_a_write_with_these_words_is_not_even_asked(asked_for_values: list[str]) -> None:
    refused = ApiUsageException(**_server_error("This instance is read-only"))
    async with small_omero() as omero:
        session = await JoinedSession.join(server_of(omero), key_of(omero))
        async with session.stores.lend() as store:
            with throwing(omero, "resetDefaults", lambda: refused), pytest.raises(ApiUsageException):
                await store.reset_defaults({})
        assert await session.is_read_only()
        assert not asked_for_values
        await session.leave(LEAVE_WITHIN)


async def test_one_that_does_not_say_is_taken_for_one_that_can_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def refuse(_servant: ConfigServant, _current: Current, key_regex: str) -> dict[str, str]:
        asked.append(key_regex)
        raise SecurityViolation(**_server_error("not you"))

    monkeypatch.setattr(ConfigServant, "getConfigValues", refuse)
    async with small_omero() as omero:
        session = await JoinedSession.join(server_of(omero), key_of(omero))
        assert not await session.is_read_only()
        assert asked == [READ_ONLY_KEYS]
        await session.leave(LEAVE_WITHIN)


def _server_error(message: str) -> dict[str, str]:
    return {"message": message, "serverExceptionClass": "", "serverStackTrace": ""}


def test_what_is_known_of_it_is_known_for_some_minutes() -> None:
    now = 0.0
    mode = ReadOnlyMode(now=lambda: now)
    assert not mode.is_known
    mode.update_from(ApiUsageException(message="no such Pixels"))
    assert not mode.is_known
    mode.update({})
    assert mode.is_known
    assert not mode.is_on
    mode.update({"omero.cluster.read_only.runtime.db": "false", "omero.cluster.read_only.runtime.repo": "true"})
    assert mode.is_on
    now += 299.0
    assert mode.is_on
    now += 1.0
    assert not mode.is_known
    assert not mode.is_on
