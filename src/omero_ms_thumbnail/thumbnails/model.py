"""What is asked for, what comes back, and what can be said instead."""

from __future__ import annotations

from dataclasses import dataclass, field

#: the largest image id that OMERO's database can hold
IMAGE_ID_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ThumbnailRequest:
    """One thumbnail of one image, as asked for by a user.

    Without `height`, `width` is the size of the longest side, in pixels. `rendering_def_id` chooses rendering
    settings, `z` and `t` a section. `version` is OMERO.web's cache buster: it asks for nothing, but tells requests
    apart.
    """

    image_id: int
    width: int
    height: int | None = None
    rendering_def_id: int | None = None
    z: int | None = None
    t: int | None = None
    version: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether a batch can answer it: longest side, the user's own settings, the default section."""
        return self.height is None and self.rendering_def_id is None and not self.is_section

    @property
    def is_section(self) -> bool:
        """Whether it asks for a section other than the default."""
        return self.z is not None or self.t is not None


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A JPEG. `in_progress`: only a clock, since the image is still being imported; not to be cached."""

    jpeg: bytes = field(repr=False)
    in_progress: bool = False


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What has to be known of an image to ask for its thumbnail."""

    image_id: int
    pixels_id: int
    group_id: int
    owner_id: int


class ThumbnailError(Exception):
    """There is no thumbnail, for a reason that the subclass names and the text says in a sentence."""


class ImageUnavailable(ThumbnailError):
    """The image does not exist, the user may not read it, or OMERO cannot render it."""


class SessionRefused(ThumbnailError):
    """OMERO does not know the user's session, or not any more."""


class OmeroUnavailable(ThumbnailError):
    """OMERO cannot be reached or cannot work now; later it may."""


class OmeroTooSlow(ThumbnailError):
    """OMERO has not answered in time."""
