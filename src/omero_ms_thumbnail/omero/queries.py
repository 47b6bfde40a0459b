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

#: what a time is told by: to the microsecond, so that the texts sort as the times do. (No quoted colon in any text:
#: Hibernate takes what follows one for the name of a parameter.)
_TIME = "to_char(e.time, 'YYYYMMDDHH24MISSUS')"

#: the newest of some rendering settings by the time of its update event, as OMERO picks it (`ThumbnailCtx`): time,
#: event and id; then how many there are, and how many different times they have
_NEWEST_SETTINGS = (
    "(select concat(max(concat(CHANGED, '.', cast(c.id as string), '.', cast(r.id as string))),"
    " '.', cast(count(r.id) as string), '.', cast(count(distinct c.time) as string))"
    " from RenderingDef r join r.details.updateEvent c where r.pixels.id = p.id and r.details.owner.id = OWNER)"
)

#: the newest of some stored thumbnails of about one size: time, event, id, version, width and height; and how many
_NEWEST_ROW = (
    "(select concat(max(concat(CHANGED, '.', cast(c.id as string), '.', cast(t.id as string),"
    " '.', cast(coalesce(t.version, 0) as string), '.', cast(t.sizeX as string), '.', cast(t.sizeY as string))),"
    " '.', cast(count(t.id) as string))"
    " from Thumbnail t join t.details.updateEvent c"
    " where t.pixels.id = p.id and t.details.owner.id = OWNER and OF_SIZE)"
)


_OF_USER_AND_OWNER = (":user", "p.details.owner.id")


def _newest(what: str, owner: str) -> str:
    return what.replace("CHANGED", _TIME.replace("e.", "c.")).replace("OWNER", owner).replace("OF_SIZE", _OF_SIZE)


_TOLD_OF_PIXELS = (
    "p.id",
    "i.id",
    "i.details.group.id",
    "i.details.owner.id",
    "i.details.group.details.permissions.perm1",
    "index(p)",
    "p.sizeX",
    "p.sizeY",
    "e.id",
)

#: `FACTS` with what a picture shows, all in one query: of each Pixels of images one text, since the fewer objects OMERO
#: answers with the faster it is, and the faster they are read. With a slash between them: what is there, in its order;
#: width and height; the Pixels' update event and its time; the newest rendering settings of ``:user`` and of the
#: Pixels' owner; the newest stored thumbnails of theirs in the size that ``:size`` gives; each of these empty where
#: there is none. (An `IUpdate` of a ChannelBinding alone makes no event of its RenderingDef: OMERO's own stored
#: thumbnails do not notice it either.)
FACTS_AND_CONTENT = "select concat(TOLD, '/', TIME, SETTINGS, ROWS) FROM".replace(
    "FROM", "from Image i join i.pixels p join p.details.updateEvent e where i.id in (:ids)"
)
for _place, _text in (
    ("TOLD", ", '/', ".join(f"cast({one} as string)" for one in _TOLD_OF_PIXELS)),
    ("SETTINGS", ", ".join(f"'/', coalesce({_newest(_NEWEST_SETTINGS, one)}, '')" for one in _OF_USER_AND_OWNER)),
    ("ROWS", ", ".join(f"'/', coalesce({_newest(_NEWEST_ROW, one)}, '')" for one in _OF_USER_AND_OWNER)),
    ("TIME", _TIME),
):
    FACTS_AND_CONTENT = FACTS_AND_CONTENT.replace(_place, _text)

#: rendering settings that are named: their id, that of their Pixels, their update event and its time
NAMED_SETTINGS = (
    "select r.id, r.pixels.id, e.id, TIME from RenderingDef r join r.details.updateEvent e where r.id in (:ids)"
).replace("TIME", _TIME)

#: OMERO marks a thumbnail that is only a clock with version -1 (``PROGRESS_VERSION`` of omero-server's `ThumbnailBean`)
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

# what OMERO has stored of images' thumbnails, and by whose settings: `omero.thumbnail_rows`

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
