"""The texts of the queries that are asked of OMERO, in HQL.

Plain strings and nothing imported: whoever models OMERO looks a query up by its text, on any Python. The paths are
those of OMERO's model (``ome.xml`` mappings of omero-model: ``core.ome.xml``, ``display.ome.xml``,
``container.ome.xml``, ``screen.ome.xml``).
"""

PIXELS_OF_IMAGES = (
    "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"
)

#: the rows of ``Thumbnail`` in the size that a longest side of ``:size`` pixels gives (`ThumbnailCtx.calculateXYWidths`
#: of omero-server): a square only of an image that is one, since where a square was stored of another, it is stretched
_OF_SIZE = (
    "((p.sizeX > p.sizeY and t.sizeX = :size and t.sizeY < :size)"
    " or (p.sizeX < p.sizeY and t.sizeX < :size and t.sizeY = :size)"
    " or (p.sizeX = p.sizeY and t.sizeX = :size and t.sizeY = :size))"
)

#: of each Pixels of images: its id, the image's id, group and owner, the bits of the group's permissions, and the place
#: of the Pixels among those of the image (the first is the one that is shown: `getPrimaryPixels`); then how many there
#: are of rendering settings of ``:user`` and of the Pixels' owner, and of stored thumbnails of ``:user`` and of the
#: Pixels' owner, these in the size that ``:size`` gives (an RInt)
FACTS = (
    "select p.id, i.id, i.details.group.id, i.details.owner.id, i.details.group.details.permissions.perm1, index(p), "
    "(select count(r.id) from RenderingDef r where r.pixels.id = p.id and r.details.owner.id = :user), "
    "(select count(r.id) from RenderingDef r where r.pixels.id = p.id and r.details.owner.id = p.details.owner.id), "
    "(select count(t.id) from Thumbnail t where t.pixels.id = p.id and t.details.owner.id = :user and OF_SIZE), "
    "(select count(t.id) from Thumbnail t where t.pixels.id = p.id and t.details.owner.id = p.details.owner.id"
    " and OF_SIZE) "
    "from Image i join i.pixels p where i.id in (:ids)"
).replace("OF_SIZE", _OF_SIZE)

#: OMERO marks a thumbnail that is only a clock with version -1 (``PROGRESS_VERSION`` of omero-server's `ThumbnailBean`)
PIXELS_IN_PROGRESS = "select t.pixels.id from Thumbnail t where t.pixels.id in (:ids) and t.version = -1"
IMAGES_IN_PROGRESS = (
    "select distinct t.pixels.image.id from Thumbnail t where t.pixels.image.id in (:ids) and t.version = -1"
)

DEFAULT_SECTION = "select r.defaultZ, r.defaultT from RenderingDef r where r.id = :id"

NEWEST_IMAGES = "select i.id from Image i order by i.id desc"
READABLE_IMAGES = "select i.id from Image i where i.id in (:ids)"

#: the images in each kind of container, by its id
IMAGES_IN = {
    "Project": (
        "select distinct i.id from Image i join i.datasetLinks dl join dl.parent d join d.projectLinks pl "
        "where pl.parent.id = :id order by i.id"
    ),
    "Dataset": "select distinct i.id from Image i join i.datasetLinks dl where dl.parent.id = :id order by i.id",
    "Screen": (
        "select distinct i.id from Image i join i.wellSamples ws join ws.well w join w.plate p join p.screenLinks sl "
        "where sl.parent.id = :id order by i.id"
    ),
    "Plate": (
        "select distinct i.id from Image i join i.wellSamples ws join ws.well w where w.plate.id = :id order by i.id"
    ),
    "Well": "select distinct i.id from Image i join i.wellSamples ws where ws.well.id = :id order by i.id",
}

#: whether a container is there
CONTAINER = {kind: f"select o.id from {kind} o where o.id = :id" for kind in IMAGES_IN}  # noqa: S608 - the kinds are those above

# what OMERO has stored of images' thumbnails, and by whose settings: `omero.stored`

#: whose Pixels they are decides in omero-server's ``ThumbnailBean``, and their size how large a thumbnail is; the last
#: is the place among the image's Pixels, of which the first are shown
PIXELS_WITH_SIZES = (
    "select p.id, i.id, p.details.group.id, p.details.owner.id, p.sizeX, p.sizeY, index(p) "
    "from Image i join i.pixels p where i.id in (:ids)"
)
THUMBNAILS_OF_PIXELS = (
    "select t.id, t.pixels.id, t.details.owner.id, t.sizeX, t.sizeY, t.details.updateEvent.id, t.version "
    "from Thumbnail t where t.pixels.id in (:ids)"
)
SETTINGS_OF_PIXELS = (
    "select r.id, r.pixels.id, r.details.owner.id, r.details.creationEvent.id, r.details.updateEvent.id "
    "from RenderingDef r where r.pixels.id in (:ids)"
)
NAMES_OF_USERS = "select e.id, e.omeName from Experimenter e where e.id in (:ids)"
