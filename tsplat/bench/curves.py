"""Curves of rate and quality, compared where they overlap."""

from __future__ import annotations

import numpy as np

Curve = list[tuple[float, float]]
"""Points of (bytes, dB)."""


def at_equal(x: float, points: list[tuple[float, float]]) -> float | None:
    """y of a curve at x, interpolated linearly; None beyond its ends.

    >>> at_equal(2.5, [(2.0, 10.0), (3.0, 20.0)]), at_equal(4.0, [(2.0, 10.0), (3.0, 20.0)])
    (15.0, None)
    """
    xs, ys = np.array(sorted(points)).T
    if not xs[0] <= x <= xs[-1]:
        return None
    return float(np.interp(x, xs, ys))


def hull(curves: list[Curve]) -> Curve:
    """The best points of several curves, in ascending order.

    A point stays if no curve has as much quality for fewer bytes, neither in its points nor
    between them, where the logarithm of the bytes is taken as linear in quality.

    >>> half, full = [(10, 26.0), (20, 30.0), (80, 31.0)], [(20, 27.0), (40, 31.0), (90, 35.0)]
    >>> hull([half, full])
    [(10, 26.0), (20, 30.0), (40, 31.0), (90, 35.0)]
    """
    fronts = [_front(curve) for curve in curves]
    logs = [[(q, float(np.log(b))) for b, q in front] for front in fronts if front]

    def is_best(size: float, quality: float) -> bool:
        between = (at_equal(quality, log) for log in logs)
        return all(b is None or np.log(size) <= b + 1e-9 for b in between)

    return _front([point for front in fronts for point in front if is_best(*point)])


def _front(points: Curve) -> Curve:
    """Points that no other beats or equals in both bytes and quality, in ascending order."""
    best: Curve = []
    for size, quality in sorted(points, key=lambda p: (p[0], -p[1])):
        if not best or quality > best[-1][1]:
            best.append((size, quality))
    return best


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
        best = _front(curve)
        if len(best) < 2:
            return np.full(len(at), np.nan)
        b, q = np.array(best).T
        return PchipInterpolator(q, np.log(b), extrapolate=False)(at)

    at = np.linspace(low, high, 601)
    other = np.array([interpolated(curve, at) for curve in theirs] or [np.full(len(at), np.nan)])
    covered = np.isfinite(other).any(0) & np.isfinite(own := interpolated(ours, at))
    if covered.sum() < 2 or np.ptp(at[covered]) < 0.5:
        return None
    change = own[covered] - np.nanmin(other[:, covered], axis=0)
    return float(np.expm1(change.mean())), float(at[covered][0]), float(at[covered][-1])
