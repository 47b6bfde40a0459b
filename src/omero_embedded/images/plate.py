"""A 384-well screen: compounds in rows, rising doses along the columns, controls at both edges."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from . import stains
from .canvas import Canvas
from .culture import Growth, grow
from .fluorescence import expose
from .picture import Channel, Picture, Plane

ROWS, COLUMNS = 16, 24

_CHANNELS = (
    Channel("Hoechst", (70, 110, 255)),
    Channel("NF-kB GFP", (40, 255, 90)),
    Channel("Phalloidin", (255, 70, 50)),
)
_UNTREATED, _KILLED = (0, 23), (1, 22)
#: What the compound of a row does, cycling down the plate.
_EFFECTS = ("toxic", "translocating", "inert", "enlarging", "arresting", "toxic", "growing", "translocating")


@dataclass(frozen=True)
class Response:
    """How the cells of a well answered: 0 as untreated, 1 the full effect."""

    toxic: float = 0.0
    """Cells die: fewer, small bright nuclei, no fibres."""
    translocating: float = 0.0
    """The reporter moves from the cytoplasm into the nucleus."""
    enlarging: float = 0.0
    """DNA damage: few, large nuclei."""
    arresting: float = 0.0
    """Cells are held in mitosis."""
    growing: float = 0.0
    """Cells divide more: a denser layer."""


@dataclass(frozen=True)
class WellPicture(Picture):
    """One field of one well."""

    name: str
    seed: int
    response: Response
    empty: bool = False
    blur: float = 0.0
    """Sigma of an out-of-focus well, in pixels."""
    seeding: float = 1.0
    """Cells relative to the plate's mean."""
    size_x: int = field(default=1080, init=False)
    size_y: int = field(default=1080, init=False)
    size_z: int = field(default=1, init=False)
    size_t: int = field(default=1, init=False)
    channels: tuple[Channel, ...] = field(default=_CHANNELS, init=False)

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """DNA, the reporter and actin."""
        canvas = Canvas(width, height, self.size_x, self.size_y)
        answer = self.response
        cells = grow(np.random.default_rng((self.seed, 0)), self.size_x, self.size_y, self._growth())
        dna, reporter, actin = (np.random.default_rng((self.seed, number)) for number in (1, 2, 3))
        spared = 0.85 - 3.0 * answer.translocating
        nuclei = stains.nuclei(canvas, dna, cells) * np.float32(1.25 + 0.7 * answer.toxic)
        light = [
            nuclei,
            stains.cytoplasm(canvas, reporter, cells, spared=spared) * np.float32(0.42 - 0.1 * answer.toxic)
            + nuclei * np.float32(0.7 * answer.translocating),
            stains.stress_fibres(canvas, actin, cells, fibres=22) * np.float32(1 - 0.85 * answer.toxic),
        ]
        if self.blur:
            light = [canvas.blur(plane, self.blur) for plane in light]
        return expose(canvas, light, (0.9, 0.9, 0.9), 0.045, seed=self.seed)

    def _growth(self) -> Growth:
        answer = self.response
        kept = self.seeding * (1 - 0.83 * answer.toxic) * (1 - 0.6 * answer.enlarging) * (1 - 0.35 * answer.arresting)
        return Growth(
            spacing=235 - 50 * answer.growing + 20 * answer.enlarging,
            nucleus=58 * (1 - 0.45 * answer.toxic) * (1 + 0.55 * answer.enlarging) - 10 * answer.growing,
            elongation=1.5 - 0.4 * answer.toxic,
            gaps=0.985 if self.empty else 1 - min(0.95, 0.78 * kept + 0.15 * answer.growing),
            mitotic=0.03 + 0.6 * answer.arresting,
        )


def screen(seed: int) -> dict[tuple[int, int], Picture]:
    """The wells of one plate, keyed by (row, column) from 0."""
    rng = random.Random(seed)  # noqa: S311 - for pictures
    failed = {(rng.randrange(ROWS), rng.randrange(2, COLUMNS - 2)) for _ in range(9)}
    defocused = {(rng.randrange(ROWS), rng.randrange(COLUMNS)) for _ in range(8)}
    half_dose = [rng.uniform(0.3, 0.75) for _ in range(ROWS)]
    steepness = [rng.uniform(1.5, 5) for _ in range(ROWS)]
    wells: dict[tuple[int, int], Picture] = {}
    for row in range(ROWS):
        for column in range(COLUMNS):
            border = row in {0, ROWS - 1} or column in {0, COLUMNS - 1}
            wells[row, column] = WellPicture(
                name=f"{chr(ord('A') + row)}{column + 1:02d}",
                seed=seed * 1000 + row * COLUMNS + column,
                response=_response(row, column, half_dose[row], steepness[row]),
                empty=(row, column) in failed,
                blur=rng.uniform(18, 30) if (row, column) in defocused else 0.0,
                seeding=rng.uniform(0.85, 1.12) * (0.8 if border else 1.0),
            )
    return wells


def _response(row: int, column: int, half_dose: float, steepness: float) -> Response:
    if column in _UNTREATED:
        return Response()
    if column in _KILLED:
        return Response(toxic=0.97)
    dose = (column - 1) / (COLUMNS - 4)
    effect = dose**steepness / (dose**steepness + half_dose**steepness)
    name = _EFFECTS[row % len(_EFFECTS)]
    return Response() if name == "inert" else Response(**{name: effect})
