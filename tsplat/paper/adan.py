"""GaussianImage's optimiser: Adan, of splats by kernels, of anything else on the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tsplat.kernels.adan import BETAS, EPSILON
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats

HALVING = 20_000
"""Iterations after which GaussianImage halves its rate."""


@dataclass(frozen=True)
class AdanConfig:
    """How GaussianImage fits.

    Parameters
    ----------
    iterations : int
        GaussianImage takes 50,000 where time does not matter.
    rate : float
        Step of everything, in the coordinates of :mod:`tsplat.kernels.adan`.
    """

    iterations: int = 10_000
    rate: float = 1e-3


def halving(t: int, config: object = None) -> float:
    """Share of the rate at iteration t, from 0.

    >>> [halving(t) for t in (0, HALVING, 3 * HALVING)]
    [1.0, 0.5, 0.125]
    """
    return 0.5 ** (t // HALVING)


def fit_adan(
    canvas: Canvas,
    splats: Splats,
    config: AdanConfig,
    schedule: Callable[[int, AdanConfig], float] = halving,
) -> Splats:
    """Fit splats to what ``canvas.begin`` set, as :func:`tsplat.encoding.fit.loop.fit`."""
    if not len(splats) or not config.iterations:
        return splats
    adan = canvas.adan(splats.params)
    for t in range(config.iterations):
        adan.step(config.rate * schedule(t, config))
    return Splats(canvas.params())


class Adan:
    """Adaptive Nesterov momentum, for one array.

    Parameters
    ----------
    values : array of float
        Where to start; stepped in place.

    References
    ----------
    Xie et al., Adan, 2022, algorithm 1, with the bias corrections of its released code.
    """

    def __init__(self, values: np.ndarray):
        self.values = values
        self._mean, self._trend, self._square = (np.zeros_like(values) for _ in range(3))
        self._last: np.ndarray | None = None
        self._t = 0

    def step(self, gradient: np.ndarray, rate: float) -> None:
        """One step against a gradient of the values' shape."""
        self._t += 1
        change = gradient - (gradient if self._last is None else self._last)
        one, two, three = BETAS
        self._mean += (1 - one) * (gradient - self._mean)
        self._trend += (1 - two) * (change - self._trend)
        self._square += (1 - three) * ((gradient + two * change) ** 2 - self._square)
        correct = [1 - beta**self._t for beta in BETAS]
        away = self._mean / correct[0] + two * self._trend / correct[1]
        self.values -= rate * away / (np.sqrt(self._square / correct[2]) + EPSILON)
        self._last = gradient
