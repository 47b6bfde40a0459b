"""The sample collection: which pictures the embedded OMERO holds, in datasets and on a plate."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from .generator import SamplePicture
from .picture import Channel, Picture, Rgb
from .raster import RED_GREEN_BLUE

_PALETTES: Final[tuple[tuple[Rgb, Rgb, Rgb], ...]] = (
    ((70, 110, 255), (40, 255, 90), (255, 60, 40)),
    ((70, 110, 255), (40, 255, 90), (255, 60, 40)),
    ((120, 90, 255), (60, 190, 220), (255, 255, 255)),
    ((80, 120, 255), (255, 50, 220), (255, 230, 60)),
    ((120, 120, 255), (255, 150, 30), (90, 255, 255)),
)
_STRUCTURES: Final = ("tubulin", "actin", "junctions", "cytoplasm")
_SHAPES: Final = ((1024, 1024), (1024, 1024), (1344, 1024), (1024, 1024), (1024, 1344), (2048, 1024))
_OVERVIEWS: Final = ((3072, 768), (768, 3072), (2048, 1024), (1024, 2048))

#: of each tissue: spacing, nucleus, stretch, gaps, cleft, glands
_TISSUES: Final = {
    "colon": (26, 9.5, 1, 0.05, 0, 230),
    "kidney": (28, 10, 1, 0.05, 0, 125),
    "tendon": (22, 7, 6, 0.4, 1.5, 0),
    "muscle": (110, 10, 1.3, 0.2, 5, 0),
    "lymph_node": (24, 8.5, 1, 0.1, -9, 0),
    "liver": (62, 13, 1.2, 0.2, 3, 0),
}
#: what nuclei, cytoplasm and collagen take away
_STAINS: Final = (
    ((1.5, 1.9, 0.75), (0.2, 1.05, 0.45), (0.12, 0.6, 0.25)),  # H&E
    ((1.4, 1.1, 0.5), (0.4, 0.75, 1.2), (0.14, 0.16, 0.18)),  # DAB
    ((1.3, 1.5, 0.6), (0.3, 1.2, 0.35), (0.2, 0.45, 0.2)),  # PAS
    ((1.6, 1.7, 0.9), (0.25, 1.15, 0.8), (1.0, 0.5, 0.15)),  # Masson
)

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
                "Histology under white light: six tissues in four stains, single fields and overviews.",
                tuple(map(_tissue, range(54))),
            ),
            Dataset(
                "Time series and Z-stacks",
                "Cultures in depth; wounds and calcium waves in time.",
                _stacks(),
            ),
        ),
        plates=(Plate("Compound screen, 384 wells", ROWS, COLUMNS, _screen()),),
    )


def _channels(names: str, colors: tuple[Rgb, ...]) -> tuple[Channel, ...]:
    return tuple(Channel(name, color) for name, color in zip(names.split(), colors, strict=False))


def _cells(number: int) -> SamplePicture:
    rng = random.Random(number)  # noqa: S311 - for pictures
    structure = _STRUCTURES[number % len(_STRUCTURES)]
    size_x, size_y = rng.choice(_SHAPES)
    spacing = rng.uniform(150, 220) if structure == "junctions" else rng.uniform(190, 300)
    return SamplePicture(
        name=f"{structure}_{number + 1:03d}.nd2",
        seed=100 + number,
        channels=_channels(f"DAPI {structure} mitochondria", rng.choice(_PALETTES)),
        structure=structure,
        spacing=spacing,
        nucleus=spacing * rng.uniform(0.19, 0.24),
        stretch=rng.uniform(1.4, 2.2) if structure == "actin" else 1.0,
        gaps=0.0 if structure == "junctions" else rng.uniform(0.05, 0.35),
        mitotic=rng.choice((0.0, 0.05, 0.2)),
        size_x=size_x,
        size_y=size_y,
    )


def _tissue(number: int) -> SamplePicture:
    rng = random.Random(1000 + number)  # noqa: S311 - for pictures
    tissue, overview = tuple(_TISSUES)[number % len(_TISSUES)], number % 5 == 4
    size_x, size_y = _OVERVIEWS[number // 5 % len(_OVERVIEWS)] if overview else rng.choice(_SHAPES)
    spacing, nucleus, stretch, gaps, cleft, glands = _TISSUES[tissue]
    unit = rng.uniform(0.85, 1.2) if overview else rng.uniform(1.0, 1.8)
    return SamplePicture(
        name=f"{tissue}_{number + 1:03d}.svs",
        seed=1000 + number,
        channels=RED_GREEN_BLUE,
        stain=_STAINS[number % len(_STAINS) if number % 2 else 0],
        spacing=spacing * unit,
        nucleus=nucleus * unit,
        stretch=stretch,
        gaps=gaps,
        cleft=cleft * unit,
        glands=glands * unit,
        overview=overview,
        size_x=size_x,
        size_y=size_y,
    )


def _stacks() -> tuple[Picture, ...]:
    stacks = [
        SamplePicture(
            name=f"stack_{number + 1:02d}.czi",
            seed=2000 + number,
            channels=_channels("DAPI label mitochondria", _PALETTES[number % len(_PALETTES)]),
            structure=_STRUCTURES[number % len(_STRUCTURES)],
            moves="calcium" if number == 3 else "",
            spacing=150 + 15 * number,
            nucleus=0.22 * (150 + 15 * number),
            size_z=15,
            size_t=8 if number == 3 else 1,
        )
        for number in range(13)
    ]
    films = [
        SamplePicture(
            name=f"{motion}_{number + 1:02d}.nd2",
            seed=2200 + 100 * at + number,
            channels=_channels("H2B sensor", colors),
            structure="cytoplasm",
            moves=motion,
            spacing=90.0 + 25 * number,
            nucleus=0.2 * (90 + 25 * number),
            gaps=0.05,
            size_t=size_t,
        )
        for number in range(3)
        for at, (motion, size_t, colors) in enumerate(
            (("wound", 20, ((255, 80, 60), (60, 255, 120))), ("calcium", 30, ((90, 90, 255), (60, 255, 160))))
        )
    ]
    return (*stacks, *films)


def _screen() -> dict[tuple[int, int], Picture]:
    """The wells of the plate: compounds in rows, rising doses along the columns, controls at both edges."""
    rng = random.Random(7)  # noqa: S311 - for pictures
    empty = {(rng.randrange(ROWS), rng.randrange(2, COLUMNS - 2)) for _ in range(9)}
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
            wells[row, column] = SamplePicture(
                name=f"{chr(ord('A') + row)}{column + 1:02d}",
                seed=7000 + row * COLUMNS + column,
                channels=_channels("Hoechst NF-kB Mitochondria", ((90, 110, 255), (50, 255, 90), (255, 70, 50))),
                structure="cytoplasm",
                spacing=170 - 40 * dense + 45 * large,
                nucleus=36 * (1 - 0.3 * toxic) * (1 + 0.7 * large) * (1 - 0.15 * dense),
                gaps=1.0 if (row, column) in empty else 1 - min(0.97, 0.85 * kept + 0.12 * dense),
                mitotic=0.03 + 0.7 * arrested,
                moved=moved,
                size_x=1080,
                size_y=1080,
            )
    return wells
