"""The stateless services: IQuery's projection for the queries a thumbnail service asks, IAdmin's event context."""

from __future__ import annotations

import re
from typing import Any

import omero
import omero.api
import omero.clients
import omero.model
import omero.sys
from omero.rtypes import rint, rlong

from tests.conformance.standin.dispatch import Servant, error, operation, serves
from tests.conformance.standin.world import ANY_GROUP

PIXELS_OF_IMAGES = (
    "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"
)
SECTION_OF_RENDERING_DEF = "select r.defaultZ, r.defaultT from RenderingDef r where r.id = :id"


class Stateless(Servant):
    """A service of one join, which ends with its session."""

    stateful = False

    def __init__(self, stage: Any, session: Any) -> None:
        super().__init__(stage)
        self.session = session

    def check(self, current: Any) -> None:
        if self.session.ended_with:
            raise error(getattr(omero, self.session.ended_with), f"No session with uuid: {self.session.number}")


@serves(omero.api.IQuery)
class QueryI(Stateless, omero.api.IQuery):
    """Only what is readable in the call's group is found, as OMERO's security filter sees to."""

    @operation("projection")
    def projection(self, current: Any, query: str, parameters: Any) -> list[Any]:
        asked = re.sub(r"\s+", " ", query).strip()
        values = {} if parameters is None else parameters.map or {}
        if asked == PIXELS_OF_IMAGES:
            ids = [one.val for one in self._parameter(values, "ids", omero.RList)]
            return self._pixels_of(ids, current.ctx)
        if asked == SECTION_OF_RENDERING_DEF:
            return self._section_of(self._parameter(values, "id", omero.RLong), current.ctx)
        raise error(omero.QueryException, f"unexpected query: {asked[:200]}")

    def _parameter(self, values: Any, name: str, kind: type) -> Any:
        value = values.get(name)
        if not isinstance(value, kind):
            raise error(omero.QueryException, f"parameter {name} is to be a {kind.__name__}")
        return value.val

    def _pixels_of(self, ids: list[int], context: Any) -> list[Any]:
        with self.stage.looking(self.session, context) as (_, group):
            found = (self.stage.world.images.get(image_id) for image_id in dict.fromkeys(ids))
            return [
                [rlong(image.pixels), rlong(image.id), rlong(image.group), rlong(image.owner)]
                for image in found
                if image is not None and self.stage.readable(self.session, image, group)
            ]

    def _section_of(self, settings_id: int, context: Any) -> list[Any]:
        with self.stage.looking(self.session, context) as (_, group):
            settings = self.stage.world.rendering_defs.get(settings_id)
            image = None if settings is None else self.stage.world.images.get(settings.image)
            if image is None or not self.stage.readable(self.session, image, group):
                return []
            return [[rint(settings.z), rint(settings.t)]]


@serves(omero.api.IAdmin)
class AdminI(Stateless, omero.api.IAdmin):
    """Who the session's user is."""

    @operation("getEventContext")
    def get_event_context(self, current: Any) -> Any:
        with self.stage.looking(self.session, current.ctx) as (user, group):
            home = self.stage.world.groups[self.session.group if group == ANY_GROUP else group]
            return omero.sys.EventContext(
                shareId=-1,
                sessionId=self.session.number,
                sessionUuid=self.session.key,
                userId=user.id,
                userName=user.name,
                groupId=home.id,
                groupName=home.name,
                isAdmin=user.is_admin,
                adminPrivileges=["Sudo", "WriteOwned"] if user.is_admin else [],
                eventId=-1,
                eventType="User",
                memberOfGroups=list(user.groups),
                leaderOfGroups=list(user.leads),
                groupPermissions=omero.model.PermissionsI(home.permissions),
            )
