"""How other codecs are run to be compared with, and what that gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from tsplat.bench import codecs as peers
from tsplat.bench.measure import Quality, quality

SHRINKS = {"x264": (1, 2), "x265": (1, 2), "svtav1": (1, 2, 3)}
"""Parts of the clip's size at which a user at a low rate would try a codec."""
CRFS = {
    "x264": (51, 47, 43, 39, 35, 31, 27, 23, 19),
    "x265": (51, 47, 43, 39, 35, 31, 27, 23, 19),
    # Above 63 where SVT-AV1 is recent enough; otherwise they are 63 again.
    "svtav1": (70, 67, 64, 63, 61, 58, 54, 48, 40, 30, 20),
}
"""Worst quality first."""


def sweep(
    name: str,
    frames: list[np.ndarray],
    rate: Fraction,
    enough_db: float,
    inside: list[np.ndarray] | None = None,
) -> Iterator[tuple[int, int, int, float, Quality]]:
    """Encode a clip at every size and quality that matters, worst quality first.

    Parameters
    ----------
    name : str
        Of :data:`tsplat.bench.codecs.PEERS`.
    frames : list of (H, W, 3) uint8, RGB
    rate : Fraction
        Frames a second.
    enough_db : float
        PSNR after which a size is done.
    inside : list of (H, W) bool, optional
        The part of each frame that counts.

    Yields
    ------
    (int, int, int, float, Quality)
        Part of the size, CRF, bytes, seconds that encoding took, and what came out.
    """
    height, width = frames[0].shape[:2]
    for shrink in SHRINKS[name]:
        if not peers.fits(name, width, height, shrink):
            continue
        for crf in CRFS[name]:
            clock = time.perf_counter()
            stream = peers.encode(frames, name, crf, shrink, rate)
            seconds = time.perf_counter() - clock
            found = quality(peers.decode(stream), frames, inside)
            yield shrink, crf, stream.bytes, seconds, found
            if found.psnr_db >= enough_db:
                break
