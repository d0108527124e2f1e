"""Clips in memory, as benchmarks take them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from tsplat.errors import MediaError
from tsplat.media.source import open_source


@dataclass(frozen=True)
class Pictures:
    """A clip in memory.

    Attributes
    ----------
    frames : list of (H, W, 3) uint8
        RGB.
    rate : Fraction
        Frames a second.
    """

    frames: list[np.ndarray]
    rate: Fraction


def load(path: Path, height: int, frames: int) -> Pictures:
    """The first frames of a clip, scaled to so many lines.

    Raises
    ------
    MediaError
        There is no picture to be had from it.
    """
    with open_source(path, height) as source:
        pictures = [picture for _, picture in islice(source, frames)]
        if not pictures:
            raise MediaError(f"{path}: no pictures")
        return Pictures(pictures, source.clip.rate)
