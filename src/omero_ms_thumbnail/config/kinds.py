"""What a value may be: how each kind of value is read from YAML or from text, described, and written down.

A value from the environment is always text, so every kind takes the text form as well as YAML's own type. Nothing
here knows which keys there are.
"""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from ..omero.address import HOST_NAME, parse_omero_address
from .config_error import InvalidValueError
from .uris import parse_store_uri

T_co = TypeVar("T_co", covariant=True)

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_SIZE_TEXT = re.compile(r"([0-9]{1,18}) ?(KiB|MiB|GiB)")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class ValueKind(ABC, Generic[T_co]):
    """One kind of value. ``expected`` is a noun phrase: what a person has to write."""

    expected: str

    @abstractmethod
    def parse(self, value: object) -> T_co:
        """The typed value. Raises `InvalidValueError` where the value is not of this kind."""

    def show(self, value: object) -> str:
        """A typed value as it is written in YAML."""
        return str(value)


def _number(value: object) -> int:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidValueError


class WholeNumber(ValueKind[int]):
    """A whole number within bounds, both included."""

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest, self.highest = lowest, highest
        self.expected = f"a whole number from {lowest} to {highest}"

    def parse(self, value: object) -> int:
        """The number."""
        number = _number(value)
        if not self.lowest <= number <= self.highest:
            raise InvalidValueError
        return number


class Milliseconds(ValueKind[float]):
    """A span written as whole milliseconds and used in seconds."""

    def __init__(self, lowest: int, highest: int) -> None:
        self._number = WholeNumber(lowest, highest)
        self.expected = f"{self._number.expected} (milliseconds)"

    def parse(self, value: object) -> float:
        """The span in seconds."""
        return self._number.parse(value) / 1000

    def show(self, value: object) -> str:
        """The span in milliseconds."""
        return f"{float(str(value)) * 1000:.0f}"


class Seconds(ValueKind[float]):
    """A span in seconds, with or without a fraction, within bounds, both included."""

    def __init__(self, lowest: float, highest: float) -> None:
        self.lowest, self.highest = lowest, highest
        self.expected = f"a number of seconds from {lowest:g} to {highest:g}"

    def parse(self, value: object) -> float:
        """The span in seconds."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidValueError
        try:
            seconds = float(value)
        except (ValueError, OverflowError):
            raise InvalidValueError from None
        if not self.lowest <= seconds <= self.highest:
            raise InvalidValueError
        return seconds

    def show(self, value: object) -> str:
        """The span without a needless fraction."""
        return f"{float(str(value)):g}"


class Size(ValueKind[int]):
    """A number of bytes, written as a whole number or with KiB, MiB or GiB after it."""

    def __init__(self, lowest: int, highest: int) -> None:
        self._number = WholeNumber(lowest, highest)
        self.expected = f"a number of bytes from {lowest} to {highest}, or such as 256 MiB"

    def parse(self, value: object) -> int:
        """The number of bytes."""
        match = _SIZE_TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
        return self._number.parse(int(match[1]) * _UNITS[match[2]] if match else value)

    def show(self, value: object) -> str:
        """The size in the largest unit that leaves no fraction."""
        size = int(str(value))
        for unit, factor in reversed(_UNITS.items()):
            if size and size % factor == 0:
                return f"{size // factor} {unit}"
        return str(size)


class Switch(ValueKind[bool]):
    """True or false."""

    expected = "true or false"

    def parse(self, value: object) -> bool:
        """The boolean."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in _SWITCH:
            return _SWITCH[value.strip().lower()]
        raise InvalidValueError

    def show(self, value: object) -> str:
        """YAML's ``true`` or ``false``."""
        return "true" if value else "false"


class Choice(ValueKind[T_co]):
    """One of a few words."""

    def __init__(self, words: tuple[T_co, ...]) -> None:
        self.words = words
        self.expected = "one of " + ", ".join(str(word) for word in words)

    def parse(self, value: object) -> T_co:
        """The word."""
        for word in self.words:
            if word == value:
                return word
        raise InvalidValueError


