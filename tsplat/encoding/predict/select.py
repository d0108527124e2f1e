"""The paper's selection (section 3.2 C): changed pixels, and the splats that reach them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.kernels.canvas import Canvas, mass
from tsplat.splats import CUTOFF, Splats

REACH = 0.03
"""A splat is refined when this share of its falloff lies on changed pixels."""
CUT = 0.6
"""A frame of which this share has changed is a new scene."""


@dataclass(frozen=True)
class Selection:
    """What a P-frame works on.

    Attributes
    ----------
    splats : (N,) bool
        Splats to refine.
    tiles : (strips * columns,) bool
        Tiles of 8x8 pixels that those reach.
    changed : float
        Share of the pixels that count which changed.
    squared_error : float
        Weighted, summed, of the last decoded frame against this one.
    """

    splats: np.ndarray
    tiles: np.ndarray
    changed: float
    squared_error: float

    @property
    def scene_cut(self) -> bool:
        return self.changed > CUT


def select(canvas: Canvas, splats: Splats, threshold: float, pixels: float) -> Selection:
    """Compare the canvas's target with what the decoder shows.

    A pixel has changed when its residual exceeds, by more than the threshold, what the last
    fit left there: texture that no splat can follow then does not count as change. The map
    from pixels to splats is the adjoint of rendering, applied to the changed pixels.

    Parameters
    ----------
    canvas : Canvas
        With the frame as its target.
    splats : Splats
        The last decoded frame's.
    threshold : float
        Grey levels, 0..255.
    pixels : float
        Number of pixels that count: the picture's, or the region's.
    """
    counts, reached, squared_error = canvas.changed(splats.params, threshold / 255)
    chosen = reached > REACH * mass(splats.params)
    return Selection(
        chosen,
        tiles_of(canvas, splats.params[chosen]),
        float(counts.sum()) / max(1.0, pixels),
        squared_error,
    )


def tiles_of(canvas: Canvas, params: np.ndarray) -> np.ndarray:
    """Tiles that splats' boxes touch, with one tile of room; (strips * columns,) bool."""
    columns, strips = canvas.columns, canvas.rows // 8
    ex = CUTOFF * np.sqrt(params[:, 2] ** 2 + 0.5)
    ey = CUTOFF * np.sqrt(params[:, 3] ** 2 + params[:, 4] ** 2 + 0.5)
    x0 = np.clip(((params[:, 0] - ex) // 8).astype(int) - 1, 0, columns)
    x1 = np.clip(((params[:, 0] + ex) // 8).astype(int) + 2, 0, columns)
    y0 = np.clip(((params[:, 1] - ey) // 8).astype(int) - 1, 0, strips)
    y1 = np.clip(((params[:, 1] + ey) // 8).astype(int) + 2, 0, strips)
    corners = np.zeros((strips + 1, columns + 1), int)
    for y, x, sign in ((y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)):
        np.add.at(corners, (y, x), sign)
    return (corners.cumsum(0).cumsum(1)[:strips, :columns] > 0).ravel()
