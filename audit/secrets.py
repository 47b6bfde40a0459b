"""Looks for secrets in the files of the repository; fails if it finds one.

What is shipped is searched for everything that detect-secrets knows. Tests are full of passwords that open nothing
outside them and of recorded bytes, so that there only what has the form of a real key is looked for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: what examples say instead of a secret: a word, or where one is mounted
_PLACEHOLDERS = "^(password|pass|p|secret)$|/run/secrets/"

#: in tests: words like "password" beside a value, passwords in addresses, and whatever looks random
_LOUD_IN_TESTS = ("KeywordDetector", "BasicAuthDetector", "HexHighEntropyString", "Base64HighEntropyString")


def search(*paths: str, without: tuple[str, ...] = (), root: Path = ROOT) -> bool:
    """Whether a file that git knows below `paths` has a secret; says which and where."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=root, capture_output=True, check=True).stdout
    files = [name for name in listed.decode().split("\0") if name and (root / name).is_file()]
    options = ["--exclude-secrets", _PLACEHOLDERS]
    for detector in without:
        options += ["--disable-plugin", detector]
    program = Path(sys.executable).with_name("detect-secrets-hook")
    return subprocess.run([program, *options, *files], cwd=root).returncode != 0


def main() -> int:
    shipped = search(".", ":!tests", ":!audit/advisories.json", ":!docs/images")
    tests = search("tests", without=_LOUD_IN_TESTS)
    if shipped or tests:
        print("a line that holds no secret says so with the comment: pragma: allowlist secret", file=sys.stderr)
        return 1
    print("no secrets found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
