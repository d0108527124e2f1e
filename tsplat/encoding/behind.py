"""The video stream behind the region."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tsplat.stream import container
from tsplat.stream.container import BACKGROUND

_CODEC = "av1"
_EVERY = 8
"""Frames for each picture of a background's video, at least."""


class Behind:
    """Packets of a background of video.

    Parameters
    ----------
    width, height : int
        Of the frames, pixels.
    rate : Fraction
        Frames a second.
    kbps : float or None
        Kbit/s; by default what a constant modest quality costs.

    Attributes
    ----------
    codec : int
        Its number in a header.
    """

    def __init__(self, width: int, height: int, rate: Fraction, kbps: float | None):
        from tsplat.media.background import BACKGROUND_CODECS, BackgroundEncoder

        self._encoder = BackgroundEncoder(width, height, rate / _EVERY, kbps=kbps, codec=_CODEC)
        self.codec = BACKGROUND_CODECS[_CODEC]
        self._last = 0

    def packet(self, frame: np.ndarray, keep: np.ndarray, number: int, keyframe: bool) -> bytes:
        """Packet of a frame, if it is time for one; keep: (H, W) bool, what is to be seen."""
        if not keyframe and number < self._last + _EVERY:
            return b""
        self._last = number
        data = self._encoder.encode(frame, keep, keyframe)
        return container.pack_packet(BACKGROUND, number, bytes([keyframe]) + data)
