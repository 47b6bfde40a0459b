"""Requests of every kind as a browser makes them, and what their answers say."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from urllib.parse import urlencode

from omero_embedded.world import World
from tests.hard.privacy.oracle import DEFAULT_SIZE, Asked

_SIZES = (48, 96, 120)


@dataclass(frozen=True)
class Question:
    """A path with its query, what is asked for, and whether the query has a cache buster that is new."""

    path: str
    query: str
    asked: tuple[Asked, ...]
    is_json: bool = False
    is_fresh: bool = False


class Questions:
    """Asks at random."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._last_version = 0

    def one(self, images: list[int]) -> Question:
        """A question about one of `images`, or about all."""
        rng = self._rng
        query, is_fresh = self._cache_busters()
        prefix = rng.choice(["webclient", "webgateway"])
        kind = rng.random()
        image, width = images[0], rng.choice(_SIZES)
        if kind < 0.35:
            size = "" if rng.random() < 0.5 else f"/{width}"
            asked = tuple(Asked(one, width if size else DEFAULT_SIZE) for one in dict.fromkeys(images))
            text = urlencode([("id", one) for one in images] + list(query.items()))
            if len(asked) == 1:
                return Question(f"/{prefix}/get_thumbnails{size}", text, asked, is_json=True, is_fresh=is_fresh)
            return Question(f"/{prefix}/get_thumbnails{size}/", text, asked, is_json=True, is_fresh=is_fresh)
        rendering_def = section = None
        if rng.random() < 0.3:
            rendering_def = query["rdefId"] = self._rendering_def(image)
        if rng.random() < 0.1:
            section = (rng.randrange(4), rng.randrange(3))
            query["z"], query["t"] = section
        text = urlencode(query)
        plain = Asked(image, DEFAULT_SIZE, None, rendering_def, section)
        sized = Asked(image, width, None, rendering_def, section)
        if kind < 0.5:
            return Question(f"/{prefix}/render_thumbnail/{image}/", text, (plain,), is_fresh=is_fresh)
        if kind < 0.6:
            return Question(f"/webclient/render_thumbnail/size/{width}/{image}/", text, (sized,), is_fresh=is_fresh)
        if kind < 0.7:
            exact = Asked(image, width, rng.choice(_SIZES), rendering_def, section)
            path = f"/webgateway/render_thumbnail/{image}/{width}/{exact.height}/"
            return Question(path, text, (exact,), is_fresh=is_fresh)
        if kind < 0.85:
            return Question(f"/{prefix}/render_birds_eye_view/{image}/{width}/", text, (sized,), is_fresh=is_fresh)
        if kind < 0.92:
            return Question(f"/{prefix}/get_thumbnail/{image}/", text, (plain,), is_json=True, is_fresh=is_fresh)
        return Question(f"/webgateway/get_thumbnail/{image}/{width}/", text, (sized,), is_json=True, is_fresh=is_fresh)

    def _cache_busters(self) -> tuple[dict[str, object], bool]:
        """What a query begins with, and whether that asks anew."""
        rng, query = self._rng, dict[str, object]()
        is_fresh = rng.random() < 0.15
        if is_fresh:
            query["version"] = self._new_version()
        elif rng.random() < 0.3:
            query["version"] = "old"
        if rng.random() < 0.1:
            # jQuery's, which asks for nothing anew
            query["_"] = self._new_version()
        return query, is_fresh

    def _new_version(self) -> int:
        self._last_version += 1
        return self._last_version

    def _rendering_def(self, image: int) -> int:
        """One that the image has, or another image's."""
        found = self._world.images.get(image)
        if found is None or not found.rendering_defs or self._rng.random() < 0.1:
            return self._rng.randrange(1, 5_000)
        return self._rng.choice(found.rendering_defs).id


def pictures(question: Question, body: bytes) -> list[bytes | None]:
    """The picture for each that was asked for, out of an answer with status 200."""
    if not question.is_json:
        return [body]
    said = json.loads(body)
    if isinstance(said, dict):
        assert list(said) == [str(one.image) for one in question.asked]
        return [_picture(one) for one in said.values()]
    return [_picture(said)]


def _picture(uri: str | None) -> bytes | None:
    return None if uri is None else base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
