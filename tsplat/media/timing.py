"""Rates and times of frames: what containers say of them, made fit for a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction


def nominal_rate(stream) -> Fraction:
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return rate.limit_denominator(2**31 - 1)
    return Fraction(25)


def small_terms(ratio: Fraction) -> Fraction:
    if max(ratio.numerator, ratio.denominator) <= 65535:
        return ratio
    return ratio.limit_denominator(1001) or Fraction(1)


def timeline(times: Iterator[Fraction], rate: Fraction) -> Iterator[int]:
    """Ticks from each picture to the one before, 1/1000 of a frame.

    Times that lie within a container's rounding of the nominal grid are put on it, so that
    a constant rate costs nothing.

    >>> list(timeline(iter([Fraction(0), Fraction(33, 1000), Fraction(67, 1000)]), Fraction(30)))
    [0, 1000, 1000]
    """
    slack = 1.1 * float(rate) / 1000
    position = 0
    for count, time in enumerate(times):
        exact = float(time * rate) * 1000
        ticks = max(1, round(exact - position)) if count else 0
        if count and math.isclose(exact - position, 1000, abs_tol=max(20.0, 1000 * slack)):
            ticks = 1000
        position += ticks
        yield ticks
