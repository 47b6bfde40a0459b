"""The one thing a pickle's classes, functions and instances turn into."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class Placeholder:
    """Stands for whatever a pickle names outside itself; it can do nothing.

    name is ``module.qualname`` as the pickle spells it, attributes the state the pickle gave to an instance, if that
    is a dict. Hashed and compared by identity, so that it may stand in sets and as a key at constant cost.
    """

    __slots__ = ("attributes", "name")

    name: str
    attributes: dict[object, object] | None

    def __new__(cls, name: str) -> Self:
        made = object.__new__(cls)
        made.name = name
        made.attributes = None
        return made

    def __repr__(self) -> str:
        return f"<placeholder for {self.name[:100]!r}>"
