"""Frames on their way into an encoder."""

from __future__ import annotations

import weakref
from fractions import Fraction

import numpy as np

from tsplat.files.items import Pace


def test_frames_that_were_taken_are_not_kept():
    alive: list[weakref.ref] = []

    def pictures():
        for number in range(20):
            frame = np.full((2, 2, 3), number, np.uint8)
            alive.append(weakref.ref(frame))
            yield Fraction(number, 30), frame

    for number, item in enumerate(Pace(pictures(), Fraction(30), 18).items(None)):
        assert item.ticks == (1000 if number else 0)
        assert item.frame[0, 0, 0] == number
        assert sum(there() is not None for there in alive) <= 3
    assert number == 17