class Text(ValueKind[str]):
    """Text on one line, of printable ASCII characters; ``pattern`` may narrow it, and ``expected`` then says how."""

    def __init__(self, expected: str = "text", pattern: str = r"[ -~]*") -> None:
        self.expected = expected
        self._pattern = re.compile(pattern)

    def parse(self, value: object) -> str:
        """The text."""
        if not isinstance(value, str):
            raise InvalidValueError(f"the value is not text; write {self.expected}, in quotes")
        if not self._pattern.fullmatch(value):
            raise InvalidValueError
        return value

    def show(self, value: object) -> str:
        """The text in double quotes."""
        return f'"{value}"'


class RegularExpression(ValueKind[str]):
    """A regular expression of Python's, as OMERO.web takes them."""

    expected = "a regular expression such as ^/(webclient|webgateway)/"

    def parse(self, value: object) -> str:
        """The expression as written, known to be one."""
        if not isinstance(value, str):
            raise InvalidValueError(f"the value is not text; write {self.expected}, in quotes")
        try:
            re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            raise InvalidValueError(f"the value is not {self.expected}: {error}") from None
        return value


class Host(ValueKind[str]):
    """A host name or an IP address, with neither scheme nor port."""

    expected = "a host name or an IP address (without scheme and port)"

    def parse(self, value: object) -> str:
        """The host."""
        if isinstance(value, str):
            if HOST_NAME.fullmatch(value):
                return value
            try:
                return str(ipaddress.ip_address(value))
            except ValueError:
                pass
        raise InvalidValueError


class OmeroHost(ValueKind[str]):
    """The host of an OMERO.server, or a URL that names its transport, as OMERO's clients take it."""

    expected = "a host name, an IP address, or a URL such as wss://omero.example.org/omero-wss"

    def parse(self, value: object) -> str:
        """The host or URL as written, known to be well-formed."""
        if not isinstance(value, str):
            raise InvalidValueError
        try:
            parse_omero_address(value)
        except ValueError as error:
            # a URL may hold a password, and is not quoted
            raise InvalidValueError(str(error)) from error
        return value


class Lines(ValueKind[tuple[str, ...]]):
    """Several texts: a YAML list, or text with one on each line."""

    expected = "a list of texts"

    def parse(self, value: object) -> tuple[str, ...]:
        """The texts, without empty ones."""
        items = value.splitlines() if isinstance(value, str) else value
        if not isinstance(items, list):
            raise InvalidValueError
        texts = [item.strip() for item in items if isinstance(item, str)]
        if len(texts) != len(items):
            raise InvalidValueError("an item of the list is not text; put each in quotes")
        return tuple(text for text in texts if text)

    def show(self, value: object) -> str:
        """The only list that is ever written down: the empty default."""
        return "[]" if not value else str(value)


class FilePath(ValueKind[Path]):
    """The path of a file or folder. A relative one is relative to where it was written: see `loading`."""

    def __init__(self, expected: str) -> None:
        self.expected = expected

    def parse(self, value: object) -> Path:
        """The path, as written."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise InvalidValueError
        return Path(value)


class StoreUri(ValueKind[str]):
    """Where a session store is, in one of the forms that `uris` reads."""

    expected = "a URI such as redis://:password@host:6379/1 or postgresql://user:password@host:5432/database"

    def parse(self, value: object) -> str:
        """The URI as written, known to be well-formed."""
        if not isinstance(value, str):
            raise InvalidValueError(f"the value is not text; write {self.expected}")
        text = value.strip()
        parse_store_uri(text)
        return text


class HttpUrl(ValueKind[str]):
    """An http or https URL without user and password, so that it may be shown."""

    def __init__(self, example: str = "http://localhost:9411/api/v2/spans") -> None:
        self.expected = f"a URL such as {example}"

    def parse(self, value: object) -> str:
        """The URL as written; an empty text is none, as in the Java microservice."""
        if value == "":
            return ""
        if isinstance(value, str) and re.fullmatch(r"[!-~]+", value):
            try:
                parts = urlsplit(value)
                # Reading the port is what makes urllib check it.
                usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
            except ValueError:
                usable = False
            if usable and "@" not in parts.netloc:
                return value
        # Not the sentence that quotes the value: what failed may hold a password.
        raise InvalidValueError(f"the value is not {self.expected}, without user and password")
