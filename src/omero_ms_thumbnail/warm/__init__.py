"""``omero-ms-thumbnail warm``: makes OMERO render and keep thumbnails ahead of people.

A composition root beside `server`: it knows every room, and nothing of the service knows it.
"""

from .command import CannotWarm, Who, warm

__all__ = ["CannotWarm", "Who", "warm"]
