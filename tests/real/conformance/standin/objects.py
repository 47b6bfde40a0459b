"""What is in the world, as omero.model objects: loaded as far as OMERO.server loads them for the gateway's queries.

The gateway tells "not loaded" from "empty": an Image that a query found has unloaded Pixels, one that IContainer
returned has them loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import omero
import omero.clients
import omero.model
from omero.rtypes import rint, rlong, rstring, rtime

if TYPE_CHECKING:
    from omero_embedded.model.data import ImageRow
    from omero_embedded.model.people import Experimenter, Group
    from tests.real.conformance.standin.world import World

#: milliseconds since 1970 at which everything in the world was made
MADE_AT = 1_700_000_000_000


def experimenter(user: Experimenter, groups: list[Group] | None = None) -> Any:
    """The Experimenter of a user; with its groups where they are given."""
    one = omero.model.ExperimenterI(user.id, True)
    one.omeName = rstring(user.name)
    one.firstName, one.lastName = rstring(user.name.title()), rstring("Tester")
    one.ldap = omero.rtypes.rbool(False)
    if groups is None:
        one.unloadGroupExperimenterMap()
        return one
    for group in groups:
        link = omero.model.GroupExperimenterMapI()
        link.parent, link.child = experimenter_group(group), omero.model.ExperimenterI(user.id, False)
        link.owner = omero.rtypes.rbool(group.id in user.leads)
        one.addGroupExperimenterMap(link, False)
    return one


def experimenter_group(group: Group) -> Any:
    one = omero.model.ExperimenterGroupI(group.id, True)
    one.name, one.ldap = rstring(group.name), omero.rtypes.rbool(False)
    one.details.permissions = omero.model.PermissionsI(group.permissions)
    one.unloadGroupExperimenterMap()
    return one


def image(world: World, known: ImageRow, *, with_pixels: bool) -> Any:
    """An Image, with or without its Pixels loaded."""
    one = omero.model.ImageI(known.id, True)
    one.name, one.description = rstring(f"image {known.id}"), rstring("")
    one.acquisitionDate = rtime(MADE_AT)
    _give_details(one, world, known.owner_id, known.group_id)
    if not with_pixels:
        one.unloadPixels()
        return one
    its = known.primary
    pixels = omero.model.PixelsI(its.id, True)
    pixels.sizeX, pixels.sizeY = rint(its.size_x), rint(its.size_y)
    pixels.sizeZ, pixels.sizeC, pixels.sizeT = rint(its.size_z), rint(its.size_c), rint(its.size_t)
    pixels.unloadThumbnails()
    _give_details(pixels, world, known.owner_id, known.group_id)
    one.addPixels(pixels)
    return one


def plate(world: World, known: dict[str, Any]) -> Any:
    one = omero.model.PlateI(known["id"], True)
    one.name = rstring(f"plate {known['id']}")
    one.columnNamingConvention, one.rowNamingConvention = rstring("number"), rstring("letter")
    _give_details(one, world, known["owner"], known["group"])
    return one


def session(number: int, key: str, user: Experimenter) -> Any:
    one = omero.model.SessionI(number, True)
    one.uuid = rstring(key)
    one.owner = omero.model.ExperimenterI(user.id, False)
    one.started, one.timeToIdle, one.timeToLive = rtime(MADE_AT), rlong(600_000), rlong(0)
    return one


def _give_details(one: Any, world: World, owner: int, group: int) -> None:
    one.details.owner = experimenter(world.people.users[owner])
    one.details.group = omero.model.ExperimenterGroupI(group, False)
    one.details.permissions = omero.model.PermissionsI(world.people.groups[group].permissions)
    event = omero.model.EventI(1, True)
    event.time = rtime(MADE_AT)
    one.details.creationEvent = event
