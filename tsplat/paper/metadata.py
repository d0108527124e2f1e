"""The paper's metadata (section 3.2 C): which splats each pixel of a frame is made of.

The selection by growth (:mod:`tsplat.encoding.predict.select`) needs no such map: it projects
the changed pixels back onto the splats, which gives how much of each one they are. This is the map
itself, to look things up in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tsplat.splats import BLUR, CUTOFF


@dataclass(frozen=True)
class PixelMap:
    """The splats of each pixel, as compressed sparse rows.

    Attributes
    ----------
    first : (H * W + 1,) int64
        Where each pixel's splats begin in ``splats``, pixels row by row.
    splats : (M,) int32
        Numbers of splats, ascending within a pixel.
    """

    first: np.ndarray
    splats: np.ndarray

    def of(self, pixels: np.ndarray) -> np.ndarray:
        """Numbers of the splats that reach any of some pixels, ascending; pixels: (H, W) bool."""
        chosen = np.repeat(pixels.ravel(), np.diff(self.first))
        return np.unique(self.splats[chosen])


def pixel_map(params: np.ndarray, width: int, height: int) -> PixelMap:
    """Which splats are not zero at each pixel.

    Parameters
    ----------
    params : (N, 8) float32
        Splats, pixels.
    width, height : int
        Of the picture, pixels.
    """
    reached = [np.zeros(0, np.int64), *_reached(params.astype(np.float64), width, height)]
    pixel = np.concatenate(reached)
    number = np.repeat(np.arange(-1, len(params), dtype=np.int32), [len(r) for r in reached])
    first = np.zeros(height * width + 1, np.int64)
    first[1:] = np.bincount(pixel, minlength=height * width).cumsum()
    return PixelMap(first, number[np.argsort(pixel, kind="stable")])


def _reached(params: np.ndarray, width: int, height: int) -> Iterator[np.ndarray]:
    """The pixels of each splat, row * width + column, ascending."""
    sxx, sxy = params[:, 2] ** 2 + BLUR, params[:, 2] * params[:, 3]
    syy = params[:, 3] ** 2 + params[:, 4] ** 2 + BLUR
    conic = np.stack([syy, -sxy, sxx]) / (sxx * syy - sxy**2)
    centre, extent = params[:, :2], CUTOFF * np.sqrt(np.stack([sxx, syy], 1))
    size = (width, height)
    low = np.clip(np.floor(centre - extent), 0, size).astype(int)
    high = np.clip(np.ceil(centre + extent), 0, size).astype(int)
    for (x, y), (left, top), (right, bottom), (a, b, c) in zip(centre, low, high, conic.T):
        dx = np.arange(left, right) + 0.5 - x
        dy = (np.arange(top, bottom) + 0.5 - y)[:, None]
        row, column = np.nonzero((a * dx + 2 * b * dy) * dx + c * dy * dy < CUTOFF**2)
        yield (row + top) * width + column + left
