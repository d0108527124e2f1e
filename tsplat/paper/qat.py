"""Quantisation-aware training: the fit goes on with splats shown as they are rounded."""

from __future__ import annotations

import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import cosine
from tsplat.kernels.canvas import Canvas
from tsplat.splats import QuantizedSplats, Splats, Steps

TRAINING = FitConfig(200, rate=0.01, colour_rate=0.01)
_BETAS, _EPSILON = (0.9, 0.99), 1e-10
_SMALLEST = 0.4
"""Least diagonal entry of a Cholesky vector, pixels, as in the fit before."""


def train(canvas: Canvas, splats: Splats, steps: Steps, config: FitConfig = TRAINING) -> Splats:
    """Fit splats to what ``canvas.begin`` set, the picture being that of the rounded ones.

    Rounding is passed straight through: the gradient at the rounded splats moves the exact ones.
    Adam in whitened coordinates, as :func:`tsplat.kernels.splatting.adam_step`. Values near the
    middle of two steps go to and fro: what is kept is the best that was met.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    splats : Splats
        Fitted ones.
    steps : Steps
        Of the quantiser.
    config : FitConfig

    Returns
    -------
    Splats
        Exact ones, to be rounded.

    References
    ----------
    Bengio, Leonard and Courville, 2013: the straight-through estimator. The paper, section 3.3 A.
    """
    params = splats.params.astype(np.float64)
    mean, square = np.zeros_like(params), np.zeros_like(params)
    best, least = splats, np.inf
    for t in range(config.iterations + 1 if len(splats) else 0):
        values = canvas.quantise(params.astype(np.float32), steps.array())
        canvas.load(QuantizedSplats(values, steps).dequantise().params)
        gradient = _whitened(params, canvas.gradient())
        if canvas.loss() < least:
            best, least = Splats(params.astype(np.float32)), canvas.loss()
        mean += (1 - _BETAS[0]) * (gradient - mean)
        square += (1 - _BETAS[1]) * (gradient**2 - square)
        first, second = (1 - beta ** (t + 1) for beta in _BETAS)
        away = mean / first / (np.sqrt(square / second) + _EPSILON)
        scale = cosine(t, config)
        _move(params, -scale * config.rate * away[:, :5], -scale * config.colour_rate * away[:, 5:])
    return best


def _whitened(params: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Gradient in mean += L u, L <- L (I + D), D lower triangular; (N, 8)."""
    l11, l21, l22 = params[:, 2:5].T
    out = gradient.astype(np.float64)
    gx, gy, g11, g21, g22 = gradient[:, :5].T
    out[:, 0], out[:, 1] = l11 * gx + l21 * gy, l22 * gy
    out[:, 2], out[:, 3], out[:, 4] = l11 * g11 + l21 * g21, l22 * g21, l22 * g22
    return out


def _move(params: np.ndarray, u: np.ndarray, colours: np.ndarray) -> None:
    """Take a step in whitened coordinates, (N, 5), and in colours, (N, 3); in place."""
    l11, l21, l22 = params[:, 2:5].T.copy()
    params[:, 0] += l11 * u[:, 0]
    params[:, 1] += l21 * u[:, 0] + l22 * u[:, 1]
    params[:, 2] = np.maximum(_SMALLEST, l11 * (1 + u[:, 2]))
    params[:, 3] = l21 * (1 + u[:, 2]) + l22 * u[:, 3]
    params[:, 4] = np.maximum(_SMALLEST, l22 * (1 + u[:, 4]))
    params[:, 5:] += colours
