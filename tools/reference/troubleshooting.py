"""`docs/troubleshooting.md`, written from the diagnoses.

``python -m tools.reference.troubleshooting > docs/troubleshooting.md`` renews it; a test compares the two.
"""

from __future__ import annotations

import sys
from typing import Final

from omero_ms_thumbnail.check.diagnoses import DIAGNOSES
from omero_ms_thumbnail.check.diagnosis import Diagnosis
from omero_ms_thumbnail.check.names import STEPS

_OPENING: Final = """\
# Troubleshooting

`omero-ms-thumbnail check` walks the way of a thumbnail and says for each step what it found and how long it took:

    omero-ms-thumbnail check --config conf/config.yaml --session -

- `--session -` asks for OMERO.web's session cookie (its value, `name=value`, or the whole `Cookie` header), which a
  browser's developer tools show. Without it, everything up to OMERO's router is tried, and nothing as a user.
- `--image ID` names the image to try; otherwise the newest one that the user can read is taken. Of an image that is
  named it says too whether the thumbnail that OMERO has stored for this user is what OMERO draws now, and by whose
  settings; which stored sizes have another shape than the image; and who but its owner has settings of it.
  Where there is `omero.data_dir`, the file of that thumbnail is compared with what OMERO gives.
- `--omeroweb-dir DIR` compares the configuration with an OMERO.web installation's `etc/grid/config.xml`; where there is
  no configuration, its settings are used.
- `--json` prints one object instead; the `code` of a diagnosis is the heading's below.
- The exit status is 0 if nothing failed, else 1. No session key, cookie or password is ever printed.

What it can tell, by step:
"""


def reference() -> str:
    """The whole of `docs/troubleshooting.md`."""
    parts = [_OPENING]
    for step in STEPS:
        here = [diagnosis for diagnosis in DIAGNOSES.values() if diagnosis.step == step]
        if here:
            parts.append(f"## {step[0].upper()}{step[1:]}\n")
        parts.extend(map(_entry, here))
    return "\n".join(parts)


def _entry(diagnosis: Diagnosis) -> str:
    heading = f"### {diagnosis.title} (`{diagnosis.code}`)"
    return f"{heading}\n\n{diagnosis.likely}\n\n**What to change:** {diagnosis.change}\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
