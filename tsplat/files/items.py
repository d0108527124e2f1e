"""Frames on their way to an encoder: paced, each with its region."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tsplat.files.person import Finder
from tsplat.media.timing import timeline
from tsplat.region import Region


@dataclass(frozen=True)
class Item:
    """A frame, its region if one is looked for, and what there is to say about it.

    Attributes
    ----------
    ticks : int
        Since the frame before, 1/1000 of a frame.
    frame : (H, W, 3) uint8
    region : Region or None
    news : str
    """

    ticks: int
    frame: np.ndarray
    region: Region | None
    news: str


class Pace:
    """Pictures with their times, as items.

    Parameters
    ----------
    pictures : iterable of (Fraction, (H, W, 3) uint8)
        Seconds from the first one, and RGB.
    rate : Fraction
        Nominal frames a second.
    most : int or None
        Take no more than so many.
    seconds : dict, optional
        Where the time of reading (``read``) and of finding regions (``roi``) is counted.
    """

    def __init__(
        self,
        pictures: Iterable[tuple[Fraction, np.ndarray]],
        rate: Fraction,
        most: int | None,
        seconds: dict[str, float] | None = None,
    ):
        self._pictures = itertools.islice(iter(pictures), most)
        self._rate = rate
        self._seconds = {"read": 0.0, "roi": 0.0} if seconds is None else seconds
        # Not itertools.tee, which keeps up to 57 frames that nobody needs any more.
        self._read: deque[np.ndarray] = deque()

    def items(self, finder: Finder | None) -> Iterator[Item]:
        for ticks in timeline(self._times(), self._rate):
            frame = self._read.popleft()
            clock = time.perf_counter()
            region, news = finder(frame) if finder else (None, "")
            self._seconds["roi"] += time.perf_counter() - clock
            yield Item(ticks, frame, region, news)

    def _times(self) -> Iterator[Fraction]:
        while True:
            clock = time.perf_counter()
            item = next(self._pictures, None)
            self._seconds["read"] += time.perf_counter() - clock
            if item is None:
                return
            self._read.append(item[1])
            yield item[0]
