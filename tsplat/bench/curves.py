"""Curves of rate and quality, compared where they overlap."""

from __future__ import annotations

import numpy as np


def at_equal(x: float, points: list[tuple[float, float]]) -> float | None:
    """y of a curve at x, interpolated linearly; None beyond its ends.

    >>> at_equal(2.5, [(2.0, 10.0), (3.0, 20.0)]), at_equal(4.0, [(2.0, 10.0), (3.0, 20.0)])
    (15.0, None)
    """
    xs, ys = np.array(sorted(points)).T
    if not xs[0] <= x <= xs[-1]:
        return None
    return float(np.interp(x, xs, ys))
