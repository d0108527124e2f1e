"""The fit: colours in closed form, then Adam with cosine decay over a known horizon.

Other optimisers and schedules are there to be compared with.
"""

from __future__ import annotations

import math

from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats

HALVING = 20_000
"""Iterations after which GaussianImage halves its rate."""


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
    params = solve(canvas, splats.params, config.presolve)
    if config.optimizer == "adan":
        adan = canvas.adan(params)
        for t in range(config.iterations):
            adan.step(config.rate * schedule(t, config))
    else:
        canvas.load(params)
        for t in range(config.iterations):
            scale = schedule(t, config)
            canvas.iterate(config.rate * scale, config.colour_rate * scale, t + 1)
    return Splats(canvas.params())


def schedule(t: int, config: FitConfig) -> float:
    """Share of the rates at iteration t, from 0.

    >>> [schedule(t, FitConfig(100, final=0.05)) for t in (0, 50)]
    [1.0, 0.525]
    >>> [schedule(t, FitConfig(100, schedule="halving")) for t in (0, HALVING, 3 * HALVING)]
    [1.0, 0.5, 0.125]
    """
    if config.schedule == "cosine":
        decay = 0.5 * (1 + math.cos(math.pi * t / config.iterations))
        return config.final + (1 - config.final) * decay
    return 0.5 ** (t // HALVING) if config.schedule == "halving" else 1.0
