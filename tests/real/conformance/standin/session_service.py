"""ISession: how a client looks at its own session, and how a log-out ends it."""

from __future__ import annotations

from typing import Any

import omero
import omero.api
import omero.clients
from omero.rtypes import unwrap

from tests.real.conformance.standin import objects
from tests.real.conformance.standin.dispatch import error, operation, serves
from tests.real.conformance.standin.services import Stateless

#: what closeSession returns for a session that is gone (omero-server's SessionManagerImpl)
_GONE = -2


@serves(omero.api.ISession)
class SessionI(Stateless, omero.api.ISession):
    """The service, whose name it has in OMERO."""

    secretive = True

    @operation("getSession")
    def get_session(self, current: Any, key: str) -> Any:
        session = self.stage.sessions.get(key)
        if session is None:
            raise error(omero.RemovedSessionException, "No session with this uuid")
        return objects.session(session.number, session.key, session.user)

    @operation("getReferenceCount")
    def get_reference_count(self, current: Any, key: str) -> int:
        session = self.stage.sessions.get(key)
        return _GONE if session is None else len(session.joins)

    @operation("closeSession")
    def close_session(self, current: Any, session: Any) -> int:
        key = unwrap(session.uuid)
        with self.stage.lock:
            if key in self.stage.sessions:
                self.stage.end_session(key, "")
        return _GONE
