"""What decoded pictures lost, and how restless they are where the scene is still."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tsplat.errors import MediaError
from tsplat.files.metrics import WHOLE, ms_ssim, psnr_of, squared_error_map

STILL_LEVELS = 2
"""Grey levels by which every channel of a pixel may change from one frame to the next while the
scene counts as still there."""


@dataclass(frozen=True)
class Quality:
    """Of a decoded clip, or of its part inside the region.

    Attributes
    ----------
    psnr_db : float
        RGB, of the mean squared error over all frames.
    ms_ssim : float
        Mean over frames.
    shimmer : float or None
        Mean squared difference of a decoded frame and the one before, grey levels squared, over
        pixels where the source is still; the mean over pairs of frames. None where it never is.
    shown : (H, W, 3) uint8
        The frame in the middle.
    """

    psnr_db: float
    ms_ssim: float
    shimmer: float | None
    shown: np.ndarray


def quality(
    decoded: Iterable[np.ndarray],
    frames: list[np.ndarray],
    inside: list[np.ndarray] | None = None,
) -> Quality:
    """Measure decoded pictures one by one, as they come.

    Parameters
    ----------
    decoded : iterable of (H, W, 3) uint8
    frames : list of (H, W, 3) uint8
        The source.
    inside : list of (H, W) bool, optional
        The part of each frame that counts; all of it by default.

    Raises
    ------
    MediaError
        There are more or fewer pictures than frames, or no pixel counts.
    """
    total = pixels = 0.0
    similar, restless = [], []
    before, shown = None, frames[0]
    number = -1
    for number, picture in enumerate(decoded):
        if number == len(frames):
            break
        frame = frames[number]
        part = np.ones(frame.shape[:2], bool) if inside is None else inside[number]
        errors = squared_error_map(picture, frame)
        total += float(errors[part].sum(dtype=np.float64))
        pixels += int(part.sum())
        if part.any():
            parts = {} if inside is None else {"inside": part}
            similar.append(ms_ssim(picture, frame, parts)[next(iter(parts), WHOLE)])
        if before is not None:
            still = part & _still(frames[number - 1], frame)
            if inside is not None:
                still &= inside[number - 1]
            if still.any():
                change = squared_error_map(picture, before)[still]
                restless.append(float(change.mean(dtype=np.float64)))
        if number == len(frames) // 2:
            shown = picture
        before = picture
    if number + 1 != len(frames):
        raise MediaError(f"decoding gave {number + 1} pictures or more, not {len(frames)}")
    if not pixels:
        raise MediaError("there is no pixel inside the region to compare")
    shimmer = float(np.mean(restless)) if restless else None
    return Quality(psnr_of(total / pixels), float(np.mean(similar)), shimmer, shown)


def busiest(frames: list[np.ndarray], side: int) -> tuple[int, int]:
    """Top left corner, (y, x), of the square in which a clip changes most."""
    import cv2

    grey = np.stack([frame.mean(-1, dtype=np.float32) for frame in frames])
    change = np.abs(np.diff(grey, axis=0)).mean(0) if len(frames) > 1 else grey[0]
    sums = cv2.blur(change, (side, side), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    height, width = change.shape
    inside = sums[: max(1, height - side + 1), : max(1, width - side + 1)]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(y), int(x)


def _still(before: np.ndarray, frame: np.ndarray) -> np.ndarray:
    change = np.abs(np.subtract(before, frame, dtype=np.int16))
    return (change <= STILL_LEVELS).all(-1)
