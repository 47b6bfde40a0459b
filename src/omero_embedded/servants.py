"""The ServiceFactory of a join, and the stateless services IQuery, IAdmin and IConfig."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

from omero_ms_thumbnail.ice.references import Identity, ObjectPrx
from omero_ms_thumbnail.omero.exceptions import ApiUsageException
from omero_ms_thumbnail.omero.rtypes import RBool, RDouble, RInt, RList, RLong, RString, RTime, RType
from omero_ms_thumbnail.omero.services import IADMIN, ICONFIG, IQUERY, SERVICE_FACTORY
from omero_ms_thumbnail.omero.system import EventContext, Parameters, Permissions

from .groups import SET_SECURITY_CONTEXT, ExperimenterGroup, IObject
from .ice_server import Current
from .joins import JoinServant
from .model.projections import Int, Plain, Time
from .thrown import thrown
from .thumbnail_store_servant import ThumbnailStoreServant

_SERVICE = "::omero::api::ServiceInterface"
_OBJECT = "::Ice::Object"

#: what it says it is: it answers as OMERO.server 5.6 does
OMERO_VERSION: Final = "5.6.0-embedded"


class ServiceFactoryServant(JoinServant):
    """``omero::api::ServiceFactory``."""

    ICE_IDS: ClassVar[tuple[str, ...]] = (
        "::omero::api::ServiceFactory",
        "::Glacier2::Session",
        _OBJECT,
        "::omero::cmd::Session",
    )
    #: with one that the service never calls: other clients change groups
    OPERATIONS: ClassVar[Any] = {**SERVICE_FACTORY, SET_SECURITY_CONTEXT.name: SET_SECURITY_CONTEXT}

    async def createThumbnailStore(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """A new ThumbnailStore."""
        omero, session = self.join.omero, self.join.session
        name = await omero.run("createThumbnailStore", omero.server.create_thumbnail_store(session))
        return self.join.add(ThumbnailStoreServant(self.join, name), Identity(name, session.key))

    async def getQueryService(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """The query service."""
        return self.join.stateless("Query", QueryServant)

    async def getAdminService(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """The administration service."""
        return self.join.stateless("Admin", AdminServant)

    async def getConfigService(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """The configuration service."""
        return self.join.stateless("Config", ConfigServant)

    async def detachOnDestroy(self, _current: Current) -> None:  # noqa: N802
        """Let the session live on when this join leaves."""
        self.join.detached = True

    async def closeOnDestroy(self, _current: Current) -> None:  # noqa: N802
        """End the session when this join leaves."""
        self.join.detached = False

    async def setSecurityContext(self, _current: Current, obj: IObject | None) -> IObject:  # noqa: N802
        """Change the session's default group; the one that it was."""
        if not isinstance(obj, ExperimenterGroup) or obj.id is None:
            raise thrown(ApiUsageException, "Only a group is taken here, and none was given.")
        omero = self.join.omero
        previous = await omero.run("setSecurityContext", omero.server.set_group(self.join.session, obj.id.val))
        return ExperimenterGroup(id=RLong(previous))

    async def setCallback(self, _current: Current, _callback: ObjectPrx | None) -> None:  # noqa: N802
        """Take the client's callback object, which is never called."""

    async def keepAlive(self, _current: Current, proxy: ObjectPrx | None) -> bool:  # noqa: N802
        """Whether a service is still there."""
        return proxy is not None and self.join.has(proxy.identity)

    async def keepAllAlive(self, _current: Current, proxies: list[ObjectPrx | None]) -> int:  # noqa: N802
        """A bit for each service that is not there any more; -1 for no services at all, as OMERO has it."""
        if not proxies:
            return -1
        return sum(
            1 << index for index, proxy in enumerate(proxies) if proxy is None or not self.join.has(proxy.identity)
        )


class QueryServant(JoinServant):
    """``omero::api::IQuery``, for the projections that the model answers."""

    ICE_IDS: ClassVar[tuple[str, ...]] = ("::omero::api::IQuery", _OBJECT, _SERVICE)
    OPERATIONS: ClassVar[Any] = IQUERY

    async def projection(self, current: Current, query: str, params: Parameters | None) -> list[list[RType | None]]:
        """The rows of one of the queries that the model knows."""
        omero = self.join.omero
        parameters = {name: _unwrapped(value) for name, value in (params.map if params is not None else {}).items()}
        narrowed = params.theFilter.limit if params is not None and params.theFilter is not None else None
        limit = narrowed.val if narrowed is not None else None
        steps = omero.server.projection(self.join.session, query, parameters, current.context, limit)
        rows = await omero.run("projection", steps)
        return [[_wrapped(column) for column in row] for row in rows]


def _unwrapped(value: RType | None) -> Any:
    if isinstance(value, RList):
        return [_unwrapped(one) for one in value.val]
    return getattr(value, "val", None)


#: by the very type: a page has hundreds of columns
_WRAPPED: Final[dict[type, Callable[[Any], RType]]] = {
    bool: RBool,
    Time: RTime,
    Int: RInt,
    int: RLong,
    float: RDouble,
    str: RString,
}


def _wrapped(value: Plain) -> RType | None:
    """A column as OMERO sends it."""
    wrap = _WRAPPED.get(type(value))
    return None if wrap is None else wrap(value)


class AdminServant(JoinServant):
    """``omero::api::IAdmin``, for who somebody is."""

    ICE_IDS: ClassVar[tuple[str, ...]] = ("::omero::api::IAdmin", _OBJECT, _SERVICE)
    OPERATIONS: ClassVar[Any] = IADMIN

    async def getEventContext(self, current: Current) -> EventContext:  # noqa: N802
        """Who the session belongs to."""
        omero = self.join.omero
        who = await omero.run("getEventContext", omero.server.who_am_i(self.join.session, current.context))
        return EventContext(
            sessionId=who.session_id,
            sessionUuid=who.session_key,
            userId=who.user_id,
            userName=who.user_name,
            groupId=who.group_id,
            groupName=who.group_name,
            isAdmin=who.is_admin,
            eventType="User",
            memberOfGroups=who.member_of,
            leaderOfGroups=who.leader_of,
            groupPermissions=Permissions(perm1=who.permission_bits),
        )


class ConfigServant(JoinServant):
    """``omero::api::IConfig``, for what everybody may read."""

    ICE_IDS: ClassVar[tuple[str, ...]] = ("::omero::api::IConfig", _OBJECT, _SERVICE)
    OPERATIONS: ClassVar[Any] = ICONFIG

    async def getConfigValue(self, _current: Current, key: str) -> str:  # noqa: N802
        """One value; empty for a key that is not there."""
        return self.join.omero.server.configuration().get(key, "")

    async def getConfigValues(self, _current: Current, key_regex: str) -> dict[str, str]:  # noqa: N802
        """The values of all keys in which the regular expression is found."""
        try:
            wanted = re.compile(key_regex)
        except re.error as error:
            raise thrown(ApiUsageException, f"Bad regex: {error}") from error
        return {key: value for key, value in self.join.omero.server.configuration().items() if wanted.search(key)}

    async def getDatabaseUuid(self, _current: Current) -> str:  # noqa: N802
        """Which database it is."""
        return self.join.omero.server.database.uuid

    async def getVersion(self, _current: Current) -> str:  # noqa: N802
        """Which OMERO.server this stands in for."""
        return OMERO_VERSION

    async def getClientConfigValues(self, _current: Current) -> dict[str, str]:  # noqa: N802
        """What is for clients, such as the size of thumbnails on pages."""
        everything = self.join.omero.server.configuration()
        return {key: value for key, value in everything.items() if key.startswith("omero.client.")}
