"""Judges what the service answered and left by what OMERO.web did: the same, or otherwise by a rule with a name.

The names are those of docs/compatibility.md. Whatever no rule allows differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.real.omero.comparing import ANSWERS, ROWS, SETTINGS, Outcome, Played, shown
from tests.real.omero.requests import SET, numbers_in
from tests.real.omero.single_views import SingleViews, longest_side, picture_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.real.omero.scenario import Left, Scenario

#: 404 in place of 200 with a picture of no image
PLACEHOLDER: Final = "placeholder"
#: `get_thumbnails` shows and leaves what single views of the same images do
SET_AS_SINGLES: Final = "set as single views"
#: the image's own shape, where OMERO may keep no row and OMERO.web shows a square
SHAPE: Final = "right shape"
#: `?rdefId=` shows the settings that it names, leaves no rows, and changes nothing of what is shown afterwards
CHOSEN_SETTINGS: Final = "chosen settings leave no rows"
#: fewer rows of the viewer's
FEWER_ROWS: Final = "fewer rows"

#: every image of the scenarios
_WIDTH, _HEIGHT = 256, 192

#: the rules by which something is so, or None if it is not
Verdict = frozenset[str] | None

_SAME: Final[frozenset[str]] = frozenset()


class Rules:
    """Knows what single views were recorded in `scenarios`."""

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self._single = SingleViews(scenarios)

    def judge(self, scenario: Scenario, played: Played) -> Outcome:
        """What differs, and by which rules what does not differ is so."""
        differs: dict[str, list[str]] = {}
        rules: set[str] = set()

        def note(kind: str, verdict: Verdict, text: str) -> None:
            if verdict is None:
                differs.setdefault(kind, []).append(text)
            else:
                rules.update(verdict)

        for place, (call, came, recorded) in enumerate(
            zip(scenario.calls, played.answers, scenario.answers, strict=True)
        ):
            if call[0] == "GET":
                verdict = self._answer(scenario, place, came, recorded)
                note(ANSWERS, verdict, f"{call[1]}: {shown(came)}, recorded {shown(recorded)}")
        for number, (came, recorded) in enumerate(zip(played.after, scenario.after, strict=True)):
            verdict = self._settings(scenario, number, came, recorded)
            note(SETTINGS, verdict, f"image {number}: {shown(came.settings)}, recorded {shown(recorded.settings)}")
            verdict = self._rows(scenario, number, played)
            note(ROWS, verdict, f"image {number}: {shown(came.rows)}, recorded {shown(recorded.rows)}")
        return Outcome(scenario, {kind: "; ".join(texts) for kind, texts in differs.items()}, frozenset(rules))

    # answers

    def _answer(self, scenario: Scenario, place: int, came: Any, recorded: Any) -> Verdict:
        if came == recorded:
            return _SAME
        if came["status"] not in (200, 404):
            return None
        path = scenario.calls[place][1]
        if SET in path:
            if came["status"] != 200 or recorded["status"] != 200:
                return None
            return _all(
                self._of_set(scenario, place, int(number), picture, recorded["pictures"].get(number))
                for number, picture in came["pictures"].items()
            )
        showed, wanted = picture_of(came), picture_of(recorded)
        if wanted is None and recorded["status"] == 200 and came["status"] == 404:
            return frozenset({PLACEHOLDER})
        return _first(
            _shape(path, showed, wanted),
            _with(CHOSEN_SETTINGS, self._by_chosen(scenario, place, showed)),
        )

    def _of_set(self, scenario: Scenario, place: int, number: int, showed: Any, wanted: Any) -> Verdict:
        if showed == wanted:
            return _SAME
        path = scenario.calls[place][1]
        size = longest_side(path)
        single = None if size is None or _changed(scenario, place) else self._single.find(scenario, number, size)
        if single is None:
            return _shape(path, showed, wanted)
        return _first(_shape(path, showed, wanted), _with(SET_AS_SINGLES, _shape(path, showed, single.picture)))

    def _by_chosen(self, scenario: Scenario, place: int, showed: Any) -> Verdict:
        """Whether a picture is right for a request with `rdefId`, or for one that comes after such a one."""
        path = scenario.calls[place][1]
        size = longest_side(path)
        if size is None:
            return None
        number = numbers_in(path)[0]
        if "rdefId=" in path:
            if not _may_read(scenario, number):
                return None
            return _SAME if showed == [*_shape_of(size), _chosen_look(scenario, place)] else None
        chosen_before = any(call[0] == "GET" and "rdefId=" in call[1] for call in scenario.calls[:place])
        single = self._single.find(scenario, number, size)
        if not chosen_before or _changed(scenario, place) or single is None:
            return None
        return _shape(path, showed, single.picture)

    # what is left

    def _settings(self, scenario: Scenario, number: int, came: Left, recorded: Left) -> Verdict:
        if came.settings == recorded.settings:
            return _SAME
        as_single = (after.settings == came.settings for after in self._after_singles(scenario, number))
        return frozenset({SET_AS_SINGLES}) if any(as_single) else None

    def _rows(self, scenario: Scenario, number: int, played: Played) -> Verdict:
        came, recorded = played.after[number], scenario.after[number]
        chosen = ["rdefId=" in call[1] for call in scenario.calls if call[0] == "GET"]
        if (
            all(chosen)
            and played.before
            and not any(call[0] == "step" and " stores " in call[1] for call in scenario.calls)
        ):
            # OMERO.web leaves rows with these
            left_none = came.rows == played.before[number].rows
            return (_SAME if came.rows == recorded.rows else frozenset({CHOSEN_SETTINGS})) if left_none else None
        if came.rows == recorded.rows:
            return _SAME
        fewer = _no_more(scenario.who, came, recorded)
        if any(chosen):
            return _with(CHOSEN_SETTINGS, fewer)
        singles = self._after_singles(scenario, number)
        return _first(
            frozenset({SET_AS_SINGLES}) if any(came.rows == after.rows for after in singles) else None,
            _with(FEWER_ROWS, fewer),
            *(_with(FEWER_ROWS, _with(SET_AS_SINGLES, _no_more(scenario.who, came, after))) for after in singles),
        )

    def _after_singles(self, scenario: Scenario, number: int) -> list[Left]:
        """What single views leave, where a scenario asks for a set."""
        sizes = {longest_side(call[1]) for call in scenario.calls if call[0] == "GET" and SET in call[1]}
        views = [self._single.find(scenario, number, size) for size in sizes if size is not None]
        return [view.after for view in views if view is not None and view.after is not None]


def _shape(path: str, showed: Any, wanted: Any) -> Verdict:
    """The same picture, or the image's own shape in place of a square of that look."""
    if showed == wanted:
        return _SAME
    size = longest_side(path)
    if size is None or showed is None or wanted is None:
        return None
    if wanted[:2] == [size, size] and showed == [*_shape_of(size), wanted[2]] and wanted[2] != "clock":
        return frozenset({SHAPE})
    return None


