"""Which images OMERO once had only a clock for, asked of its database: a set does not tell.

`isInProgress` tells of the last picture of a set alone. But OMERO marks the stored thumbnail of an image that is still
being imported with version -1 (``PROGRESS_VERSION`` of omero-server's ``ThumbnailBean``) before it answers. The mark
stays where the image is ready since, until its settings are saved anew: it says where to look closer, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..omero.hql import PIXELS_IN_PROGRESS
from ..omero.rtypes import rlong_list
from ..omero.session import JoinedSession


async def marked(session: JoinedSession, pixels_ids: Sequence[int]) -> set[int]:
    """Those Pixels that somebody has once been shown a clock for. Raises what OMERO throws, or IceException."""
    rows = await session.projection(PIXELS_IN_PROGRESS, {"ids": rlong_list(pixels_ids)}, patiently=True)
    return {pixels_id for row in rows for pixels_id in row if isinstance(pixels_id, int)}
