"""Splats that do nothing move to where the error is."""

from __future__ import annotations

import numpy as np

from tsplat.kernels.canvas import Canvas, mass

SHARE = 0.05
"""Part of the splats that one call may move."""


def relocate(canvas: Canvas, params: np.ndarray) -> np.ndarray:
    """Move the least useful splats to the peaks of the error.

    A splat's use is the energy that it puts into the picture; a peak is a cell of a coarse grid
    whose mean signed error is large, so that texture which no splat can follow does not count.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``; the splats are loaded.
    params : (N, 8) float32

    Returns
    -------
    (N, 8) float32
        As many splats; the count of a frame is the user's choice.
    """
    count = int(len(params) * SHARE)
    canvas.squared_error()
    error = -canvas.error_picture()
    height, width = error.shape[:2]
    cell = max(4, int(np.sqrt(height * width / max(1, len(params))) / 2))
    rows, columns = height // cell, width // cell
    if count < 1 or rows * columns < 4:
        return params
    cut = error[: rows * cell, : columns * cell]
    means = cut.reshape(rows, cell, columns, cell, 3).mean((1, 3))
    energy = (means**2).sum(2)
    use = (params[:, 5:] ** 2).sum(1) * mass(params)
    idle = np.argsort(use, kind="stable")[:count]
    peaks = np.argsort(-energy.ravel(), kind="stable")[:count]
    gain = energy.ravel()[peaks] * cell * cell
    better = gain > use[idle]
    idle, peaks = idle[better], peaks[better]
    out = params.copy()
    y, x = np.divmod(peaks, columns)
    out[idle, 0] = (x + 0.5) * cell
    out[idle, 1] = (y + 0.5) * cell
    out[idle, 2] = out[idle, 4] = cell * 0.6
    out[idle, 3] = 0
    out[idle, 5:] = means[y, x]
    return out
