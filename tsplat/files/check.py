"""The encoder is the decoder: what was written is decoded, and compared with its source."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

import numpy as np

from tsplat.decoding.decoder import Decoder
from tsplat.encoding.clip import Encoded
from tsplat.files.metrics import psnr_of, squared_error
from tsplat.stream import container


class Check:
    """Decodes packets as others will.

    Parameters
    ----------
    header : bytes
        The stream's.

    Attributes
    ----------
    frames : int
        Pictures compared so far.
    squared_error : float
        Of each picture, the mean over pixels and channels, grey levels squared; summed over them.
    inside, pixels_inside : float, int
        Squared error, mean over channels, summed over the pixels inside regions; their number.
    intra : list of (int, int)
        Number of each I-packet's frame, and its offset in all bytes that were taken.
    seconds : float
        That it took.

    Raises
    ------
    BitstreamError
        From :meth:`take`: what was written does not decode.
    """

    @classmethod
    def of(cls, encoded: Encoded, frames: Iterable[np.ndarray]) -> Check:
        """Of a clip in memory, whole."""
        check = cls(encoded.header)
        for frame in frames:
            check.expect(frame)
        for packets in encoded.packets:
            check.take(packets)
        return check

    def __init__(self, header: bytes):
        self._decoder = Decoder(header)
        self._expected: deque[np.ndarray] = deque()
        self._taken = 0
        self.frames = 0
        self.squared_error = self.inside = self.seconds = 0.0
        self.pixels_inside = 0
        self.intra: list[tuple[int, int]] = []

    def expect(self, frame: np.ndarray) -> None:
        """A packet will show this, (H, W, 3) uint8."""
        self._expected.append(frame)

    def take(self, packets: bytes) -> None:
        """Packets of frames that are expected, whole."""
        clock = time.perf_counter()
        decoder, at = self._decoder, 0
        while at < len(packets):
            packet = container.unpack_packet(packets, at, decoder.frame)
            if packet.kind == container.INTRA:
                self.intra.append((packet.frame, self._taken + at))
            at += packet.size
            decoder.advance(packet)
            for place in packet.places if packet.kind != container.BACKGROUND else ():
                self._compare(decoder.picture(place), place)
        self._taken += len(packets)
        self.seconds += time.perf_counter() - clock

    def psnr(self) -> float:
        """Of all pictures, dB."""
        return psnr_of(self.squared_error / self.frames)

    def psnr_inside(self) -> float | None:
        """Inside regions, dB; None where there was no pixel in any."""
        return psnr_of(self.inside / self.pixels_inside) if self.pixels_inside else None

    def _compare(self, shown: np.ndarray, place: float) -> None:
        frame = self._expected.popleft()
        self.frames += 1
        self.squared_error += squared_error(shown, frame) / (shown.shape[0] * shown.shape[1])
        if self._decoder.region is not None:
            mask = (self._decoder.alpha(place) == 255).astype(np.uint8)
            self.inside += squared_error(shown, frame, mask)
            self.pixels_inside += int(mask.sum())
