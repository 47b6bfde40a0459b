"""The command line: serve, demo, check, warm, nginx. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .command_line import DEFAULT_CONFIG, command_line

if TYPE_CHECKING:
    from .warm import Who

#: in what is printed for nginx without a configuration
_FIRST_WORKER_PORT: Final = 8081


class _Failed(Exception):
    """The command cannot do its work; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, or 1 with a sentence on standard error, or 2 for a wrong command line."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        # as the Java microservice is called, by its script and its unit
        given.insert(0, "serve")
    parsed = command_line().parse_args(given)
    try:
        _RUN[parsed.command](parsed)
    except _Failed as failed:
        print(f"omero-ms-thumbnail: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _serve(arguments: argparse.Namespace) -> None:
    from .config import ConfigError, load_settings
    from .preflight import CannotServe, begin_logging, log_options
    from .server import serve

    try:
        settings = load_settings(arguments.config, os.environ)
        logs = log_options(settings, arguments.log_config, arguments.log_level)
        begin_logging(logs, explained=arguments.log_debug)
        given = {name: getattr(arguments, name) for name in ("host", "port", "workers", "worker_ports")}
        serve(replace(settings, **{name: value for name, value in given.items() if value is not None}), logs=logs)
    except (ConfigError, CannotServe) as error:
        raise _Failed(str(error)) from error


def _demo(arguments: argparse.Namespace) -> None:
    from omero_embedded.demo import CannotShow, show

    try:
        show(
            host=arguments.host,
            port=arguments.port,
            images=arguments.images,
            data_dir=arguments.data_dir,
            latency=arguments.latency,
            session_store=arguments.session_store,
        )
    except CannotShow as error:
        raise _Failed(str(error)) from error


def _check(arguments: argparse.Namespace) -> None:
    import asyncio
    import json
    import logging

    from .check import CheckRequest, Outcome, as_json, as_text, closing_line, walk

    # what rooms log is said by the steps, with its cause and its remedy
    logging.disable(logging.CRITICAL)
    cookie = arguments.session
    if cookie == "-":
        cookie = _asked_for("OMERO.web's session cookie: ") if sys.stdin.isatty() else sys.stdin.readline()
    request = CheckRequest(
        config=arguments.config or DEFAULT_CONFIG,
        config_is_default=arguments.config is None,
        environ=os.environ,
        cookie=cookie,
        image_id=arguments.image,
        omeroweb_dir=arguments.omeroweb_dir,
    )

    async def run() -> bool:
        findings = []
        async for finding in walk(request):
            findings.append(finding)
            if not arguments.json:
                print(as_text(finding), flush=True)
        print(json.dumps(as_json(findings), indent=2) if arguments.json else f"\n{closing_line(findings)}")
        return any(finding.outcome is Outcome.FAILED for finding in findings)

    if asyncio.run(run()):
        raise SystemExit(1)


def _nginx(arguments: argparse.Namespace) -> None:
    from .nginx import locations

    if not arguments.upstream:
        if arguments.config is not None or arguments.workers is not None:
            raise _Failed("--config and --workers are for --upstream: the locations are the same for all")
        print(locations(arguments.prefix), end="")
        return
    print(_upstream(arguments.config, arguments.workers), end="")


def _upstream(config: Path | None, workers: int | None) -> str:
    from .config import ConfigError, load_settings
    from .nginx import upstream
    from .parts import worker_ports

    if config is None:
        return upstream(worker_ports=range(_FIRST_WORKER_PORT, _FIRST_WORKER_PORT + workers) if workers else ())
    try:
        settings = load_settings(config, os.environ)
        if workers is not None:
            settings = replace(settings, workers=workers)
        ports = worker_ports(settings)
    except ConfigError as error:
        raise _Failed(str(error)) from error
    if workers is not None and not ports:
        raise _Failed(f"{config}: workers have no ports of their own; write worker-ports: {settings.port + 1} there")
    return upstream(settings.port, ports, settings.omero_web.session_cookie_name)


def _warm(arguments: argparse.Namespace) -> None:
    from .warm import CannotWarm, warm

    try:
        status = warm(
            arguments.config,
            os.environ,
            targets=arguments.targets or sys.stdin,
            who=_who(arguments),
            server=arguments.server,
            size=arguments.size,
            concurrency=arguments.concurrency,
            state=arguments.state,
            out=sys.stdout,
        )
    except CannotWarm as error:
        raise _Failed(str(error)) from error
    if status:
        raise SystemExit(status)


def _who(arguments: argparse.Namespace) -> Who:
    """Whose thumbnails they are to be; secrets come from where they are seen least."""
    from .warm import Who

    if arguments.user is not None:
        if arguments.password_file is not None:
            return Who(arguments.user, _secret_in(arguments.password_file))
        password = os.environ.get("OMERO_PASSWORD") or _asked_for(f"OMERO password of {arguments.user}: ")
        return Who(arguments.user, password)
    if arguments.password_file is not None:
        raise _Failed("--password-file needs --user")
    key = arguments.session_key or os.environ.get("OMERO_SESSION_KEY")
    if arguments.session_key_file is not None:
        key = _secret_in(arguments.session_key_file)
    if not key:
        raise _Failed("whose thumbnails? Give --user, --session-key-file, or the variable OMERO_SESSION_KEY")
    return Who.of_session(key)


def _secret_in(path: Path) -> str:
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _Failed(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    if not secret:
        raise _Failed(f"{path} is empty")
    return secret


def _asked_for(prompt: str) -> str:
    import getpass

    # from the terminal even where standard input has the ids
    try:
        return getpass.getpass(prompt)
    except (EOFError, OSError, getpass.GetPassWarning) as error:
        raise _Failed("there is no terminal to ask for it on; put it into a file or a variable") from error


#: what does the work of each command
_RUN: Final[Mapping[str, Callable[[argparse.Namespace], None]]] = {
    "serve": _serve,
    "demo": _demo,
    "check": _check,
    "warm": _warm,
    "nginx": _nginx,
}


if __name__ == "__main__":
    sys.exit(main())
