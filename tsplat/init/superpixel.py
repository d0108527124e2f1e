"""A splat for each SLIC superpixel: the paper's content-aware initialisation (section 3.2 A)."""

from __future__ import annotations

import numpy as np
from skimage.segmentation import slic
from skimage.transform import downscale_local_mean

from tsplat.splats import Splats

SPREAD = 3.0
"""Covariance of a splat over that of its segment; neighbours then overlap smoothly."""
_OVERLAP = 2 * np.pi * SPREAD / 12
"""Sum of such splats' falloffs inside a grid of square segments; colours are divided by it."""
SEGMENTS = 0.65
"""Superpixels for each splat; the others come from halving the busiest ones."""
_LEFT = 0.35
"""Share of a segment's energy that each half keeps."""
_SLIC_PIXELS = 60_000


def superpixel(frame: np.ndarray, count: int, weight: np.ndarray | None = None) -> Splats:
    """Cut a picture into superpixels and make each a splat.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        RGB picture.
    count : int
        Splats wanted; the result has exactly as many.
    weight : (H, W) float32, optional
        Region of interest: superpixels are cut only where it is positive.

    Returns
    -------
    Splats

    References
    ----------
    Achanta et al., SLIC superpixels, TPAMI 2012. The paper, section 3.2 A: mean, Cholesky
    vector of the covariance, and mean colour of every segment.
    """
    height, width = frame.shape[:2]
    if weight is not None and not (weight > 0).any():
        return Splats(np.zeros((0, 8), np.float32))
    factor = max(1, int(np.sqrt(height * width / max(_SLIC_PIXELS, 16 * count))))
    small = frame / np.float32(255)
    mask = None if weight is None else weight > 0
    if factor > 1:
        small = downscale_local_mean(small, (factor, factor, 1))
        mask = None if mask is None else downscale_local_mean(mask, (factor, factor)) > 0
    labels = slic(
        small,
        n_segments=max(1, round(count * SEGMENTS)),
        compactness=10,
        max_num_iter=5,
        start_label=1,
        mask=mask,
        enforce_connectivity=min(small.shape[:2]) > 8,
        channel_axis=-1,
    )
    if not labels.any():  # SLIC gives up on a region that is too small for it.
        labels = np.ones(small.shape[:2], int) if mask is None else mask.astype(int)
    params, energy = _moments(small, labels, factor)
    if len(params) > count:
        keep = np.sort(np.argsort(-energy, kind="stable")[:count])
        params, energy = params[keep], energy[keep]
    return Splats(_split(params, energy, count).astype(np.float32))


def _moments(picture: np.ndarray, labels: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean, Cholesky vector and colour of each segment, (N, 8), in full-size pixels.

    Also what one colour leaves of each, (N,): the sum of its squared deviations.
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
    return np.stack([mx, my, l11, l21, l22, *colours], 1)[keep], energy[keep]


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
