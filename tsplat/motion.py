"""Motion of splats: a grid of vectors over the picture, interpolated at each splat's place.

All in integers, so that every decoder moves every splat alike.
"""

from __future__ import annotations

import numpy as np

from tsplat.splats import Steps

GRID = 6
"""Nodes along each side of the picture; the outer ones lie on its edges."""
UNIT = 128
"""Of a vector's components, 1/256 pixel: half a pixel."""
MOST = 255
"""Largest component, in units."""


def warp(
    values: np.ndarray, vectors: np.ndarray, steps: Steps, width: int, height: int
) -> np.ndarray:
    """Splats moved along.

    Parameters
    ----------
    values : (N, 8) int32
        Splats' integers.
    vectors : (GRID, GRID, 2) int
        x and y of each node's vector, half pixels; rows from the top.
    steps : Steps
    width, height : int
        Of the picture, pixels.

    Returns
    -------
    (N, 8) int32
        The same with other places: the vectors around a splat, weighted bilinearly, each sum
        rounded to the nearest step.
    """
    column, across = _cell(values[:, 0].astype(np.int64) * steps.mean, width)
    row, down = _cell(values[:, 1].astype(np.int64) * steps.mean, height)
    nodes = vectors.astype(np.int64)
    upper = (256 - across) * nodes[row, column].T + across * nodes[row, column + 1].T
    lower = (256 - across) * nodes[row + 1, column].T + across * nodes[row + 1, column + 1].T
    # In 1/256 pixel: sixteen bits of weights, of which UNIT takes seven back.
    moved = ((256 - down) * upper + down * lower) * UNIT >> 16
    out = values.copy()
    out[:, :2] += ((2 * moved + steps.mean) // (2 * steps.mean)).T.astype(np.int32)
    return out


def _cell(place: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of the node before a place, in 1/256 pixel, and how far behind it, 0..255."""
    exact = np.clip(place * (GRID - 1) // length, 0, 256 * (GRID - 1) - 1)
    return exact >> 8, exact & 255


def weights(params: np.ndarray, width: int, height: int) -> np.ndarray:
    """Share of each node in each splat's motion, (GRID * GRID, N) float64; params: (N, 8)."""
    column, across = _cell((params[:, 0] * 256).astype(np.int64), width)
    row, down = _cell((params[:, 1] * 256).astype(np.int64), height)
    out = np.zeros((GRID * GRID, len(params)))
    splat = np.arange(len(params))
    for dy, share in ((0, 256 - down), (1, down)):
        for dx, part in ((0, 256 - across), (1, across)):
            out[(row + dy) * GRID + column + dx, splat] += share * part / 65536
    return out
