"""The embedded OMERO's Glacier2 router: sessions for connections, and which objects a connection may call.

As the real one: a connection without a session reaches the router only, a proxy must be added before it can be called,
and a session goes with its connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol

from omero_ms_thumbnail.ice.connection import Connection
from omero_ms_thumbnail.ice.errors import ObjectNotExistException
from omero_ms_thumbnail.ice.glacier2 import (
    ICE_ADD_PROXY,
    ROUTER_OPERATIONS,
    SESSION_EXISTS,
    CannotCreateSessionException,
    SessionNotExistException,
)
from omero_ms_thumbnail.ice.messages import Request
from omero_ms_thumbnail.ice.references import Endpoint, Identity, ObjectPrx
from omero_ms_thumbnail.omero.session import ROUTER

from .ice_server import Current, Servant

log: Final = logging.getLogger(__name__)

#: seconds after which the router would close an idle connection; OMERO's own clients send a heartbeat every 30 s
ACM_TIMEOUT: Final = 60


class Join(Protocol):
    """What a session with the router is, behind it."""

    @property
    def identity(self) -> Identity:
        """The identity of the session object."""

    def servant(self, identity: Identity) -> Servant | None:
        """The object of this session with that identity."""

    def destroy(self) -> None:
        """The session with the router has ended."""


#: makes a join from user, password and context; raises PermissionDeniedException or CannotCreateSessionException
Login = Callable[[str, str, Any], Any]


class Router(Servant):
    """``Glacier2::Router``, and the locator of everything behind it."""

    ICE_IDS: ClassVar[tuple[str, ...]] = ("::Glacier2::Router", "::Ice::Object", "::Ice::Router")
    OPERATIONS: ClassVar[Any] = ROUTER_OPERATIONS

    def __init__(self, login: Login) -> None:
        self._login = login
        self._joins: dict[Connection, Join] = {}
        self._added: dict[Connection, set[Identity]] = {}
        #: where proxies say that their objects are
        self.endpoints: tuple[Endpoint, ...] = ()

    def __len__(self) -> int:
        return len(self._joins)

    # ServantLocator

    def locate(self, request: Request, connection: Connection) -> Servant:
        identity = request.identity
        if identity == ROUTER:
            return self
        join = self._joins.get(connection)
        if join is None:
            raise ObjectNotExistException("", request.facet, request.operation)
        if identity not in self._added[connection]:
            raise ObjectNotExistException("", request.facet, ICE_ADD_PROXY)
        servant = join.servant(identity)
        if servant is None:
            raise ObjectNotExistException("", request.facet, request.operation)
        return servant

    def connection_closed(self, connection: Connection) -> None:
        join = self._joins.pop(connection, None)
        self._added.pop(connection, None)
        if join is not None:
            join.destroy()

    # Glacier2::Router

    async def createSession(self, current: Current, user: str, password: str) -> ObjectPrx:  # noqa: N802
        """Let a user in, by name and password or by session key."""
        if current.connection in self._joins:
            raise CannotCreateSessionException(reason=SESSION_EXISTS)
        join: Join = await self._login(user, password, current.context)
        if not current.connection.is_active:
            join.destroy()
            raise SessionNotExistException
        self._joins[current.connection] = join
        self._added[current.connection] = set()
        return self.proxy(join.identity)

    async def destroySession(self, current: Current) -> None:  # noqa: N802
        """Leave."""
        if current.connection not in self._joins:
            raise SessionNotExistException
        self.connection_closed(current.connection)

    async def refreshSession(self, current: Current) -> None:  # noqa: N802
        """Keep the session with the router; here it lasts as long as the connection."""
        if current.connection not in self._joins:
            raise SessionNotExistException

    async def addProxies(self, current: Current, proxies: list[ObjectPrx | None]) -> list[ObjectPrx | None]:  # noqa: N802
        """Let the connection call these objects; nothing is ever dropped for them."""
        added = self._added.get(current.connection)
        if added is None:
            raise ObjectNotExistException("", "", "addProxies")
        added.update(proxy.identity for proxy in proxies if proxy is not None)
        return []

    async def getCategoryForClient(self, _current: Current) -> str:  # noqa: N802
        """The category for a client's callback objects; none is ever called."""
        return "callbacks"

    async def getClientProxy(self, _current: Current) -> ObjectPrx | None:  # noqa: N802
        """Null: the router is reached where it was found."""
        return None

    async def getServerProxy(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """Where a client's callback objects would be called."""
        return self.proxy(Identity("dummy", "callbacks"))

    async def getSessionTimeout(self, _current: Current) -> int:  # noqa: N802
        """Seconds that a session with the router lasts without a heartbeat."""
        return ACM_TIMEOUT

    async def getACMTimeout(self, _current: Current) -> int:  # noqa: N802
        """Seconds that a connection may be idle."""
        return ACM_TIMEOUT

    def proxy(self, identity: Identity) -> ObjectPrx:
        """A proxy for an object behind this router."""
        return ObjectPrx(identity, endpoints=self.endpoints)
