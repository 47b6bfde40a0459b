"""Line plots as SVG, written by hand: two axes in powers of ten, a line for each peer, a title. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 30, 44, 48
_COLOURS = ("#0b6e99", "#c4551b", "#4b8b3b", "#7a4ea3", "#8a8a8a")
_STYLE = "font-family:system-ui,sans-serif;font-size:12px;fill:#333"


def line_plot(title: str, x: str, y: str, lines: Mapping[str, Points]) -> str:
    """An SVG document of `lines` by name; all coordinates are to be above zero. Raises ValueError without any."""
    drawn = {name: sorted(points) for name, points in lines.items() if points}
    if not drawn:
        raise ValueError(f"nothing to draw: {title}")
    across = _Axis([point[0] for points in drawn.values() for point in points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([point[1] for points in drawn.values() for point in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" style="{_STYLE}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_WIDTH / 2, 18, title, "middle"),
        _text(_WIDTH / 2, _HEIGHT - 8, x, "middle"),
        f'<g transform="rotate(-90 14 {_HEIGHT / 2})">{_text(14, _HEIGHT / 2, y, "middle")}</g>',
    ]
    for tick in across.ticks():
        at = across.at(tick)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#e4e4e4"/>')
        parts.append(_text(at, _HEIGHT - _BOTTOM + 16, _said(tick), "middle"))
    for tick in up.ticks():
        at = up.at(tick)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e4e4e4"/>')
        parts.append(_text(_LEFT - 6, at + 4, _said(tick), "end"))
    for number, (name, points) in enumerate(drawn.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{across.at(one):.1f},{up.at(other):.1f}" for one, other in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across.at(one):.1f}" cy="{up.at(other):.1f}" r="3" fill="{colour}"/>'
            for one, other in points
        ]
        left = 12 + number * (_WIDTH - 12) / len(drawn)
        parts.append(f'<rect x="{left:.1f}" y="26" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(left + 14, 35, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """A logarithmic axis from `begin` to `end` in the drawing, over whole powers of ten."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
