"""Random splats, as GaussianImage starts from; for comparison with superpixels."""

from __future__ import annotations

import numpy as np

from tsplat.splats import Splats


def scatter(frame: np.ndarray, count: int, seed: int, weight: np.ndarray | None = None) -> Splats:
    """Splats of equal size at random places.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        Only its size is used.
    count : int
        Number of splats.
    seed : int
        Of the random generator.
    weight : (H, W) float32, optional
        Places are drawn in proportion to it; uniformly by default.

    Returns
    -------
    Splats
        Uniform means, a round covariance that covers the picture, colours drawn from 0..1
        over the expected overlap.

    References
    ----------
    GaussianImage (ECCV 2024), section 3: random initialisation.
    """
    rng = np.random.default_rng(seed)
    height, width = frame.shape[:2]
    area = height * width
    if weight is None:
        means = rng.uniform((0, 0), (width, height), (count, 2))
    else:
        flat = np.maximum(weight, 0).ravel().astype(np.float64)
        total = flat.sum()
        if total == 0:
            return Splats(np.zeros((0, 8), np.float32))
        area = int((flat > 0).sum())
        places = rng.choice(len(flat), count, p=flat / total)
        means = np.stack([places % width, places // width], 1) + rng.uniform(0, 1, (count, 2))
    size = 0.5 * np.sqrt(area / count)
    params = np.zeros((count, 8), np.float32)
    params[:, :2] = means
    params[:, 2] = params[:, 4] = size
    params[:, 5:] = rng.uniform(0, 1, (count, 3)) * (area / (2 * np.pi * size * size * count))
    return Splats(params)
