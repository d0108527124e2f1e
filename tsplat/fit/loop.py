"""The fit: colours in closed form, then Adam with cosine decay over a known horizon."""

from __future__ import annotations

import math

import numpy as np

from tsplat.config import FitConfig
from tsplat.fit.colours import solve
from tsplat.fit.density import relocate
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats

_CHECK_EVERY = 4


def fit(canvas: Canvas, splats: Splats, config: FitConfig, allowed: float | None = None) -> Splats:
    """Fit splats to what ``canvas.begin`` set.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    splats : Splats
        Where to start.
    config : FitConfig
        Horizon, rates and what happens along the way.
    allowed : float, optional
        Weighted squared error, summed, at which the fit stops early.

    Returns
    -------
    Splats
        As many, fitted.
    """
    params = splats.params
    if not len(params):
        return splats
    moves = {
        round(config.iterations * 0.6 * (k + 1) / (config.densify + 1))
        for k in range(config.densify)
    }
    canvas.load(solve(canvas, params, config.presolve))
    since = 0
    for t in range(config.iterations):
        if t in moves and t:
            canvas.load(relocate(canvas, canvas.params()))
            since = t
        scale = schedule(t, config.iterations, config.final)
        canvas.iterate(config.rate * scale, config.colour_rate * scale, t - since + 1)
        if allowed is not None and t % _CHECK_EVERY == 0 and canvas.loss() <= allowed:
            return Splats(canvas.params())
    return Splats(canvas.params())


def schedule(t: int, horizon: int, final: float) -> float:
    """Cosine decay from 1 to ``final``.

    >>> schedule(0, 100, 0.05), round(schedule(100, 100, 0.05), 9)
    (1.0, 0.05)
    """
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * t / horizon))


def squared_error_at(psnr_db: float, weight_sum: float) -> float:
    """Weighted squared error, summed over three channels, at which a picture has this PSNR."""
    return 3 * weight_sum * 10 ** (-psnr_db / 10)


def fitted_error(canvas: Canvas, splats: Splats) -> float:
    """Weighted squared error of splats over what ``canvas.begin`` set."""
    canvas.load(np.ascontiguousarray(splats.params))
    return canvas.squared_error()
