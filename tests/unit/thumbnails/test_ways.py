"""How OMERO is asked: in a set of images alike, alone and stored, or alone without storing it."""

from __future__ import annotations

import itertools

import pytest

from omero_embedded.model.people import PERMISSION_BITS
from omero_ms_thumbnail.thumbnails.model import ImageFacts, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.ways import DIRECT, STORED, Viewer, Way, is_private, is_read_only, way_of

OWNER, OTHER, ROOT = Viewer(10, is_admin=False), Viewer(11, is_admin=False), Viewer(0, is_admin=True)
GROUPS = ["rw----", "rwr---", "rwra--", "rwrw--"]


def facts(*, own: bool = False, owners: bool = False, own_row: bool = False, owners_row: bool = False) -> ImageFacts:
    return ImageFacts(1, 2, 3, OWNER.user_id, 0, 96, own, owners, own_row, owners_row)


PLAIN = ThumbnailRequest(1, 96)


def way(viewer: Viewer, group: str, found: ImageFacts) -> Way | str:
    decided = way_of(PLAIN, found._replace(permissions=PERMISSION_BITS[group]), viewer)
    return "set" if decided.lane is not None else decided


@pytest.mark.parametrize(
    "asked",
    [
        ThumbnailRequest(1, 48, stored=False),
        ThumbnailRequest(1, 96, 96),
        ThumbnailRequest(1, 96, rendering_def_id=7),
        ThumbnailRequest(1, 96, z=0),
        ThumbnailRequest(1, 96, t=0),
    ],
)
def test_what_omero_web_does_not_store_is_not_stored(asked: ThumbnailRequest) -> None:
    for viewer, group in itertools.product((OWNER, OTHER, ROOT), GROUPS):
        found = facts(owners=True, owners_row=True)._replace(permissions=PERMISSION_BITS[group])
        assert way_of(asked, found, viewer) == DIRECT


@pytest.mark.parametrize("group", GROUPS)
def test_own_images_come_in_sets(group: str) -> None:
    for seen, stored in itertools.product((False, True), repeat=2):
        found = facts(own=seen, owners=seen, own_row=stored, owners_row=stored)
        assert way(OWNER, group, found) == "set"


@pytest.mark.parametrize("viewer", [OTHER, ROOT])
@pytest.mark.parametrize("group", GROUPS)
def test_what_is_there_of_anothers_comes_in_sets(viewer: Viewer, group: str) -> None:
    assert way(viewer, group, facts(owners=True, owners_row=True)) == "set"


@pytest.mark.parametrize(
    ("group", "decided"), [("rw----", STORED), ("rwr---", DIRECT), ("rwra--", "set"), ("rwrw--", "set")]
)
def test_anothers_that_nobody_has_seen_comes_alone_where_no_settings_can_be_made(
    group: str, decided: Way | str
) -> None:
    assert way(OTHER, group, facts()) == decided


@pytest.mark.parametrize(
    ("group", "decided"), [("rw----", STORED), ("rwr---", DIRECT), ("rwra--", "set"), ("rwrw--", "set")]
)
def test_anothers_of_which_nothing_can_be_stored_is_drawn_without_storing(group: str, decided: Way | str) -> None:
    """In a private group OMERO.web shows it not to the group's owner, and neither does this."""
    assert way(OTHER, group, facts(owners=True)) == decided
    assert way(OTHER, group, facts(own=True)) == decided


@pytest.mark.parametrize("group", GROUPS)
def test_an_administrators_first_look_is_one_alone(group: str) -> None:
    assert way(ROOT, group, facts()) == (DIRECT if group == "rw----" else STORED)
    assert way(ROOT, group, facts(owners_row=True)) == STORED


@pytest.mark.parametrize("group", GROUPS)
def test_an_administrator_stores_but_in_private_groups(group: str) -> None:
    assert way(ROOT, group, facts(owners=True)) == (DIRECT if group == "rw----" else "set")


def test_images_in_one_set_agree_in_all_that_a_set_mixes_up() -> None:
    request = ThumbnailRequest(1, 96)
    one = facts(owners=True, owners_row=True)._replace(permissions=PERMISSION_BITS["rwrw--"])
    others = [
        one._replace(group_id=4),
        one._replace(owner_id=OTHER.user_id),
        one._replace(has_own_settings=True),
        one._replace(has_own_row=True),
        one._replace(has_owners_settings=False),
    ]
    lanes = [way_of(request, found, OTHER).lane for found in (one, *others)]
    lanes.append(way_of(request._replace(width=48), one, OTHER).lane)
    assert None not in lanes
    assert len(set(lanes)) == len(lanes)
    assert way_of(request._replace(image_id=9, version="2"), one, OTHER).lane == lanes[0]


@pytest.mark.parametrize("group", GROUPS)
def test_groups_are_told_by_the_bits_of_their_permissions(group: str) -> None:
    assert is_private(PERMISSION_BITS[group]) == (group == "rw----")
    assert is_read_only(PERMISSION_BITS[group]) == (group == "rwr---")
