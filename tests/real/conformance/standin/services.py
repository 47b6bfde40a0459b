"""What every stateless service has, and the small ones: who one is, how the server is set up, containers, shares."""

from __future__ import annotations

import re
from typing import Any

import omero
import omero.api
import omero.clients
import omero.model
import omero.sys

from omero_embedded.model.context import enter, leader_of
from omero_embedded.model.omero_errors import OmeroError
from omero_ms_thumbnail.omero import queries
from tests.real.conformance.standin import objects
from tests.real.conformance.standin.dispatch import NULL, Servant, error, operation, serves, thrown

VERSION = "5.6.14-ice36-standin"

#: what OMERO.web asks for; `omero.client.*` is what it hands on to browsers (omero-blitz's etc/omero.properties)
CONFIGURATION = {
    "omero.client.browser.thumb_default_size": "120",
    "omero.client.viewer.roi_limit": "2000",
    "omero.client.ui.tree.type_order": "tagset,tag,project,dataset,screen,plate,acquisition,image",
    "omero.mail.config": "false",
    "omero.upgrades.url": "",
    "omero.version": VERSION,
    "omero.pixeldata.max_plane_width": "3192",
    "omero.pixeldata.max_plane_height": "3192",
}


class Stateless(Servant):
    """A service of one join, which ends with its session."""

    stateful = False

    def __init__(self, stage: Any, session: Any) -> None:
        super().__init__(stage)
        self.session = session

    def check(self, current: Any) -> None:
        if self.session.ended_with:
            raise error(getattr(omero, self.session.ended_with), f"No session with uuid: {self.session.number}")


@serves(omero.api.IAdmin)
class AdminI(Stateless, omero.api.IAdmin):
    """Who the session's user is."""

    @operation("getEventContext")
    def get_event_context(self, current: Any) -> Any:
        people, session = self.stage.world.people, self.session
        try:
            acting = enter(people, people.users[session.user.id], session.group, current.ctx)
        except OmeroError as error:
            raise thrown(error) from None
        user = people.users[acting.user_id]
        home = people.groups[session.group if acting.group_id < 0 else acting.group_id]
        return omero.sys.EventContext(
            shareId=-1,
            sessionId=session.number,
            sessionUuid=session.key,
            userId=user.id,
            userName=user.name,
            groupId=home.id,
            groupName=home.name,
            isAdmin=user.is_admin,
            adminPrivileges=["Sudo", "WriteOwned"] if user.is_admin else [],
            eventId=-1,
            eventType="User",
            memberOfGroups=list(user.groups),
            leaderOfGroups=list(leader_of(user)),
            groupPermissions=omero.model.PermissionsI(home.permissions),
        )


@serves(omero.api.IConfig)
class ConfigI(Stateless, omero.api.IConfig):
    """How the server is set up; a key that is not set is empty, as in OMERO.server."""

    @operation("getVersion")
    def get_version(self, current: Any) -> str:
        return VERSION

    @operation("getDatabaseUuid")
    def get_database_uuid(self, current: Any) -> str:
        return str(self.stage.world.database.uuid)

    @operation("getConfigValue")
    def get_config_value(self, current: Any, key: str) -> str:
        return CONFIGURATION.get(key, "")

    @operation("getConfigValues")
    def get_config_values(self, current: Any, key_regex: str) -> dict[str, str]:
        return {key: value for key, value in CONFIGURATION.items() if re.search(key_regex, key)}

    @operation("getClientConfigValues")
    def get_client_config_values(self, current: Any) -> dict[str, str]:
        return self._for_clients()

    @operation("getClientConfigDefaults")
    def get_client_config_defaults(self, current: Any) -> dict[str, str]:
        return self._for_clients()

    def _for_clients(self) -> dict[str, str]:
        return {key: value for key, value in CONFIGURATION.items() if key.startswith("omero.client.")}


@serves(omero.api.IContainer)
class ContainerI(Stateless, omero.api.IContainer):
    """Images with their Pixels."""

    @operation("getImages")
    def get_images(self, current: Any, kind: str, ids: list[int], _: Any) -> list[Any]:
        if kind != "Image":
            raise error(omero.ApiUsageException, f"the stand-in has no getImages of {kind}")
        stage = self.stage
        rows = stage.run(
            stage.server.projection(self.session.model, queries.READABLE_IMAGES, {"ids": list(ids)}, current.ctx)
        )
        images = stage.world.images
        return [objects.image(stage.world, images[row[0]], with_pixels=True) for row in rows]


@serves(omero.api.IShare)
class ShareI(Stateless, omero.api.IShare):
    """Nobody shares anything."""

    @operation("getShare")
    def get_share(self, current: Any, share_id: int) -> Any:
        return NULL
