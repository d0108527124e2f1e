"""What the frames of a small stream are coded with, as an encoder sets it up."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction

import numpy as np

from tsplat.config import EncoderConfig, Quality
from tsplat.encoding.focus import Focus
from tsplat.encoding.ways import Scene
from tsplat.kernels.canvas import Canvas
from tsplat.region import Region
from tsplat.stream.header import Header


def scene_of(
    picture: np.ndarray, config: EncoderConfig, region: Region | None = None
) -> tuple[Scene, Quality]:
    """A scene whose target is a picture, (H, W, 3) uint8, and the quality of its I-frame."""
    height, width = picture.shape[:2]
    quality = Quality.of(config.crf, width * height, config.tuning)
    canvas = Canvas(width, height, normalised=config.blend == "normalised")
    focus = Focus(width, height, config.background, config.tune)
    canvas.set_target(picture)
    focus.turn(region, picture, canvas)
    header = Header(width, height, Fraction(30), quality.steps, blend=config.blend)
    return Scene(canvas, focus, header, lambda stage: nullcontext()), quality


def squared_error(scene: Scene, params: np.ndarray) -> float:
    """Weighted, of splats, (N, 8), against the target."""
    scene.canvas.begin()
    scene.canvas.load(params)
    return scene.canvas.squared_error()