def _shape_of(size: int) -> list[int]:
    return [size, size * _HEIGHT // _WIDTH]


def _chosen_look(scenario: Scenario, place: int) -> str:
    """The colour that whoever's settings are named saved last, before that call."""
    path = scenario.calls[place][1]
    number = numbers_in(path)[0]
    whose = path.rpartition("rdefId={")[2].partition("}")[0].partition(":")[2]
    steps = list(scenario.images[number])
    steps += [call[1] for call in scenario.calls[:place] if call[0] == "step" and call[2] == number]
    saved = [step.split()[2] for step in steps if step.startswith(f"{whose} saves ")]
    return saved[-1] if saved else "default"


def _may_read(scenario: Scenario, number: int) -> bool:
    return scenario.group != "rw----" or scenario.who in (scenario.owner_of(number), "leader", "root")


def _changed(scenario: Scenario, place: int) -> bool:
    """Whether something happened to the images before that call."""
    return any(call[0] == "step" for call in scenario.calls[:place])


def _no_more(who: str, came: Left, wanted: Left) -> Verdict:
    """Whether nobody has other rows but for fewer of the viewer's."""
    if {**came.rows, who: ()} != {**wanted.rows, who: ()}:
        return None
    return _SAME if came.rows_of(who) <= wanted.rows_of(who) else None


def _with(rule: str, verdict: Verdict) -> Verdict:
    return None if verdict is None else verdict | {rule}


def _first(*verdicts: Verdict) -> Verdict:
    return next((verdict for verdict in verdicts if verdict is not None), None)


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    rules: frozenset[str] = frozenset()
    for verdict in verdicts:
        if verdict is None:
            return None
        rules |= verdict
    return rules
