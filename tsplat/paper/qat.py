"""Quantisation-aware training: the fit goes on with splats shown as they are rounded.

The quantiser's steps can be learned with it, from the same gradient: LSQ's, in which a value of n
steps, rounded from the exact v / s, moves by n - v / s with its step. LSQ has a fixed number of
levels, which keeps steps from vanishing. Here integers are entropy coded, and bits have their
price: halving a step costs a bit for each value that has it, as for any smooth density.

References
----------
The paper, section 3.3 A. Bengio, Leonard and Courville, 2013: the straight-through estimator.
Esser et al., Learned Step Size Quantization, ICLR 2020, equations 2 and 3.
"""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import cosine
from tsplat.kernels.canvas import Canvas
from tsplat.splats import QuantizedSplats, Splats, Steps

TRAINING = FitConfig(200, rate=0.01, colour_rate=0.01)
_STEP_RATE = 0.02
"""Of the logarithms of steps."""
_BETAS, _EPSILON = (0.9, 0.99), 1e-10
_SMALLEST = 0.4
"""Least diagonal entry of a Cholesky vector, pixels, as in the fit before."""
_STEP_OF = np.repeat(np.eye(4), (2, 3, 1, 2), axis=0)
"""Which of the four steps a channel has, (8, 4)."""
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
_FROM_YCC = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])


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
    """
    return _trained(canvas, splats, steps, config, None)[0]


def learn(
    canvas: Canvas, splats: Splats, steps: Steps, price: float, config: FitConfig = TRAINING
) -> Steps:
    """Steps that suit splats which are trained with them; parameters as of :func:`train`.

    Parameters
    ----------
    steps : Steps
        To begin with.
    price : float
        Of a bit: weighted squared error, full scale 1.
    """
    return _trained(canvas, splats, steps, config, price)[1]


def _trained(
    canvas: Canvas, splats: Splats, steps: Steps, config: FitConfig, price: float | None
) -> tuple[Splats, Steps]:
    """Splats and, at a price, steps of the least cost that was met."""
    params, logarithms = splats.params.astype(np.float64), np.log(astuple(steps))
    by_splat, by_step = _Adam(params.shape), _Adam(logarithms.shape)
    counts = len(splats) * _STEP_OF.sum(0)
    best, least = (splats, steps), np.inf
    for t in range(config.iterations + 1 if len(splats) else 0):
        exact = Splats(params.astype(np.float32))
        rounded = QuantizedSplats(canvas.quantise(exact.params, steps.array()), steps)
        canvas.load(rounded.dequantise().params)
        gradient = canvas.gradient()
        cost = canvas.loss() - (price or 0.0) * float(counts @ logarithms) / np.log(2)
        if cost < least:
            best, least = (exact, steps), cost
        scale = cosine(t, config)
        away = scale * by_splat.step(_whitened(params, gradient), t)
        if price is not None:
            slope = steps_gradient(params, rounded, gradient) - price / 2 * counts / np.log(2)
            logarithms = logarithms - scale * _STEP_RATE * by_step.step(slope, t)
            steps = Steps(*(int(s) for s in np.clip(np.rint(np.exp(logarithms)), 1, 65535)))
        _move(params, -config.rate * away[:, :5], -config.colour_rate * away[:, 5:])
    return best


def steps_gradient(
    params: np.ndarray, rounded: QuantizedSplats, gradient: np.ndarray
) -> np.ndarray:
    """Gradient in the logarithms of the four steps, straight through the rounding, (4,).

    Parameters
    ----------
    params : (N, 8) float64
        Exact splats.
    rounded : QuantizedSplats
    gradient : (N, 8)
        In the parameters of the rounded ones.
    """
    moves = rounded.values * rounded.steps.array().astype(np.float64)
    moves[:, :5] -= params[:, :5]
    moves[:, 5:] -= params[:, 5:] @ _TO_YCC.T
    slopes = gradient.astype(np.float64)
    slopes[:, 5:] = slopes[:, 5:] @ _FROM_YCC
    return (moves * slopes).sum(0) @ _STEP_OF


class _Adam:
    """Moments of gradients, (shape)."""

    def __init__(self, shape: tuple[int, ...]):
        self._mean, self._square = np.zeros(shape), np.zeros(shape)

    def step(self, gradient: np.ndarray, t: int) -> np.ndarray:
        """Which way is up, at iteration t from 0, in units of the rate."""
        self._mean += (1 - _BETAS[0]) * (gradient - self._mean)
        self._square += (1 - _BETAS[1]) * (gradient**2 - self._square)
        first, second = (1 - beta ** (t + 1) for beta in _BETAS)
        return self._mean / first / (np.sqrt(self._square / second) + _EPSILON)


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
