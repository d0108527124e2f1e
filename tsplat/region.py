"""The region of interest: which cells of the picture belong to the person.

A cell is a square of ``cell`` pixels. Cells are what the stream carries; what a decoder cuts
along is the smooth edge that :meth:`Region.alpha` draws through them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIN_CELL, MAX_CELL = 2, 255
MAX_CELLS = 1 << 16
_CELLS_HIGH = 90
"""Cells in a picture's height: the finest mask whose bytes stay small beside the splats'."""


@dataclass(frozen=True)
class Region:
    """Cells of one picture that are in the region.

    Parameters
    ----------
    cells : (rows, columns) bool
        Row by row from the top.
    """

    cells: np.ndarray

    @classmethod
    def everywhere(cls, width: int, height: int, cell: int) -> Region:
        """The whole picture."""
        return cls(np.ones(grid(width, height, cell), bool))

    @classmethod
    def of(cls, alpha: np.ndarray, cell: int) -> Region:
        """The cells that opacities fill by half or more.

        Parameters
        ----------
        alpha : (H, W) bool, uint8 of 0..255 or float of 0..1
        cell : int
            Side of a cell, pixels.
        """
        height, width = alpha.shape
        rows, columns = grid(width, height, cell)
        room = ((0, rows * cell - height), (0, columns * cell - width))
        full = 255 if alpha.dtype == np.uint8 else 1
        padded = np.pad(alpha.astype(np.float32), room, mode="edge")
        means = padded.reshape(rows, cell, columns, cell).mean((1, 3))
        return cls(means >= full / 2)

    @property
    def whole(self) -> bool:
        return bool(self.cells.all())

    @property
    def empty(self) -> bool:
        return not self.cells.any()

    @property
    def share(self) -> float:
        """Part of the picture that is in the region, 0..1."""
        return float(self.cells.mean())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Region) and np.array_equal(self.cells, other.cells)

    def alpha(self, width: int, height: int, cell: tuple[float, float]) -> np.ndarray:
        """Opacity of the region: 1 inside, falling to 0 within half a cell outside.

        Parameters
        ----------
        width, height : int
            Of the picture to draw, pixels.
        cell : (float, float)
            Width and height of a cell in that picture, pixels.

        Returns
        -------
        (height, width) float32
            0..1; exactly 1 wherever the smoothed cells, interpolated between their centres,
            reach one half.
        """
        padded = np.pad(self.cells, 1, mode="edge").astype(np.float32)
        across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
        soft = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16
        rows, columns = soft.shape
        top, below, down = _between(height, rows, cell[1])
        left, right, along = _between(width, columns, cell[0])
        lines = soft[top] * (1 - down)[:, None] + soft[below] * down[:, None]
        picture = lines[:, left] * (1 - along) + lines[:, right] * along
        return np.clip(4 * picture - 1, 0, 1)


def grid(width: int, height: int, cell: int) -> tuple[int, int]:
    """Rows and columns of cells that cover a picture.

    >>> grid(640, 360, 4)
    (90, 160)
    """
    return -(-height // cell), -(-width // cell)


def default_cell(width: int, height: int) -> int:
    """Side of a cell, pixels, for a picture of this size.

    >>> default_cell(640, 360), default_cell(1920, 1080), default_cell(16, 16)
    (4, 12, 2)
    """
    cell = max(MIN_CELL, min(MAX_CELL, round(height / _CELLS_HIGH)))
    while np.prod(grid(width, height, cell)) > MAX_CELLS:
        cell += 1
    return cell


def _between(length: int, cells: int, cell: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two cells whose centres each pixel lies between, and how far it is from the first."""
    place = (np.arange(length) + 0.5) / cell - 0.5
    first = np.floor(place)
    before = np.clip(first, 0, cells - 1).astype(int)
    after = np.clip(first + 1, 0, cells - 1).astype(int)
    return before, after, (place - first).astype(np.float32)
