"""Every picture in a town on the model of OMERO is what OMERO gives, to the step; each way of mixing up is caught.

Some parts of a key tell nothing that another does not: rendering settings and rows are of one Pixels each, and what the
file of a row holds follows from the row alone. That they are in the key all the same is tested in
`tests/unit/thumbnails/test_content.py`; here they are left out together with what tells the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from omero_ms_thumbnail.thumbnails import content, scheduler
from omero_ms_thumbnail.thumbnails.facts_cache import FactsCache
from omero_ms_thumbnail.thumbnails.scheduler import ThumbnailScheduler
from omero_ms_thumbnail.thumbnails.session_facts import SessionFacts
from tests.hard.privacy.small_town import small_town
from tests.hard.privacy.watching import Wrong

Break = Callable[[pytest.MonkeyPatch], None]

#: how long sessions believe, in seconds, where they do
BELIEF = 60.0

#: the steps within which each mutant is caught, over as many towns
STEPS, TOWNS = 250, 8


@pytest.mark.parametrize("files", [False, True])
@pytest.mark.parametrize("belief", [0.0, BELIEF])
def test_every_picture_is_what_omero_gives(belief: float, files: bool) -> None:
    town = small_town(1, steps=STEPS, belief=belief, files=files)
    assert min(town.refused, town.answers - town.refused) > 50
    # all of it has happened
    assert town.memory.hits > 10
    assert town.unchanged > 0


# what a key is made of: database/kind/pixels.event.time/row or settings …/settings or size

_KEY = re.compile(rb"(?P<database>[^/]*)/(?P<kind>drawn|stored)/(?P<pixels>[^/]*)/(?P<first>[^/]*)/(?P<rest>.*)")


def _mended(name: str, mutant: Callable[[dict[str, bytes]], bytes]) -> Break:
    """`mutant` makes a key of the parts of one."""
    original = getattr(content, name)

    def key(*given: Any) -> bytes | None:
        made = original(*given)
        found = _KEY.fullmatch(made) if made is not None else None
        return mutant({part: value or b"" for part, value in found.groupdict().items()}) if found else made

    return lambda patch: patch.setattr(content, name, key)


def _joined(parts: dict[str, bytes]) -> bytes:
    return b"/".join(parts.values())


def _without(*names: str) -> Callable[[dict[str, bytes]], bytes]:
    return lambda parts: _joined(parts | dict.fromkeys(names, b""))


def _only_id(name: str) -> Callable[[dict[str, bytes]], bytes]:
    """Without its event and that one's time."""
    return lambda parts: _joined(parts | {name: parts[name].split(b".")[0]})


def _only_event(*names: str) -> Callable[[dict[str, bytes]], bytes]:
    """Without its id."""
    return lambda parts: _joined(parts | {name: parts[name].partition(b".")[2] for name in names})


def _without_section(parts: dict[str, bytes]) -> bytes:
    return _joined(parts | {"rest": parts["rest"].split(b"/")[0]})


def _without_size(parts: dict[str, bytes]) -> bytes:
    return _joined(parts | {"rest": b"/".join(parts["rest"].split(b"/")[1:])})


KEYS: dict[str, Break] = {
    "drawn: database": _mended("drawn_key", _without("database")),
    "drawn: Pixels, and which settings of one event": _mended(
        "drawn_key", lambda parts: _only_event("first")(parts | {"pixels": b""})
    ),
    "drawn: the Pixels' event": _mended("drawn_key", _only_id("pixels")),
    "drawn: settings": _mended("drawn_key", _without("first")),
    "drawn: the settings' event": _mended("drawn_key", _only_id("first")),
    "drawn: size": _mended("drawn_key", _without_size),
    "drawn: section": _mended("drawn_key", _without_section),
    "stored: database": _mended("stored_key", _without("database")),
    "stored: Pixels and row": _mended("stored_key", _without("pixels", "first")),
    "stored: row": _mended("stored_key", _without("first")),
    "stored: the row's event": _mended("stored_key", _only_id("first")),
    "stored: the row's event, and the settings": _mended(
        "stored_key", lambda parts: _only_id("first")(parts | {"rest": b""})
    ),
    "which kind": lambda patch: patch.setattr(
        content, "stored_key", lambda database, facts: content.drawn_key(database, facts, _plain(facts))
    ),
}


def _plain(facts: Any) -> Any:
    return scheduler.ThumbnailRequest(facts.image_id, facts.size)


# who is answered from what is kept, and when


