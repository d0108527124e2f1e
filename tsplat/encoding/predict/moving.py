"""A region that moves: splats that leave it, and pixels that enter it."""

from __future__ import annotations

import numpy as np

from tsplat.splats import BLUR

_REACH = 2.0
"""Standard deviations at which a splat is still worth keeping."""


def reaching(params: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Which splats reach into the region, (N,) bool.

    Parameters
    ----------
    params : (N, 8) float32
        Splats, pixels.
    inside : (H, W) bool
    """
    height, width = inside.shape
    sums = np.zeros((height + 1, width + 1), np.int32)
    sums[1:, 1:] = inside.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    ex = _REACH * np.sqrt(params[:, 2] ** 2 + BLUR)
    ey = _REACH * np.sqrt(params[:, 3] ** 2 + params[:, 4] ** 2 + BLUR)
    left, right = _clipped(params[:, 0] - ex, width), _clipped(params[:, 0] + ex + 1, width)
    top, bottom = _clipped(params[:, 1] - ey, height), _clipped(params[:, 1] + ey + 1, height)
    return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] > 0


def _clipped(places: np.ndarray, length: int) -> np.ndarray:
    return np.clip(places, 0, length).astype(int)


class Uncovered:
    """Pixels that entered the region since splats were last put there.

    Parameters
    ----------
    shape : (int, int)
        Height and width.
    """

    def __init__(self, shape: tuple[int, int]):
        self._pixels = np.zeros(shape, bool)

    def clear(self) -> None:
        """An I-frame covers everything."""
        self._pixels[:] = False

    def update(self, before: np.ndarray, inside: np.ndarray) -> None:
        """Take in the region's move, both (H, W) bool."""
        self._pixels |= inside & ~before
        self._pixels &= inside

    def cover(self, pixels: np.ndarray) -> None:
        """Splats are there already, (H, W) bool."""
        self._pixels &= ~pixels

    def share(self, inside: np.ndarray) -> float:
        """What is uncovered, as a share of the region, (H, W) bool."""
        return float(self._pixels.sum()) / max(1, int(inside.sum()))

    def take(self, area: float) -> tuple[np.ndarray, int]:
        """Pixels to cover, and with how many splats of an area in pixels; forgets them.

        Returns none, and remembers, while they are too few for two splats.
        """
        total = int(self._pixels.sum())
        count = int(total / area) if total else 0
        if count < 2:
            return np.zeros_like(self._pixels), 0
        pixels = self._pixels.copy()
        self.clear()
        return pixels, count
