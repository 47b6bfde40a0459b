"""What can be named on the command line or on standard input: ``Project:1``, ``Image:5``, or a bare image id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..omero.queries import IMAGES_IN

IMAGE: Final = "Image"
KINDS: Final = (*IMAGES_IN, IMAGE)

#: ids are positive and fit OMERO's 64 bits
_ID_MAX: Final = 2**63 - 1
_TARGET: Final = re.compile(r"(?:(?P<kind>[A-Za-z]+):)?(?P<id>[0-9]{1,19})")
_BY_NAME: Final = {kind.lower(): kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Target:
    """An image, or a container of images."""

    kind: str
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def parse_targets(lines: Iterable[str]) -> Iterator[Target]:
    """The targets in lines of words, each once; what follows a # is a remark.

    Raises ValueError with a sentence for what is none.
    """
    seen: set[Target] = set()
    for line in lines:
        for word in line.partition("#")[0].replace(",", " ").split():
            target = _parse(word)
            if target not in seen:
                seen.add(target)
                yield target


def _parse(word: str) -> Target:
    match = _TARGET.fullmatch(word)
    kind = _BY_NAME.get((match["kind"] or IMAGE).lower()) if match else None
    if match is None or kind is None or not 1 <= int(match["id"]) <= _ID_MAX:
        raise ValueError(
            f"{word[:60]!r} names nothing: write one of {', '.join(f'{one}:1' for one in KINDS)}, or an id"
        )
    return Target(kind, int(match["id"]))
