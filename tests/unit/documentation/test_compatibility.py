"""Each row of docs/compatibility.md on OMERO.web is a test: which one, and that it is there."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.support.parts import ROOT

_DOCUMENT: Final = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")

_SIDE_BY_SIDE: Final = "tests/real/stack/test_same_answers.py::test_answers_are_those_of_omero_web"
_REPLAY: Final = "tests/real/omero/test_replay.py::test_the_service_answers_and_leaves_what_omero_web_does"
_LEFT: Final = "tests/real/omero/test_what_is_left.py"
_PICTURES: Final = "tests/real/omero/test_pictures.py"
_TRUE: Final = "tests/unit/thumbnails/test_true_to_omero.py"

#: by the heading of the row; those side by side are named in tests/real/stack/cases.py too, by the same heading
SHOWN_BY: Final[dict[str, tuple[str, ...]]] = {
    "No placeholder picture in place of an image": (_SIDE_BY_SIDE,),
    "An image that is missing is no server error": (_SIDE_BY_SIDE,),
    "Nobody is redirected to the login page": (_SIDE_BY_SIDE,),
    "What a set leaves out is tried again": (_SIDE_BY_SIDE,),
    "Too many images in one request": (_SIDE_BY_SIDE,),
    "Not a number": (_SIDE_BY_SIDE,),
    "Sizes that cannot be": (_SIDE_BY_SIDE,),
    "The trailing slash": (_SIDE_BY_SIDE,),
    "Whatever follows": (_SIDE_BY_SIDE,),
    "Names of JSONP callbacks": (_SIDE_BY_SIDE,),
    "Methods": (_SIDE_BY_SIDE,),
    "Default rendering settings of an administrator's visit": (
        f"{_LEFT}::test_an_administrators_first_look_makes_the_owners_settings",
    ),
    "A section of which only one of `z` and `t` is named, with `rdefId`": (
        f"{_TRUE}::test_settings_that_are_named_and_one_of_z_and_t",
    ),
    "A stored thumbnail whose file is empty or lost (a full disk)": (
        f"{_TRUE}::test_a_stored_file_that_is_empty_does_not_cost_the_picture",
    ),
    "An image with several Pixels": (f"{_TRUE}::test_an_image_with_two_pixels_is_shown_by_its_first",),
    "`placeholder`": (_SIDE_BY_SIDE, _REPLAY),
    "`set as single views`": (
        _SIDE_BY_SIDE,
        _REPLAY,
        f"{_PICTURES}::test_a_mixed_page_shows_what_single_looks_do",
        f"{_LEFT}::test_a_page_of_anothers_makes_no_settings_in_the_viewers_name",
    ),
    "`right shape`": (
        _SIDE_BY_SIDE,
        _REPLAY,
        f"{_PICTURES}::test_where_no_row_may_be_kept_the_shape_is_right_all_the_same",
    ),
    "`chosen settings leave no rows`": (
        _SIDE_BY_SIDE,
        _REPLAY,
        f"{_LEFT}::test_settings_that_are_named_leave_no_rows",
        f"{_PICTURES}::test_the_preview_panel_asks_one_image_with_many_settings",
    ),
    "`fewer rows`": (
        _REPLAY,
        f"{_LEFT}::test_a_stored_thumbnail_of_ones_own_makes_no_others",
        "tests/real/omero/test_rules.py::test_only_the_viewer_may_have_fewer_rows",
    ),
}


def _rows() -> list[str]:
    """The first cells of the tables that compare with OMERO.web."""
    part = _DOCUMENT.partition("\n## OMERO.web\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \|", part, re.MULTILINE)
    return [cell for cell in cells if cell not in {"---", "what", "name"}]


def test_each_row_is_shown_by_a_test() -> None:
    assert _rows() == list(SHOWN_BY)


@pytest.mark.parametrize("test", sorted({test for tests in SHOWN_BY.values() for test in tests}))
def test_that_test_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("row", [row for row, tests in SHOWN_BY.items() if _SIDE_BY_SIDE in tests])
def test_what_is_asked_side_by_side_is_named_there(row: str) -> None:
    named = f'"{row}"' in (ROOT / "tests/real/stack/cases.py").read_text(encoding="utf-8")
    assert named or row == "`placeholder`"
