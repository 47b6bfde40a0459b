"""How OMERO is asked for a thumbnail, so that it shows, and leaves behind, what OMERO.web's view of one image does.

Decisions only, no I/O; the rules of OMERO are those of omero-server's `ThumbnailBean` and `ThumbnailCtx`, checked on a
server (``docs/decisions/omero.md``).

- What OMERO.web has drawn without storing it, this draws alone with a ``...Direct`` call: other sizes, width x height,
  settings that are named, sections.
- The rest may come in a set, with images that are alike. A set looks for settings and stored thumbnails of the viewer's
  own first, and only where it finds none at all for those of the owners: images without come out in the default look,
  and with new settings in the viewer's name.
- Nobody can make settings or store thumbnails for another's image in a private or a read-only group, but where
  ``rwr---`` lets an administrator. A set then makes none for any of its images, so such images come alone; and
  where nothing can be stored, a single stored call draws a square anew each time, so that is drawn without storing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .model import ImageFacts, ThumbnailRequest

#: bits of a group's permissions: others may read (``ome.model.internal.Permissions`` of omero-model)
_GROUP_READ: Final = 1 << 6
_WORLD_READ: Final = 1 << 2
#: ``rwr---`` with the bits that mean nothing set, as a group has it for which `ThumbnailCtx` looks
_READ_ONLY: Final = -56

#: what images agree in that come in one set
Lane = tuple[object, ...]


class Viewer(NamedTuple):
    """For whom thumbnails are: an OMERO user, and whether they are an administrator."""

    user_id: int
    is_admin: bool


class Way(NamedTuple):
    """In a set with those that have the same `lane`; alone where that is None, and `is_direct` if nothing is stored."""

    lane: Lane | None
    is_direct: bool = False


DIRECT: Final = Way(None, is_direct=True)
STORED: Final = Way(None)


def is_private(permissions: int) -> bool:
    """Whether a group shows its members nothing of another's, as ``rw----``."""
    return not permissions & (_GROUP_READ | _WORLD_READ)


def is_read_only(permissions: int) -> bool:
    """Whether a group shows its members what is another's, and no more, as ``rwr---``."""
    return permissions == _READ_ONLY


def way_of(request: ThumbnailRequest, facts: ImageFacts, viewer: Viewer) -> Way:
    """The way of one thumbnail."""
    if not request.is_plain:
        return DIRECT
    if facts.owner_id != viewer.user_id and not (facts.is_seen and facts.has_row):
        # something would have to be made of another's
        private = is_private(facts.permissions)
        if not facts.is_seen and viewer.is_admin:
            # as OMERO.web: settings are made in the owner's name, and a set would make them in the administrator's
            return DIRECT if private and not facts.has_row else STORED
        if private:
            # a group's owner is refused what is neither stored nor can be: OMERO.web shows no picture either
            return DIRECT if viewer.is_admin else STORED
        if is_read_only(facts.permissions) and not viewer.is_admin:
            # also where there are no settings: OMERO refuses both, unless the owner has looked meanwhile
            return DIRECT
    if facts.owner_id != viewer.user_id and not facts.has_own_row and facts.is_out_of_date:
        # a set would be to draw the owner's anew, and throws as a whole where it may not
        return STORED
    return Way(
        (
            facts.group_id,
            request.width,
            facts.owner_id == viewer.user_id,
            facts.has_own_settings,
            facts.has_own_row,
            facts.is_seen,
        )
    )
