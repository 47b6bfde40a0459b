"""The texts of the questions to OMERO's query service: constants, and nothing else.

An OMERO in a test or in a demonstration knows them by these very texts, in whichever Python it runs. Paths are those of
OMERO's model (the ``ome.xml`` mappings of omero-model). Each is asked across all groups of the user (``omero.group`` is
-1), and then gives what that user may read and nothing else.
"""

from __future__ import annotations

from typing import Final

#: The rows of ``Thumbnail`` in the size that a longest side of ``:size`` pixels gives (`ThumbnailCtx.calculateXYWidths`
#: of omero-server): a square only of an image that is one, since where a square was stored of another, it is stretched.
_OF_SIZE: Final = (
    "((p.sizeX > p.sizeY and t.sizeX = :size and t.sizeY < :size)"
    " or (p.sizeX < p.sizeY and t.sizeX < :size and t.sizeY = :size)"
    " or (p.sizeX = p.sizeY and t.sizeX = :size and t.sizeY = :size))"
)

#: Of each Pixels of the images ``:ids``: its id, the image's id, group and owner, and the place of the Pixels among
#: those of the image (the first is the one that is shown: `getPrimaryPixels`); then how many there are of rendering
#: settings of ``:user`` and of the Pixels' owner, and of stored thumbnails of ``:user`` and of the Pixels' owner, these
#: in the size that ``:size`` gives (an RInt).
FACTS: Final = (
    "select p.id, i.id, i.details.group.id, i.details.owner.id, index(p), "
    "(select count(r.id) from RenderingDef r where r.pixels.id = p.id and r.details.owner.id = :user), "
    "(select count(r.id) from RenderingDef r where r.pixels.id = p.id and r.details.owner.id = p.details.owner.id), "
    "(select count(t.id) from Thumbnail t where t.pixels.id = p.id and t.details.owner.id = :user and OF_SIZE), "
    "(select count(t.id) from Thumbnail t where t.pixels.id = p.id and t.details.owner.id = p.details.owner.id"
    " and OF_SIZE) "
    "from Image i join i.pixels p where i.id in (:ids)"
).replace("OF_SIZE", _OF_SIZE)

#: The id and the permissions of each of the groups ``:ids``; permissions come as an RMap whose ``perm`` is their text,
#: such as ``rwr---`` (`IceMapper.toRType` of omero-blitz).
GROUP_PERMISSIONS: Final = "select g.id, g.details.permissions from ExperimenterGroup g where g.id in (:ids)"
