"""What a bit may cost, frame by frame: constant quality, a bit rate, or a PSNR."""

from __future__ import annotations

import math

from tsplat.config import ANCHOR, EncoderConfig, Quality

_KBPS, _DB = 14.0, 30.0
"""What :data:`~tsplat.config.ANCHOR` gives at 640x360: kbit/s, and decibels of PSNR."""
_INTRA_BYTES = 5.2
"""Of a splat of an I-frame."""
_INTRA_SHARE = 0.55
"""Of the window's bits that an I-frame may take."""
_FASTEST = 2.0
"""Most that the price of a bit changes by from one P-frame to the next."""
_TRIES, _MORE, _CHEAPER = 7, 1.4, 0.6
"""I-frames tried for a PSNR, how many more splats each has, and what its bits cost."""


class Control:
    """Prices of bits for one clip.

    Parameters
    ----------
    config : EncoderConfig
        ``bitrate`` or ``psnr``, or else ``crf``.
    pixels : int
        Of a picture.
    rate : float
        Frames a second.

    Attributes
    ----------
    crf : float
        Constant quality that comes nearest to what is asked.
    """

    def __init__(self, config: EncoderConfig, pixels: int, rate: float):
        self._config, self._rate = config, rate
        self.crf = config.crf
        size = (pixels / (640 * 360)) ** 0.75
        if config.bitrate is not None:
            self.crf = ANCHOR - 6 * math.log2(config.bitrate / (_KBPS * size))
        elif config.psnr is not None:
            self.crf = min(ANCHOR, ANCHOR - 2.2 * (config.psnr - _DB))
        self.crf = min(63.0, max(0.0, self.crf))
        self._factor = 1.0
        self._ahead = 0.0
        self._tried = 0

    def intra(self, pixels: float) -> Quality:
        """Quality of an I-frame in which so many pixels count."""
        quality = Quality.of(self.crf, pixels, self._config.tuning)
        count = self._config.gaussians or quality.gaussians
        if self._config.gaussians is None and self._config.psnr is not None:
            count = round(count * _MORE**self._tried)
        if self._config.gaussians is None and self._config.bitrate is not None:
            most = _INTRA_SHARE * self._config.bitrate * 125 * self._config.window / _INTRA_BYTES
            count = min(count, max(8, int(most)))
        price = quality.lagrange * self._factor * self._config.tuning.intra_lagrange
        return Quality(price, count, quality.steps)

    def again(self, psnr: float) -> bool:
        """An I-frame of this PSNR is too poor, and another one is worth trying."""
        wanted, self._tried = self._config.psnr, self._tried + 1
        if wanted is not None and psnr < wanted and self._tried < _TRIES:
            self._factor *= _CHEAPER
            return True
        self._tried = 0
        return False

    def inter(self, pixels: float) -> float:
        """Price of a bit in a P-frame: weighted squared error, full scale 1."""
        return Quality.of(self.crf, pixels, self._config.tuning).lagrange * self._factor

    def intra_coded(self, size: int, frames: float) -> None:
        """An I-packet of this many bytes was written, for the time of so many frames."""
        self._spend(size, frames)

    def inter_coded(self, size: int, frames: float, psnr: float | None) -> None:
        """A P-packet of this many bytes was written, for the time of so many frames at the nominal
        rate; ``psnr``, if one is to be held, is what it shows."""
        config = self._config
        if config.bitrate is not None:
            share = self._spend(size, frames)
            # What is ahead is to be made up for within the window.
            horizon = max(1.0, config.window * self._rate / frames)
            wanted = max(0.2 * share, share - self._ahead / horizon * 2)
            self._turn((size * 8 / wanted) ** 0.8)
        elif config.psnr is not None and psnr is not None:
            self._turn(2 ** ((psnr - config.psnr) * 0.5))

    def _spend(self, size: int, frames: float) -> float:
        """Count a packet; the bits that so many frames may take. No more are saved up than are
        the window's."""
        frames = min(frames, self._config.window * self._rate)
        share = (self._config.bitrate or 0.0) * 1000 * frames / self._rate
        self._ahead += size * 8 - share
        return share

    def _turn(self, factor: float) -> None:
        self._factor *= min(_FASTEST, max(1 / _FASTEST, factor))
        self._factor = min(1e4, max(1e-4, self._factor))
