"""What is asked for, what comes back, and what can be said instead."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

#: the largest image id that OMERO's database can hold
IMAGE_ID_MAX = 2**63 - 1


class ThumbnailRequest(NamedTuple):
    """One thumbnail of one image, as asked for by a user.

    Without `height`, `width` is the size of the longest side, in pixels. `rendering_def_id` chooses rendering
    settings, `z` and `t` a section. `version` is OMERO.web's cache buster: it asks for nothing, but tells requests
    apart. `stored` says that OMERO.web has OMERO keep thumbnails of that longest side, which it does for the size that
    a session has where none is asked for, and for no other.
    """

    image_id: int
    width: int
    height: int | None = None
    rendering_def_id: int | None = None
    z: int | None = None
    t: int | None = None
    version: str = ""
    stored: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether OMERO may have it stored: a longest side that is, the settings that count, the default section."""
        return self.stored and self.height is None and self.rendering_def_id is None and not self.is_section

    @property
    def anew(self) -> ThumbnailRequest:
        """The same without `version`, which tells no two pictures apart."""
        return self._replace(version="") if self.version else self

    @property
    def is_section(self) -> bool:
        """Whether it asks for a section other than the default."""
        return self.z is not None or self.t is not None


class Thumbnail:
    """A JPEG. `in_progress`: only a clock, since the image is still being imported; not to be cached.

    `tag` is a hash of the key that it is known to have (`content.tag_of`), of which there is none at first.
    """

    __slots__ = ("_digest", "in_progress", "jpeg", "tag")

    def __init__(self, jpeg: bytes, *, in_progress: bool = False, tag: str = "") -> None:
        self.jpeg = jpeg
        self.in_progress = in_progress
        self.tag = tag
        self._digest = ""

    @property
    def digest(self) -> str:
        """A hash of the JPEG in hexadecimal digits, the same wherever and whenever it was made."""
        if not self._digest:
            self._digest = digest_of(self.jpeg)
        return self._digest


class NotModified(NamedTuple):
    """What is asked for is what the client has, told by the `tag` of its key."""

    tag: str


def digest_of(content: bytes) -> str:
    """A hash by which contents are told apart: 32 hexadecimal digits."""
    # processors have instructions for this one, which make it the fastest that nobody can forge
    return hashlib.sha256(content).hexdigest()[:32]


class Saved(NamedTuple):
    """Rendering settings (a ``RenderingDef``) as they were saved last.

    `time` is that of the update `event`, as text that sorts as times do; `total` says how many its owner has of those
    Pixels. `is_one` tells whether no other of them has the same time: OMERO takes the newest, and which of two is not
    said.
    """

    id: int
    event: int
    time: str
    total: int = 1
    is_one: bool = True


class StoredRow(NamedTuple):
    """A row of OMERO's table ``thumbnail``; `time` is that of the update `event`, as text that sorts as times do.

    `total` says how many its owner has of about that size, of which it is the newest. `is_one` tells whether it is the
    one that OMERO takes: where two workers, or two services, were the first to look, there are two of a kind, and
    which of them is taken is not said.
    """

    id: int
    event: int
    time: str
    version: int
    width: int
    height: int
    total: int = 1
    is_one: bool = True


class Content(NamedTuple):
    """What pictures of an image show to one user: the events of its Pixels, and of the settings that count.

    `row` is the newest stored thumbnail that counts, of about the size that was asked about.
    """

    pixels_event: int
    pixels_time: str
    settings: Saved | None
    row: StoredRow | None

    @property
    def is_stored(self) -> bool:
        """Whether what is stored is what is shown: settings that were saved after it have OMERO draw anew."""
        return self.row is not None and self.settings is not None and self.settings.time <= self.row.time


class ImageFacts(NamedTuple):
    """What has to be known of an image to ask for its thumbnail, as one user may see it.

    `permissions` are the bits of its group's. Then whether there are rendering settings of that user's own, and of the
    owner's; whether thumbnails of the longest side `size` are stored of theirs. `content` is None where that was not
    asked.
    """

    image_id: int
    pixels_id: int
    group_id: int
    owner_id: int
    permissions: int = 0
    size: int = 0
    has_own_settings: bool = False
    has_owners_settings: bool = False
    has_own_row: bool = False
    has_owners_row: bool = False
    content: Content | None = None

    @property
    def is_seen(self) -> bool:
        """Whether there are settings that count for the user: their own, else the owner's."""
        return self.has_own_settings or self.has_owners_settings

    @property
    def is_out_of_date(self) -> bool:
        """Whether what is stored is known to be older than the settings that count."""
        content = self.content
        return (
            content is not None and content.row is not None and content.settings is not None and not content.is_stored
        )

    @property
    def has_row(self) -> bool:
        """Whether there is a stored thumbnail that counts for the user: their own, else the owner's."""
        return self.has_own_row or self.has_owners_row


class ThumbnailError(Exception):
    """There is no thumbnail, for a reason that the subclass names and the text says in a sentence.

    `cause` is that of a status 503, of which it is told how often each is; there are few of them.
    """

    cause = ""


class ImageUnavailable(ThumbnailError):
    """The image does not exist, the user may not read it, or OMERO cannot render it."""


class SessionRefused(ThumbnailError):
    """OMERO does not know the user's session, or not any more."""


class OmeroUnavailable(ThumbnailError):
    """OMERO cannot be reached or cannot work now; later it may. `cause` where it is more special than that."""

    def __init__(self, text: str, cause: str = "OMERO unavailable") -> None:
        super().__init__(text)
        self.cause = cause


class OmeroHangs(OmeroUnavailable):
    """OMERO works on as many calls as it may be given, and none has ended for a long time."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "OMERO hangs")


class TooManyWaiting(ThumbnailError):
    """So many thumbnails are waited for already that one more would come too late."""

    cause = "too many waiting"


class OmeroTooSlow(ThumbnailError):
    """OMERO has not answered in time."""
