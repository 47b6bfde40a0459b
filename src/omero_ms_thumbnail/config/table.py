"""The keys by name and by environment variable, and what an unknown name was probably meant to be."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from .definition import walk
from .settings import Settings

if TYPE_CHECKING:
    from .definition import Key

KEYS: dict[str, Key] = {key.name: key for key, _ in walk(Settings)}

#: keys that name a file holding the value of a secret key
FILE_KEYS: dict[str, Key] = {key.file_name: key for key in KEYS.values() if key.is_secret}

#: keys as other services spell them
ALIASES: dict[str, Key] = {"omero.server.omero.data.dir": KEYS["omero.data_dir"]}

VARIABLES: dict[str, Key] = {key.variable: key for key in KEYS.values()}

#: the first parts of names: ``omero.web.secret_key`` stands in ``omero.web``, which stands in ``omero``
BLOCKS: frozenset[str] = frozenset(name[:at] for name in KEYS for at, character in enumerate(name) if character == ".")

#: those that `ALIASES` stand in
ALIAS_BLOCKS: frozenset[str] = (
    frozenset(name[:at] for name in ALIASES for at, character in enumerate(name) if character == ".") - BLOCKS
)

REPEATED_BLOCKS: frozenset[str] = frozenset(
    key.name.rpartition(".")[0] for key, is_repeated in walk(Settings) if is_repeated
)


def suggest_key(name: str) -> str | None:
    """The key or block nearest to an unknown name: as a whole, or the same in another block, or near in its own."""
    block, _, leaf = name.rpartition(".")
    known = [*KEYS, *FILE_KEYS, *BLOCKS]
    siblings = {other.rpartition(".")[2]: other for other in known if other.rpartition(".")[0] == block}
    anywhere = {other.rpartition(".")[2]: other for other in known}
    return (
        _nearest(name, {other: other for other in known}, 0.9)
        or _nearest(leaf, anywhere, 0.99)
        or _nearest(leaf, siblings)
        or _nearest(leaf, anywhere, 0.85)
    )


#: keys of other configurations that this one is made from, and what to write instead
_ELSEWHERE: dict[str, str] = {
    "redis": (
        "the Redis of the sessions is named by session-store; write session-store: with type: redis and uri: "
        "redis://:password@host:6379/1 in it, in place of this block"
    ),
    "debug": "it was of conf.json of the Java service; write logging: with level: DEBUG in it",
    "omero.server": (
        "the host of OMERO.server is omero.host; of the settings of OMERO.server itself, which the image-region "
        "service has in a block of this name, there is omero.data.dir alone"
    ),
    "max-active-channels": "it is of the image-region service, and there are no channels to choose here; take it out",
    "max-tile-length": "it is of the image-region service, and there are no tiles here; take it out",
    "redis-cache": "it is of the image-region service; thumbnails are shared through cache: with redis-uri in it",
    "cache-control-header": "write cache-control, its name here",
    "max-initial-line-length": "it is of Vert.x, which is not here; take it out",
    "max-header-size": "it is of Vert.x, which is not here; take it out",
    "max-chunk-size": "it is of Vert.x, which is not here; take it out",
    "jmx-metrics-enabled": "write jmx-metrics: with enabled in it, or take it out: /metrics is always served",
}


def known_elsewhere(name: str) -> str | None:
    """What to write in place of a key that the Java services have or had, and this one has not."""
    if name.startswith("omero.server."):
        return (
            "of the settings of OMERO.server itself, as the image-region service has them, this service takes "
            "omero.data.dir alone, and it never asks OMERO's database; take it out"
        )
    return _ELSEWHERE.get(name)


def suggest_variable(name: str) -> str | None:
    """The environment variable nearest to an unknown one."""
    suffix = "_FILE" if name.endswith("_FILE") else ""
    found = _nearest(name.removesuffix(suffix), {variable: variable for variable in VARIABLES}, 0.8)
    return found and found + suffix


def keys_in(block: str) -> list[str]:
    """The names of the keys that stand directly in a block, without the block's own name."""
    return [name.removeprefix(f"{block}.") for name in KEYS if name.rpartition(".")[0] == block]


def _nearest(word: str, names: dict[str, str], cutoff: float = 0.6) -> str | None:
    """The name whose spelling is nearest, capitals and the choice of dash, underscore or dot apart."""
    plain = {_plain(spelling): name for spelling, name in names.items()}
    close = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=cutoff)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
