"""Groups of users as ``setSecurityContext`` takes and gives them: unloaded objects that hold an id, and nothing else.

Source: ``omero/model/IObject.ice``, ``omero/model/ExperimenterGroup.ice`` of omero-blitz.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from omero_ms_thumbnail.ice.encoding import ClassType
from omero_ms_thumbnail.ice.messages import OperationMode
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.types import BOOL, LONG, Dictionary, Members, Sequence, Value
from omero_ms_thumbnail.omero.exceptions import ServerError
from omero_ms_thumbnail.omero.rtypes import RBool, RInt, RLong, RString


@dataclass
class IObject(Value):
    """Base of all that OMERO keeps. One that is not loaded has no details."""

    ICE_ID = "::omero::model::IObject"
    MEMBERS: ClassVar[Members] = (("id", ClassType(RLong)), ("details", ClassType(Value)), ("loaded", BOOL))
    id: RLong | None = None
    details: Value | None = None
    loaded: bool = False


_OBJECTS: Final = Sequence(ClassType(Value))


@dataclass
class ExperimenterGroup(IObject):
    """A group of users."""

    ICE_ID = "::omero::model::ExperimenterGroup"
    MEMBERS: ClassVar[Members] = (
        ("version", ClassType(RInt)),
        ("name", ClassType(RString)),
        ("ldap", ClassType(RBool)),
        ("groupExperimenterMapSeq", _OBJECTS),
        ("groupExperimenterMapLoaded", BOOL),
        ("config", _OBJECTS),
        ("annotationLinksSeq", _OBJECTS),
        ("annotationLinksLoaded", BOOL),
        ("annotationLinksCountPerOwner", Dictionary(LONG, LONG)),
        ("description", ClassType(RString)),
    )
    version: RInt | None = None
    name: RString | None = None
    ldap: RBool | None = None
    groupExperimenterMapSeq: list[Any] = field(default_factory=list)  # noqa: N815 - Slice's name
    groupExperimenterMapLoaded: bool = False  # noqa: N815 - Slice's name
    config: list[Any] = field(default_factory=list)
    annotationLinksSeq: list[Any] = field(default_factory=list)  # noqa: N815 - Slice's name
    annotationLinksLoaded: bool = False  # noqa: N815 - Slice's name
    annotationLinksCountPerOwner: dict[int, int] = field(default_factory=dict)  # noqa: N815 - Slice's name
    description: RString | None = None


SET_SECURITY_CONTEXT: Final = Operation(
    "setSecurityContext",
    OperationMode.NORMAL,
    (("obj", ClassType(IObject)),),
    ClassType(IObject),
    (ServerError,),
)
