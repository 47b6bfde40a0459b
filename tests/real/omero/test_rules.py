"""What the rules by which the service may differ from OMERO.web allow, and what they do not."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from tests.real.omero.comparing import ANSWERS, ROWS, SETTINGS, Outcome, Played, compare
from tests.real.omero.picture_summary import look_of
from tests.real.omero.rules import (
    CHOSEN_SETTINGS,
    FEWER_ROWS,
    PLACEHOLDER,
    SET_AS_SINGLES,
    SHAPE,
    Rules,
)
from tests.real.omero.scenario import Left, Scenario

_PLAIN = "/webgateway/render_thumbnail/{0}/"
_WEBCLIENT = "/webclient/render_thumbnail/size/96/{0}/"
_EXACT = "/webgateway/render_thumbnail/{0}/96/96/"
_CHOSEN = "/webgateway/render_thumbnail/{0}/?rdefId={0:owner}"
_SET = "/webclient/get_thumbnails/?id={0}"

_RED = {"status": 200, "picture": [96, 72, "red"]}
_SQUARE = {"status": 200, "picture": [96, 96, "red"]}
_MISSING = {"status": 404}
_NOTHING: dict[str, Any] = {"rows": {}, "settings": {"owner": 1}}


def _scenario(
    *asked: tuple[str, Any], group: str = "rwr---", who: str = "member", after: dict[str, Any] | None = None
) -> Scenario:
    return Scenario.of(
        {
            "id": "one",
            "group": group,
            "images": [["owner saves red"]],
            "who": who,
            "calls": [["GET", path] for path, _ in asked],
            "answers": [answer for _, answer in asked],
            "after": [after or _NOTHING],
        }
    )


def _judged(
    scenario: Scenario, *answers: Any, after: dict[str, Any] | None = None, known: tuple[Scenario, ...] = ()
) -> Outcome:
    left = Left.of(after) if after else scenario.after[0]
    return Rules([scenario, *known]).judge(scenario, Played(answers, (left,)))


def test_what_is_as_recorded_needs_no_rule() -> None:
    assert _judged(_scenario((_PLAIN, _RED)), _RED).is_as_recorded


@pytest.mark.parametrize(
    ("asked", "came", "rule"),
    [
        ((_WEBCLIENT, {"status": 200, "placeholder": True}), _MISSING, PLACEHOLDER),
        (("/webclient/get_thumbnail/{0}/", {"status": 200, "pictures": "placeholder"}), _MISSING, PLACEHOLDER),
        ((_PLAIN, _SQUARE), _RED, SHAPE),
        ((_CHOSEN, _SQUARE), _RED, SHAPE),
        ((_CHOSEN, _MISSING), _RED, CHOSEN_SETTINGS),
    ],
)
def test_an_answer_that_a_rule_allows(asked: tuple[str, Any], came: Any, rule: str) -> None:
    outcome = _judged(_scenario(asked), came)
    assert not outcome.differs
    assert outcome.rules == {rule}


@pytest.mark.parametrize(
    ("asked", "came"),
    [
        ((_PLAIN, _RED), _SQUARE),
        ((_PLAIN, _RED), {"status": 200, "picture": [96, 72, "blue"]}),
        ((_PLAIN, _SQUARE), {"status": 200, "picture": [96, 72, "blue"]}),
        ((_PLAIN, _MISSING), _RED),
        ((_PLAIN, _RED), _MISSING),
        ((_PLAIN, _MISSING), {"status": 503}),
        ((_EXACT, _SQUARE), _RED),
        ((_CHOSEN, _RED), {"status": 200, "picture": [96, 72, "green"]}),
        ((_WEBCLIENT, {"status": 200, "placeholder": True}), {"status": 503}),
        ((_SET, {"status": 200, "pictures": {"0": None}}), {"status": 200, "pictures": {"0": [96, 72, "red"]}}),
    ],
)
def test_an_answer_that_no_rule_allows(asked: tuple[str, Any], came: Any) -> None:
    assert ANSWERS in _judged(_scenario(asked), came).differs


def test_settings_that_are_named_show_nothing_of_an_image_that_may_not_be_read() -> None:
    assert ANSWERS in _judged(_scenario((_CHOSEN, _MISSING), group="rw----"), _RED).differs


def test_a_set_may_show_and_leave_what_single_views_do() -> None:
    of_single = {"rows": {"member": ["96x72"]}, "settings": {"owner": 1}}
    single = _scenario((_PLAIN, _RED), group="rwra--", after=of_single)
    of_set = {"rows": {"member": ["96x72"]}, "settings": {"owner": 1, "member": 1}}
    scenario = _scenario((_SET, {"status": 200, "pictures": {"0": [96, 72, "default"]}}), group="rwra--", after=of_set)
    as_single = {"status": 200, "pictures": {"0": [96, 72, "red"]}}
    outcome = _judged(scenario, as_single, after=of_single, known=(single,))
    assert not outcome.differs
    assert outcome.rules == {SET_AS_SINGLES}
    assert SETTINGS in _judged(scenario, as_single, after={"rows": {}, "settings": {}}, known=(single,)).differs


def test_a_set_may_show_the_right_shape_of_what_single_views_show_as_squares() -> None:
    single = _scenario((_PLAIN, _SQUARE))
    scenario = _scenario((_SET, {"status": 200, "pictures": {"0": None}}))
    outcome = _judged(scenario, {"status": 200, "pictures": {"0": [96, 72, "red"]}}, known=(single,))
    assert outcome.rules == {SET_AS_SINGLES, SHAPE}


def test_what_is_shown_after_chosen_settings_is_what_was_shown_without_them() -> None:
    without = _scenario((_PLAIN, _SQUARE))
    scenario = _scenario(
        (_CHOSEN, _SQUARE), (_PLAIN, _MISSING), after={"rows": {"member": ["96x72"]}, "settings": {"owner": 1}}
    )
    outcome = _judged(scenario, _RED, _RED, after=_NOTHING, known=(without,))
    assert not outcome.differs
    assert outcome.rules == {CHOSEN_SETTINGS, SHAPE}
    assert ANSWERS in _judged(scenario, _RED, _RED, after=_NOTHING).differs


@pytest.mark.parametrize("rows", [{"member": ["96x72"]}, {"member": ["96x72", "96x72"]}])
def test_chosen_settings_leave_no_row_though_omero_web_leaves_some(rows: dict[str, list[str]]) -> None:
    recorded = {"rows": {"member": ["96x72", "96x72"]}, "settings": {"owner": 1}}
    scenario = _scenario((_CHOSEN, _RED), (_CHOSEN, _RED), after=recorded)
    before = Left.of(_NOTHING)

    def judged(after: dict[str, Any]) -> Outcome:
        return Rules([scenario]).judge(scenario, Played((_RED, _RED), (Left.of(after),), None, (before,)))

    assert judged(_NOTHING).rules == {CHOSEN_SETTINGS}
    assert ROWS in judged({**recorded, "rows": rows}).differs


@pytest.mark.parametrize(
    ("recorded", "came", "rule"),
    [
        ({"member": ["96x72", "96x72"]}, {"member": ["96x72"]}, FEWER_ROWS),
        ({"member": ["96x72"], "owner": ["96x72"]}, {"owner": ["96x72"]}, FEWER_ROWS),
        ({"member": ["96x72"]}, {"member": ["96x72", "96x72"]}, None),
        ({"member": ["96x72"]}, {"member": ["64x48"]}, None),
        ({"owner": ["96x72"]}, {}, None),
        ({}, {"owner": ["96x72"]}, None),
    ],
)
def test_only_the_viewer_may_have_fewer_rows(recorded: Any, came: Any, rule: str | None) -> None:
    settings = {"owner": 1}
    scenario = _scenario((_PLAIN, _RED), after={"rows": recorded, "settings": settings})
    outcome = _judged(scenario, _RED, after={"rows": came, "settings": settings})
    assert outcome.rules == ({rule} if rule else set())
    assert (ROWS in outcome.differs) is (rule is None)


@pytest.mark.parametrize("settings", [{"owner": 1, "member": 1}, {"member": 1}, {}])
def test_nobody_may_have_other_settings(settings: dict[str, int]) -> None:
    outcome = _judged(_scenario((_PLAIN, _RED)), _RED, after={"rows": {}, "settings": settings})
    assert SETTINGS in outcome.differs


def test_of_an_error_the_class_counts() -> None:
    scenario = Scenario.of(
        {
            "id": "one",
            "group": "rwr---",
            "images": [[]],
            "who": "member",
            "calls": [["getThumbnailByLongestSide", 96]],
            "answers": [{"error": "ResourceError", "says": "N"}],
            "after": [{"rows": {}, "settings": {}}],
            "events": 1,
        }
    )
    played = Played(({"error": "ResourceError", "says": "5"},), scenario.after, 2)
    assert compare(scenario, replace(played, events=None)).is_as_recorded
    assert compare(scenario, played).differs == {"events": "2, recorded 1"}
    other = Played(({"error": "InternalException", "says": "N"},), scenario.after, 1)
    assert list(compare(scenario, other).differs) == [ANSWERS]


@pytest.mark.parametrize(
    ("colour", "size", "look"),
    [
        ((200, 10, 10), (96, 72), "red"),
        ((0, 90, 0), (96, 96), "green"),
        ((10, 10, 250), (64, 32), "blue"),
        ((200, 120, 0), (96, 96), "default"),
        ((220, 220, 220), (96, 96), "clock"),
    ],
)
def test_a_look_is_told_from_the_picture_alone(colour: tuple[int, int, int], size: tuple[int, int], look: str) -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", size, colour).save(jpeg, "JPEG")
    assert look_of(jpeg.getvalue()) == [*size, look]
    assert look_of(b"") == "empty"
    assert look_of(b"no JPEG") == "no picture"
