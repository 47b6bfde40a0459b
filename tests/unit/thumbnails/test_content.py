"""The key of a picture has everything in it that a picture shows, and nothing of who looks."""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.thumbnails.content import drawn_key, is_marked, stored_key, tag_of, was_stored
from omero_ms_thumbnail.thumbnails.model import Content, ImageFacts, Saved, StoredRow, ThumbnailRequest

SETTINGS = Saved(7, 70, "20261130120000000000")
ROW = StoredRow(9, 90, "20261130120001000000", 0, 96, 72)
CONTENT = Content(50, "20261130110000000000", SETTINGS, ROW)
FACTS = ImageFacts(1, 2, 3, 4, size=96, has_owners_settings=True, has_owners_row=True, content=CONTENT)
REQUEST = ThumbnailRequest(1, 64, stored=False)

#: whatever changes a picture, or which picture it is
PIXELS = {"pixels_event": 51, "pixels_time": "2025"}
SAVED = [
    SETTINGS._replace(id=8),
    SETTINGS._replace(event=71),
    SETTINGS._replace(time="2025"),
    SETTINGS._replace(total=2),
]


def _with(**changed: Any) -> ImageFacts:
    return FACTS._replace(content=CONTENT._replace(**changed))


OTHER_IMAGES = [
    FACTS._replace(pixels_id=99),
    *(_with(**{name: value}) for name, value in PIXELS.items()),
    *(_with(settings=saved) for saved in SAVED),
]


def test_a_drawn_one_is_told_by_pixels_settings_size_and_section() -> None:
    others = [
        drawn_key("other", FACTS, REQUEST),
        *(drawn_key("db", other, REQUEST) for other in OTHER_IMAGES),
        *(
            drawn_key("db", FACTS, REQUEST._replace(**asked))
            for asked in ({"width": 65}, {"height": 64}, {"z": 0}, {"t": 0}, {"z": 0, "t": 0}, {"z": 1}, {"t": 1})
        ),
        drawn_key("db", FACTS, REQUEST, SETTINGS._replace(id=10)),
        stored_key("db", FACTS),
    ]
    assert None not in others
    assert len({drawn_key("db", FACTS, REQUEST), *others}) == 1 + len(others)


@pytest.mark.parametrize(
    "same",
    [
        FACTS._replace(has_own_settings=True, has_own_row=True),
        FACTS._replace(group_id=5, owner_id=6, permissions=1),
        _with(row=None),
    ],
)
def test_nor_does_it_say_whose_it_is(same: ImageFacts) -> None:
    assert drawn_key("db", same, REQUEST._replace(version="7")) == drawn_key("db", FACTS, REQUEST)


def test_a_stored_one_is_told_by_pixels_row_and_settings() -> None:
    rows = [ROW._replace(id=10), ROW._replace(event=91), ROW._replace(time="2027"), ROW._replace(total=2)]
    others = [
        stored_key("other", FACTS),
        *(stored_key("db", other) for other in OTHER_IMAGES),
        *(stored_key("db", _with(row=row)) for row in rows),
    ]
    assert None not in others
    assert len({stored_key("db", FACTS), *others}) == 1 + len(others)


@pytest.mark.parametrize(
    "facts",
    [
        FACTS._replace(content=None),
        _with(settings=None),
        # which of two OMERO takes is not said
        _with(settings=SETTINGS._replace(total=2, is_one=False)),
    ],
)
def test_there_is_none_where_it_is_not_told_what_is_shown(facts: ImageFacts) -> None:
    assert drawn_key("db", facts, REQUEST) is None
    assert stored_key("db", facts) is None


def test_what_is_stored_counts_until_settings_are_saved_after_it() -> None:
    assert stored_key("db", _with(settings=SETTINGS._replace(time=ROW.time))) is not None
    later = _with(settings=SETTINGS._replace(time="20261130120001000001"))
    assert stored_key("db", later) is None
    assert later.is_out_of_date
    assert not FACTS.is_out_of_date
    assert stored_key("db", _with(row=None)) is None


def test_a_row_that_was_a_clock_once_is_told() -> None:
    assert not is_marked(FACTS)
    assert is_marked(_with(row=ROW._replace(version=-1)))
    # which of two OMERO takes is not said
    assert is_marked(_with(row=ROW._replace(total=2, is_one=False)))


@pytest.mark.parametrize("before", [_with(row=None), _with(row=ROW._replace(time="2025", event=1))])
def test_what_was_stored_between_two_questions_is_what_was_given(before: ImageFacts) -> None:
    assert was_stored(before, FACTS)
    # saved meanwhile, another image's, a clock, not made
    assert not was_stored(before, _with(settings=SETTINGS._replace(event=71)))
    assert not was_stored(before, _with(pixels_event=51))
    assert not was_stored(before, FACTS._replace(pixels_id=99))
    assert not was_stored(before, _with(row=ROW._replace(version=-1)))
    assert not was_stored(before, before)
    assert not was_stored(before._replace(content=None), FACTS)
    # OMERO has stored what it shows the owner, whose settings are not those of whoever was given this
    assert not was_stored(before._replace(has_own_settings=True), FACTS._replace(has_own_settings=True))
    assert was_stored(before, FACTS._replace(has_own_settings=True, has_own_row=True))
    # OMERO has made settings for it: whose look it had is not certain
    assert not was_stored(_with(settings=None, row=None), FACTS)


def test_a_tag_tells_nothing_of_its_key() -> None:
    key = stored_key("db", FACTS)
    assert key is not None
    assert len(tag_of(key)) == 32
    assert tag_of(key) != tag_of(key + b"0")
