"""A clip in memory, encoded whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tsplat.config import EncoderConfig
from tsplat.encoding.coder import Ways
from tsplat.encoding.encoder import Encoder
from tsplat.encoding.statistics import Statistics
from tsplat.region import Region


@dataclass(frozen=True)
class Encoded:
    """A stream.

    Attributes
    ----------
    header : bytes
    packets : list of bytes
        What each frame completed, and at last what was left; some are empty.
    index : bytes
    statistics : Statistics
    seconds : float
        That it took.
    """

    header: bytes
    packets: list[bytes]
    index: bytes
    statistics: Statistics
    seconds: float

    @property
    def stream(self) -> bytes:
        """The whole file."""
        return b"".join((self.header, *self.packets, self.index))


def encode_clip(
    frames: Sequence[np.ndarray],
    config: EncoderConfig,
    rate: int | float | Fraction = 30,
    *,
    ways: Ways | None = None,
    roi: Callable[[np.ndarray], Region] | None = None,
) -> Encoded:
    """Encode frames that are in memory, evenly spaced.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8
        RGB, all of one size.
    config : EncoderConfig
    rate : int, float or Fraction
        Frames a second.
    ways : Ways, optional
    roi : callable, optional
        The region of interest of each frame, such as :class:`tsplat.roi.Tracker`.

    Raises
    ------
    ConfigError
        As :class:`~tsplat.encoding.encoder.Encoder`.
    """
    height, width = frames[0].shape[:2]
    began = time.perf_counter()
    if ways and ways.learn:
        config = ways.learn(frames[0], config)
    encoder = Encoder(width, height, rate, config, ways=ways, regions=roi is not None)
    packets = [encoder.encode(f, region=roi(f) if roi else None) for f in frames]
    packets.append(encoder.flush())
    index = encoder.finish()
    seconds = time.perf_counter() - began
    return Encoded(encoder.header, packets, index, encoder.statistics, seconds)
