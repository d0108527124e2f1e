"""How other codecs are run to be compared with, and what that gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from tsplat.bench import codecs as peers
from tsplat.bench.measure import Quality, quality


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
    codec = peers.PEERS[name].codec
    for shrink in codec.shrinks:
        if not peers.fits(name, width, height, shrink):
            continue
        for crf in codec.crfs:
            clock = time.perf_counter()
            stream = peers.encode(frames, name, crf, shrink, rate)
            seconds = time.perf_counter() - clock
            found = quality(peers.decode(stream), frames, inside)
            yield shrink, crf, stream.bytes, seconds, found
            if found.psnr_db >= enough_db:
                break
