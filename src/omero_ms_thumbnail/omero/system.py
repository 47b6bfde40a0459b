"""OMERO's system classes that calls here take and return. Source: ``omero/System.ice``, ``model/Permissions.ice``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from ..ice.encoding import ClassType
from ..ice.types import BOOL, BOOL_SEQ, LONG, LONG_SEQ, STRING, STRING_SEQ, Dictionary, Members, Value
from .rtypes import RTYPE, RBool, RInt, RLong, RString, RTime, RType

_RBOOL: Final = ClassType(RBool)
_RINT: Final = ClassType(RInt)
_RLONG: Final = ClassType(RLong)
_RSTRING: Final = ClassType(RString)
_RTIME: Final = ClassType(RTime)


@dataclass
class Filter(Value):
    """Narrows a query."""

    ICE_ID = "::omero::sys::Filter"
    MEMBERS: ClassVar[Members] = (
        ("unique", _RBOOL),
        ("ownerId", _RLONG),
        ("groupId", _RLONG),
        ("offset", _RINT),
        ("limit", _RINT),
        ("startTime", _RTIME),
        ("endTime", _RTIME),
    )
    unique: RBool | None = None
    ownerId: RLong | None = None  # noqa: N815 - Slice's name
    groupId: RLong | None = None  # noqa: N815 - Slice's name
    offset: RInt | None = None
    limit: RInt | None = None
    startTime: RTime | None = None  # noqa: N815 - Slice's name
    endTime: RTime | None = None  # noqa: N815 - Slice's name


@dataclass
class Options(Value):
    """Options of a query."""

    ICE_ID = "::omero::sys::Options"
    MEMBERS: ClassVar[Members] = (
        ("leaves", _RBOOL),
        ("orphan", _RBOOL),
        ("acquisitionData", _RBOOL),
        ("cacheable", _RBOOL),
    )
    leaves: RBool | None = None
    orphan: RBool | None = None
    acquisitionData: RBool | None = None  # noqa: N815 - Slice's name
    cacheable: RBool | None = None


@dataclass
class Parameters(Value):
    """What a query's named parameters stand for."""

    ICE_ID = "::omero::sys::Parameters"
    MEMBERS: ClassVar[Members] = (
        ("map", Dictionary(STRING, RTYPE)),
        ("theFilter", ClassType(Filter)),
        ("theOptions", ClassType(Options)),
    )
    map: dict[str, RType | None] = field(default_factory=dict)
    theFilter: Filter | None = None  # noqa: N815 - Slice's name
    theOptions: Options | None = None  # noqa: N815 - Slice's name


@dataclass
class Permissions(Value):
    """The permissions of a group or object, as the bits of `perm1`."""

    ICE_ID = "::omero::model::Permissions"
    MEMBERS: ClassVar[Members] = (
        ("restrictions", BOOL_SEQ),
        ("extendedRestrictions", STRING_SEQ),
        ("perm1", LONG),
    )
    restrictions: list[bool] = field(default_factory=list)
    extendedRestrictions: list[str] = field(default_factory=list)  # noqa: N815 - Slice's name
    perm1: int = -1


@dataclass
class EventContext(Value):
    """Who a session belongs to, and what they may do."""

    ICE_ID = "::omero::sys::EventContext"
    MEMBERS: ClassVar[Members] = (
        ("shareId", LONG),
        ("sessionId", LONG),
        ("sessionUuid", STRING),
        ("userId", LONG),
        ("userName", STRING),
        ("sudoerId", _RLONG),
        ("sudoerName", _RSTRING),
        ("groupId", LONG),
        ("groupName", STRING),
        ("isAdmin", BOOL),
        ("adminPrivileges", STRING_SEQ),
        ("eventId", LONG),
        ("eventType", STRING),
        ("memberOfGroups", LONG_SEQ),
        ("leaderOfGroups", LONG_SEQ),
        ("groupPermissions", ClassType(Permissions)),
    )
    shareId: int = -1  # noqa: N815 - Slice's name
    sessionId: int = -1  # noqa: N815 - Slice's name
    sessionUuid: str = field(default="", repr=False)  # noqa: N815 - Slice's name
    userId: int = -1  # noqa: N815 - Slice's name
    userName: str = ""  # noqa: N815 - Slice's name
    sudoerId: RLong | None = None  # noqa: N815 - Slice's name
    sudoerName: RString | None = None  # noqa: N815 - Slice's name
    groupId: int = -1  # noqa: N815 - Slice's name
    groupName: str = ""  # noqa: N815 - Slice's name
    isAdmin: bool = False  # noqa: N815 - Slice's name
    adminPrivileges: list[str] = field(default_factory=list)  # noqa: N815 - Slice's name
    eventId: int = -1  # noqa: N815 - Slice's name
    eventType: str = ""  # noqa: N815 - Slice's name
    memberOfGroups: list[int] = field(default_factory=list)  # noqa: N815 - Slice's name
    leaderOfGroups: list[int] = field(default_factory=list)  # noqa: N815 - Slice's name
    groupPermissions: Permissions | None = None  # noqa: N815 - Slice's name