def _wrap(kind: Any, name: str, mutant: Callable[..., Any]) -> Break:
    """`mutant` gets what it replaces first."""
    original = getattr(kind, name)
    return lambda patch: patch.setattr(kind, name, lambda *given, **named: mutant(original, *given, **named))


def given_before_omero_answers(patch: pytest.MonkeyPatch) -> None:
    """By what another session was told of the image, whoever's."""
    told: dict[int, Any] = {}

    def cached(original: Any, self: Any, request: Any) -> Any:
        found = original(self, request)
        if found is not None:
            told[request.image_id] = found
        if found is not None or request.version or request.rendering_def_id or self._viewer is None:
            return found
        return told.get(request.image_id)

    _wrap(SessionFacts, "cached", cached)(patch)


def _once_the_viewer_is_known(cached: Any, self: Any, request: Any) -> Any:
    return cached(self, request) if self._viewer is not None else None


def facts_of_all(patch: pytest.MonkeyPatch) -> None:
    """One table of facts for all sessions."""
    table: list[Any] = []

    def begin(original: Any, self: Any, *given: Any) -> None:
        original(self, *given)
        table.append(self._facts)
        self._facts = table[0]

    _wrap(FactsCache, "__init__", begin)(patch)
    _wrap(SessionFacts, "cached", _once_the_viewer_is_known)(patch)
    patch.setattr(FactsCache, "clear", lambda _self: None)


def facts_outlive_the_session(patch: pytest.MonkeyPatch) -> None:
    """Whoever logs in again goes on with the facts that they had."""
    tables: dict[int, Any] = {}

    def begin(original: Any, self: Any, session: Any, caches: Any) -> None:
        original(self, session, caches)
        self.cache._facts = tables.setdefault(session.user_id, self.cache._facts)

    _wrap(SessionFacts, "__init__", begin)(patch)
    # nothing is told before it is known for whom
    _wrap(SessionFacts, "cached", _once_the_viewer_is_known)(patch)
    patch.setattr(FactsCache, "clear", lambda _self: None)


def facts_for_ever(patch: pytest.MonkeyPatch) -> None:
    def get(self: FactsCache, image_id: int) -> Any:
        entry = self._facts.get(image_id)
        return entry[1] if entry is not None else None

    patch.setattr(FactsCache, "get", get)
    patch.setattr(FactsCache, "_evict", lambda _self: None)


def version_takes_cached_facts(patch: pytest.MonkeyPatch) -> None:
    _wrap(SessionFacts, "cached", lambda cached, self, request: cached(self, request.anew))(patch)


def requests_without_settings(patch: pytest.MonkeyPatch) -> None:
    """Those that are on their way for one session are not told apart by the settings that they name."""

    def item(original: Any, self: Any, request: Any, tags: Any, *, is_alone: bool) -> Any:
        alike = [one for one in self._items if one._replace(rendering_def_id=None) == request.anew]
        return original(self, alike[0] if alike else request, tags, is_alone=is_alone)

    _wrap(ThumbnailScheduler, "_item", item)(patch)


def tags_of_images(patch: pytest.MonkeyPatch) -> None:
    """Only of which Pixels, not of how they look."""
    _wrap(content, "tag_of", lambda tag_of, key: tag_of(key.split(b"/")[2].split(b".")[0]))(patch)


AT_ONCE: dict[str, Break] = {
    "requests forget the settings that they name": requests_without_settings,
    "a tag forgets the key": tags_of_images,
}

BELIEVED: dict[str, Break] = {
    "a picture is given by what another session was told": given_before_omero_answers,
    "sessions take facts that others were given": facts_of_all,
    "who logs in again goes on with old facts": facts_outlive_the_session,
    "facts are kept for ever": facts_for_ever,
    "a new version takes cached facts": version_takes_cached_facts,
}


def _live(belief: float) -> None:
    for seed in range(TOWNS):
        small_town(seed, steps=STEPS, belief=belief, files=bool(seed % 2))


def _is_caught(belief: float) -> None:
    with pytest.raises(Wrong) as caught:
        _live(belief)
    print(caught.value)


@pytest.mark.long
@pytest.mark.parametrize("name", KEYS | AT_ONCE)
def test_a_mix_up_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (KEYS | AT_ONCE)[name](monkeypatch)
    _is_caught(0.0)


@pytest.mark.long
@pytest.mark.parametrize("name", BELIEVED)
def test_facts_that_are_not_ones_own_or_too_old_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BELIEVED[name](monkeypatch)
    _is_caught(BELIEF)
