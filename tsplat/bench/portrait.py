"""A talking portrait made from a photograph: head sway, blinks and a moving mouth.

The picture is ``skimage.data.astronaut()``, which scikit-image ships (NASA, public domain).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from tsplat.media.clip import Clip
from tsplat.media.sink import open_sink

RATE = Fraction(30)
_HEAD = (226, 118, 100)
"""Centre and radius of the head in the photograph, pixels."""
_EYES = ((206, 104), (249, 105))
_MOUTH = (229, 155)


def portrait(frames: int, width: int = 640, height: int = 360) -> Iterator[np.ndarray]:
    """Pictures of the talking portrait.

    Parameters
    ----------
    frames : int
        How many; 30 make a second.
    width, height : int
        Their size, pixels.

    Yields
    ------
    (height, width, 3) uint8
        RGB.
    """
    photo = skimage.data.astronaut()
    scale = photo.shape[1] / width
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    x, y = (xx + 0.5) * scale - 0.5, (yy + 0.5) * scale - 0.5
    for k in range(frames):
        t = k / float(RATE)
        u, v = _sway(x, y, t)
        u, v = _speak(u, v, t)
        frame = cv2.remap(photo, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        yield _blink(frame, photo, u, v, t)


def write_portrait(path: Path, frames: int, width: int = 640, height: int = 360) -> None:
    """Write the portrait as a video; the ending decides the kind (see ``open_sink``)."""
    with open_sink(str(path), Clip(width, height, RATE), overwrite=True) as sink:
        for k, frame in enumerate(portrait(frames, width, height)):
            sink.write(frame, k / RATE)
        sink.close(frames / RATE)


def _bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    return np.exp(-(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)).astype(np.float32)


def _sway(x: np.ndarray, y: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel comes from while the head moves from side to side and nods."""
    cx, cy, r = _HEAD
    near = _bump(x, y, cx, cy, 1.4 * r, 1.4 * r)
    dx = 7 * np.sin(2 * np.pi * 0.45 * t) + 2 * np.sin(2 * np.pi * 1.1 * t)
    dy = 3 * np.sin(2 * np.pi * 0.7 * t + 1)
    return x - np.float32(dx) * near, y - np.float32(dy) * near


def _speak(x: np.ndarray, y: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Open and close the mouth: what lies under it moves down."""
    cx, cy = _MOUTH
    opening = 4 * max(0.0, np.sin(2 * np.pi * 3.1 * t)) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.8 * t))
    near = _bump(x, y, cx, cy + 6, 24, 16)
    return x, y - np.float32(opening) * near * np.clip((y - cy) / 6, 0, 1)


def _blink(
    frame: np.ndarray, photo: np.ndarray, x: np.ndarray, y: np.ndarray, t: float
) -> np.ndarray:
    """Close the eyes for four frames, every two seconds."""
    if (t + 1.0) % 2.0 >= 4 / 30:
        return frame
    out = frame.astype(np.float32)
    for cx, cy in _EYES:
        lid = photo[cy + 10 : cy + 14, cx - 6 : cx + 6].reshape(-1, 3).mean(0)
        near = np.clip(1.6 * _bump(x, y, cx, cy, 10, 5), 0, 1)[..., None]
        out += near * (lid - out)
    return out.round().clip(0, 255).astype(np.uint8)
