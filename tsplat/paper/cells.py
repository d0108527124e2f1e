"""Pictures and splats as the networks of :mod:`tsplat.paper.regressor` see them: in cells.

A network is given the picture at the size at which each cell of 4x4 pixels stands for one splat
of those wanted, and speaks of splats in units of cells: so it need not know how many there are, nor
how large the picture is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CELL = 4
"""Side of a cell, pixels of the network's input."""
_MOST = 1 << 17
"""Cells of a picture, about."""
_OVERLAP = np.pi / 2
"""About what splats' falloffs sum up to; a cell's colours are multiplied by it."""


@dataclass(frozen=True)
class Cells:
    """A picture in cells.

    Attributes
    ----------
    image : (4, CELL * rows, CELL * columns) float32
        RGB inside the region and 0 outside, and the share of each pixel that is inside; 1 = full
        scale.
    size : (2,) float64
        Width and height of a cell, pixels of the picture.
    """

    image: np.ndarray
    size: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.shape[1] // CELL, self.image.shape[2] // CELL

    @property
    def inside(self) -> np.ndarray:
        """Share of each cell that is inside the region, (rows, columns) float32."""
        rows, columns = self.shape
        return self.image[3].reshape(rows, CELL, columns, CELL).mean((1, 3))

    def described(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Splats in units of cells.

        Parameters
        ----------
        params : (N, 8) float32
            Splats, pixels of the picture.

        Returns
        -------
        own : (N, 8) float32
            Place within the cell, -0.5..0.5 for one inside the picture; log l11, l21, log l22;
            colour times the overlap.
        cell : (N,) int64
            The cell that a splat's mean lies in, or the nearest one: row * columns + column.
        """
        rows, columns = self.shape
        place = params[:, :2] / self.size
        nearest = np.clip(place.astype(int), 0, (columns - 1, rows - 1))
        shape = params[:, 2:5] / self.size[[0, 1, 1]]
        own = np.concatenate([place - nearest - 0.5, shape, params[:, 5:] * _OVERLAP], 1)
        own[:, [2, 4]] = np.log(np.maximum(own[:, [2, 4]], 1e-3))
        return own.astype(np.float32), nearest[:, 1].astype(np.int64) * columns + nearest[:, 0]

    def splats(self, own: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`described`, (N, 8) float32."""
        _, columns = self.shape
        corner = np.stack([cell % columns, cell // columns], 1)
        place = (own[:, :2] + corner + 0.5) * self.size
        shape = own[:, 2:5].astype(np.float64)
        shape[:, [0, 2]] = np.exp(shape[:, [0, 2]])
        shape *= self.size[[0, 1, 1]]
        return np.concatenate([place, shape, own[:, 5:] / _OVERLAP], 1).astype(np.float32)

    def spread(self, own: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Mean of the splats in each cell, and how many there are, (9, rows, columns) float32."""
        rows, columns = self.shape
        number = np.bincount(cell, minlength=rows * columns)
        sums = [np.bincount(cell, own[:, k], rows * columns) for k in range(8)]
        out = np.stack([*(s / np.maximum(number, 1) for s in sums), number])
        return out.reshape(9, rows, columns).astype(np.float32)


def cells(frame: np.ndarray, count: int, weight: np.ndarray | None = None) -> Cells:
    """A picture in about as many cells inside as splats are wanted, and not fewer, unless the whole
    would have too many.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        RGB.
    count : int
        Splats wanted, 1 or more.
    weight : (H, W) float32, optional
        Region of interest: what is positive is inside; somewhere it has to be.
    """
    height, width = frame.shape[:2]
    inside = np.ones((height, width), np.float32)
    if weight is not None:
        inside = (weight > 0).astype(np.float32)
    side = np.sqrt(max(inside.sum(dtype=np.float64) / count, height * width / _MOST))
    rows, columns = (max(1, int(np.ceil(n / side))) for n in (height, width))
    size = (CELL * columns, CELL * rows)
    picture = frame.astype(np.float32) * inside[..., None] / 255
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (picture, inside)]
    image = np.concatenate([small[0].transpose(2, 0, 1), small[1][None]])
    return Cells(image.astype(np.float32), np.array([width / columns, height / rows]))
