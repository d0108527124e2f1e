"""What experiments share: the quality of splats on a canvas, and pictures as PNG."""

from __future__ import annotations

import math

import cv2
import numpy as np

from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats


def psnr(canvas: Canvas, splats: Splats) -> float:
    """Of splats against the canvas's target, RGB, dB."""
    canvas.begin()
    canvas.load(splats.params)
    error = canvas.squared_error() / (3 * canvas.width * canvas.height)
    return -10 * math.log10(max(error, 1e-10))


def png(picture: np.ndarray) -> bytes:
    """A picture, (H, W, 3) uint8, RGB, as a PNG file."""
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
