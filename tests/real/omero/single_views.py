"""What OMERO.web was recorded to show and to leave where an image is looked at alone, to be looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.real.omero.requests import SET, numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.real.omero.scenario import Left, Scenario

#: what OMERO.web's page asks for where an address has no size
USUAL: Final = 96

#: addresses of one image at one size: plain, of a size, or in webclient with the size first
_SIZE: Final = re.compile(r"/size/(\d+)/|\}/(\d+)/?$|/get_thumbnails/(\d+)/")
_EXACT: Final = re.compile(r"\}/\d+/\d+/")

#: no picture of the image
NONE: Final = None


@dataclass(frozen=True, slots=True)
class SingleView:
    """A picture ([width, height, look], None where there is none), and what is left of the image if that is known."""

    picture: Any
    after: Left | None


def longest_side(path: str) -> int | None:
    """The size that a path asks for by its longest side; None where it asks for width x height."""
    plain = path.partition("?")[0]
    if _EXACT.search(plain):
        return None
    found = _SIZE.search(plain)
    return int(next(group for group in found.groups() if group)) if found else USUAL


def picture_of(answer: Any) -> Any:
    """The picture of an answer about one image; None for a status that is not 200 and for the picture of no image."""
    if answer["status"] != 200 or answer.get("placeholder") or answer.get("pictures") == "placeholder":
        return NONE
    return answer["picture"] if "picture" in answer else answer["pictures"]


class SingleViews:
    """By group, who looks, how the image was prepared, and the longest side."""

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self._known: dict[tuple[str, str, tuple[str, ...], int], SingleView] = {}
        for scenario in scenarios:
            if scenario.is_of_requests:
                self._take(scenario)

    def find(self, scenario: Scenario, number: int, size: int) -> SingleView | None:
        """The single view of an image as it is at the beginning of a scenario, if one was recorded."""
        return self._known.get((scenario.group, scenario.who, scenario.images[number], size))

    def _take(self, scenario: Scenario) -> None:
        """The single views that a scenario begins with; what they leave, if it has nothing else and each image once."""
        taken: list[tuple[int, int, Any]] = []
        for call, answer in zip(scenario.calls, scenario.answers, strict=True):
            size = _plain_single(call)
            if size is None:
                break
            taken.append((numbers_in(call[1])[0], size, answer))
        alone = len(taken) == len(scenario.calls) == len({number for number, _, _ in taken})
        for number, size, answer in taken:
            key = (scenario.group, scenario.who, scenario.images[number], size)
            known = self._known.get(key)
            if known is None or (alone and known.after is None):
                self._known[key] = SingleView(picture_of(answer), scenario.after[number] if alone else None)


def _plain_single(call: tuple[Any, ...]) -> int | None:
    """The longest side of a call that shows one image as it is; None for any other."""
    if call[0] != "GET" or SET in call[1] or "rdefId=" in call[1] or "birds_eye" in call[1] or "z=" in call[1]:
        return None
    return longest_side(call[1])
