"""What GaussianImage would take: splats fitted to every frame on its own, 56 bits each.

The bytes are an account, not the length of a file, and it favours GaussianImage three times: the
fit is tsplat's, on superpixels and growing, whose pictures are better than those of a random
start with ten times the iterations; nothing is quantised, while the bits are
those of quantised splats; and the quantisers' codebooks, which are stored with every picture,
are left out. Against it counts that entropy coding is left out: that can take from the 24 bits
that are not for the position.

References
----------
Zhang et al., GaussianImage: 1000 FPS Image Representation and Compression by 2D Gaussian
Splatting, ECCV 2024. As its release counts without entropy coding (``analysis_wo_ec``): 16 bits
for each of x and y, 6 for each number of the Cholesky vector, and 3 for each of two stages of
vector quantisation of the colour.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tsplat.bench.curves import Curve, at_equal, hull
from tsplat.bench.measure import Quality, quality
from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.grow import START, fit_growing
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas

NAME = "gaussianimage"
BITS = 2 * 16 + 3 * 6 + 2 * 3
"""Of a splat."""
FIT = FitConfig(2000, grow=3, presolve=5, solve=12)
_FEWEST, _MOST = 16, 8192
"""Splats of a frame that are tried, at first and at last."""


def sweep(
    frames: list[np.ndarray],
    enough_db: float,
    inside: list[np.ndarray] | None = None,
    config: FitConfig = FIT,
) -> Iterator[tuple[int, int, float, Quality]]:
    """Fit more and more splats to the first, the middle and the last frame.

    Parameters
    ----------
    frames : list of (H, W, 3) uint8, RGB
    enough_db : float
        PSNR after which it is done.
    inside : list of (H, W) bool, optional
        The part of each frame that counts; splats are for that part alone.
    config : FitConfig

    Yields
    ------
    (int, int, float, Quality)
        Splats of a frame, bytes of all frames, seconds that the fits took, and what came out, on
        those frames alone and without shimmer.
    """
    chosen = sorted({0, len(frames) // 2, len(frames) - 1})
    height, width = frames[0].shape[:2]
    canvas = Canvas(width, height)
    targets = [frames[k] for k in chosen]
    parts = None if inside is None else [inside[k] for k in chosen]
    count = _FEWEST
    while True:
        clock = time.perf_counter()
        shown = [
            _fitted(canvas, frame, None if parts is None else parts[k], count, config)
            for k, frame in enumerate(targets)
        ]
        seconds = time.perf_counter() - clock
        found = replace(quality(iter(shown), targets, parts), shimmer=None)
        yield count, round(count * BITS / 8 * len(frames)), seconds, found
        if found.psnr_db >= enough_db or 2 * count > min(_MOST, width * height // 16):
            return
        count *= 2


def bytes_at(psnr_db: float, curve: Curve) -> float | None:
    """Bytes at a PSNR, their logarithm interpolated; None beyond the ends of the curve.

    >>> round(bytes_at(31.0, [(1000.0, 30.0), (4000.0, 32.0)]))
    2000
    """
    best = hull([curve])
    if not best:
        return None
    found = at_equal(psnr_db, [(q, float(np.log(b))) for b, q in best])
    return None if found is None else float(np.exp(found))


def _fitted(
    canvas: Canvas, frame: np.ndarray, inside: np.ndarray | None, count: int, config: FitConfig
) -> np.ndarray:
    """A frame as so many splats show it, (H, W, 3) uint8."""
    weight = None if inside is None else inside.astype(np.float32)
    canvas.set_weight(weight)
    canvas.set_target(frame)
    canvas.begin()
    first = superpixel(frame, max(1, round(count * START)), weight)
    splats = fit_growing(canvas, first, count, config)
    return canvas.picture(solve(canvas, splats.params, config.solve))
