"""FFmpeg's frames to RGB: matrix, size, orientation."""

from __future__ import annotations

import av
import numpy as np

from tsplat.media.clip import Clip

_HD_LINES = 720


def to_rgb(frame: av.VideoFrame, clip: Clip, turn: int, raw: bool) -> np.ndarray:
    """(H, W, 3) uint8, upright and scaled."""
    width, height = (clip.height, clip.width) if turn in (90, 270) else (clip.width, clip.height)
    scaled = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=matrix(frame, raw),
        interpolation="AREA" if height < frame.height else "BICUBIC",
    )
    picture = scaled.to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, turn // 90)) if turn else picture


def matrix(frame: av.VideoFrame, raw: bool) -> int:
    """swscale's number of the YUV matrix. Where a video does not say, HD is taken as BT.709."""
    named = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
    if frame.colorspace in named:
        return named[frame.colorspace]
    return 1 if frame.height >= _HD_LINES and not raw else 5
