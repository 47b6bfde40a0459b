"""The configuration file: YAML in, one `Entry` for each key out, each with its line.

A dot in a name and a block are the same thing: ``omero.secure: false`` is ``secure: false`` in the block ``omero``,
and the Java microservice's ``omero.web:`` is one block with a dot in its name. Only `yaml.SafeLoader` is used, and on
its nodes, because they know their lines and keep duplicates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from .config_error import ConfigError
from .entries import Entry
from .table import (
    ALIAS_BLOCKS,
    ALIASES,
    BLOCKS,
    FILE_KEYS,
    KEYS,
    REPEATED_BLOCKS,
    keys_in,
    known_elsewhere,
    suggest_key,
)

if TYPE_CHECKING:
    from pathlib import Path

    from .entries import Place

_FILE_MAX = 1 << 20

_TAG = "tag:yaml.org,2002:"


def read_document(path: Path, problems: list[str]) -> dict[Place, Entry]:
    """The values in a configuration file; what is wrong with single keys is appended to ``problems``.

    Raises `ConfigError` where the file cannot be read, or is not YAML.
    """
    text = _read_text(path)
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        reading = _DocumentReader(path, loader, problems)
        if isinstance(root, yaml.MappingNode):
            reading.block(root, "", 0)
        elif root is not None and root.tag != _TAG + "null":
            raise ConfigError([f"{path}: the file does not hold keys with values; write lines such as port: 8080"])
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_sentence(path, text, error)]) from None
    except RecursionError:
        raise ConfigError([f"{path}: blocks or lists are nested too deeply to be read"]) from None
    return reading.entries


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_MAX + 1)
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file; write one, or name yours with --config"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: the file cannot be read ({error.strerror})"]) from None
    if len(raw) > _FILE_MAX:
        raise ConfigError([f"{path}: the file is larger than {_FILE_MAX} bytes, which no configuration is"])
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}, line {line}: the file is not UTF-8 text; save it as UTF-8"]) from None


def _syntax_sentence(path: Path, text: str, error: yaml.YAMLError) -> str:
    """One sentence for what PyYAML raised, without the names that it quotes: a secret can look like a tag or alias."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{path}, line {line}: the file holds a control character; take it out"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"{path}: the file is not YAML"
    mark = error.problem_mark
    problem = error.problem or "the file is not YAML"
    if isinstance(error, yaml.composer.ComposerError):
        problem = "a second document begins here; keep one"
        if "alias" in (error.problem or ""):
            problem = "an alias that stands for nothing; a value that begins with * has to stand in quotes"
        elif "anchor" in (error.context or ""):
            problem = "an anchor that is there twice; a value that begins with & has to stand in quotes"
    elif "undefined tag handle" in problem:
        problem = "an unknown tag; a value that begins with ! has to stand in quotes"
    return f"{path}, line {mark.line + 1}, column {mark.column + 1}: this is not YAML: {problem}"


class _DocumentReader:
    """The walk over one document's nodes, and the entries and problems found so far."""

    def __init__(self, path: Path, loader: yaml.SafeLoader, problems: list[str]) -> None:
        self._path = path
        self._loader = loader
        self._problems = problems
        self._lines: dict[Place, int] = {}
        self.entries: dict[Place, Entry] = {}

    def block(self, node: yaml.MappingNode, block: str, index: int) -> None:
        """Read the keys of one block; ``index`` tells apart the blocks of a list."""
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(line, "a key has to be a word; put it in quotes if it is one")
                continue
            name = f"{block}.{key_node.value}" if block else key_node.value
            if name in lines:
                self._problem(line, f"{name}: it is given twice, here and on line {lines[name]}; keep one")
                continue
            lines[name] = line
            self._member(name, index, line, value_node)

    def _member(self, name: str, index: int, line: int, node: yaml.Node) -> None:
        if name in BLOCKS or name in ALIAS_BLOCKS:
            self._inner_block(name, index, line, node)
            return
        key = KEYS.get(name) or FILE_KEYS.get(name) or ALIASES.get(name)
        if key is None:
            elsewhere = known_elsewhere(name)
            if elsewhere is not None:
                self._problem(line, f"{name}: there is no such key; {elsewhere}")
                return
            nearest = suggest_key(name)
            hint = f"did you mean {nearest}?" if nearest else "docs/configuration.md lists those that there are"
            self._problem(line, f"{name}: there is no such key; {hint}")
            return
        place = (key.name, index)
        if place in self.entries:
            first = self.entries[place].name
            before = f"as {first} " if first != name else ""
            self._problem(line, f"{name}: it is given twice, here and {before}on line {self._lines[place]}; keep one")
            return
        try:
            value = self._value(node)
        except yaml.constructor.ConstructorError:
            self._problem(line, f"{name}: the value has a tag; a value that begins with ! has to stand in quotes")
            return
        self._lines[place] = line
        self.entries[place] = Entry(
            f"{self._path}, line {line}", name, value, self._path.parent, is_file=name in FILE_KEYS
        )

    def _inner_block(self, name: str, index: int, line: int, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            self.block(node, name, index)
        elif isinstance(node, yaml.SequenceNode) and name in REPEATED_BLOCKS:
            for number, item in enumerate(node.value):
                if isinstance(item, yaml.MappingNode):
                    self.block(item, name, number)
                else:
                    self._problem(item.start_mark.line + 1, f"{name}: an item of the list is not a block of keys")
        elif node.tag != _TAG + "null":
            elsewhere = known_elsewhere(name)
            if elsewhere is not None:
                self._problem(line, f"{name}: there is no such key; {elsewhere}")
                return
            inner = ", ".join(keys_in(name))
            self._problem(line, f"{name}: it is a block and takes no value itself; indent its keys below it: {inner}")

    def _value(self, node: yaml.Node) -> object:
        """A scalar or a list of scalars. What is deeper becomes an empty dictionary, which no kind of value takes."""
        if isinstance(node, yaml.ScalarNode):
            try:
                return self._loader.construct_object(node)
            except ValueError:
                # such as 2026-13-45, which looks like a date
                return node.value
        if isinstance(node, yaml.SequenceNode):
            if node.tag != _TAG + "seq":
                raise yaml.constructor.ConstructorError
            return [self._value(item) if isinstance(item, yaml.ScalarNode) else {} for item in node.value]
        return {}

    def _problem(self, line: int, sentence: str) -> None:
        self._problems.append(f"{self._path}, line {line}: {sentence}")
