"""The sample collection: which pictures the embedded OMERO holds, in datasets and on a plate."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .culture import Growth
from .fluorescence import CLASSIC, ICE, STRUCTURES, VIOLET, WARM, CellPicture
from .histology import TISSUES
from .picture import Picture
from .plate import COLUMNS, ROWS, screen
from .stacks import CalciumPicture, ColonyPicture, FocusPicture, SpheroidPicture, WoundPicture
from .tissue import STAINS, TissuePicture

_PALETTES = (CLASSIC, CLASSIC, ICE, VIOLET, WARM)
_SHAPES = ((1024, 1024), (1024, 1024), (1344, 1024), (1024, 1024), (1024, 1344), (2048, 1024))
_OVERVIEWS = ((3072, 768), (768, 3072), (2048, 1024), (1024, 2048))


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
                _cells(),
            ),
            Dataset(
                "Tissue sections",
                "Histology under white light: nine tissues in four stains, single fields and overviews.",
                _tissues(),
            ),
            Dataset(
                "Time series and Z-stacks",
                "Spheroids in depth; wounds, colonies and calcium waves in time.",
                _stacks(),
            ),
        ),
        plates=(Plate("Compound screen, 384 wells", ROWS, COLUMNS, screen(seed=7)),),
    )


def _cells() -> tuple[Picture, ...]:
    growths = {
        "tubulin": lambda r: Growth(
            spacing=r.uniform(190, 330),
            nucleus=r.uniform(44, 74),
            mitotic=r.choice((0.0, 0.06, 0.3)),
            gaps=r.uniform(0.1, 0.4),
        ),
        "actin": lambda r: Growth(
            spacing=r.uniform(220, 300),
            nucleus=r.uniform(42, 62),
            elongation=r.uniform(1.5, 3),
            alignment=r.uniform(0, 0.95),
            clumping=r.choice((0, 0, 0.7)),
        ),
        "junctions": lambda r: Growth(
            spacing=r.uniform(150, 230), nucleus=r.uniform(36, 52), gaps=0.02, elongation=1.1, mitotic=0.03
        ),
        "neurites": lambda r: Growth(
            spacing=r.uniform(260, 420), nucleus=r.uniform(32, 46), gaps=r.uniform(0.2, 0.4), mitotic=0
        ),
        "cytoplasm": lambda r: Growth(
            spacing=r.uniform(170, 270),
            nucleus=r.uniform(40, 58),
            gaps=r.uniform(0.1, 0.45),
            clumping=r.choice((0, 0.8)),
        ),
    }
    pictures: list[Picture] = []
    for number in range(60):
        rng = random.Random(number)  # noqa: S311 - for pictures
        structure = tuple(STRUCTURES)[number % len(STRUCTURES)]
        size_x, size_y = rng.choice(_SHAPES)
        growth = growths[structure](rng)
        # A stain all through the cell is brighter than threads in it.
        dim = 0.6 if structure == "cytoplasm" else 1.0
        pictures.append(
            CellPicture(
                name=f"{structure}_{number + 1:03d}.nd2",
                seed=100 + number,
                growth=growth,
                structure=structure,
                speckle=rng.choice(("mitochondria", "vesicles")),
                colors=rng.choice(_PALETTES),
                size_x=size_x,
                size_y=size_y,
                gain=(rng.uniform(0.75, 1.1), dim * rng.uniform(0.8, 1.2), rng.uniform(0.5, 1.1)),
            )
        )
    return tuple(pictures)


def _tissues() -> tuple[Picture, ...]:
    pictures: list[Picture] = []
    for number in range(54):
        rng = random.Random(1000 + number)  # noqa: S311 - for pictures
        tissue = tuple(TISSUES)[number % len(TISSUES)]
        overview = number % 5 == 4
        size_x, size_y = _OVERVIEWS[number // 5 % len(_OVERVIEWS)] if overview else rng.choice(_SHAPES)
        stain = rng.choice(("H&E", "H&E", "H&E", *STAINS))
        pictures.append(
            TissuePicture(
                name=f"{tissue.replace(' ', '_')}_{number + 1:03d}.svs",
                seed=1000 + number,
                tissue=tissue,
                stain=stain,
                overview=overview,
                zoom=1.0 if overview else rng.choice((0.6, 0.75, 0.9)),
                size_x=size_x,
                size_y=size_y,
            )
        )
    return tuple(pictures)


def _stacks() -> tuple[Picture, ...]:
    spheroids = [
        SpheroidPicture(
            f"spheroid_{number + 1:02d}.czi",
            2000 + number,
            size_z=24,
            size_t=(1, 1, 1, 8)[number % 4],
            colors=_PALETTES[number % len(_PALETTES)],
            hollow=(0.0, 0.55, 0.0, 0.4, 0.7, 0.0)[number],
        )
        for number in range(6)
    ]
    focused = [
        FocusPicture(
            f"focus_{number + 1:02d}.czi",
            2100 + number,
            15,
            Growth(spacing=260 + 40 * number, nucleus=60 + 8 * number),
            colors=_PALETTES[number + 1][:2],
        )
        for number in range(4)
    ]
    films = [
        film
        for number in range(3)
        for film in (
            WoundPicture(f"wound_{number + 1:02d}.nd2", 2200 + number, 20),
            ColonyPicture(f"colony_{number + 1:02d}.nd2", 2300 + number, 24, founders=3 + number),
            CalciumPicture(f"calcium_{number + 1:02d}.nd2", 2400 + number, 30, colors=((90, 90, 255), (60, 255, 160))),
        )
    ]
    return (*spheroids, *focused, *films)
