"""Random splats, as GaussianImage starts from them; for comparison with superpixels."""

from __future__ import annotations

import numpy as np

from tsplat.splats import Splats

OFFSET = (0.5, 0.0, 0.5)
"""Of Cholesky vectors, pixels."""


def scatter(frame: np.ndarray, count: int, seed: int, weight: np.ndarray | None = None) -> Splats:
    """Small splats of random shape and colour at random places.

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
        Uniform means; Cholesky vectors uniform in 0..1, plus :data:`OFFSET`, pixels; colours
        uniform in 0..1.

    References
    ----------
    GaussianImage (ECCV 2024), section 3, and its released code (``GaussianImage_Cholesky``).
    """
    rng = np.random.default_rng(seed)
    height, width = frame.shape[:2]
    if weight is None:
        means = rng.uniform((0, 0), (width, height), (count, 2))
    else:
        flat = np.maximum(weight, 0).ravel().astype(np.float64)
        total = flat.sum()
        if total == 0:
            return Splats(np.zeros((0, 8), np.float32))
        places = rng.choice(len(flat), count, p=flat / total)
        means = np.stack([places % width, places // width], 1) + rng.uniform(0, 1, (count, 2))
    shapes = rng.uniform(0, 1, (count, 3)) + OFFSET
    colours = rng.uniform(0, 1, (count, 3))
    return Splats(np.concatenate([means, shapes, colours], 1).astype(np.float32))
