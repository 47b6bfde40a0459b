"""`docs/cli.md`, written from the parsers of the command line.

``python -m tools.reference.cli > docs/cli.md`` renews it; a test compares the two. argparse has no public
way to look at a parser, so the names with an underscore that it has had since Python 2.7 are used.
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

from omero_ms_thumbnail.command_line import command_line

_OPENING: Final = """\
# Command line

One command, `omero-ms-thumbnail`, with a command below it for each thing it does. `--help` after any of them says what
is here, and `--version` says which version it is. Without a command it is `serve`, as the Java microservice is called.

The exit status is 0 if it did what it was asked to, 1 with a sentence on standard error if it could not, 2 if the
command line is wrong, and 130 if it was interrupted.
"""


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, by its name."""
    for action in command_line()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise LookupError("the command line has no commands")


def options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What a command takes, but for its ``--help``."""
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


def reference() -> str:
    """The whole of `docs/cli.md`."""
    return "\n".join([_OPENING, *(_command(name, parser) for name, parser in commands().items())])


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    positional = "".join(f" [{action.metavar} …]" for action in options(parser) if not action.option_strings)
    lines = [
        f"## `{name}`\n",
        f"{parser.description}\n",
        f"```shell\n{parser.prog} [OPTION …]{positional}\n```\n",
        *(f"- **`{_spelling(action)}`**: {_meaning(action)}." for action in options(parser)),
    ]
    for group in parser._mutually_exclusive_groups:
        names = [f"`{action.option_strings[0]}`" for action in group._group_actions]
        lines.append(f"\nAt most one of {', '.join(names[:-1])} and {names[-1]} can be given.")
    if parser.epilog:
        lines.append(f"\n{parser.epilog}")
    return "\n".join([*lines, ""])


def _spelling(action: argparse.Action) -> str:
    """As it is written, with what follows it."""
    name = ", ".join(action.option_strings)
    if action.nargs == 0:
        return name
    value = action.metavar or "|".join(map(str, action.choices or ()))
    return f"{name} {value}".strip()


def _meaning(action: argparse.Action) -> str:
    return (action.help or "") % vars(action)


if __name__ == "__main__":
    sys.stdout.write(reference())
