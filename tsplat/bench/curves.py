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


Curve = list[tuple[float, float]]
"""Points of (bytes, dB)."""


def bd_rate(
    theirs: list[Curve], ours: Curve, low: float, high: float
) -> tuple[float, float, float] | None:
    """Average change of bytes at equal quality, and the qualities over which it was taken.

    Logarithms of rates are interpolated by monotone cubics over quality and averaged over the
    part of ``low`` to ``high`` that both sides cover. Of several curves of the other side the
    best one counts at each quality. None if less than half a decibel is covered.

    References
    ----------
    Bjontegaard, VCEG-M33, 2001; with piecewise cubics as in later practice (JCTVC-B055).

    >>> line = [(1000.0, 26.0), (2000.0, 29.0), (4000.0, 32.0)]
    >>> [round(v, 6) for v in bd_rate([line], [(b / 2, q) for b, q in line], 26, 32)]
    [-0.5, 26.0, 32.0]
    """
    from scipy.interpolate import PchipInterpolator

    def interpolated(curve: Curve, at: np.ndarray) -> np.ndarray:
        best: list[tuple[float, float]] = []
        for quality, size in sorted((q, b) for b, q in curve):
            # More bytes for no more quality are no point of the curve.
            while best and best[-1][1] >= size:
                best.pop()
            best.append((quality, size))
        if len(best) < 2:
            return np.full(len(at), np.nan)
        q, b = np.array(best).T
        return PchipInterpolator(q, np.log(b), extrapolate=False)(at)

    at = np.linspace(low, high, 601)
    other = np.array([interpolated(curve, at) for curve in theirs] or [np.full(len(at), np.nan)])
    covered = np.isfinite(other).any(0) & np.isfinite(own := interpolated(ours, at))
    if covered.sum() < 2 or np.ptp(at[covered]) < 0.5:
        return None
    change = own[covered] - np.nanmin(other[:, covered], axis=0)
    return float(np.expm1(change.mean())), float(at[covered][0]), float(at[covered][-1])
