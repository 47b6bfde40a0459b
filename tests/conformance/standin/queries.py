"""IQuery: the queries that a thumbnail service, the Python gateway and OMERO.web's thumbnail and plate views ask.

A query is known by its text, white space aside; any other is refused, so that nobody relies on an answer that was
guessed. Only what is readable in the call's group is found, as OMERO's security filter sees to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import omero
import omero.api
import omero.clients
from omero.rtypes import rint, rlong, rmap, rstring, rtime

from tests.conformance.standin import objects
from tests.conformance.standin.dispatch import NULL, error, operation, serves
from tests.conformance.standin.services import Stateless
from tests.conformance.standin.world import PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.standin.world import Image, Plate

#: the query of this service for what it has to know of images
PIXELS_OF_IMAGES = (
    "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"
)
_PIXELS_OF_IMAGES_AS_MAPS = (
    "select new map( i.id as im_id, p.id as pix_id ) from Pixels as p join p.image as i where i.id in (:ids)"
)
_SECTION_OF_RENDERING_DEF = "select r.defaultZ, r.defaultT from RenderingDef r where r.id = :id"
_CLOCKS = "select t.pixels.id from Thumbnail t where t.pixels.id in (:ids) and t.version = -1"
_GRID_OF_PLATE = "select max(row), max(column) from Well where plate.id = :id"
_SIZE_OF_IMAGE = "select pixels.sizeX, pixels.sizeY from Pixels pixels where pixels.image.id = :id"
_WELLS_OF_PLATE = re.compile(
    r"select well\.row, well\.column, img\.id, img\.name, .* where well\.plate\.id = :id and index\(ws\) = :wsidx"
)
_OBJECTS = re.compile(
    r"select (?:distinct )?obj from (?P<kind>Image|Plate|Experimenter) (?:as )?obj\b.* where obj\.id in \(:ids\)"
)


@serves(omero.api.IQuery)
class QueryI(Stateless, omero.api.IQuery):
    """See the module's docstring."""

    @operation("projection")
    def projection(self, current: Any, query: str, parameters: Any) -> list[Any]:
        asked = _one_line(query)
        answer = _PROJECTIONS.get(asked)
        if answer is None and _WELLS_OF_PLATE.fullmatch(asked):
            answer = QueryI._wells_of
        if answer is None:
            raise error(omero.QueryException, f"unexpected query: {asked[:200]}")
        return answer(self, parameters, current.ctx)

    @operation("findByQuery")
    def find_by_query(self, current: Any, query: str, parameters: Any) -> Any:
        found = self.find_all_by_query(current, query, parameters)
        if len(found) > 1:
            raise error(omero.ApiUsageException, "query did not return a unique result")
        return found[0] if found else NULL

    @operation("findAllByQuery")
    def find_all_by_query(self, current: Any, query: str, parameters: Any) -> list[Any]:
        match = _OBJECTS.fullmatch(_one_line(query))
        if match is None:
            raise error(omero.QueryException, f"unexpected query: {_one_line(query)[:200]}")
        ids = _numbers(parameters, "ids")
        world = self.stage.world
        if match["kind"] == "Image":
            return [objects.image(world, one, with_pixels=False) for one in self._images(ids, current.ctx)]
        if match["kind"] == "Plate":
            return [objects.plate(world, one) for one in self._plates(ids, current.ctx)]
        users = [user for user in world.users.values() if user.id in ids]
        return [objects.experimenter(user, [world.groups[one] for one in user.groups]) for user in users]

    def _images(self, ids: list[int], context: Any) -> list[Image]:
        with self.stage.looking(self.session, context) as (_, group):
            known = [self.stage.world.images.get(one) for one in dict.fromkeys(ids)]
            return [one for one in known if one is not None and self.stage.readable(self.session, one, group)]

    def _plates(self, ids: list[int], context: Any) -> list[Plate]:
        with self.stage.looking(self.session, context) as (_, group):
            known = [self.stage.world.plates.get(one) for one in ids]
            return [one for one in known if one is not None and self.stage.readable(self.session, one, group)]

    def _pixels_of(self, parameters: Any, context: Any) -> list[Any]:
        return [
            [rlong(image.pixels), rlong(image.id), rlong(image.group), rlong(image.owner)]
            for image in self._images(_numbers(parameters, "ids"), context)
        ]

    def _pixels_as_maps(self, parameters: Any, context: Any) -> list[Any]:
        return [
            [rmap({"im_id": rlong(image.id), "pix_id": rlong(image.pixels)})]
            for image in self._images(_numbers(parameters, "ids"), context)
        ]

    def _clocks(self, parameters: Any, context: Any) -> list[Any]:
        images = [one - PIXELS for one in _numbers(parameters, "ids")]
        return [[rlong(one.pixels)] for one in self._images(images, context) if one.behaviour("in progress")]

    def _section_of(self, parameters: Any, context: Any) -> list[Any]:
        settings = self.stage.world.rendering_defs.get(_number(parameters, "id"))
        if settings is None or not self._images([settings.image], context):
            return []
        return [[rint(settings.z), rint(settings.t)]]

    def _grid_of(self, parameters: Any, context: Any) -> list[Any]:
        plates = self._plates([_number(parameters, "id")], context)
        return [[rint(one.rows - 1), rint(one.columns - 1)] for one in plates] or [[None, None]]

    def _size_of(self, parameters: Any, context: Any) -> list[Any]:
        images = self._images([_number(parameters, "id")], context)
        return [[rint(one.size[0]), rint(one.size[1])] for one in images]

    def _wells_of(self, parameters: Any, context: Any) -> list[Any]:
        if _number(parameters, "wsidx", omero.RInt) != 0:
            return []
        made = rtime(objects.MADE_AT)
        return [
            [
                rint(place // plate.columns),
                rint(place % plate.columns),
                rlong(plate.first_image + place),
                rstring(f"image {plate.first_image + place}"),
                rstring(self.stage.world.user(plate.owner).name),
                rlong(plate.id * 10_000 + place),
                made,
                made,
                rstring(""),
            ]
            for plate in self._plates([_number(parameters, "id")], context)
            for place in range(plate.rows * plate.columns)
        ]


_PROJECTIONS: dict[str, Callable[[QueryI, Any, Any], list[Any]]] = {
    PIXELS_OF_IMAGES: QueryI._pixels_of,
    _PIXELS_OF_IMAGES_AS_MAPS: QueryI._pixels_as_maps,
    _SECTION_OF_RENDERING_DEF: QueryI._section_of,
    _CLOCKS: QueryI._clocks,
    _GRID_OF_PLATE: QueryI._grid_of,
    _SIZE_OF_IMAGE: QueryI._size_of,
}


def _one_line(query: str) -> str:
    return re.sub(r"\s+", " ", query).strip()


def _parameter(parameters: Any, name: str, kind: type) -> Any:
    value = ((parameters and parameters.map) or {}).get(name)
    if not isinstance(value, kind):
        raise error(omero.QueryException, f"parameter {name} is to be a {kind.__name__}")
    return value.val


def _number(parameters: Any, name: str, kind: type = omero.RLong) -> int:
    return int(_parameter(parameters, name, kind))


def _numbers(parameters: Any, name: str) -> list[int]:
    return [one.val for one in _parameter(parameters, name, omero.RList)]
