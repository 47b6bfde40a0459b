"""How a client gets in and out: what Glacier2 asks OMERO at a join, and the ServiceFactory that a join is given.

As in OMERO.server: a known session key is accepted as name and password both, never as one of them; a join needs
`omero.client.uuid`; each join has its own ServiceFactory and stateless services; stateful services belong to the
session and outlive the join that made them; leaving ends the session unless the join called detachOnDestroy.
"""

from __future__ import annotations

import uuid
from typing import Any

import Glacier2
import Ice
import omero
import omero.api
import omero.clients

from tests.real.conformance.standin.dispatch import Servant, error, operation, serves
from tests.real.conformance.standin.queries import QueryI
from tests.real.conformance.standin.rendering import RenderingEngineI
from tests.real.conformance.standin.services import AdminI, ConfigI, ContainerI, ShareI
from tests.real.conformance.standin.session_service import SessionI
from tests.real.conformance.standin.stage import Session, session_identity
from tests.real.conformance.standin.thumbnails import ThumbnailStoreI


@serves(Glacier2.PermissionsVerifier)
class PermissionsVerifierI(Servant, Glacier2.PermissionsVerifier):
    """Glacier2's question whether a name and a password go together."""

    secretive = True

    @operation("checkPermissions")
    def check_permissions(self, current: Any, name: str, password: str) -> tuple[bool, str]:
        with self.stage.lock:
            accepted, reason = self._check(name, password)
        if not accepted:
            self.stage.ledger.refused()
        return accepted, reason

    def _check(self, name: str, password: str) -> tuple[bool, str]:
        if name in self.stage.sessions or password in self.stage.sessions:
            if name == password:
                return True, ""
            return False, "username and password must be equal; use joinSession"
        user = self.stage.world.people.named(name)
        if user is not None and user.password == password:
            return True, ""
        return False, f"Password check failed for '{name}': []"


@serves(Glacier2.SessionManager)
class SessionManagerI(Servant, Glacier2.SessionManager):
    """Glacier2's request for the session of a name that was let in."""

    secretive = True

    @operation("create")
    def create(self, current: Any, name: str, control: Any) -> Any:
        client = current.ctx.get("omero.client.uuid")
        if not client:
            self._refuse("omero.ApiUsageException", "No omero.client.uuid key provided in context.")
        with self.stage.lock:
            session = self.stage.sessions.get(name) or self.stage.start_session(name)
            if session.refuse:
                self._refuse(session.refuse, f"refused with {session.refuse}")
            identity = session_identity(client, session.key)
            try:
                proxy = current.adapter.add(self._service_factory(session, client), identity)
            except Ice.AlreadyRegisteredException:
                self._refuse("Ice.AlreadyRegisteredException", f"{client} has already joined this session")
            session.joins.add(client)
            self.stage.ledger.joined(client, session.key, current.ctx.get("omero.agent", ""))
        categories = control.categories()
        categories.add([identity.category])
        categories.add([identity.name])
        return Glacier2.SessionPrx.uncheckedCast(proxy)

    def _service_factory(self, session: Session, client: str) -> ServiceFactoryI:
        return ServiceFactoryI(self.stage, session, client)

    def _refuse(self, kind: str, reason: str) -> None:
        self.stage.ledger.refused()
        if kind in ("AuthenticationException", "ExpiredCredentialException"):
            raise getattr(omero, kind)(reason)
        if kind == "CannotCreateSessionException":
            raise Glacier2.CannotCreateSessionException(reason)
        if kind == "ConcurrencyException":
            raise omero.WrappedCreateSessionException(reason, True, 1000, "ome.conditions.ConcurrencyException")
        raise omero.WrappedCreateSessionException(reason, False, -1, kind)


