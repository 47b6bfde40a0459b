"""The embedded OMERO's ThumbnailStore: the model's, spoken to over Ice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from omero_ms_thumbnail.omero.rtypes import RInt
from omero_ms_thumbnail.omero.services import THUMBNAIL_STORE

from .ice_server import Current
from .joins import JoinServant, OmeroJoin


class ThumbnailStoreServant(JoinServant):
    """``omero::api::ThumbnailStore``; `name` is that of the model's store."""

    ICE_IDS: ClassVar[tuple[str, ...]] = (
        "::omero::api::ThumbnailStore",
        "::Ice::Object",
        "::omero::api::ServiceInterface",
        "::omero::api::StatefulServiceInterface",
    )
    OPERATIONS: ClassVar[Any] = THUMBNAIL_STORE

    def __init__(self, join: OmeroJoin, name: str) -> None:
        super().__init__(join)
        self._name = name

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Every operation is one of the model's, under the same name."""
        if operation not in self.OPERATIONS:
            raise AttributeError(operation)

        async def call(current: Current, *arguments: Any) -> Any:
            return await self._call(current, operation, arguments)

        return call

    async def close(self, current: Current) -> None:
        """Close the store."""
        await self._call(current, "close", ())
        self.join.remove(current.identity)

    async def _call(self, current: Current, operation: str, arguments: tuple[Any, ...]) -> Any:
        omero, plain = self.join.omero, [_plain(one) for one in arguments]
        steps = omero.server.call_store(self.join.session, self._name, operation, plain, current.context)
        return await omero.run(operation, steps)


def _plain(argument: Any) -> Any:
    return argument.val if isinstance(argument, RInt) else argument
