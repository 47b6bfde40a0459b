"""The sample collection: which pictures the embedded OMERO holds, in datasets and on a plate."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from .generator import STAINS, TISSUES, CellPicture, TissuePicture
from .picture import Channel, Picture, Rgb

_PALETTES: Final[tuple[tuple[Rgb, Rgb, Rgb], ...]] = (
    ((70, 110, 255), (40, 255, 90), (255, 60, 40)),
    ((70, 110, 255), (40, 255, 90), (255, 60, 40)),
    ((120, 90, 255), (60, 190, 220), (255, 255, 255)),
    ((80, 120, 255), (255, 50, 220), (255, 230, 60)),
    ((120, 120, 255), (255, 150, 30), (90, 255, 255)),
)
_STRUCTURES: Final = ("tubulin", "actin", "junctions", "neurites", "cytoplasm")
_SHAPES: Final = ((1024, 1024), (1024, 1024), (1344, 1024), (1024, 1024), (1024, 1344), (2048, 1024))
_OVERVIEWS: Final = ((3072, 768), (768, 3072), (2048, 1024), (1024, 2048))

ROWS, COLUMNS = 16, 24
#: what the compound of a row does, cycling down the plate
_EFFECTS: Final = ("toxic", "moving", "inert", "enlarging", "arresting", "toxic", "growing", "moving")


@dataclass(frozen=True)
class Dataset:
    """A named row of pictures."""

    name: str
    description: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Plate:
    """A plate of rows x columns wells; wells are keyed by (row, column) from 0."""

    name: str
    rows: int
    columns: int
    wells: dict[tuple[int, int], Picture]


@dataclass(frozen=True)
class Collection:
    """All that the embedded OMERO shows."""

    datasets: tuple[Dataset, ...] = ()
    plates: tuple[Plate, ...] = field(default=())


def sample_collection() -> Collection:
    """Three datasets and a 384-well plate. Nothing is drawn yet; every call gives the same pictures."""
    return Collection(
        datasets=(
            Dataset(
                "Fluorescence cells",
                "Cultured cells: DNA, a structure of the cytoskeleton, mitochondria or lysosomes.",
                tuple(map(_cells, range(60))),
            ),
            Dataset(
                "Tissue sections",
                "Histology under white light: nine tissues in four stains, single fields and overviews.",
                tuple(map(_tissue, range(54))),
            ),
            Dataset(
                "Time series and Z-stacks",
                "Cultures in depth; wounds, colonies and calcium waves in time.",
                _stacks(),
            ),
        ),
        plates=(Plate("Compound screen, 384 wells", ROWS, COLUMNS, _screen()),),
    )


def _channels(names: str, colors: tuple[Rgb, ...]) -> tuple[Channel, ...]:
    return tuple(Channel(name, color) for name, color in zip(names.split(), colors, strict=False))


def _cells(number: int) -> CellPicture:
    rng = random.Random(number)  # noqa: S311 - for pictures
    structure = _STRUCTURES[number % len(_STRUCTURES)]
    size_x, size_y = rng.choice(_SHAPES)
    spacing = rng.uniform(*{"junctions": (150, 220), "neurites": (300, 420)}.get(structure, (190, 300)))
    return CellPicture(
        f"{structure}_{number + 1:03d}.nd2",
        100 + number,
        _channels(f"DAPI {structure} mitochondria", rng.choice(_PALETTES)),
        structure,
        spacing=spacing,
        nucleus=spacing * (0.12 if structure == "neurites" else rng.uniform(0.19, 0.24)),
        stretch=rng.uniform(1.4, 2.2) if structure == "actin" else 1.0,
        gaps=0.0 if structure == "junctions" else rng.uniform(0.05, 0.35),
        mitotic=0.0 if structure == "neurites" else rng.choice((0.0, 0.05, 0.2)),
        size_x=size_x,
        size_y=size_y,
    )


def _tissue(number: int) -> TissuePicture:
    rng = random.Random(1000 + number)  # noqa: S311 - for pictures
    tissue, overview = tuple(TISSUES)[number % len(TISSUES)], number % 5 == 4
    size_x, size_y = _OVERVIEWS[number // 5 % len(_OVERVIEWS)] if overview else rng.choice(_SHAPES)
    stain, zoom = rng.choice(("H&E", "H&E", "H&E", *STAINS)), 1.0 if overview else rng.choice((0.6, 0.75, 0.9))
    name = f"{tissue.replace(' ', '_')}_{number + 1:03d}.svs"
    return TissuePicture(name, 1000 + number, tissue, stain, overview, zoom, size_x, size_y)


def _stacks() -> tuple[Picture, ...]:
    stacks = [
        CellPicture(
            f"stack_{number + 1:02d}.czi",
            2000 + number,
            _channels(f"DAPI {structure} mitochondria", _PALETTES[number % len(_PALETTES)]),
            structure,
            "calcium" if number == 3 else "",
            spacing=150 + 20 * number,
            nucleus=0.22 * (150 + 20 * number),
            size_z=15,
            size_t=8 if number == 3 else 1,
        )
        for number, structure in enumerate(("tubulin", "cytoplasm") * 5)
    ]
    films = [
        CellPicture(
            f"{motion}_{number + 1:02d}.nd2",
            2200 + 100 * at + number,
            _channels("H2B sensor", colors),
            structure,
            motion,
            spacing=spacing,
            nucleus=0.2 * spacing,
            gaps=gaps,
            size_t=size_t,
        )
        for number in range(3)
        for at, (motion, structure, spacing, gaps, size_t, colors) in enumerate(
            (
                ("wound", "cytoplasm", 110.0, 0.05, 20, ((255, 80, 60), (60, 255, 120))),
                ("colony", "tubulin", 130.0 + 20 * number, 0.0, 24, ((255, 70, 70), (80, 255, 120))),
                ("calcium", "cytoplasm", 120.0 + 25 * number, 0.05, 30, ((90, 90, 255), (60, 255, 160))),
            )
        )
    ]
    return (*stacks, *films)


def _screen() -> dict[tuple[int, int], Picture]:
    """The wells of the plate: compounds in rows, rising doses along the columns, controls at both edges."""
    rng = random.Random(7)  # noqa: S311 - for pictures
    empty = {(rng.randrange(ROWS), rng.randrange(2, COLUMNS - 2)) for _ in range(9)}
    blurred = {(rng.randrange(ROWS), rng.randrange(COLUMNS)) for _ in range(8)}
    half_doses = [(rng.uniform(0.3, 0.75), rng.uniform(1.5, 5)) for _ in range(ROWS)]
    wells: dict[tuple[int, int], Picture] = {}
    for row, (half_dose, steepness) in enumerate(half_doses):
        for column in range(COLUMNS):
            dose = max(0, column - 1) / (COLUMNS - 4)
            effect = dose**steepness / (dose**steepness + half_dose**steepness)
            answer = {_EFFECTS[row % len(_EFFECTS)]: effect}
            if column in (0, COLUMNS - 1):
                answer = {}
            elif column in (1, COLUMNS - 2):
                answer = {"toxic": 0.97}
            toxic, large, arrested, dense, moved = (
                answer.get(what, 0.0) for what in ("toxic", "enlarging", "arresting", "growing", "moving")
            )
            kept = (1 - 0.85 * toxic) * (1 - 0.6 * large) * (1 - 0.3 * arrested) * rng.uniform(0.85, 1.1)
            wells[row, column] = CellPicture(
                f"{chr(ord('A') + row)}{column + 1:02d}",
                7000 + row * COLUMNS + column,
                _channels("Hoechst NF-kB Mitochondria", ((90, 110, 255), (50, 255, 90), (255, 70, 50))),
                "cytoplasm",
                spacing=170 - 40 * dense + 45 * large,
                nucleus=36 * (1 - 0.3 * toxic) * (1 + 0.7 * large) * (1 - 0.15 * dense),
                gaps=1.0 if (row, column) in empty else 1 - min(0.97, 0.85 * kept + 0.12 * dense),
                mitotic=0.03 + 0.7 * arrested,
                moved=moved,
                blur=rng.uniform(18, 30) if (row, column) in blurred else 0.0,
                size_x=1080,
                size_y=1080,
            )
    return wells
