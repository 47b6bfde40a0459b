"""The command line: serve, demo, check, warm, nginx. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .version import VERSION

if TYPE_CHECKING:
    from .config import SessionStoreSettings
    from .warm import Who

_DEFAULT_CONFIG: Final = Path("conf/config.yaml")

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
    run: Callable[[argparse.Namespace], None] = parsed.run
    try:
        run(parsed)
    except _Failed as failed:
        print(f"omero-ms-thumbnail: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def command_line() -> argparse.ArgumentParser:
    """The parser of the command line, with one below it for each command."""
    parser = argparse.ArgumentParser(
        prog="omero-ms-thumbnail",
        description=(
            "Serves OMERO.web's thumbnails: nginx sends their requests here instead of to OMERO.web. "
            "Without a command, it is serve."
        ),
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_demo(commands)
    _add_check(commands)
    _add_warm(commands)
    _add_nginx(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve thumbnails of an OMERO.server",
        description="Serve thumbnails of an OMERO.server to the users of its OMERO.web.",
    )
    serve.add_argument(
        "--config", type=Path, default=_DEFAULT_CONFIG, metavar="FILE", help="the configuration (default: %(default)s)"
    )
    serve.add_argument("--host", metavar="HOST", help="the address to listen on, instead of the configuration's")
    serve.add_argument("--port", type=_port, metavar="PORT", help="the port, instead of the configuration's")
    serve.add_argument(
        "--workers", type=_positive, metavar="N", help="worker processes, instead of the configuration's"
    )
    serve.add_argument(
        "--worker-ports",
        type=_port,
        metavar="PORT",
        help=(
            "the first of one port for each worker, beside the one that they share, instead of the configuration's "
            "worker-ports"
        ),
    )
    serve.add_argument(
        "--log-config",
        type=Path,
        metavar="FILE",
        help="a whole configuration of logging (logging.dictConfig, in YAML), instead of the block logging",
    )
    serve.add_argument(
        "--log-level",
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        type=str.upper,
        help="what is logged, instead of the configuration's logging.level",
    )
    serve.add_argument("--log-debug", action="store_true", help="say on standard error how logging was configured")
    serve.set_defaults(run=_serve)


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser(
        "demo",
        help="try it out: an embedded OMERO with sample images, and a page that shows them",
        description=(
            "Start an embedded OMERO with sample images, log its users in as OMERO.web would, and serve their "
            "thumbnails with a page that shows them. Nothing else is needed, and nothing is kept but the files of "
            "--data-dir."
        ),
    )
    demo.add_argument("--host", default="127.0.0.1", metavar="HOST", help="the address (default: %(default)s)")
    demo.add_argument("--port", type=_port, default=8080, metavar="PORT", help="the port (default: %(default)s)")
    demo.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="show the PNG, JPEG, TIFF and OME-TIFF files of this folder instead of the samples",
    )
    demo.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help=(
            "where OMERO keeps its thumbnails, as omero.data_dir, for the service to read them from: an empty folder, "
            "or a new one (default: in OMERO's memory)"
        ),
    )
    demo.add_argument(
        "--latency",
        default="none",
        metavar="REALISTIC|none|key=ms,…",
        help=(
            "what OMERO takes for join, query, store, load, settings and thumbnail, in ms, and at_once, the calls it "
            "works on at once; REALISTIC is join=60,query=4,store=10,thumbnail=8,at_once=4 (default: %(default)s)"
        ),
    )
    demo.add_argument(
        "--session-store",
        type=_demo_store,
        default="memory",
        metavar="URI",
        help=(
            "where its users' sessions are kept meanwhile, as OMERO.web would keep them: redis://…, postgresql://… "
            "(any form that session-store.uri takes), file:///folder, or memory (default: %(default)s)"
        ),
    )
    demo.set_defaults(run=_demo)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="find out why there are no thumbnails, and what to change",
        description=(
            "Walk the way of a thumbnail step by step: say what was found and how long it took, and for what fails "
            "what is likely wrong and what to change. The exit status is 0 if nothing failed, else 1."
        ),
    )
    check.add_argument("--config", type=Path, metavar="FILE", help=f"the configuration (default: {_DEFAULT_CONFIG})")
    check.add_argument(
        "--session",
        metavar="COOKIE",
        help=(
            "OMERO.web's session cookie of somebody who is logged in: its value, name=value, or a whole Cookie header; "
            "- reads it from standard input, where other users of the machine do not see it"
        ),
    )
    check.add_argument(
        "--image",
        type=_image_id,
        metavar="ID",
        help=(
            "the image to try (default: the user's newest), and whose stored thumbnail to compare with what OMERO "
            "draws now"
        ),
    )
    check.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    check.add_argument(
        "--omeroweb-dir",
        type=Path,
        metavar="DIR",
        help=(
            "the OMERODIR of an OMERO.web, to compare with its settings in etc/grid/config.xml; where there is no "
            "configuration, they are used instead of it"
        ),
    )
    check.set_defaults(run=_check)


def _add_warm(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    warm = commands.add_parser(
        "warm",
        help="make OMERO render and keep thumbnails before people ask for them",
        description=(
            "Have OMERO draw and keep the thumbnail of every image named, as the image's owner: so it is there for all "
            "who may see the image. Only an administrator can do that for others' images; for anybody else they are "
            "counted and left out. One call at a time unless told otherwise, and more slowly while OMERO is slow. The "
            "exit status is 0 if each that was not left out has its thumbnail, else 1."
        ),
        epilog=(
            "A session key can be in the environment variable OMERO_SESSION_KEY, a password in OMERO_PASSWORD. A "
            "session that a password makes ends with the command; one joined by its key lives on."
        ),
    )
    warm.add_argument(
        "targets",
        nargs="*",
        metavar="KIND:ID",
        help=(
            "Project:1, Dataset:2, Screen:3, Plate:4, Well:5 or Image:6; without any, they are read from standard "
            "input, where a bare number is an image"
        ),
    )
    warm.add_argument(
        "--config", type=Path, default=_DEFAULT_CONFIG, metavar="FILE", help="the configuration (default: %(default)s)"
    )
    warm.add_argument(
        "--server",
        metavar="ID",
        help=(
            "the OMERO.server of those in omero.servers that the images, and whoever warms them, are of: its number or "
            "its name (default: that of requests that name none)"
        ),
    )
    warm.add_argument(
        "--size",
        type=_size,
        default=96,
        metavar="PIXELS",
        help=(
            "the longest side; OMERO.web's pages show that in omero.client.browser.thumb_default_size "
            "(default: %(default)s)"
        ),
    )
    warm.add_argument(
        "--concurrency", type=_concurrency, default=1, metavar="N", help="calls at a time (default: %(default)s)"
    )
    who = warm.add_mutually_exclusive_group()
    who.add_argument("--session-key", metavar="KEY", help="join this OMERO session; other users may see it in ps")
    who.add_argument("--session-key-file", type=Path, metavar="FILE", help="a file with the session key")
    who.add_argument("--user", metavar="NAME", help="log in to OMERO; the password is asked for")
    warm.add_argument("--password-file", type=Path, metavar="FILE", help="a file with the password of --user")
    warm.add_argument(
        "--state", type=Path, metavar="FILE", help="write down which images are done, and leave out those that are"
    )
    warm.set_defaults(run=_warm)


def _add_nginx(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    nginx = commands.add_parser(
        "nginx",
        help="print the lines for nginx that send thumbnails here",
        description=(
            "Print what goes into OMERO.web's server block of nginx, so that thumbnails are asked of this service. "
            "They name nothing that a site must have, and leave to OMERO.web what is OMERO.web's."
        ),
    )
    nginx.add_argument(
        "--prefix",
        type=_prefix,
        default="",
        metavar="PATH",
        help="where OMERO.web is on its host: its omero.web.prefix, such as /omero (default: at the root)",
    )
    nginx.add_argument(
        "--upstream", action="store_true", help="print instead what goes into the http block: where this service is"
    )
    nginx.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=(
            "with --upstream: the service's configuration, for its port, workers, worker-ports and the name of the "
            "session cookie"
        ),
    )
    nginx.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help=(
            "with --upstream: N workers on ports of their own, each user at one of them "
            "(default: as the configuration has it; without one, on the ports from 8081)"
        ),
    )
    nginx.set_defaults(run=_nginx)


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
        config=arguments.config or _DEFAULT_CONFIG,
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


def _image_id(text: str) -> int:
    return _number(text, 1, 2**63 - 1)


def _size(text: str) -> int:
    return _number(text, 1, 10_000)


def _concurrency(text: str) -> int:
    return _number(text, 1, 64)


def _port(text: str) -> int:
    return _number(text, 1, 65535)


def _demo_store(text: str) -> SessionStoreSettings:
    from .config import SessionStoreSettings, parse_store_uri
    from .config.config_error import InvalidValueError

    if text == "memory":
        return SessionStoreSettings(type="memory")
    if text.startswith("file://"):
        return SessionStoreSettings(type="files", directory=Path(text.removeprefix("file://")).absolute())
    try:
        return SessionStoreSettings(type=parse_store_uri(text).engine, uri=text)
    except InvalidValueError as error:
        raise argparse.ArgumentTypeError(str(error.reason)) from None


def _prefix(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a path such as /omero")
    return text.rstrip("/")


def _positive(text: str) -> int:
    return _number(text, 1, 256)


def _number(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
