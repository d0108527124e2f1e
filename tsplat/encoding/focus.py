"""Where an encoder looks: the region of interest, what pixels weigh, what is not covered yet."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.predict.masking import visibility
from tsplat.encoding.predict.moving import Uncovered, reaching
from tsplat.errors import ConfigError
from tsplat.kernels.canvas import Canvas
from tsplat.region import Region, default_cell, grid

_WEIGHT = {"splats": 0.1, "blur": 0.02, "none": 0.0, "video": 0.0}
"""Weight of a pixel's squared error outside the region, by kind of background."""
_SPLATS = {"splats": 0.3, "blur": 0.05, "none": 0.0, "video": 0.0}
"""Splats for a pixel outside the region over those for one inside."""


class Focus:
    """What of a picture counts, frame by frame.

    Parameters
    ----------
    width, height : int
        Of the pictures, pixels.
    background : str
        What lies outside the region: a kind of :class:`tsplat.config.EncoderConfig`.
    tune : str
        What pixels weigh besides: of the same.

    Attributes
    ----------
    region : Region or None
        Of the frame in work; None without a region of interest.
    inside : (H, W) bool
        Pixels in the region.
    weight : (H, W) float32 or None
        Of pixels' squared errors; None where all count alike.
    total : float
        Sum of the weights.
    pixels : float
        How many pixels count, those outside the region in part.
    """

    def __init__(self, width: int, height: int, background: str, tune: str = "psnr"):
        self._size, self._tune = (width, height), tune
        self._outside, self._share = _WEIGHT[background], _SPLATS[background]
        self.region: Region | None = None
        self.inside = np.ones((height, width), bool)
        self.weight: np.ndarray | None = None
        self._counted: np.ndarray | None = None
        self.total = float(width * height)
        self._uncovered = Uncovered((height, width))
        self._coded = self.inside, self._uncovered

    @property
    def cut_out(self) -> bool:
        """Nothing outside the region counts."""
        return not self._outside

    @property
    def pixels(self) -> float:
        inside = float(self.inside.sum())
        return inside + self._share * (self.inside.size - inside)

    @property
    def uncovered(self) -> float:
        """Share of the region that has no splats yet."""
        return self._uncovered.share(self.inside)

    def turn(self, region: Region | None, picture: np.ndarray, canvas: Canvas) -> None:
        """Look at this region of this picture, (H, W, 3) uint8, after the last coded frame's; the
        canvas is told what pixels weigh.

        Raises
        ------
        ConfigError
            The region is of another number of cells.
        """
        moved = region is not None and region != self.region
        if region is not None and moved:
            self._counted = self._look(region)
        if self.cut_out:
            before, uncovered = self._coded
            self._uncovered = deepcopy(uncovered)
            self._uncovered.update(before, self.inside)
        if self._tune == "ssim":
            seen = visibility(picture)
            self._weigh(seen if self._counted is None else self._counted * seen, canvas)
        elif moved and self._counted is not None:
            self._weigh(self._counted, canvas)

    def _weigh(self, weight: np.ndarray, canvas: Canvas) -> None:
        self.weight, self.total = weight, float(weight.sum(dtype=np.float64))
        canvas.set_weight(weight)

    def _look(self, region: Region) -> np.ndarray:
        """Look at another region; what its pixels weigh, (H, W) float32."""
        width, height = self._size
        cell = default_cell(width, height)
        if region.cells.shape != (expected := grid(width, height, cell)):
            raise ConfigError(f"region: got {region.cells.shape} cells, expected {expected}")
        alpha = region.alpha(width, height, (cell, cell))
        self.inside, self.region = alpha > 0, region
        return np.float32(self._outside) + np.float32(1 - self._outside) * alpha

    def parts(self, count: int) -> list[tuple[np.ndarray | None, int]]:
        """Where ``count`` first splats go: pixels, (H, W) bool, or None for all, and how many."""
        inside, counted = float(self.inside.sum()), self.pixels
        if counted == 0:
            return []
        if inside == self.inside.size:
            return [(None, count)]
        there = round(count * (counted - inside) / counted)
        parts = ((self.inside, count - there), (~self.inside, there))
        return [(where, number) for where, number in parts if number]

    def reaching(self, params: np.ndarray) -> np.ndarray:
        """Which splats, (N, 8), are still worth keeping, (N,) bool."""
        return reaching(params, self.inside) if self.cut_out else np.ones(len(params), bool)

    def newcomers(
        self, canvas: Canvas, count: int, params: np.ndarray, frame: np.ndarray
    ) -> np.ndarray:
        """Splats, (K, 8) float32, for pixels that entered the region and that those there, (N, 8),
        do not cover; as dense as ``count`` in all of the region."""
        nothing = np.zeros((0, 8), np.float32)
        if self.uncovered == 0:
            return nothing
        white = params.copy()
        white[:, 5:] = 1
        self._uncovered.cover(canvas.picture(white)[..., 0] > (245 if canvas.normalised else 127))
        pixels, wanted = self._uncovered.take(self.inside.sum() / max(1, count))
        return superpixel(frame, wanted, pixels).params if wanted else nothing

    def covered(self) -> None:
        """An I-frame was coded: everything has splats."""
        self._uncovered.clear()
        self.coded()

    def coded(self) -> None:
        """The frame in work was coded, and not only tried: what it covers is covered."""
        self._coded = self.inside, self._uncovered
