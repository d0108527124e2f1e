"""How many frames a P-packet takes: as many as can be interpolated for less than another costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FIRST = 4
"""Frames of the first span."""
_GROW = 0.25
"""Of what a packet costs: a longer span is tried where interpolation adds less than that."""
_WORST = 2.0
"""A frame between has at most so many times the squared error of the coded ones around it: 3 dB."""
_MISSED = 0.1
"""A mask between misses at most so much of a frame's region, as a share of it."""
_PATIENCE = 32
"""Spans after which a longer one is tried again, at most."""


class Spans:
    """Spans of one clip, each from the ones before.

    A span is halved when what interpolation adds to the squared error is worth more than the
    packet that would take it away, or is seen; and doubled after one that was far from it.

    Parameters
    ----------
    most : int
        Frames, 1..255.

    Attributes
    ----------
    wanted : int
        Frames of the next span.
    """

    def __init__(self, most: int):
        self._most = most
        self.wanted = min(_FIRST, most)
        self._pause, self._rest = 1, 0
        self._grown = False

    def shorter(
        self, errors: np.ndarray, places: np.ndarray, before: float, packet_cost: float
    ) -> int:
        """Frames of the span that a trial shows to be worth coding; the trial's if it is good.

        Parameters
        ----------
        errors : (N,) float
            Weighted squared errors of its frames, the coded one last.
        places : (N,) float
            Where they are in time, from the coded frame before (0) to this one (1).
        before : float
            Of the coded frame before.
        packet_cost : float
            What its bits cost, as a squared error.
        """
        count = len(errors)
        around = before * (1 - places) + errors[-1] * places
        excess = float((errors - around).sum())
        if (errors > _WORST * around).any() or excess > packet_cost:
            if self._grown:
                self._pause = min(_PATIENCE, 2 * self._pause)
            self._rest, self._grown = self._pause, False
            self.wanted = (count + 1) // 2
            return self.wanted
        if self._grown:
            self._pause, self._grown = 1, False
        if count == self.wanted:
            self._rest -= 1
            if excess < _GROW * packet_cost and self._rest <= 0 and count < self._most:
                self.wanted, self._grown = min(self._most, 2 * count), True
        return count


def steady(cells: Sequence[np.ndarray], places: Sequence[float]) -> bool:
    """Whether a span's masks, mixed of the first one and the last, are about those of its frames.

    Parameters
    ----------
    cells : (N + 1,) sequence of (rows, columns) bool
        Regions of the coded frame before and of the span's frames.
    places : (N,) sequence of float
        Where the frames are in time, from the coded frame before (0) to the last (1).
    """
    before, last = cells[0], cells[-1]
    missed = (np.abs(before * (1 - at) + last * at - own) for own, at in zip(cells[1:], places))
    return all(m.sum() <= _MISSED * max(1, own.sum()) for m, own in zip(missed, cells[1:]))
