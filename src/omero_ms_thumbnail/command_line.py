"""The options of the command line, and what each may be; `cli` does what they say."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .version import VERSION

if TYPE_CHECKING:
    from .config import SessionStoreSettings

DEFAULT_CONFIG: Final = Path("conf/config.yaml")


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
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
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
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="the configuration (default: %(default)s)"
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


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="find out why there are no thumbnails, and what to change",
        description=(
            "Walk the way of a thumbnail step by step: say what was found and how long it took, and for what fails "
            "what is likely wrong and what to change. The exit status is 0 if nothing failed, else 1."
        ),
    )
    check.add_argument("--config", type=Path, metavar="FILE", help=f"the configuration (default: {DEFAULT_CONFIG})")
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
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="the configuration (default: %(default)s)"
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
