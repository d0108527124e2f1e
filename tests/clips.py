"""Small clips for tests: the talking portrait, written as the tests need it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tsplat.bench.portrait import portrait

WIDTH, HEIGHT = 96, 54


def pictures(frames: int, width: int = WIDTH, height: int = HEIGHT) -> list[np.ndarray]:
    return list(portrait(frames, width, height))


def write_clip(
    path: Path,
    frames: list[np.ndarray],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: Fraction = Fraction(30),
    times: list[Fraction] | None = None,
    aspect: Fraction = Fraction(1),
    options: dict[str, str] | None = None,
    gop: int = 4,
) -> Path:
    """A video of the given pictures; times in frames, 0, 1, 2, ... by default."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.gop_size = gop
        stream.codec_context.time_base = 1 / (rate * 100)
        stream.options = options or {"crf": "10"}
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round((times[k] if times else Fraction(k)) * 100)
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
