"""The ServiceFactory of a join, and the stateless services IQuery and IAdmin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..ice.references import ObjectPrx
from ..ice.server import Current
from ..omero import hql
from ..omero.exceptions import QueryException
from ..omero.hql import CONTAINER, FACTS, IMAGES_IN, IMAGES_IN_PROGRESS, NEWEST_IMAGES, READABLE_IMAGES
from ..omero.rtypes import RInt, RList, RLong, RString, RType
from ..omero.services import IADMIN, IQUERY, SERVICE_FACTORY
from ..omero.session import ALL_GROUPS, GROUP
from ..omero.system import EventContext, Parameters, Permissions
from .containers import Containers
from .faults import thrown
from .joins import JoinServant
from .thumbnail_store import ThumbnailStoreServant
from .world import PERMISSION_BITS, SYSTEM_GROUP

_SERVICE = "::omero::api::ServiceInterface"
_OBJECT = "::Ice::Object"


class ServiceFactoryServant(JoinServant):
    """``omero::api::ServiceFactory``."""

    ICE_IDS: ClassVar[tuple[str, ...]] = (
        "::omero::api::ServiceFactory",
        "::Glacier2::Session",
        _OBJECT,
        "::omero::cmd::Session",
    )
    OPERATIONS: ClassVar[Any] = SERVICE_FACTORY

    async def createThumbnailStore(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """A new ThumbnailStore."""
        omero = self.join.omero
        async with omero.workload.call("createThumbnailStore", omero.workload.latency.store):
            omero.stores_created += 1
            self.join.session.stores_open += 1
            return self.join.add(ThumbnailStoreServant(self.join))

    async def getQueryService(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """The query service."""
        return self.join.stateless("Query", QueryServant)

    async def getAdminService(self, _current: Current) -> ObjectPrx:  # noqa: N802
        """The administration service."""
        return self.join.stateless("Admin", AdminServant)

    async def detachOnDestroy(self, _current: Current) -> None:  # noqa: N802
        """Let the session live on when this join leaves."""
        self.join.detached = True

    async def closeOnDestroy(self, _current: Current) -> None:  # noqa: N802
        """End the session when this join leaves."""
        self.join.detached = False

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
    """``omero::api::IQuery``, for the projections that a thumbnail service asks."""

    ICE_IDS: ClassVar[tuple[str, ...]] = ("::omero::api::IQuery", _OBJECT, _SERVICE)
    OPERATIONS: ClassVar[Any] = IQUERY

    _PIXELS_OF_IMAGES = (
        "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"
    )
    _FACTS = " ".join(FACTS.split())
    _CLOCKS_AMONG_PIXELS = "select t.pixels.id from Thumbnail t where t.pixels.id in (:ids) and t.version = -1"
    _SECTION_OF_RENDERING_DEF = "select r.defaultZ, r.defaultT from RenderingDef r where r.id = :id"

    async def projection(self, current: Current, query: str, params: Parameters | None) -> list[list[RType]]:
        """The rows of one of the queries above."""
        omero = self.join.omero
        values = params.map if params is not None else {}
        async with omero.workload.call("projection", omero.workload.latency.query):
            asked = " ".join(query.split())
            if asked == self._PIXELS_OF_IMAGES:
                return self._pixels_of(values.get("ids"), current.context.get(GROUP, ALL_GROUPS))
            if asked == self._FACTS:
                return self._facts_of(values)
            if asked == self._CLOCKS_AMONG_PIXELS:
                return self._clocks_among(values.get("ids"))
            if asked == self._SECTION_OF_RENDERING_DEF:
                return self._section_of(values.get("id"))
            stored = self._stored(asked, values.get("ids"))
            if stored is not None:
                return stored
            listed = self._listed(asked, params)
            if listed is not None:
                return [[RLong(one)] for one in listed]
        raise thrown(QueryException, f"this OMERO does not know the query: {asked[:200]}")

    def _pixels_of(self, ids: RType | None, group: str) -> list[list[RType]]:
        world, user = self.join.omero.world, self.join.user
        rows: list[list[RType]] = []
        for one in _longs(ids):
            image = world.images.get(one)
            if image is None or not world.may_read(user, image) or group not in (ALL_GROUPS, str(image.group_id)):
                continue
            columns = (image.pixels_id, image.id, image.group_id, image.owner_id)
            rows.append([RLong(column) for column in columns])
        return rows

    def _facts_of(self, values: Mapping[str, RType | None]) -> list[list[RType]]:
        user, rows = values.get("user"), self._pixels_of(values.get("ids"), ALL_GROUPS)
        if not isinstance(user, RLong):
            raise thrown(QueryException, "user is not a long")
        for row in rows:
            image_id = row[1]
            image = self.join.omero.world.images[image_id.val] if isinstance(image_id, RLong) else None
            owners = [one.owner_id for one in image.rendering_defs] if image is not None else []
            own = RLong(owners.count(user.val))
            owner = RLong(owners.count(image.owner_id) if image is not None else 0)
            # as if every owner who has settings had looked
            rows_of_own = owner if image is not None and image.owner_id == user.val else RLong(0)
            permissions = self.join.omero.world.groups[image.group_id].permissions if image is not None else ""
            row.extend([RLong(PERMISSION_BITS[permissions]), RInt(0), own, owner, rows_of_own, owner])
        return rows

    def _clocks_among(self, ids: RType | None) -> list[list[RType]]:
        world, user = self.join.omero.world, self.join.user
        images = ((one, world.image_of_pixels(one)) for one in _longs(ids))
        return [
            [RLong(pixels_id)]
            for pixels_id, image in images
            if image is not None and image.clock_shown and world.may_read(user, image)
        ]

    def _listed(self, asked: str, params: Parameters | None) -> Iterable[int] | None:
        """The ids that one of `omero.queries` asks for; None if it is none of them."""
        containers = Containers(self.join.omero.world, self.join.user)
        values = params.map if params is not None else {}
        if asked == READABLE_IMAGES:
            return containers.readable(_longs(values.get("ids")))
        if asked == IMAGES_IN_PROGRESS:
            return containers.in_progress(_longs(values.get("ids")))
        if asked == NEWEST_IMAGES:
            narrowed = params.theFilter.limit if params is not None and params.theFilter is not None else None
            return containers.newest(narrowed.val if narrowed is not None else None)
        one = values.get("id")
        if not isinstance(one, RLong):
            return None
        for kind, query in IMAGES_IN.items():
            if asked == query:
                return containers.images_in(kind, one.val)
            if asked == CONTAINER[kind]:
                return [one.val] if containers.has(kind, one.val) else []
        return None

    def _stored(self, asked: str, ids: RType | None) -> list[list[RType]] | None:
        """The rows that one of `omero.stored` asks for; None if it is none of them."""
        world, user = self.join.omero.world, self.join.user
        if asked == hql.PIXELS_WITH_SIZES:
            images = [world.images[one] for one in _longs(ids) if one in world.images]
            rows = [
                (i.pixels_id, i.id, i.group_id, i.owner_id, i.picture.size_x, i.picture.size_y, 0)
                for i in images
                if world.may_read(user, i)
            ]
            return [[RLong(column) for column in row] for row in rows]
        if asked == hql.NAMES_OF_USERS:
            return [[RLong(one), RString(world.users[one].name)] for one in _longs(ids) if one in world.users]
        of_pixels = (world.image_of_pixels(one) for one in _longs(ids)) if isinstance(ids, RList) else ()
        readable = [one for one in of_pixels if one is not None and world.may_read(user, one)]
        if asked == hql.THUMBNAILS_OF_PIXELS:
            pixels = {one.pixels_id for one in readable}
            return [
                [RLong(number), *(RLong(column) for column in row), RLong(1), RInt(version)]
                for number, (row, version) in enumerate(world.thumbnails.items(), 1)
                if row[0] in pixels
            ]
        if asked == hql.SETTINGS_OF_PIXELS:
            return [
                [RLong(column) for column in (one.id, image.pixels_id, one.owner_id, 1, 1)]
                for image in readable
                for one in image.rendering_defs
            ]
        return None

    def _section_of(self, rendering_def_id: RType | None) -> list[list[RType]]:
        world, user = self.join.omero.world, self.join.user
        if not isinstance(rendering_def_id, RLong):
            raise thrown(QueryException, "id is not a long")
        found = world.rendering_def(rendering_def_id.val)
        if found is None or not world.may_read(user, found[0]):
            return []
        settings = found[1].settings
        return [[RInt(settings.default_z), RInt(settings.default_t)]]


def _longs(ids: RType | None) -> list[int]:
    """The parameter ``:ids``."""
    if not isinstance(ids, RList):
        raise thrown(QueryException, "ids is not a list")
    return [one.val for one in ids.val if isinstance(one, RLong)]


class AdminServant(JoinServant):
    """``omero::api::IAdmin``, for who somebody is."""

    ICE_IDS: ClassVar[tuple[str, ...]] = ("::omero::api::IAdmin", _OBJECT, _SERVICE)
    OPERATIONS: ClassVar[Any] = IADMIN

    async def getEventContext(self, _current: Current) -> EventContext:  # noqa: N802
        """Who the session belongs to."""
        omero, session = self.join.omero, self.join.session
        user = self.join.user
        group = omero.world.groups[user.groups[0]]
        async with omero.workload.call("getEventContext", omero.workload.latency.query):
            return EventContext(
                sessionId=session.number,
                sessionUuid=session.key,
                userId=user.id,
                userName=user.name,
                groupId=group.id,
                groupName=group.name,
                isAdmin=user.is_admin,
                eventType="User",
                memberOfGroups=list(user.groups),
                leaderOfGroups=[*user.leads, *([SYSTEM_GROUP] if user.is_admin else [])],
                groupPermissions=Permissions(perm1=PERMISSION_BITS[group.permissions]),
            )
