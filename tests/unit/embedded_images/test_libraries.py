"""Without the extra: the package can still be imported, and says what to install."""

from __future__ import annotations

import subprocess
import sys

from omero_embedded.images import ImageLibrariesMissing, require_image_libraries


def test_nothing_is_missing_here() -> None:
    require_image_libraries()


def test_the_sentence_says_what_to_install() -> None:
    # -S leaves the site-packages out: neither NumPy nor Pillow nor tifffile is there, as without the extra.
    program = (
        "from omero_embedded.images import require_image_libraries\n"
        "try:\n"
        "    require_image_libraries()\n"
        "except RuntimeError as missing:\n"
        "    print(type(missing).__name__, missing)\n"
    )
    source = next(path for path in sys.modules["omero_embedded"].__path__).removesuffix("omero_embedded")
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {source!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.startswith(ImageLibrariesMissing.__name__)
    assert "NumPy, Pillow, tifffile" in ran.stdout
    assert "pip install 'omero-ms-thumbnail[demo]'" in ran.stdout
