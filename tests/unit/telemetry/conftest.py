"""Logging as it was before each test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from omero_ms_thumbnail.telemetry.request import current


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    former = {logger: (logger.handlers[:], logger.level) for logger in _loggers()}
    token = current.set(None)
    yield
    current.reset(token)
    for logger in _loggers():
        handlers, level = former.get(logger, ([], logging.NOTSET))
        for handler in logger.handlers:
            if handler not in handlers:
                handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)
    logging.setLogRecordFactory(factory)


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.getLogger(), *(one for one in known if isinstance(one, logging.Logger))]
