"""`docs/configuration.md`, written from the definitions of the keys.

``python -m tools.reference.configuration > docs/configuration.md`` renews it; a test compares the two.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from omero_ms_thumbnail.config.table import KEYS, REPEATED_BLOCKS

if TYPE_CHECKING:
    from omero_ms_thumbnail.config.definition import Key

_OPENING = """\
# Configuration

`omero-ms-thumbnail` reads `conf/config.yaml`, or the file that `--config` names. The file of the Java microservice
works unchanged. `conf/config.yaml` in this project has every key, with its default, ready to be changed.

- A dot in a key and a block are the same: `omero.secure: false` at the top, or `secure: false` in the block `omero`.
- An environment variable overrides its key. With `_FILE` after its name it names a file that holds the value, such as a
  Docker secret: `OMERO_MS_THUMBNAIL_SESSION_STORE_URI_FILE=/run/secrets/session_store`.
- A secret can stand in a file of its own too: the key next to it says which. White space around the secret is dropped.
- A relative path starts from the folder of the configuration file; from the working directory in a variable.
- An unknown key or variable, a value of the wrong kind, and a key given twice are errors: the service does not start,
  and says for each which line, why, and what to write.
- `session-store` may be a list of blocks: they are asked in order until one knows the session. Variables for it
  are then not possible.
- Variables that Kubernetes sets for a Service named `omero-ms-thumbnail` are left alone.
"""


def reference() -> str:
    """The whole of `docs/configuration.md`."""
    parts = [_OPENING]
    for block, keys in groupby(KEYS.values(), key=lambda key: key.name.rpartition(".")[0]):
        several = " (one block, or a list of them)" if block in REPEATED_BLOCKS else ""
        parts.append(f"## {f'`{block}`{several}' if block else 'The service'}\n")
        parts.extend(_entry(key) for key in keys)
    return "\n".join(parts)


def _entry(key: Key) -> str:
    default = key.default_note or f"`{key.kind.show(key.default)}`"
    # the characters of a cookie's name would begin code type
    expected = key.kind.expected.replace("`", "\\`").replace("*", "\\*")
    lines = [f"**`{key.name}`**: {expected}. Default: {default}.  "]
    lines.append(f"{key.meaning}" + (f" It is accepted: {key.without_meaning}." if key.without_meaning else "") + "  ")
    if key.is_secret:
        lines.append(f"A secret: it may stand in the file that `{key.file_name}` names.  ")
    lines.append(f"Variable: `{key.variable}`\n")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(reference())
