"""What experiments on first splats share: frames, their number of splats, latency and quality."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import numpy as np

from tsplat.kernels.canvas import Canvas
from tsplat.paper.experiments.result import Clip
from tsplat.splats import Splats

SPLATS = 1000
"""As the paper has it; fewer for small pictures."""
Start = Callable[[np.ndarray, int], Splats]
"""A frame, (H, W, 3) uint8, and how many splats to start from."""


def chosen(clip: Clip, count: int) -> list[np.ndarray]:
    """At most so many frames, evenly over a clip, the first one among them."""
    numbers = np.linspace(0, len(clip.frames) - 1, count).astype(int).tolist()
    return [clip.frames[k] for k in dict.fromkeys(numbers)]


def splats_for(frame: np.ndarray) -> int:
    """How many splats a frame is started from; 0 where it is too small."""
    return min(SPLATS, frame.shape[0] * frame.shape[1] // 16)


def timed(start: Start, frame: np.ndarray, count: int) -> tuple[Splats, float]:
    """First splats, and the seconds that they take, the median of three rounds."""
    times = []
    for _ in range(3):
        clock = time.perf_counter()
        splats = start(frame, count)
        times.append(time.perf_counter() - clock)
    return splats, statistics.median(times)


def psnr(canvas: Canvas, splats: Splats) -> float:
    """Of splats against the canvas's target, RGB, dB."""
    canvas.begin()
    canvas.load(splats.params)
    error = canvas.squared_error() / (3 * canvas.width * canvas.height)
    return -10 * math.log10(max(error, 1e-10))
