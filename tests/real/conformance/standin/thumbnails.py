"""The ThumbnailStore over Ice: a stateful service of the model, and how images misbehave on order.

What a store answers, makes and writes is the model's. What comes on top is what the world says of an image: that
drawing it waits, fails, crashes or throws, that a set leaves it out or answers it empty.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import omero
import omero.api
import omero.clients

from omero_embedded.model.call import DatabaseConnection, Work
from tests.real.conformance.standin.dispatch import Servant, error, operation, serves
from tests.real.conformance.standin.world import PIXELS

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.real.conformance.standin.world import Behaviour

#: operations of the model that draw one image, and those that draw many
_ONE = (
    "getThumbnail",
    "getThumbnailByLongestSide",
    "getThumbnailWithoutDefault",
    "getThumbnailDirect",
    "getThumbnailByLongestSideDirect",
    "getThumbnailForSectionDirect",
    "getThumbnailForSectionByLongestSideDirect",
    "createThumbnail",
    "createThumbnails",
)
_MANY = ("getThumbnailSet", "getThumbnailByLongestSideSet", "createThumbnailsByLongestSideSet")
_OTHERS = (
    "setPixelsId",
    "setRenderingDefId",
    "getRenderingDefId",
    "resetDefaults",
    "isInProgress",
    "thumbnailExists",
)


def _plainly(argument: Any) -> Any:
    """An argument without Ice: RInts become numbers, null stays."""
    return list(argument) if isinstance(argument, (list, tuple)) else getattr(argument, "val", argument)


def _call(name: str) -> Any:
    @operation(name)
    def method(self: ThumbnailStoreI, current: Any, *arguments: Any) -> Any:
        return self.call(current, [_plainly(one) for one in arguments])

    return method


class _ThumbnailStore(Servant):
    """See the module's docstring; `ThumbnailStoreI` has the operations on top."""

    stateful = True

    def __init__(self, stage: Any, session: Any, client: str) -> None:
        super().__init__(stage)
        self.session = session
        self.client = client
        self._busy = threading.Lock()
        self._name = stage.run(stage.server.create_thumbnail_store(session.model))
        self._image = -1

    def check(self, current: Any) -> None:
        if self.session.ended_with:
            raise error(getattr(omero, self.session.ended_with), f"No session with uuid: {self.session.number}")

    def call(self, current: Any, arguments: list[Any]) -> Any:
        """One call of the model's store, by the name that Ice has for it."""
        stage, name = self.stage, current.operation
        with stage.ledger.alone(self._busy):
            return stage.run(self._steps(name, arguments, current.ctx))

    def _steps(self, name: str, arguments: list[Any], context: dict[str, str]) -> Generator[Any, Any, Any]:
        server = self.stage.server
        yield DatabaseConnection()
        if name in _MANY:
            empty: set[int] = set()
            for pixels_id in arguments[-1]:
                try:
                    yield from self._misbehave(pixels_id - PIXELS, name, drawing=True)
                except Exception:
                    empty.add(pixels_id)
            answer = yield from server.call_store(self.session.model, self._name, name, arguments, context)
            return self._as_ordered(answer, empty)
        if name == "setPixelsId":
            self._image = arguments[0] - PIXELS
        yield from self._misbehave(self._image, name, drawing=name in _ONE)
        return (yield from server.call_store(self.session.model, self._name, name, arguments, context))

    def _as_ordered(self, answer: Any, empty: set[int]) -> Any:
        if answer is None:
            return None
        for pixels_id in list(answer):
            kinds = {behaviour.kind for behaviour in self.stage.world.behaviours(pixels_id - PIXELS)}
            if "left out of set" in kinds:
                del answer[pixels_id]
            elif "empty in set" in kinds or pixels_id in empty:
                answer[pixels_id] = b""
        return answer

    def _misbehave(self, image: int, name: str, *, drawing: bool) -> Generator[Any, Any, None]:
        for behaviour in self.stage.world.behaviours(image):
            yield Work("misbehaviour", partial(self._do, behaviour, image, name, drawing))

    def _do(self, behaviour: Behaviour, image: int, name: str, drawing: bool) -> None:
        if behaviour.kind == "throws":
            if behaviour.operation == name or (drawing and not behaviour.operation):
                raise error(getattr(omero, behaviour.exception), f"thrown by image {image}")
        elif drawing and behaviour.kind == "held":
            self.stage.hold()
        elif drawing and behaviour.kind == "slow":
            time.sleep(behaviour.milliseconds / 1000)
        elif drawing and behaviour.kind == "crashes":
            raise RuntimeError(f"image {image} crashes the renderer")


def _modelled(servant: type) -> type:
    """With every operation that is the model's alone."""
    for name in (*_ONE, *_MANY, *_OTHERS):
        setattr(servant, f"_{name}", _call(name))
    return servant


@serves(omero.api.ThumbnailStore)
@_modelled
class ThumbnailStoreI(_ThumbnailStore, omero.api.ThumbnailStore):
    """See the module's docstring."""

    @operation("close")
    def close(self, current: Any) -> None:
        stage = self.stage
        with stage.ledger.alone(self._busy):
            stage.run(stage.server.call_store(self.session.model, self._name, "close", [], current.ctx))
        with stage.lock:
            stage.remove_service(self.session, current.id.name)
        stage.ledger.add(self.client, "services_closed")
