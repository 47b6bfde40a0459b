"""The operations of OMERO's services that are called here, and answered by the embedded OMERO.

Source: ``omero/API.ice`` and ``omero/api/*.ice`` of omero-blitz. A mode is the
slice's own (``idempotent`` or not): OMERO's generated code refuses any other.
"""

from __future__ import annotations

from typing import Any, Final

from ..ice.encoding import ClassType
from ..ice.messages import OperationMode
from ..ice.operations import Operation
from ..ice.references import PROXY
from ..ice.types import BOOL, BYTE_SEQ, INT, LONG, LONG_SEQ, STRING, VOID, Dictionary, Members, Sequence, SliceType
from .exceptions import ServerError
from .rtypes import RTYPE, RInt
from .system import EventContext, Parameters

_RINT: Final = ClassType(RInt)
_THROWS: Final = (ServerError,)


def _normal(name: str, parameters: Members, result: SliceType[Any]) -> Operation[Any]:
    return Operation(name, OperationMode.NORMAL, parameters, result, _THROWS)


def _idempotent(name: str, parameters: Members, result: SliceType[Any]) -> Operation[Any]:
    return Operation(name, OperationMode.IDEMPOTENT, parameters, result, _THROWS)


def _table(*operations: Operation[Any]) -> dict[str, Operation[Any]]:
    return {operation.name: operation for operation in operations}


#: ``omero::api::ServiceFactory``
SERVICE_FACTORY: Final = _table(
    _normal("createThumbnailStore", (), PROXY),
    _normal("getQueryService", (), PROXY),
    _normal("getAdminService", (), PROXY),
    _normal("getConfigService", (), PROXY),
    _normal("detachOnDestroy", (), VOID),
    _normal("closeOnDestroy", (), VOID),
    _normal("setCallback", (("callback", PROXY),), VOID),
    _normal("keepAlive", (("proxy", PROXY),), BOOL),
    _normal("keepAllAlive", (("proxies", Sequence(PROXY)),), LONG),
)

#: ``omero::api::IQuery``; its result is a row a tuple, a column an RType
IQUERY: Final = _table(
    _idempotent("projection", (("query", STRING), ("params", ClassType(Parameters))), Sequence(Sequence(RTYPE))),
)

#: ``omero::api::IAdmin``
IADMIN: Final = _table(_idempotent("getEventContext", (), ClassType(EventContext)))

#: ``omero::api::IConfig``; a regular expression is Java's, and has to match a whole key
ICONFIG: Final = _table(
    _idempotent("getConfigValue", (("key", STRING),), STRING),
    _idempotent("getConfigValues", (("keyRegex", STRING),), Dictionary(STRING, STRING)),
    _idempotent("getClientConfigValues", (), Dictionary(STRING, STRING)),
    _idempotent("getDatabaseUuid", (), STRING),
    _idempotent("getVersion", (), STRING),
)

_ID_BYTE_MAP: Final = Dictionary(LONG, BYTE_SEQ)

#: ``omero::api::ThumbnailStore``, with what it inherits from ``StatefulServiceInterface``
THUMBNAIL_STORE: Final = _table(
    _normal("setPixelsId", (("pixelsId", LONG),), BOOL),
    _idempotent("isInProgress", (), BOOL),
    _idempotent("setRenderingDefId", (("renderingDefId", LONG),), VOID),
    _idempotent("getRenderingDefId", (), LONG),
    _idempotent("getThumbnail", (("sizeX", _RINT), ("sizeY", _RINT)), BYTE_SEQ),
    _idempotent("getThumbnailWithoutDefault", (("sizeX", _RINT), ("sizeY", _RINT)), BYTE_SEQ),
    _idempotent("getThumbnailSet", (("sizeX", _RINT), ("sizeY", _RINT), ("pixelsIds", LONG_SEQ)), _ID_BYTE_MAP),
    _idempotent("getThumbnailByLongestSide", (("size", _RINT),), BYTE_SEQ),
    _idempotent("getThumbnailByLongestSideSet", (("size", _RINT), ("pixelsIds", LONG_SEQ)), _ID_BYTE_MAP),
    _idempotent("getThumbnailDirect", (("sizeX", _RINT), ("sizeY", _RINT)), BYTE_SEQ),
    _idempotent("getThumbnailByLongestSideDirect", (("size", _RINT),), BYTE_SEQ),
    _idempotent(
        "getThumbnailForSectionDirect", (("theZ", INT), ("theT", INT), ("sizeX", _RINT), ("sizeY", _RINT)), BYTE_SEQ
    ),
    _idempotent("getThumbnailForSectionByLongestSideDirect", (("theZ", INT), ("theT", INT), ("size", _RINT)), BYTE_SEQ),
    _normal("createThumbnails", (), VOID),
    _normal("createThumbnail", (("sizeX", _RINT), ("sizeY", _RINT)), VOID),
    _normal("createThumbnailsByLongestSideSet", (("size", _RINT), ("pixelsIds", LONG_SEQ)), VOID),
    _idempotent("thumbnailExists", (("sizeX", _RINT), ("sizeY", _RINT)), BOOL),
    _idempotent("resetDefaults", (), VOID),
    _normal("close", (), VOID),
)
