"""Rates and times of frames: what containers say of them, made fit for a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

FALLBACK_RATE = Fraction(25)
_LARGEST_TERM = 10**9 // 1000
"""Of a rate: a thousandth of a frame, a container's time base, then has terms of 32 bits, and
below 10^9, as libvpx wants them."""
LONGEST = Fraction(3600)
"""Seconds between two frames beyond which the clock, and not the picture, stood still."""
_FINEST = (2**31 - 1) // 3600
"""Ticks a second of which that many fit 31 bits."""
_USUAL: tuple[Fraction, ...] = (
    *(Fraction(n) for n in (5, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)),
    *(Fraction(n * 1000, 1001) for n in (24, 30, 60)),
)
_NEAR, _OFF = 0.02, 1.5
"""How near to a usual rate an estimate is taken for it, and how far a container's rate may be from
the estimate."""


def fraction(value: Any) -> Fraction | None:
    """A rational number of FFmpeg's; PyAV has classes of its own, by version."""
    if value is None or not value.denominator:
        return None
    return Fraction(int(value.numerator), int(value.denominator))


def nominal_rate(stream, times: Sequence[Fraction]) -> Fraction:
    """Frames a second, 0 to 1000.

    Parameters
    ----------
    stream : av.VideoStream
    times : sequence of Fraction
        When its first frames are shown, seconds; may be empty. Where containers keep no rate, what
        FFmpeg guesses is the fineness of their clock.
    """
    said = (fraction(r) for r in (stream.guessed_rate, stream.average_rate, stream.base_rate))
    rate = next((r for r in said if r and 0 < r <= 1000), None)
    seen = estimated_rate(times)
    if seen and (rate is None or not seen / _OFF <= rate <= seen * _OFF):
        rate = seen
    return small_rate(rate or FALLBACK_RATE)


def estimated_rate(times: Sequence[Fraction]) -> Fraction | None:
    """Frames a second, from when some are shown; None if that is not known.

    >>> print(estimated_rate([Fraction(t, 1000) for t in (0, 33, 66, 101, 133, 300)]))
    30
    """
    steps = [b - a for a, b in pairwise(times) if 0 < b - a <= LONGEST]
    if not steps:
        return None
    middle = Fraction(sorted(steps)[len(steps) // 2])
    rate = 1 / middle
    usual = Fraction(min(_USUAL, key=lambda r: abs(math.log(r * middle))))
    return usual if abs(usual / rate - 1) <= _NEAR else min(rate, Fraction(1000))


def small_rate(rate: Fraction) -> Fraction:
    """The nearest rate whose terms leave room for thousandths in 32 bits: far within a millisecond
    over an hour.

    >>> print(small_rate(Fraction(30000, 1001)))
    30000/1001
    """
    for term in (rate.numerator, rate.denominator):
        if term > _LARGEST_TERM:
            most = max(1, int(_LARGEST_TERM / max(Fraction(1), rate)))
            return max(rate.limit_denominator(most), Fraction(1, _LARGEST_TERM))
    return rate


def tick(rate: Fraction) -> Fraction:
    """Seconds of which a video's times are multiples: a thousandth of a frame, or another part of
    it where that is so fine that MP4, which has 31 bits for it, could not hold the longest pause.

    >>> print(tick(Fraction(25)), tick(Fraction(30000, 1001)))
    1/25000 1/570000
    """
    thousandth = 1 / (rate * 1000)
    if thousandth.denominator <= _FINEST:
        return thousandth
    return Fraction(1, _FINEST // rate.numerator * rate.numerator or _FINEST)


def small_aspect(ratio: Fraction) -> Fraction:
    """The nearest ratio whose terms fit 16 bits."""
    if max(ratio.numerator, ratio.denominator) <= 65535:
        return ratio
    return ratio.limit_denominator(1001) or Fraction(1)


class Clock:
    """When frames are shown, whatever their stamps say: later than the one before, at most an hour.

    Parameters
    ----------
    rate : Fraction
        Nominal frames a second.
    by_order : bool
        Stamps of presentation are missing: those of decoding, in their order, stand for them.

    Attributes
    ----------
    jumps : list of (int, float)
        Numbers of frames at which the stamps jumped, and how far, seconds.
    """

    def __init__(self, rate: Fraction, by_order: bool = False):
        self._period, self._by_order = 1 / rate, by_order
        self._offsets: list[Fraction] = []
        """What turns a stamp into a time; after a jump, as before it and as after it."""
        self._now = -self._period
        self._count = 0
        self.jumps: list[tuple[int, float]] = []

    def show(self, stamp: Fraction | None) -> Fraction:
        """Seconds from the first frame, for the next one's stamp, seconds of any clock."""
        step = self._period
        if stamp is not None:
            # One wrong stamp is no other clock: the next one may belong to the one before.
            steps = [(stamp + offset - self._now, offset) for offset in self._offsets]
            nearest = min(steps, key=lambda s: abs(s[0] - self._period), default=None)
            self._offsets = [nearest[1]] if nearest else []
            if nearest and 0 < nearest[0] <= LONGEST:
                step = nearest[0]
            else:
                self._offsets.append(self._now + step - stamp)
                if nearest and nearest[0]:
                    self.jumps.append((self._count, float(nearest[0])))
        self._now += step
        self._count += 1
        return self._now

    def stamp(self, frame, time_base: Fraction | None) -> Fraction | None:
        """Of a frame of FFmpeg's, seconds."""
        ticks = frame.dts if self._by_order or frame.pts is None else frame.pts
        base = fraction(frame.time_base) or time_base
        return None if ticks is None or base is None else ticks * base


def timeline(times: Iterator[Fraction], rate: Fraction) -> Iterator[int]:
    """Ticks from each picture to the one before, 1/1000 of a frame.

    Times that lie within a container's rounding of the nominal grid are put on it, so that
    a constant rate costs nothing.

    >>> list(timeline(iter([Fraction(0), Fraction(33, 1000), Fraction(67, 1000)]), Fraction(30)))
    [0, 1000, 1000]
    """
    position = 0
    for count, time in enumerate(times):
        exact = float(time * rate) * 1000
        ticks = ticks_of(exact - position, rate) if count else 0
        position += ticks
        yield ticks


def ticks_of(exact: float, rate: Fraction) -> int:
    """Ticks, 1 or more: a whole frame where it is that but for rounding to milliseconds."""
    slack = max(20.0, 1.1 * float(rate))
    return 1000 if math.isclose(exact, 1000, abs_tol=slack) else max(1, round(exact))
