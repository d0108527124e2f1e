"""What decoded pictures lost, and how restless they are where the scene is still.

All of it is of RGB pictures as they are shown, 8 bits, of tsplat and of the others alike. VMAF is
not among it: FFmpeg's libraries in PyAV's wheels are built without libvmaf.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tsplat.errors import MediaError
from tsplat.files.metrics import WHOLE, ms_ssim, psnr_of, squared_error_map

STILL_LEVELS = 2
"""Grey levels by which every channel of a pixel may change from one frame to the next while the
scene counts as still there."""
_YCBCR = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.5],
        [0.5, -0.587 / 1.402, -0.114 / 1.402],
    ],
    np.float32,
)
"""Y, Cb and Cr of RGB, full range; ITU-R BT.601."""


@dataclass(frozen=True)
class Quality:
    """Of a decoded clip, or of its part inside the region.

    Attributes
    ----------
    psnr_db : float
        RGB, of the mean squared error over all frames.
    psnr_y_db, psnr_yuv_db : float
        The same of Y, full range; and (6 Y + Cb + Cr) / 8 of the PSNR of each, with chroma at the
        size of the picture.
    worst_db : float
        RGB, of the worst frame.
    ms_ssim : float
        Mean over frames.
    shimmer : float or None
        Mean squared difference of a decoded frame and the one before, grey levels squared, over
        pixels where the source is still; the mean over pairs of frames. None where it never is.
    shown : (H, W, 3) uint8
        The frame in the middle.
    """

    psnr_db: float
    psnr_y_db: float
    psnr_yuv_db: float
    worst_db: float
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
    pixels, planes = 0, np.zeros(3)
    errors, similar, restless = [], [], []
    before, shown = None, frames[0]
    number = -1
    for number, picture in enumerate(decoded):
        if number == len(frames):
            break
        frame = frames[number]
        part = np.ones(frame.shape[:2], bool) if inside is None else inside[number]
        if part.any():
            count = int(part.sum())
            pixels += count
            planes += _plane_errors(picture, frame, part)
            error = squared_error_map(picture, frame)[part].sum(dtype=np.float64)
            errors.append((float(error), count))
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
    y, cb, cr = (psnr_of(float(error) / pixels) for error in planes)
    return Quality(
        psnr_db=psnr_of(sum(error for error, _ in errors) / pixels),
        psnr_y_db=y,
        psnr_yuv_db=(6 * y + cb + cr) / 8,
        worst_db=min(psnr_of(error / count) for error, count in errors),
        ms_ssim=float(np.mean(similar)),
        shimmer=float(np.mean(restless)) if restless else None,
        shown=shown,
    )


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


def _plane_errors(picture: np.ndarray, frame: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Squared errors of Y, Cb and Cr, (3,), summed over a part of the frame."""
    difference = np.subtract(picture, frame, dtype=np.int16)[part].astype(np.float32)
    return np.square(difference @ _YCBCR.T).sum(0, dtype=np.float64)


def _still(before: np.ndarray, frame: np.ndarray) -> np.ndarray:
    change = np.abs(np.subtract(before, frame, dtype=np.int16))
    return (change <= STILL_LEVELS).all(-1)
