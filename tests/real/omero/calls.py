"""Plays a scenario's calls on a ThumbnailStore, over the wire, with the service's own Ice client."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.ice.messages import OperationMode
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.types import BYTE_SEQ, UserException
from omero_ms_thumbnail.omero.rtypes import RInt
from omero_ms_thumbnail.omero.services import THUMBNAIL_STORE
from omero_ms_thumbnail.omero.session import GROUP, USER, JoinedSession
from omero_ms_thumbnail.omero.stores import create_thumbnail_store
from tests.real.omero.comparing import Played
from tests.real.omero.picture_summary import EMPTY, look_of
from tests.real.omero.scenario import OF_MEMBER, Scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from omero_ms_thumbnail.ice.references import ObjectPrx
    from tests.real.omero.drivers import Driver

_SIZE: Final = THUMBNAIL_STORE["getThumbnail"].parameters

#: what the service does not call, and scenarios do; source: ``omero/api/ThumbnailStore.ice`` of omero-blitz
_OPERATIONS: Final[Mapping[str, Operation[Any]]] = {
    "getThumbnailWithoutDefault": Operation(
        "getThumbnailWithoutDefault",
        OperationMode.IDEMPOTENT,
        _SIZE,
        BYTE_SEQ,
        THUMBNAIL_STORE["getThumbnail"].throws,
    ),
    **THUMBNAIL_STORE,
}

#: how many of a call's arguments come before its sizes, which are RInts
_BEFORE_SIZES: Final = {"getThumbnailForSectionByLongestSideDirect": 2, "getThumbnailForSectionDirect": 2}

_LEAVE_WITHIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """The images of a scenario as this OMERO has them."""

    images: tuple[int, ...]
    pixels: tuple[int, ...]

    def number_of(self, pixels_id: int) -> str:
        """The place of Pixels in the scenario, as a key of JSON."""
        return str(self.pixels.index(pixels_id))


class Store:
    """A ThumbnailStore whose calls are named as in scenarios."""

    def __init__(self, session: JoinedSession, proxy: ObjectPrx) -> None:
        self._session = session
        self._proxy = proxy

    async def call(self, name: str, *arguments: Any, context: Mapping[str, str] | None = None) -> Any:
        return await self._session.calls.call(
            self._proxy, _OPERATIONS[name], *arguments, context=context, timeout=self._session.call_timeout
        )

    async def close(self) -> None:
        with suppress(IceException, UserException):
            await self.call("close")
        self._session.calls.router.forget(self._proxy)


class Player:
    """Plays scenarios on the OMERO of a driver; each person joins once for each group."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._sessions: dict[tuple[str, str], JoinedSession] = {}

    async def close(self) -> None:
        """Leave every session."""
        for session in self._sessions.values():
            await session.leave(_LEAVE_WITHIN)
        self._sessions.clear()

    async def play(self, scenario: Scenario) -> Played:
        """Prepare it, make its calls, and look at what is left. Raises `CannotPrepare`."""
        prepared = await self.prepare(scenario)
        before = await self.driver.events(scenario.who)
        answers = await self._answers(scenario, prepared)
        events = await self.driver.events(scenario.who)
        after = await self.driver.left(prepared.images)
        return Played(tuple(answers), tuple(after), None if events is None or before is None else events - before)

    async def prepare(self, scenario: Scenario) -> Prepared:
        """Make the images and take the steps of each. Raises `CannotPrepare`."""
        ids = [
            await self.driver.new_image(scenario.group, scenario.owner_of(number))
            for number in range(len(scenario.images))
        ]
        prepared = Prepared(tuple(image for image, _ in ids), tuple(pixels for _, pixels in ids))
        for number, steps in enumerate(scenario.images):
            for step in steps:
                if step != OF_MEMBER:
                    await self.step(scenario, prepared, step, number)
        return prepared

    async def step(self, scenario: Scenario, prepared: Prepared, step: str, number: int) -> None:
        """Let a step happen to an image. What a person tries in it may fail, as it did when it was recorded."""
        image = prepared.images[number]
        match step.split():
            case ["in", "progress"]:
                await self.driver.set_in_progress(image, in_progress=True)
            case ["complete"]:
                await self.driver.set_in_progress(image, in_progress=False)
            case [who, "saves", colour]:
                await self.driver.save(image, who, colour)
            case [who, "stores", size]:
                context = self._context(scenario)
                with suppress(UserException):
                    async with self.store(who, scenario.group) as store:
                        await store.call("setPixelsId", prepared.pixels[number], context=context)
                        await store.call("getThumbnailByLongestSide", RInt(int(size)), context=context)
            case _:
                raise ValueError(f"{scenario.id}: no step {step!r} is known here")

    async def _answers(self, scenario: Scenario, prepared: Prepared) -> list[Any]:
        answers: list[Any] = []
        session = await self.session(scenario.who, scenario.group)
        store = Store(session, await create_thumbnail_store(session.calls))
        try:
            for name, *arguments in scenario.calls:
                if name == "new store":
                    await store.close()
                    store = Store(session, await create_thumbnail_store(session.calls))
                    answers.append(None)
                elif name == "step":
                    await self.step(scenario, prepared, *arguments)
                    answers.append(None)
                else:
                    answers.append(await self._answer(scenario, prepared, store, name, arguments))
        finally:
            await store.close()
        return answers

    async def _answer(
        self, scenario: Scenario, prepared: Prepared, store: Store, name: str, arguments: list[Any]
    ) -> Any:
        context = self._context(scenario)
        if arguments and isinstance(arguments[-1], dict):
            context |= self._more_context(arguments.pop())
        if name == "setRenderingDefId":
            image, whose = arguments
            asked = [await self.driver.newest_settings(prepared.images[image], whose)]
        else:
            asked = _arguments(name, arguments, prepared)
        try:
            answer = await store.call(name, *asked, context=context)
        except UserException as error:
            return {"error": type(error).__name__, "says": str(getattr(error, "message", ""))[:60]}
        except IceException as error:
            return {"error": type(error).__name__, "says": str(error)[:60]}
        if isinstance(answer, dict):
            came = {prepared.number_of(pixels): _picture(jpeg) for pixels, jpeg in answer.items()}
            return {str(number): came.get(str(number), "left out") for number in arguments[-1]}
        if name.startswith("getThumbnail"):
            return {"picture": _picture(answer)}
        return answer

    def _context(self, scenario: Scenario) -> dict[str, str]:
        return {GROUP: str(self.driver.group_id(scenario.group))}

    def _more_context(self, said: Mapping[str, str]) -> dict[str, str]:
        more = {}
        if "user" in said:
            more[USER] = str(self.driver.user_id(said["user"]))
        if "group" in said:
            more[GROUP] = said["group"]
        return more

    async def session(self, who: str, group: str) -> JoinedSession:
        """Joined as that person, once for each group."""
        session = self._sessions.get((who, group))
        if session is None:
            session = await JoinedSession.join(self.driver.server, self.driver.session_key(who, group))
            self._sessions[who, group] = session
        return session

    @asynccontextmanager
    async def store(self, who: str, group: str) -> AsyncIterator[Store]:
        """A store of their own, closed after use."""
        session = await self.session(who, group)
        store = Store(session, await create_thumbnail_store(session.calls))
        try:
            yield store
        finally:
            await store.close()


def _arguments(name: str, arguments: list[Any], prepared: Prepared) -> list[Any]:
    if name == "setPixelsId":
        return [prepared.pixels[arguments[0]]]
    numbers = _BEFORE_SIZES.get(name, 0)
    asked: list[Any] = []
    for place, argument in enumerate(arguments):
        if isinstance(argument, list):
            asked.append([prepared.pixels[number] for number in argument])
        else:
            asked.append(argument if place < numbers else RInt(argument))
    return asked


def _picture(jpeg: bytes | None) -> Any:
    if jpeg is None:
        return None
    return look_of(bytes(jpeg)) if jpeg else EMPTY
