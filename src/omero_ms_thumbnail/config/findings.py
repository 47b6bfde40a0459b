"""What has been found out about one configuration so far: where each value stands, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .entries import Entry, Place


@dataclass(slots=True)
class Findings:
    """The entries of a configuration and the sentences about them.

    ``problems`` make it unusable; ``notes`` and ``warnings`` are for the log of a service that starts. A place in
    ``rejected`` already has its problem, so that nothing that follows from it needs one of its own.
    """

    path: Path
    entries: dict[Place, Entry]
    problems: list[str]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rejected: set[Place] = field(default_factory=set)

    def is_given(self, name: str, index: int = 0) -> bool:
        """Whether the key stands in the file or in the environment."""
        return (name, index) in self.entries

    def has_block(self, block: str) -> bool:
        """Whether any key of that block is given."""
        return any(name.startswith(f"{block}.") for name, _ in self.entries)

    def is_rejected(self, *names: str, index: int = 0) -> bool:
        """Whether the value of any of the keys was refused."""
        return any((name, index) in self.rejected for name in names)

    def repetitions(self, block: str) -> int:
        """How many blocks of this name there are: one at least, as each key has a default."""
        return 1 + max((index for name, index in self.entries if name.startswith(f"{block}.")), default=0)

    def label(self, name: str, index: int = 0) -> str:
        """Where a key is given; where it is missing, the place of a neighbour in its block, or the whole file."""
        entry = self.entries.get((name, index))
        if entry is not None:
            return entry.label
        block = name.rpartition(".")[0]
        near = [e.where for (other, i), e in self.entries.items() if i == index and other.startswith(f"{block}.")]
        return f"{near[0] if near else self.path}: {name}"

    def problem(self, name: str, sentence: str, index: int = 0) -> None:
        """Note what is wrong with a key, given or missing."""
        self.problems.append(f"{self.label(name, index)}: {sentence}")
