"""The fit: colours in closed form, then Adam with cosine decay over a known horizon."""

from __future__ import annotations

import math

from tsplat.config import FitConfig
from tsplat.fit.colours import solve
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats


def fit(canvas: Canvas, splats: Splats, config: FitConfig) -> Splats:
    """Fit splats to what ``canvas.begin`` set.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    splats : Splats
        Where to start.
    config : FitConfig
        Horizon and rates.

    Returns
    -------
    Splats
        As many, fitted.
    """
    if not len(splats) or not config.iterations:
        return splats
    canvas.load(solve(canvas, splats.params, config.presolve))
    for t in range(config.iterations):
        scale = schedule(t, config.iterations, config.final)
        canvas.iterate(config.rate * scale, config.colour_rate * scale, t + 1)
    return Splats(canvas.params())


def schedule(t: int, horizon: int, final: float) -> float:
    """Cosine decay from 1 to ``final``.

    >>> schedule(0, 100, 0.05), round(schedule(100, 100, 0.05), 9)
    (1.0, 0.05)
    """
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * t / horizon))
