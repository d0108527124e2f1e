"""Adan on the host, for parameters that are no splats; splats have :mod:`tsplat.kernels.adan`."""

from __future__ import annotations

import numpy as np

from tsplat.kernels.adan import BETAS, EPSILON


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
