"""What an OMERO 5.4 has of that which is asked of an OMERO: operations by their slices, properties by its model.

Facts, noted down from the public sources of ome/openmicroscopy as they were at v5.4.0 (October 2017): for operations
components/blitz/resources/omero/API.ice, Collections.ice and api/{ThumbnailStore,IQuery,IAdmin,IConfig}.ice, for the
members of classes System.ice and model/Permissions.ice there, for properties components/model/resources/mappings/
{acquisition,containers,display,meta,screen}.ome.xml and src/ome/model/internal/{Details,Permissions}.java. The router
is that of Ice 3.5.1, the oldest that OMERO 5.4 runs with: slice/Glacier2/Router.ice and slice/Ice/Router.ice of
zeroc-ice/ice at v3.5.1.
"""

from __future__ import annotations

from typing import Final

#: by interface: each operation as ``mode result(parameters)``
OPERATIONS: Final[dict[str, dict[str, str]]] = {
    "ServiceFactory": {
        "createThumbnailStore": "normal proxy()",
        "getQueryService": "normal proxy()",
        "getAdminService": "normal proxy()",
        "getConfigService": "normal proxy()",
        "detachOnDestroy": "normal void()",
        "closeOnDestroy": "normal void()",
        "setCallback": "normal void(proxy)",
        "keepAlive": "normal bool(proxy)",
        "keepAllAlive": "normal long(sequence<proxy>)",
    },
    "IQuery": {"projection": "idempotent sequence<sequence<RType>>(string, Parameters)"},
    "IAdmin": {"getEventContext": "idempotent EventContext()"},
    "IConfig": {
        "getConfigValue": "idempotent string(string)",
        "getConfigValues": "idempotent dictionary<string, string>(string)",
        "getClientConfigValues": "idempotent dictionary<string, string>()",
        "getDatabaseUuid": "idempotent string()",
        "getVersion": "idempotent string()",
    },
    "ThumbnailStore": {
        "setPixelsId": "normal bool(long)",
        "isInProgress": "idempotent bool()",
        "setRenderingDefId": "idempotent void(long)",
        "getRenderingDefId": "idempotent long()",
        "getThumbnail": "idempotent bytes(RInt, RInt)",
        "getThumbnailSet": "idempotent dictionary<long, bytes>(RInt, RInt, sequence<long>)",
        "getThumbnailByLongestSide": "idempotent bytes(RInt)",
        "getThumbnailByLongestSideSet": "idempotent dictionary<long, bytes>(RInt, sequence<long>)",
        "getThumbnailDirect": "idempotent bytes(RInt, RInt)",
        "getThumbnailByLongestSideDirect": "idempotent bytes(RInt)",
        "getThumbnailForSectionDirect": "idempotent bytes(int, int, RInt, RInt)",
        "getThumbnailForSectionByLongestSideDirect": "idempotent bytes(int, int, RInt)",
        "createThumbnails": "normal void()",
        "createThumbnail": "normal void(RInt, RInt)",
        "createThumbnailsByLongestSideSet": "normal void(RInt, sequence<long>)",
        "thumbnailExists": "idempotent bool(RInt, RInt)",
        "resetDefaults": "idempotent void()",
        "close": "normal void()",
    },
    "Router": {
        "createSession": "normal proxy(string, string)",
        "destroySession": "normal void()",
        "refreshSession": "normal void()",
        "addProxies": "idempotent sequence<proxy>(sequence<proxy>)",
        "getCategoryForClient": "nonmutating string()",
        "getClientProxy": "nonmutating proxy()",
        "getServerProxy": "nonmutating proxy()",
        "getSessionTimeout": "nonmutating long()",
    },
}

#: what is newer, and since when
NEWER: Final[dict[str, dict[str, str]]] = {
    # "add additional simple load method", August 2018
    "ThumbnailStore": {"getThumbnailWithoutDefault": "OMERO 5.4.8"},
    "Router": {"getACMTimeout": "Ice 3.6"},
}

#: the members of classes that are sent and received, which the compact format has no room to leave out
MEMBERS: Final[dict[str, str]] = {
    "EventContext": "shareId sessionId sessionUuid userId userName sudoerId sudoerName groupId groupName isAdmin"
    " adminPrivileges eventId eventType memberOfGroups leaderOfGroups groupPermissions",
    "Filter": "unique ownerId groupId offset limit startTime endTime",
    "Options": "leaves orphan acquisitionData cacheable",
    "Parameters": "map theFilter theOptions",
    "Permissions": "restrictions extendedRestrictions perm1",
}

#: by type of the model: what its properties lead to, "" where that is a value
MODEL: Final[dict[str, dict[str, str]]] = {
    "Image": {"pixels": "Pixels", "datasetLinks": "DatasetImageLink", "wellSamples": "WellSample", "name": ""},
    "Pixels": {"image": "Image", "sizeX": "", "sizeY": "", "settings": "RenderingDef", "thumbnails": "Thumbnail"},
    "RenderingDef": {"pixels": "Pixels", "defaultZ": "", "defaultT": ""},
    "Thumbnail": {"pixels": "Pixels", "sizeX": "", "sizeY": ""},
    "Project": {"datasetLinks": "ProjectDatasetLink", "name": ""},
    "Dataset": {"projectLinks": "ProjectDatasetLink", "imageLinks": "DatasetImageLink", "name": ""},
    "Screen": {"plateLinks": "ScreenPlateLink", "name": ""},
    "Plate": {"screenLinks": "ScreenPlateLink", "wells": "Well", "name": ""},
    "Well": {"plate": "Plate", "wellSamples": "WellSample"},
    "WellSample": {"well": "Well", "image": "Image", "plateAcquisition": "PlateAcquisition"},
    # a link's ends are "parent" and "child"
    "ProjectDatasetLink": {"parent": "Project", "child": "Dataset"},
    "DatasetImageLink": {"parent": "Dataset", "child": "Image"},
    "ScreenPlateLink": {"parent": "Screen", "child": "Plate"},
    "Experimenter": {"omeName": ""},
    "ExperimenterGroup": {"name": ""},
    "Event": {"time": ""},
    "Details": {
        "owner": "Experimenter",
        "group": "ExperimenterGroup",
        "creationEvent": "Event",
        "updateEvent": "Event",
        "permissions": "Permissions",
    },
    "Permissions": {"perm1": ""},
}

#: collections that have an order, of which HQL's ``index()`` says the place
ORDERED: Final = {("Image", "pixels"), ("Well", "wellSamples")}

#: what is not ``immutable`` or ``global`` has these besides
_OF_EVERY: Final = {"id": "", "version": "", "details": "Details"}


def properties(type_name: str) -> dict[str, str]:
    """The properties of a type, with those that every type has."""
    own = MODEL[type_name]
    return own if type_name in ("Details", "Permissions") else {**_OF_EVERY, **own}
