"""Fitted splats to integers, after training (the paper's PTQ, section 3.3 A)."""

from __future__ import annotations

import numpy as np

from tsplat.kernels.canvas import Canvas
from tsplat.splats import MAX_OVERLAP, QuantizedSplats, Splats, Steps, limits, overlap

DEAD_ZONE = 0.7
"""A value of a P-frame keeps its reference's integer until it is this many steps away."""


def quantise(
    canvas: Canvas, splats: Splats, steps: Steps, reference: np.ndarray | None = None
) -> QuantizedSplats:
    """Round splats to integers that :func:`tsplat.splats.check` accepts.

    Parameters
    ----------
    canvas : Canvas
        Of the picture's size.
    splats : Splats
    steps : Steps
    reference : (N, 8) int32, optional
        Integers to stay at where the dead zone allows.
    """
    values = canvas.quantise(splats.params, steps.array(), reference, DEAD_ZONE)
    bounds = limits(canvas.width, canvas.height, steps)
    return QuantizedSplats(np.clip(values, bounds[:, 0], bounds[:, 1]).astype(np.int32), steps)


def within_overlap(splats: QuantizedSplats, width: int, height: int) -> QuantizedSplats:
    """Shrink the larger half of the splats until the stream's limit on overlap holds.

    Returns the splats themselves where it holds already. Where the smallest splats are too
    many, every second one goes.
    """
    steps = splats.steps.array()[:5]
    while overlap(splats.values[:, :5] * steps, width, height) > 0.98 * MAX_OVERLAP:
        values = splats.values.copy()
        size = np.abs(values[:, 2:5]).max(1)
        large = size >= np.quantile(size, 0.5)
        values[large, 2:5] = np.trunc(values[large, 2:5] * 0.8)
        if np.array_equal(values, splats.values):
            values = values[::2]
        splats = QuantizedSplats(values, splats.steps)
    return splats
