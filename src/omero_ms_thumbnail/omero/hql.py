"""The texts of queries to OMERO, as plain strings: what answers them in place of OMERO reads them here too.

It imports nothing, so that any Python can. The paths are those of OMERO's model (``ome.xml`` mappings:
``core.ome.xml``, ``display.ome.xml``, ``meta.ome.xml``).
"""

# what OMERO has stored of images' thumbnails, and by whose settings: `omero.stored`

#: whose Pixels they are decides in omero-server's ``ThumbnailBean``, and their size how large a thumbnail is
PIXELS_WITH_SIZES = (
    "select p.id, i.id, p.details.group.id, p.details.owner.id, p.sizeX, p.sizeY "
    "from Pixels p join p.image i where i.id in (:ids)"
)
THUMBNAILS_OF_PIXELS = (
    "select t.id, t.pixels.id, t.details.owner.id, t.sizeX, t.sizeY, t.version "
    "from Thumbnail t where t.pixels.id in (:ids)"
)
SETTINGS_OF_PIXELS = (
    "select r.id, r.pixels.id, r.details.owner.id, r.details.creationEvent.id, r.details.updateEvent.id "
    "from RenderingDef r where r.pixels.id in (:ids)"
)
NAMES_OF_USERS = "select e.id, e.omeName from Experimenter e where e.id in (:ids)"
