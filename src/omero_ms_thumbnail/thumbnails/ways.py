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

#: the permissions of groups in which nobody but the owner of an image can make settings or store thumbnails of it
PRIVATE: Final = "rw----"
READ_ONLY: Final = "rwr---"

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


def depends_on_permissions(facts: ImageFacts, viewer: Viewer) -> bool:
    """Whether the permissions of the image's group make a difference: something would have to be made of another's."""
    return facts.owner_id != viewer.user_id and not (facts.is_seen and facts.has_row)


def way_of(request: ThumbnailRequest, facts: ImageFacts, viewer: Viewer, permissions: str) -> Way:
    """The way of one thumbnail; `permissions` are those of the image's group where the way depends on them."""
    if not request.is_plain:
        return DIRECT
    if depends_on_permissions(facts, viewer):
        if not facts.is_seen and viewer.is_admin:
            # as OMERO.web: settings are made in the owner's name, and a set would make them in the administrator's
            return DIRECT if permissions == PRIVATE and not facts.has_row else STORED
        if permissions == PRIVATE:
            # a group's owner is refused what is neither stored nor can be: OMERO.web shows no picture either
            return DIRECT if viewer.is_admin else STORED
        if permissions == READ_ONLY and not viewer.is_admin:
            return DIRECT if facts.is_seen else STORED
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
