"""The README's contact sheet: from a picture to splats, and before three backgrounds.

::

    python -m tsplat.bench.sheet OUT.jpg [CLIP [FRAME]]

Source, matte, region, superpixels; splats as ellipses, and decoded with the background as it is,
out of focus, and replaced. The talking portrait by default.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import cv2
import numpy as np
from skimage.segmentation import mark_boundaries

from tsplat.bench.portrait import portrait
from tsplat.config import preset
from tsplat.decoding.decoder import Decoder
from tsplat.encoding.clip import encode_clip
from tsplat.encoding.init.superpixel import segments
from tsplat.kernels import runtime
from tsplat.media.source import open_source
from tsplat.roi.matting import Matting
from tsplat.roi.tracker import Tracker
from tsplat.splats import Splats

WIDTH = 640
"""Of each picture of the sheet, pixels."""
BEACH = ((255, 214, 150), (60, 160, 190))
"""Colours, at the top and at the bottom, of the background that replaces the room."""


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


def sheet(clip: Iterator[np.ndarray]) -> np.ndarray:
    """Encode some frames and lay out eight pictures of the last, (2 h, 4 w, 3) uint8."""
    frames = list(clip)
    height, width = frames[0].shape[:2]
    matting = Matting()
    encoded = encode_clip(frames, preset("slow"), roi=Tracker(width, height, matting))
    fade = np.linspace(*BEACH, 256)[:, None].repeat(256, 1).astype(np.uint8)
    decoders = [Decoder(encoded.header, background=b) for b in ("keep", "blur", fade)]
    for packet in filter(None, encoded.packets):
        for decoder in decoders:
            decoder.advance(packet)
    frame, splats = frames[-1], decoders[0].splats.dequantise()
    alpha = decoders[0].alpha()
    pictures = [
        frame,
        _grey(matting(frame)),
        (frame * (0.25 + 0.75 * (alpha == 255)[..., None])).astype(np.uint8),
        _superpixels(frame, len(splats), (alpha == 255).astype(np.float32)),
        ellipses(splats, (height, width)),
        *(decoder.picture() for decoder in decoders),
    ]
    size = (WIDTH, round(WIDTH * height / width))
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in pictures]
    return np.concatenate([np.concatenate(small[:4], 1), np.concatenate(small[4:], 1)], 0)


def _grey(matte: np.ndarray) -> np.ndarray:
    return (matte * 255 + 0.5).astype(np.uint8)[..., None].repeat(3, 2)


def _superpixels(frame: np.ndarray, count: int, inside: np.ndarray) -> np.ndarray:
    """The frame with its superpixels' edges, (H, W, 3) uint8."""
    cut = segments(frame, count, inside)
    assert cut is not None
    labels = np.kron(cut.labels, np.ones((cut.factor, cut.factor), int))
    x, y = cut.corner
    placed = np.zeros(frame.shape[:2], int)
    height, width = placed[y:, x:].shape
    labels = labels[:height, :width]
    placed[y : y + labels.shape[0], x : x + labels.shape[1]] = labels
    edges = mark_boundaries(frame / 255, placed, color=(1, 1, 0), mode="inner")
    return (edges * 255).astype(np.uint8)


def main() -> None:
    out, *rest = sys.argv[1:]
    runtime.start("cpu")
    if rest:
        last = int(rest[1]) if rest[1:] else 10
        with open_source(rest[0], 360) as pictures:
            result = sheet(frame for _, frame in itertools.islice(pictures, last + 1))
    else:
        result = sheet(portrait(10))
    cv2.imwrite(out, cv2.cvtColor(result, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
