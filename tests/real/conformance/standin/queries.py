"""IQuery: the queries of this service, which the model answers, and those of the Python gateway and OMERO.web's views.

A query is known by its text, white space aside; any other is refused, so that nobody relies on an answer that was
guessed. Only what is readable in the call's group is found, as OMERO's security filter sees to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import omero
import omero.api
import omero.clients
from omero.rtypes import rbool, rdouble, rint, rlong, rmap, rstring, rtime, unwrap

from omero_embedded.model.projections import Int, Time
from omero_ms_thumbnail.omero import queries as hql
from tests.real.conformance.standin import objects
from tests.real.conformance.standin.dispatch import NULL, error, operation, serves
from tests.real.conformance.standin.services import Stateless

if TYPE_CHECKING:
    from collections.abc import Callable

    from omero_embedded.model.data import ImageRow

_PIXELS_OF_IMAGES_AS_MAPS = (
    "select new map( i.id as im_id, p.id as pix_id ) from Pixels as p join p.image as i where i.id in (:ids)"
)
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
        if answer is not None:
            return answer(self, parameters, current.ctx)
        limit = unwrap(parameters.theFilter.limit) if parameters is not None and parameters.theFilter else None
        named = {name: unwrap(value) for name, value in (parameters.map if parameters is not None else {}).items()}
        return self.wrapped_rows(query, named, current.ctx, limit)

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
            return [objects.image(world, one, with_pixels=False) for one in self.images(ids, current.ctx)]
        if match["kind"] == "Plate":
            return [objects.plate(world, one) for one in self._plates(ids, current.ctx)]
        users = [user for user in world.people.users.values() if user.id in ids]
        return [objects.experimenter(user, [world.people.groups[one] for one in user.groups]) for user in users]

    def wrapped_rows(self, query: str, named: dict[str, Any], context: Any, limit: int | None = None) -> list[Any]:
        """The rows of a query that the model knows, as Ice has them."""
        return [[_wrapped(value) for value in row] for row in self._rows(query, named, context, limit)]

    def _rows(self, query: str, named: dict[str, Any], context: Any, limit: int | None = None) -> list[Any]:
        """The rows of a query that the model knows."""
        stage = self.stage
        return stage.run(stage.server.projection(self.session.model, query, named, context, limit))

    def images(self, ids: list[int], context: Any) -> list[ImageRow]:
        """Those images that may be read."""
        found = {row[0] for row in self._rows(hql.READABLE_IMAGES, {"ids": ids}, context)}
        images = self.stage.world.images
        return [images[one] for one in dict.fromkeys(ids) if one in found and one in images]

    def _plates(self, ids: list[int], context: Any) -> list[Any]:
        plates = self.stage.world.plates
        known = [one for one in ids if one in plates]
        return [plates[one] for one in known if self._rows(hql.CONTAINER["Plate"], {"id": one}, context)]

    def _pixels_as_maps(self, parameters: Any, context: Any) -> list[Any]:
        return [
            [rmap({"im_id": rlong(image.id), "pix_id": rlong(image.primary.id)})]
            for image in self.images(_numbers(parameters, "ids"), context)
        ]

    def _grid_of(self, parameters: Any, context: Any) -> list[Any]:
        plates = self._plates([_number(parameters, "id")], context)
        return [[rint(one["rows"] - 1), rint(one["columns"] - 1)] for one in plates] or [[None, None]]

    def _size_of(self, parameters: Any, context: Any) -> list[Any]:
        images = self.images([_number(parameters, "id")], context)
        return [[rint(one.primary.size_x), rint(one.primary.size_y)] for one in images]

    def _wells_of(self, parameters: Any, context: Any) -> list[Any]:
        if _number(parameters, "wsidx", omero.RInt) != 0:
            return []
        made = rtime(objects.MADE_AT)
        return [
            [
                rint(place // plate["columns"]),
                rint(place % plate["columns"]),
                rlong(plate["first_image"] + place),
                rstring(f"image {plate['first_image'] + place}"),
                rstring(self.stage.world.people.users[plate["owner"]].name),
                rlong(plate["id"] * 10_000 + place),
                made,
                made,
                rstring(""),
            ]
            for plate in self._plates([_number(parameters, "id")], context)
            for place in range(plate["rows"] * plate["columns"])
        ]


_PROJECTIONS: dict[str, Callable[[QueryI, Any, Any], list[Any]]] = {
    _PIXELS_OF_IMAGES_AS_MAPS: QueryI._pixels_as_maps,
    _GRID_OF_PLATE: QueryI._grid_of,
    _SIZE_OF_IMAGE: QueryI._size_of,
}


def _wrapped(value: Any) -> Any:
    """A column of the model's as an RType."""
    if value is None:
        return None
    if isinstance(value, dict):
        return rmap({name: _wrapped(one) for name, one in value.items()})
    kinds = {bool: rbool, Int: rint, Time: rtime, int: rlong, float: rdouble, str: rstring}
    return kinds[type(value)](value)


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
