"""Whose thumbnails are made, and which images go together."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.omero.session import GROUP, USER
from omero_ms_thumbnail.omero.sizes import longest_side
from omero_ms_thumbnail.omero.thumbnail_rows import StoredPixels
from omero_ms_thumbnail.warm.whose import Known, Warmer, by_owner, sets_of

OWNER, MEMBER, ROOT = 2, 3, 0


def pixels(image_id: int, *, group: int = 5, owner: int = OWNER) -> StoredPixels:
    return StoredPixels(image_id, 1000 + image_id, group, owner, 256, 192)


def known(image_id: int, *, group: int = 5, owner: int = OWNER, settings: bool = True, row: bool = True) -> Known:
    return Known(pixels(image_id, group=group, owner=owner), settings, row)


def test_an_administrator_acts_as_the_owner() -> None:
    root = Warmer(ROOT, is_administrator=True)
    assert root.can_help(OWNER)
    assert root.context(5, OWNER) == {GROUP: "5", USER: "2"}


def test_anybody_else_helps_with_what_is_theirs_alone() -> None:
    member = Warmer(MEMBER, is_administrator=False)
    assert member.can_help(MEMBER)
    assert not member.can_help(OWNER)
    # nobody but an administrator may name a user, not even themselves in vain
    assert member.context(5, MEMBER) == {GROUP: "5"}


def test_a_set_is_of_images_alike() -> None:
    alike = [known(1), known(2)]
    others = [
        known(3, settings=False, row=False),
        known(4, row=False),
        known(5, group=6),
        known(6, owner=MEMBER),
    ]
    sets = [*sets_of([alike[0], *others, alike[1]], 1)]
    assert sets[0] == alike
    assert sets[1:] == [[one] for one in others]


@pytest.mark.parametrize(("images", "at_once", "lengths"), [(10, 1, [10]), (10, 3, [4, 4, 2]), (2, 8, [1, 1])])
def test_as_many_parts_as_calls_at_a_time(images: int, at_once: int, lengths: list[int]) -> None:
    assert [len(one) for one in sets_of([known(number) for number in range(images)], at_once)] == lengths


def test_one_owners_images_come_one_after_the_other() -> None:
    images = [pixels(4), pixels(1, owner=MEMBER), pixels(3, group=6), pixels(2), pixels(5, owner=MEMBER)]
    assert [one.image_id for one in by_owner(images)] == [4, 2, 1, 5, 3]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((256, 192), (96, 72)),
        ((192, 256), (72, 96)),
        ((100, 100), (96, 96)),
        # cut off, not rounded
        ((1000, 999), (96, 95)),
        # in single precision: a little less than 48, and 32 where double precision has a little less
        ((74, 37), (96, 47)),
        ((147, 49), (96, 32)),
        ((10_000, 10), (96, 0)),
    ],
)
def test_the_size_of_a_row_is_as_omero_reckons_it(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert longest_side(*size, 96) == expected
