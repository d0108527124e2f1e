"""The README's picture: original, splats, decoded, and a detail rendered four times as large.

::

    python -m tsplat.bench.sheet OUT.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from tsplat.bench.portrait import portrait
from tsplat.config import preset
from tsplat.decoder import Decoder
from tsplat.encoder import Encoder
from tsplat.kernels import runtime
from tsplat.splats import Splats

_DETAIL = (215, 75, 160, 90)
"""x, y, width and height of the detail, pixels."""


def ellipses(splats: Splats, shape: tuple[int, int]) -> np.ndarray:
    """Outlines at one standard deviation, in each splat's colour on black, (H, W, 3) uint8."""
    canvas = np.zeros((*shape, 3), np.uint8)
    for x, y, l11, l21, l22, *colour in splats.params:
        cov = np.array([[l11 * l11, l11 * l21], [l11 * l21, l21 * l21 + l22 * l22]]) + np.eye(2) / 2
        values, vectors = np.linalg.eigh(cov)
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        axes = np.sqrt(values[::-1])
        shade = np.clip(np.abs(colour) * 255 + 60, 0, 255)
        cv2.ellipse(
            canvas, ((float(x), float(y)), tuple(2 * axes), float(angle)), shade.tolist(), 1
        )
    return canvas


def sheet(frames: int = 20) -> np.ndarray:
    """Encode the portrait and lay out the four pictures, (2 H, 2 W, 3) uint8."""
    clip = list(portrait(frames))
    height, width = clip[0].shape[:2]
    encoder = Encoder(width, height, 30, preset("slow", gaussians=2000))
    x, y, w, h = _DETAIL
    decoder, large = (Decoder(encoder.header, (width * k, height * k)) for k in (1, 4))
    for frame in clip:
        packet = encoder.encode(frame)
        decoder.advance(packet)
        large.advance(packet)
    detail = large.picture()[4 * y : 4 * (y + h), 4 * x : 4 * (x + w)]
    top = np.concatenate([clip[-1], ellipses(decoder.splats.dequantise(), (height, width))], 1)
    return np.concatenate([top, np.concatenate([decoder.picture(), detail], 1)], 0)


if __name__ == "__main__":
    runtime.start("cpu")
    cv2.imwrite(str(Path(sys.argv[1])), cv2.cvtColor(sheet(), cv2.COLOR_RGB2BGR))
