"""Whether two answers say the same: status class, content type, and bytes or JSON."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.real.conformance.standin.pictures import what_is_shown

if TYPE_CHECKING:
    import httpx

    from tests.real.stack.cases import Case

_JSONP = re.compile(r"(?:/\*\*/)?(?P<callback>[\w.$]+)\((?P<json>.*)\);?", re.DOTALL)
_JPEG_URI = "data:image/jpeg;base64,"


@dataclass(frozen=True)
class Answer:
    """What counts of an answer. `said` is bytes, JSON, or (callback, JSON); of an error it is nothing."""

    status: int
    content_type: str
    said: Any

    @classmethod
    def of(cls, response: httpx.Response) -> Answer:
        content_type = response.headers.get("content-type", "").partition(";")[0]
        if not response.is_success:
            # the sentence of an error is for people, and each has its own
            return cls(response.status_code, "", None)
        said: Any = response.content
        if response.request.method == "HEAD":
            said = response.headers.get("content-length")
        elif content_type == "application/json":
            said = response.json()
        elif content_type.endswith("javascript"):
            match = _JSONP.fullmatch(response.text)
            said = (match["callback"], json.loads(match["json"])) if match else response.text
        return cls(response.status_code, content_type, said)

    def same_as(self, other: Answer) -> bool:
        """Whether a page could not tell one from the other."""
        if self.said is None or other.said is None:
            return self.said is other.said and self.status // 100 == other.status // 100
        return self == other

    def __str__(self) -> str:
        return f"{self.status} {self.content_type} {_short(self.said)}".strip()


@dataclass(frozen=True)
class Outcome:
    """One case and both answers to it."""

    case: Case
    ours: Answer
    theirs: Answer

    @property
    def is_same(self) -> bool:
        return self.ours.same_as(self.theirs)

    @property
    def is_as_expected(self) -> bool:
        return self.is_same == (self.case.differs is None)

    def __str__(self) -> str:
        return f"{self.case}\n    ours:      {self.ours}\n    OMERO.web: {self.theirs}"


def _short(said: Any) -> str:
    if said is None:
        return ""
    if isinstance(said, bytes):
        return _picture(said)
    if isinstance(said, str) and said.startswith(_JPEG_URI):
        return _picture(base64.b64decode(said.removeprefix(_JPEG_URI)))
    if isinstance(said, dict):
        return "{" + ", ".join(f"{key}: {_short(value)}" for key, value in list(said.items())[:4]) + "}"
    if isinstance(said, tuple):
        return f"{said[0]}({_short(said[1])})"
    return repr(said)[:120]


def _picture(content: bytes) -> str:
    try:
        shown = what_is_shown(content)
    except ValueError:
        return f"{len(content)} bytes beginning with {content[:8]!r}"
    return " ".join(f"{key}={value}" for key, value in shown.items())
