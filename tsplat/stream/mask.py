"""The region's cells: from coarse to fine, each cell given its neighbours and its past.

Cells at multiples of 16 come first; then, for s = 8, 4, 2, 1, those at odd multiples of s in
both directions (neighbours: the four diagonal ones at distance s), then those at an odd multiple
in one direction (the four along the axes). All cells of a step are independent of one another,
so that each step is one call of the range coder.

A neighbour that lies outside the picture is replaced by the one opposite, or by "off" where that
is outside too. The past of a cell is one of: 0 there is none; 1 off, as its four neighbours were;
2 off, 3 on, others among them; 4 on, as they were. :data:`CHANCES` gives, in 1/65536, the
probability that a cell is on, by step, number of neighbours that are on, and past.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tsplat.region import Region
from tsplat.stream.entropy import Bits
from tsplat.stream.mask_chances import CHANCES

COARSEST = 16
NO_PAST = 0
Step = tuple[np.ndarray, np.ndarray, int]
"""Cells, (n,), and their four neighbours, (n, 4), as places in the flattened grid with one
place more for "off"; and the row of :data:`CHANCES`."""


def code(
    through: Bits, shape: tuple[int, int], past: Region | None, region: Region | None = None
) -> Region:
    """Encode a region's cells, or decode them; one function, so that both walk the same way.

    Parameters
    ----------
    through : Bits
    shape : (int, int)
        Rows and columns of the grid.
    past : Region or None
        The region before.
    region : Region, optional
        Decoded if it is not given.
    """
    known = None if region is None else region.cells.ravel()
    flat = np.zeros(shape[0] * shape[1] + 1, bool)
    state = pasts(past, shape)
    for cells, neighbours, row in steps(*shape):
        chances = CHANCES[row, flat[neighbours].sum(1), state[cells]] / 65536.0
        flat[cells] = through(chances, None if known is None else known[cells], "mask")
    return Region(flat[:-1].reshape(shape))


def pasts(past: Region | None, shape: tuple[int, int]) -> np.ndarray:
    """The past of each cell, (rows * columns,) in 0..4."""
    if past is None:
        return np.full(shape[0] * shape[1], NO_PAST)
    padded = np.pad(past.cells, 1, mode="edge")
    same = np.ones(shape, bool)
    for other in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        same &= other == past.cells
    return np.where(past.cells, np.where(same, 4, 3), np.where(same, 1, 2)).ravel()


@lru_cache(maxsize=4)
def steps(rows: int, columns: int) -> list[Step]:
    """The steps of a grid; see the module."""
    y, x = np.indices((rows, columns)).reshape(2, -1)
    coarse = np.flatnonzero((y % COARSEST == 0) & (x % COARSEST == 0))
    off = np.full((len(coarse), 4), rows * columns)
    found = [(coarse, off, 0)]
    row, s = 1, COARSEST // 2
    diagonal, axes = ((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (1, 0), (0, -1), (0, 1))
    while s:
        on_grid = (y % s == 0) & (x % s == 0)
        odd_y, odd_x = y // s % 2 == 1, x // s % 2 == 1
        for chosen, directions in ((odd_y & odd_x, diagonal), (odd_y ^ odd_x, axes)):
            cells = np.flatnonzero(on_grid & chosen)
            near = [
                _neighbour(y[cells], x[cells], s * v, s * u, rows, columns) for v, u in directions
            ]
            found.append((cells, np.stack(near, 1), row))
            row += 1
        s //= 2
    return [step for step in found if len(step[0])]


def _neighbour(y, x, dy: int, dx: int, rows: int, columns: int) -> np.ndarray:
    """Place of the cell at (y + dy, x + dx), of the one opposite, or of "off"."""
    v = np.where((y + dy >= 0) & (y + dy < rows), y + dy, y - dy)
    u = np.where((x + dx >= 0) & (x + dx < columns), x + dx, x - dx)
    inside = (v >= 0) & (v < rows) & (u >= 0) & (u < columns)
    return np.where(inside, v * columns + u, rows * columns)
