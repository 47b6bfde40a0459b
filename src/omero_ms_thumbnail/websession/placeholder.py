"""The one thing a pickle's classes, functions and instances turn into."""

from __future__ import annotations


class Placeholder:
    """Stands for whatever a pickle names outside itself; it can do nothing.

    name is ``module.qualname`` as the pickle spells it, attributes the state the pickle gave to an instance, if that
    is a dict. Hashed and compared by identity, so that it may stand in sets and as a key at constant cost.
    """

    __slots__ = ("attributes", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.attributes: dict[object, object] | None = None

    def __repr__(self) -> str:
        return f"<placeholder for {self.name[:100]!r}>"
