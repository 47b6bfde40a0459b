"""How the process logs: one handler at the root logger, or whatever an administrator's own file says.

`logging.dictConfig` may be given whole, in YAML; every record then has a ``request_id`` for its formats.
"""

from __future__ import annotations

import contextlib
import logging
import logging.config
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import yaml

from .formats import JsonFormatter, TextFormatter, request_id
from .handlers import DailyFile, LineHandler, StreamLines

log: Final = logging.getLogger(__name__)

Format = Literal["text", "json"]

_FORMATTERS: Final[dict[str, type[logging.Formatter]]] = {"text": TextFormatter, "json": JsonFormatter}


class LoggingFailed(Exception):
    """Logging cannot be set up so; the text says which file or value is wrong, and what to write."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How to log: to standard error, or to `file`, of which `keep` days are kept. `config` replaces all the rest."""

    level: str = "INFO"
    format: Format = "text"
    file: Path | None = None
    keep: int = 7
    config: Path | None = None


def start_logging(options: LogOptions) -> None:
    """Log as `options` say, in place of what was before. Raises LoggingFailed."""
    if options.config is not None:
        _configure_whole(options.config)
        return
    try:
        handler = DailyFile(options.file, keep=options.keep) if options.file else StreamLines(sys.stderr)
    except OSError as error:
        raise LoggingFailed(
            f"logging.file: {options.file} cannot be written ({error.strerror}); name another file, or let the "
            "service's user write there"
        ) from error
    try:
        _install(handler, options.level, options.format)
    except ValueError as error:
        raise LoggingFailed(f"logging: {error}") from error


def configure_logging(
    level: str = "INFO",
    format: Format = "text",  # noqa: A002 - logging's own word for it
    stream: TextIO | None = None,
) -> None:
    """Log records of ``level`` and above to ``stream``, standard error without one.

    Replaces what handlers the root logger has, so it can be called again. ``level`` is a name of `logging`, such as
    ``DEBUG``, in any case. Raises `ValueError` for an unknown level or format, before anything is changed.
    """
    _install(StreamLines(stream if stream is not None else sys.stderr), level, format)


def own_handlers(logger: logging.Logger) -> list[LineHandler] | None:
    """The handlers of a logger's records, if all of them take finished lines; None where a record has to be made."""
    found: list[LineHandler] = []
    at: logging.Logger | None = logger
    while at is not None:
        if at.filters:
            return None
        for handler in at.handlers:
            if not isinstance(handler, LineHandler) or handler.filters or handler.level > logging.INFO:
                return None
            if not isinstance(handler.formatter, TextFormatter | JsonFormatter):
                return None
            found.append(handler)
        at = at.parent if at.propagate else None
    return found


def reopen_files() -> None:
    """Let go of log files that were renamed, and write to new ones from now on. What cannot be opened is logged."""
    for handler in _handlers():
        try:
            if isinstance(handler, DailyFile):
                handler.reopen()
            elif isinstance(handler, logging.FileHandler):
                _reopen(handler)
        except OSError as error:
            log.error(  # noqa: TRY400 - an administrator's matter; there is nothing of ours to trace
                "a log file cannot be opened anew, and the one that was renamed is written on: %s", error
            )


def _handlers() -> set[logging.Handler]:
    known = (one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger))
    return {handler for logger in (logging.root, *known) for handler in logger.handlers}


def _reopen(handler: logging.FileHandler) -> None:
    """Do for a handler of the administrator's own what `logging.handlers.WatchedFileHandler` does for itself."""
    handler.acquire()
    try:
        if handler.stream is None:
            # it opens its file with its first line
            return
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(Path(handler.baseFilename).stat(), os.fstat(handler.stream.fileno())):
                return
        former = handler.setStream(handler._open())
        if former is not None:
            former.close()
    finally:
        handler.release()


def explain(options: LogOptions) -> Iterator[str]:
    """Say, a line each, where the way of logging comes from and what came of it."""
    if options.config is not None:
        yield f"logging is configured by {options.config.absolute()}; the block logging is not used"
    else:
        place = (
            f"{options.file.absolute()}, renewed daily, {options.keep} days kept" if options.file else "standard error"
        )
        yield f"logging is configured by the block logging: {options.level}, {options.format}, to {place}"
    for name in ("", *sorted(logging.root.manager.loggerDict)):
        logger = logging.getLogger(name)
        if not name or logger.handlers or logger.level or not logger.propagate:
            yield (
                f"logger {logger.name}: level {logging.getLevelName(logger.getEffectiveLevel())}"
                f"{'' if logger.propagate or not name else ', on its own'}"
            )
        for handler in logger.handlers:
            to = getattr(handler, "baseFilename", None) or getattr(handler, "stream", None)
            formatter = type(handler.formatter).__name__ if handler.formatter else "logging's own format"
            yield (
                f"  handler {type(handler).__name__}, level {logging.getLevelName(handler.level)}, {formatter}"
                f"{f', to {_named(to)}' if to is not None else ''}"
            )


def _named(place: object) -> str:
    return str(getattr(place, "name", place))


def _install(handler: LineHandler, level: str, form: str) -> None:
    if form not in _FORMATTERS:
        raise ValueError(f"{form!r} is not a format of log lines; choose text or json")
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is not a level of logging; choose DEBUG, INFO, WARNING, ERROR or CRITICAL")
    handler.setFormatter(_FORMATTERS[form]())
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
        if isinstance(former, LineHandler):
            former.close()
    root.addHandler(handler)
    root.setLevel(number)


def _configure_whole(path: Path) -> None:
    logging.setLogRecordFactory(_record)
    try:
        content = yaml.safe_load(path.read_text())
        if not isinstance(content, dict):
            raise TypeError("it holds no keys; see conf/logging.yaml.example")
        _check_paths(content)
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **content})
    except (OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, ImportError) as error:
        reason = f"{error}" + (f" ({error.__cause__})" if error.__cause__ else "")
        raise LoggingFailed(f"{path}: logging cannot be configured by it: {reason}") from error


def _check_paths(content: dict[str, Any]) -> None:
    """Make the folders of log files, as for the block `logging`."""
    for handler in (content.get("handlers") or {}).values():
        for word in ("filename", "path"):
            if isinstance(handler, dict) and isinstance(handler.get(word), str):
                Path(handler[word]).parent.mkdir(parents=True, exist_ok=True)


def _record(*arguments: Any, **keywords: Any) -> logging.LogRecord:
    record = logging.LogRecord(*arguments, **keywords)
    record.request_id = request_id() or "-"
    return record
