"""Matrix products that stay in the thread that asks for them.

OpenBLAS hands all but the smallest products to threads of its own, and with a core of the machine busy elsewhere
they wait for each other ten times as long as a thumbnail takes to draw. A product of at most 4 x 65536
multiplications is never handed over (OpenBLAS, interface/gemm.c), so larger ones are made of such pieces.
"""

from __future__ import annotations

import math

import numpy as np

from .picture import Plane

_AT_ONCE = 4 * 65536


def product(left: Plane, right: Plane, reach: int | None = None) -> Plane:
    """The product of two matrices, a few rows of left at a time.

    reach says that left is zero further than that from its diagonal, so that these parts can be left out.
    """
    rows, depth = left.shape
    columns = right.shape[1]
    height = _rows_at_once(depth, columns, reach)
    out = np.empty((rows, columns), np.float32)
    for top in range(0, rows, height):
        bottom = min(rows, top + height)
        first, last = (0, depth) if reach is None else (max(0, top - reach), min(depth, bottom + reach))
        np.matmul(left[top:bottom, first:last], right[first:last], out=out[top:bottom])
    return out


def _rows_at_once(depth: int, columns: int, reach: int | None) -> int:
    most = _AT_ONCE // max(1, columns)
    if reach is None or 2 * reach >= depth:
        return max(1, most // depth)
    # The largest height of which height times (height and reach on both sides) is no more than that.
    return max(1, math.floor(math.sqrt(reach * reach + most)) - reach)
