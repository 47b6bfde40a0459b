"""Whatever is named in the documents exists: options, keys, variables, metrics; and examples can be used."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml

from omero_ms_thumbnail.config import load_settings
from omero_ms_thumbnail.config.table import BLOCKS, FILE_KEYS, KEYS, VARIABLES
from tests.support.parts import ROOT, require
from tests.unit.documentation.markdown import DOCUMENTS, Code, code, words
from tools.reference import cli
from tools.reference.metrics import exposed

#: the rest of what administrators read
OTHERS = [path for folder in ("conf", "deploy") for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]

OPTIONS = {
    name: {"--help", *(option for action in cli.options(parser) for option in action.option_strings)}
    for name, parser in cli.commands().items()
}
COMMAND = "omero-ms-thumbnail"

#: programs whose options are their own
OTHER_PROGRAMS = {
    "apt-get", "chown", "cp", "curl", "dnf", "docker", "git", "groupadd", "install", "kubectl", "logger", "make",
    "nginx", "omero", "openssl", "pip", "podman", "python3", "python", "redis-cli", "sudo", "sysctl", "systemctl",
    "tar", "useradd", "usermod", "wrk",
}  # fmt: skip

#: names that look like keys and are Python's, of the context of OMERO's calls, or keys of OMERO.server
OTHER_NAMES = {
    "logging.config.dictConfig", "logging.dictConfig",
    "omero.group", "omero.user", "omero.client.uuid", "omero.agent", "omero.session_key",
    "omero.db.poolsize", "omero.data.dir", "omero.server",
    "omero.client.browser.thumb_default_size", "omero.glacier2.IceSSL.Ciphers", "omero.glacier2.IceSSL.Protocols",
    "omero.sessions.timeout", "omero.client.icetransports", "omero.ports.ws",
}  # fmt: skip


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell's block."""
    for line in text.replace("\\\n", " ").splitlines():
        try:
            lexer = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars="|;&")
            lexer.whitespace_split = True
            found = list(lexer)
        except ValueError:
            continue
        command: list[str] = []
        for word in (*found, ";"):
            if set(word) <= set("|;&"):
                if command:
                    yield command
                command = []
            else:
                command.append(word)


def _options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}


def _check_command(words: list[str]) -> None:
    """Fail where a command of ours has an option that it does not take, or where nobody knows whose command it is."""
    options = _options(words)
    # not where it names one of our folders
    is_program = words[0] not in ("rm", "install", "ln")
    ours = next((at for at, word in enumerate(words) if is_program and word.rpartition("/")[2] == COMMAND), None)
    if ours is not None and len(words) > ours + 1:
        name = words[ours + 1]
        if name in OPTIONS:
            assert options <= OPTIONS[name], f"{name} takes no {options - OPTIONS[name]}"
        else:
            assert name in ("--version", "--help"), f"there is no command {name}"
    elif options:
        assert words[0].rpartition("/")[2] in OTHER_PROGRAMS, f"{' '.join(words)}: whose options are these?"


