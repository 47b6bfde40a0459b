"""How a dataclass's fields define the keys of a configuration, so that each key is written down once only.

A field made by `key` carries its `Key`: name, kind of value, default and meaning. Reading files and environment,
suggestions for misspelt names and `docs/configuration.md` all derive from the fields.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .kinds import ValueKind

T = TypeVar("T")

ENVIRONMENT_PREFIX = "OMERO_MS_THUMBNAIL_"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration; ``name`` is its full name, with a dot for each block it stands in."""

    name: str
    kind: ValueKind[object]
    default: object
    meaning: str
    is_secret: bool = False
    default_note: str = ""
    #: what to tell an administrator whose file has the key; empty where the key does what its meaning says
    without_meaning: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that overrides the key."""
        return ENVIRONMENT_PREFIX + self.name.upper().replace(".", "_").replace("-", "_")

    @property
    def file_name(self) -> str:
        """The key that names a file with the secret; empty for a key without secret.

        It is spelt as the words around it are: ``session-store.uri-file``, ``omero.web.secret_key_file``.
        """
        return f"{self.name}{'-' if '-' in self.name else '_'}file" if self.is_secret else ""


def key(
    name: str,
    kind: ValueKind[T],
    default: T,
    meaning: str,
    *,
    is_secret: bool = False,
    default_note: str = "",
    without_meaning: str = "",
) -> T:
    """A dataclass's field that is read from the key ``name``. A secret's value stays out of ``repr``."""
    definition = Key(name, kind, default, meaning, is_secret, default_note, without_meaning)
    return field(default=default, repr=not is_secret, metadata={"key": definition})


def block(settings: type[T]) -> T:
    """A dataclass's field that holds another dataclass of keys."""
    return field(default_factory=settings, metadata={"block": settings})


def repeated(settings: type[T], *, at_least: int = 1) -> tuple[T, ...]:
    """A dataclass's field that holds several of another dataclass: its block may be a list of blocks.

    `at_least`: how many there are where the block is not given, 1 or 0.
    """
    metadata = {"repeated": settings, "at_least": at_least}
    return field(default_factory=lambda: (settings(),) * at_least, metadata=metadata)


def key_of(member: Field[Any]) -> Key | None:
    """The key of a field made by `key`, else None."""
    return cast("Key | None", member.metadata.get("key"))


def block_of(member: Field[Any]) -> tuple[type[Any] | None, bool]:
    """The dataclass in a field made by `block` or `repeated`, and whether it may be there several times."""
    if "repeated" in member.metadata:
        return member.metadata["repeated"], True
    return member.metadata.get("block"), False


def walk(settings: type[Any], *, is_repeated: bool = False) -> Iterator[tuple[Key, bool]]:
    """Every key below a dataclass, in order, with whether its block may be there several times."""
    if not is_dataclass(settings):
        raise TypeError(f"{settings!r} is no dataclass")
    for member in fields(settings):
        definition = key_of(member)
        if definition:
            yield definition, is_repeated
        inner, inner_repeated = block_of(member)
        if inner is not None:
            yield from walk(inner, is_repeated=is_repeated or inner_repeated)
