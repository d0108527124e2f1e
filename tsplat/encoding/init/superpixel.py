"""A splat for each superpixel: the paper's content-aware initialisation (section 3.2 A)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.segmentation import slic

from tsplat.splats import Splats

Cut = Callable[[np.ndarray, int], np.ndarray]
SPREAD = 3.0
"""Covariance of a splat over that of its segment; neighbours then overlap smoothly."""
_OVERLAP = 2 * np.pi * SPREAD / 12
"""Sum of such splats' falloffs inside a grid of square segments; colours are divided by it."""
SEGMENTS = 0.65
"""Superpixels for each splat; the others come from halving the busiest ones."""
_LEFT = 0.35
"""Share of a segment's energy that each half keeps."""
_SLIC_PIXELS = 60_000
_SLIVER = 0.25
"""Segments of which the region leaves less than this share of the mean go."""


def superpixel(
    frame: np.ndarray, count: int, weight: np.ndarray | None = None, cut: Cut | None = None
) -> Splats:
    """Cut a picture into superpixels and make each a splat.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        RGB picture.
    count : int
        Splats wanted; the result has exactly as many.
    weight : (H, W) float32, optional
        Region of interest: superpixels are cut only where it is positive.
    cut : callable, optional
        How: about so many superpixels, (H, W) int from 1, of an (H, W, 3) float32 picture; simple
        linear iterative clustering by default.

    Returns
    -------
    Splats

    References
    ----------
    Achanta et al., SLIC superpixels, TPAMI 2012. The
    paper, section 3.2 A: mean, Cholesky vector of the covariance, and mean colour of every
    segment.
    """
    parts = segments(frame, count, weight, cut)
    if parts is None:
        return Splats(np.zeros((0, 8), np.float32))
    params, energy, sizes = _moments(parts.picture, parts.labels, parts.factor)
    whole = sizes >= _SLIVER * sizes.mean()
    params, energy = params[whole], energy[whole]
    if len(params) > count:
        keep = np.sort(np.argsort(-energy, kind="stable")[:count])
        params, energy = params[keep], energy[keep]
    params[:, :2] += parts.corner
    return Splats(_split(params, energy, count).astype(np.float32))


@dataclass(frozen=True)
class Segments:
    """Superpixels of a picture, or of the part of it that holds the region.

    Attributes
    ----------
    picture : (h, w, 3) float32
        That part, reduced; 1 = full scale.
    labels : (h, w) int
        Its superpixels, from 1; 0 outside the region.
    factor : int
        Pixels for each of these, along a side.
    corner : (int, int)
        x and y of the part in the picture, pixels.
    """

    picture: np.ndarray
    labels: np.ndarray
    factor: int
    corner: tuple[int, int]


def segments(
    frame: np.ndarray, count: int, weight: np.ndarray | None = None, cut: Cut | None = None
) -> Segments | None:
    """Superpixels for so many splats; parameters as for :func:`superpixel`. None if the region
    is empty."""
    window = _window(weight, frame.shape[:2])
    if window is None:
        return None
    rows, columns = window
    part = frame[rows, columns]
    inside = np.ones(part.shape[:2], bool) if weight is None else weight[rows, columns] > 0
    factor = max(1, math.ceil(math.sqrt(inside.size / max(_SLIC_PIXELS, 16 * count))))
    picture = _block_means(part, factor) / np.float32(255)
    share = _block_means(inside.astype(np.uint8), factor)[..., 0]
    mask = share >= min(0.5, float(share.max()))
    # SLIC's own mask costs ten times as much as cutting the whole window and keeping a part.
    wanted = max(1, round(count * SEGMENTS * mask.size / mask.sum()))
    labels = (cut or _slic)(picture, wanted)
    return Segments(picture, labels * mask, factor, (columns.start, rows.start))


def _slic(picture: np.ndarray, count: int) -> np.ndarray:
    """About so many superpixels, (H, W) int from 1; picture: (H, W, 3) float32."""
    return slic(
        picture,
        n_segments=count,
        compactness=10,
        max_num_iter=5,
        start_label=1,
        enforce_connectivity=min(picture.shape[:2]) > 8,
        channel_axis=-1,
    )


def _window(weight: np.ndarray | None, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of the picture that hold the region; None if there is none."""
    if weight is None:
        return slice(0, shape[0]), slice(0, shape[1])
    spans = []
    for axis in (1, 0):
        found = np.flatnonzero((weight > 0).any(axis))
        if not len(found):
            return None
        spans.append(slice(int(found[0]), int(found[-1]) + 1))
    return spans[0], spans[1]


def _block_means(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares of ``factor`` pixels, (h, w, C) float32; the last are filled up."""
    height, width = picture.shape[:2]
    below, right = -height % factor, -width % factor
    padded = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    means = cv2.resize(padded.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return means.reshape(size[1], size[0], -1)


def _moments(
    picture: np.ndarray, labels: np.ndarray, factor: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, Cholesky vector and colour of each segment, (N, 8), in full-size pixels.

    Also what one colour leaves of each, the sum of its squared deviations, and its size, both
    (N,). Label 0 is no segment.
    """
    height, width = labels.shape
    flat = labels.ravel()
    n = int(flat.max())
    yy, xx = np.mgrid[:height, :width] * float(factor) + factor / 2

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(flat, weights=values.ravel(), minlength=n + 1)[1:]

    size = total(np.ones((height, width)))
    keep = size > 0
    size = np.maximum(size, 1)
    mx, my = total(xx) / size, total(yy) / size
    pixel = factor * factor / 12
    sxx = SPREAD * (total(xx * xx) / size - mx * mx + pixel)
    sxy = SPREAD * (total(xx * yy) / size - mx * my)
    syy = SPREAD * (total(yy * yy) / size - my * my + pixel)
    l11 = np.sqrt(sxx)
    l21 = sxy / l11
    l22 = np.sqrt(np.maximum(syy - l21 * l21, 0.16))
    colours = [total(picture[..., k]) / size / _OVERLAP for k in range(3)]
    energy = sum(total(picture[..., k] ** 2) - total(picture[..., k]) ** 2 / size for k in range(3))
    params = np.stack([mx, my, l11, l21, l22, *colours], 1)
    return params[keep], energy[keep], size[keep]


def _split(params: np.ndarray, energy: np.ndarray, count: int) -> np.ndarray:
    """Halve the splats of the busiest segments, along their long axis, until there are enough."""
    while 0 < len(params) < count:
        most = max(1, min(count - len(params), len(params) // 4))
        order = np.argsort(-energy, kind="stable")[:most]
        parent = params[order]
        l11, l21, l22 = parent[:, 2], parent[:, 3], parent[:, 4]
        wide = l11 >= np.hypot(l21, l22)
        axis = np.where(wide[:, None], np.stack([l11, l21], 1), np.stack([0 * l22, l22], 1))
        half = parent.copy()
        half[:, 2:4] *= np.where(wide, 0.6, 1)[:, None]
        half[:, 4] *= np.where(wide, 1, 0.6)
        other = half.copy()
        half[:, :2] -= 0.3 * axis
        other[:, :2] += 0.3 * axis
        params, energy = params.copy(), energy.copy()
        params[order] = half
        energy[order] *= _LEFT
        params = np.concatenate([params, other])
        energy = np.concatenate([energy, energy[order]])
    return params