@serves(omero.api.ServiceFactory)
class ServiceFactoryI(Servant, omero.api.ServiceFactory):
    """One join of one session."""

    #: what answers for two of OMERO's services
    query: type[Servant] = QueryI
    thumbnail_store: type[Servant] = ThumbnailStoreI

    def __init__(self, stage: Any, session: Session, client: str) -> None:
        super().__init__(stage)
        self.session = session
        self.client = client
        self._detached = False

    def check(self, current: Any) -> None:
        if self.session.ended_with and current.operation != "destroy":
            raise error(getattr(omero, self.session.ended_with), f"No session with uuid: {self.session.key}")

    @operation("getQueryService")
    def get_query_service(self, current: Any) -> Any:
        proxy = self._stateless(self.query, "omero.api.IQuery")
        return omero.api.IQueryPrx.uncheckedCast(proxy)

    @operation("getAdminService")
    def get_admin_service(self, current: Any) -> Any:
        proxy = self._stateless(AdminI, "omero.api.IAdmin")
        return omero.api.IAdminPrx.uncheckedCast(proxy)

    @operation("getConfigService")
    def get_config_service(self, current: Any) -> Any:
        proxy = self._stateless(ConfigI, "omero.api.IConfig")
        return omero.api.IConfigPrx.uncheckedCast(proxy)

    @operation("getContainerService")
    def get_container_service(self, current: Any) -> Any:
        proxy = self._stateless(ContainerI, "omero.api.IContainer")
        return omero.api.IContainerPrx.uncheckedCast(proxy)

    @operation("getSessionService")
    def get_session_service(self, current: Any) -> Any:
        proxy = self._stateless(SessionI, "omero.api.ISession")
        return omero.api.ISessionPrx.uncheckedCast(proxy)

    @operation("getShareService")
    def get_share_service(self, current: Any) -> Any:
        proxy = self._stateless(ShareI, "omero.api.IShare")
        return omero.api.ISharePrx.uncheckedCast(proxy)

    def _stateless(self, kind: Any, service: str) -> Any:
        name = self.client + service
        with self.stage.lock:
            if name in self.session.servants:
                return self.stage.adapter.createDirectProxy(Ice.Identity(name, self.session.key))
            return self.stage.add_service(self.session, name, kind(self.stage, self.session))

    @operation("createThumbnailStore")
    def create_thumbnail_store(self, current: Any) -> Any:
        proxy = self._stateful(self.thumbnail_store, "omero.api.ThumbnailStore")
        return omero.api.ThumbnailStorePrx.uncheckedCast(proxy)

    @operation("createRenderingEngine")
    def create_rendering_engine(self, current: Any) -> Any:
        proxy = self._stateful(RenderingEngineI, "omero.api.RenderingEngine")
        return omero.api.RenderingEnginePrx.uncheckedCast(proxy)

    def _stateful(self, kind: Any, service: str) -> Any:
        # not under the lock: the model may let it wait
        servant = kind(self.stage, self.session, self.client)
        with self.stage.lock:
            proxy = self.stage.add_service(self.session, f"{uuid.uuid4()}{service}", servant)
        self.stage.ledger.add(self.client, "services_created")
        return proxy

    @operation("setSecurityContext")
    def set_security_context(self, current: Any, group: Any) -> Any:
        if not isinstance(group, omero.model.ExperimenterGroup):
            raise error(omero.ApiUsageException, "Only a group is taken here, and none was given.")
        previous = self.stage.run(self.stage.server.set_group(self.session.model, group.id.val))
        return omero.model.ExperimenterGroupI(previous, False)

    @operation("setCallback")
    def set_callback(self, current: Any, callback: Any) -> None:
        """Accepted and not used, as in OMERO.server."""

    @operation("detachOnDestroy")
    def detach_on_destroy(self, current: Any) -> None:
        self._detached = True
        self.stage.ledger.add(self.client, "detachOnDestroy")

    @operation("closeOnDestroy")
    def close_on_destroy(self, current: Any) -> None:
        self._detached = False

    @operation("activeServices")
    def active_services(self, current: Any) -> list[str]:
        with self.stage.lock:
            return list(self.session.servants)

    @operation("keepAlive")
    def keep_alive(self, current: Any, proxy: Any) -> bool:
        with self.stage.lock:
            return proxy is not None and proxy.ice_getIdentity().name in self.session.servants

    @operation("keepAllAlive")
    def keep_all_alive(self, current: Any, proxies: list[Any]) -> int:
        if not proxies:
            return -1
        with self.stage.lock:
            dead = 0
            for bit, proxy in enumerate(proxies):
                if proxy is not None and proxy.ice_getIdentity().name not in self.session.servants:
                    dead |= 1 << bit
            return dead

    @operation("destroy")
    def destroy(self, current: Any) -> None:
        with self.stage.lock:
            self.stage.remove(session_identity(self.client, self.session.key))
            self.session.joins.discard(self.client)
            present = self.stage.sessions.get(self.session.key) is self.session
            if present and not self._detached and not self.session.joins:
                self.stage.end_session(self.session.key, "")
            for name in [name for name in self.session.servants if name.startswith(self.client)]:
                self.stage.remove_service(self.session, name)
        self.stage.ledger.left(self.client)
