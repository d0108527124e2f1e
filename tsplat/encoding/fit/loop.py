"""The fit: colours in closed form, then Adam with cosine decay over a known horizon."""

from __future__ import annotations

import math
from collections.abc import Callable

from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats


def cosine(t: int, config: FitConfig) -> float:
    """Share of the rates at iteration t, from 0.

    >>> [cosine(t, FitConfig(100, final=0.05)) for t in (0, 50)]
    [1.0, 0.525]
    """
    decay = 0.5 * (1 + math.cos(math.pi * t / config.iterations))
    return config.final + (1 - config.final) * decay


def fit(
    canvas: Canvas,
    splats: Splats,
    config: FitConfig,
    schedule: Callable[[int, FitConfig], float] = cosine,
) -> Splats:
    """Fit splats to what ``canvas.begin`` set.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    splats : Splats
        Where to start.
    config : FitConfig
        Horizon and rates.
    schedule : callable
        Share of the rates at an iteration.

    Returns
    -------
    Splats
        As many, fitted.
    """
    if not len(splats) or not config.iterations:
        return splats
    canvas.load(solve(canvas, splats.params, config.presolve))
    for t in range(config.iterations):
        scale = schedule(t, config)
        canvas.iterate(config.rate * scale, config.colour_rate * scale, t + 1)
    return Splats(canvas.params())