def _is_shell(one: Code) -> bool:
    return (one.is_block and one.language in ("", "shell", "bash", "sh", "console")) or one.text.startswith(
        f"{COMMAND} "
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_options(path: Path) -> None:
    known = set().union(*OPTIONS.values()) | {"--version"}
    for one in code(path):
        if _is_shell(one):
            for command in _commands(one.text):
                _check_command(command)
        elif not one.is_block and one.text.startswith("--"):
            assert _options(one.text.split()) <= known, one.text


@pytest.mark.parametrize("path", OTHERS, ids=ids)
def test_options_in_what_is_deployed(path: Path) -> None:
    for line in path.read_text().splitlines():
        plain = re.sub(r"""["\[\],]""", " ", line)
        found = re.search(r"\b(serve|demo|check|warm)\b (.*--.*)", plain)
        if found:
            assert _options(found.group(2).split()) <= OPTIONS[found.group(1)], line


def _keys_in(text: str) -> Iterator[str]:
    """What looks like the name of a key, alone or with its value."""
    found = re.fullmatch(r"([a-z][\w-]*(?:\.[\w-]+)+)(?:: .*)?", text)
    if found and found.group(1).partition(".")[0] in BLOCKS:
        yield found.group(1)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_keys(path: Path) -> None:
    known = {*KEYS, *FILE_KEYS, *BLOCKS, *OTHER_NAMES}
    unknown = {key for word in words(path) for key in _keys_in(word) if not _is_python(key)} - known
    # OMERO.web has settings that are spelt like ours
    theirs = {key for key in unknown if key.startswith(("omero.web.", "omero.client."))}
    assert unknown == theirs
    if theirs:
        python = require("OMERO.web new")
        (settings,) = python.parent.parent.glob("lib/python*/site-packages/omeroweb/settings.py")
        text = settings.read_text()
        assert {
            key for key in theirs if f'"{key}"' not in text and f'"{key.removeprefix("omero.client.")}"' not in text
        } == set()


def _is_python(name: str) -> bool:
    """Whether it is in the package: documents leave its name out."""
    try:
        resolve_name(f"omero_ms_thumbnail.{name}")
    except (ImportError, AttributeError, ValueError):
        return False
    return True


def _read_by_us() -> set[str]:
    """The variables that the command line reads by their names."""
    tree = ast.parse((ROOT / "src" / "omero_ms_thumbnail" / "cli.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        call.args[0].value
        for call in calls
        if ast.unparse(call.func) == "os.environ.get" and isinstance(call.args[0], ast.Constant)
    }


@pytest.mark.parametrize("path", [*DOCUMENTS, *OTHERS], ids=ids)
def test_variables(path: Path) -> None:
    for variable in re.findall(r"\bOMERO_MS_THUMBNAIL_[A-Z0-9_]*[A-Z0-9]", path.read_text()):
        assert variable in VARIABLES or variable.removesuffix("_FILE") in VARIABLES, variable


def test_every_variable_is_documented() -> None:
    assert _read_by_us() == {"OMERO_SESSION_KEY", "OMERO_PASSWORD"}
    command_line = (ROOT / "docs" / "cli.md").read_text()
    assert all(variable in command_line for variable in _read_by_us())
    configuration = words(ROOT / "docs" / "configuration.md")
    assert set(VARIABLES) <= configuration
    assert set(KEYS) <= configuration
    assert set(FILE_KEYS) <= configuration


SAMPLES = {
    f"{family.name}{suffix}"
    for family in exposed()
    for suffix in {"histogram": ("", "_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}.get(
        family.type, ("",)
    )
}


@pytest.mark.parametrize("path", [*DOCUMENTS, *OTHERS], ids=ids)
def test_metrics(path: Path) -> None:
    named = re.findall(r"\bomero_ms_thumbnail_[a-z_]*[a-z]\b(?!\.)", path.read_text())
    assert set(named) <= SAMPLES


def test_every_metric_is_documented() -> None:
    documented = words(ROOT / "docs" / "metrics.md")
    assert {family.name for family in exposed()} <= documented
    assert {label for family in exposed() for label in family.labels} <= documented


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_examples_of_configuration_load(path: Path, tmp_path: Path) -> None:
    for one in code(path):
        if one.language not in ("yaml", "yml"):
            continue
        content = yaml.safe_load(one.text)
        if not isinstance(content, dict) or not {name.partition(".")[0] for name in content} & {*BLOCKS, *KEYS}:
            continue
        example = yaml.safe_dump({"session-store": {"type": "memory"}, **content})
        # files that the reader has
        (tmp_path / "session-store-uri").write_text("redis://localhost:6379/1")
        (tmp_path / "public-password").write_text("a password")
        (tmp_path / "config.yaml").write_text(re.sub(r"ca_file: \S+", f"ca_file: {__file__}", example))
        load_settings(tmp_path / "config.yaml", {})
