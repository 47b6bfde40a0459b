"""`make omero-test`: the facts of this folder on a real OMERO.server that is meant for tests.

    python -m tests.real.omero.on_real --omero host:port --root-password-file FILE [--data-dir DIR] --yes

Exit status as pytest's, or 2 where it was not said that the server is meant for tests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHAT_IT_MAKES: Final = """\
On the OMERO at {omero} this makes
- four groups named "thumbnail-replay rw----" and so on, one of each kind, and three people in them, named
  thumbnail-replay-owner, -member and -leader; their passwords are made up and told to nobody
- some 200 images of 256 x 192 pixels in these groups (with --data-dir 330), with rendering settings and stored
  thumbnails
and logs in as root. Nothing of it is removed. It is for servers that are there for tests.\
"""

_FACTS: Final = ("test_pictures.py", "test_what_is_left.py")
#: where its files can be read
_FILES: Final = "test_files.py"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make omero-test", description="Try the facts on a real OMERO.")
    parser.add_argument("--omero", required=True, metavar="HOST:PORT")
    parser.add_argument("--root-password-file", required=True, type=Path, metavar="FILE")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="its omero.data.dir, where the folder Thumbnails in it can be read here: files are compared, and the"
        " service reads them",
    )
    parser.add_argument("--yes", action="store_true", help="it is meant for tests")
    asked = parser.parse_args(arguments)
    print(_WHAT_IT_MAKES.format(omero=asked.omero), flush=True)
    if not asked.yes:
        print("If that is what it is for, say YES=1.")
        return 2
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "OMERO_TEST": asked.omero,
        "OMERO_TEST_ROOT_PASSWORD_FILE": str(asked.root_password_file.absolute()),
    }
    facts = _FACTS
    if asked.data_dir is not None:
        environment["OMERO_TEST_DATA_DIR"] = str(asked.data_dir.absolute())
        facts += (_FILES,)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(str(here / name) for name in facts)]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
