"""Kernels made ready before they are needed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from tsplat.config import EncoderConfig
from tsplat.decoding.decoder import Decoder
from tsplat.encoding.coder import Ways
from tsplat.encoding.encoder import Encoder

_SIDE = 128
"""Of the pictures that are encoded for it, pixels: enough for every stage to take part."""


def warm(config: EncoderConfig, ways: Ways | None = None) -> float:
    """Encode and decode small pictures that nobody sees; the seconds that it took.

    Kernels do not depend on a picture's size. What is compiled goes to the cache folder, too, from
    which the next process loads it.
    """
    began = time.perf_counter()
    first = np.random.default_rng(0).integers(0, 200, (_SIDE, _SIDE, 3), np.uint8)
    # Enough changes for a P-frame to be about, but not so much that it is another scene.
    second = first.copy()
    second[: _SIDE // 3] += 40
    small = replace(config, max_span=1, gaussians=64, background="splats", background_kbps=None)
    encoder = Encoder(_SIDE, _SIDE, 30, small, ways=ways)
    decoder = Decoder(encoder.header)
    for frame in (first, second):
        decoder.decode(encoder.encode(frame))
    return time.perf_counter() - began
