"""What the changes of a P-packet's splats cost: an encoder asks before it codes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.stream.contexts import Contexts
from tsplat.stream.delta import (
    CHANNELS,
    COLOUR,
    LONGEST_UNARY,
    PLACE,
    SHAPE,
    UNARY,
    some_or_many,
    surprises,
)


@dataclass(frozen=True)
class Rates:
    """What changes cost, in bits.

    Attributes
    ----------
    flags : (12, 2) float32
        By history and motion (:func:`tsplat.stream.delta.known`): that a splat does not change,
        that it does.
    groups : (8,) float32
        Which groups of a splat that changes do: place + 2 shape + 4 colour.
    nonzero : (8, 3, 2) float32
        By channel: that its difference is 0, that it is not; if the group's channel before is 0,
        if it is not, and where it is left out.
    sizes : (14, S) float32
        A difference of size 0, 1, ..., sign included, but for its not being 0: of each channel, of
        those of colour for small splats; then those of colour for middling, and for large ones.
    motion : (2, 3, S) float32
        By axis and class of the last one there: a difference of size 0, 1, ..., of a vector.
    """

    flags: np.ndarray
    groups: np.ndarray
    nonzero: np.ndarray
    sizes: np.ndarray
    motion: np.ndarray

    @classmethod
    def of(cls, contexts: Contexts, count: int) -> Rates:
        """What :func:`tsplat.stream.delta.code` spends in contexts as they are, but for signs,
        which count one bit; sizes below ``count``."""
        one = contexts.chances()
        bits = -np.log2(np.stack([1 - one, one], 1)).astype(np.float32)
        groups = np.zeros(8, np.float32)
        for number in range(1, 8):
            place, shape, colour = number & 1, number >> 1 & 1, number >> 2
            groups[number] = bits[PLACE, place] + bits[SHAPE + place, shape]
            if place or shape:
                groups[number] += bits[COLOUR + place + 2 * shape, colour]
        nonzero = np.zeros((8, 3, 2), np.float32)
        for number, channel in enumerate(CHANNELS[:8]):
            nonzero[number, 0] = bits[channel.first]
            nonzero[number, 1] = bits[channel.first + channel.looks_back]
        blocks = [(channel, 0) for channel in CHANNELS[:8]]
        blocks += [(channel, area) for area in (1, 2) for channel in CHANNELS[5:8]]
        sizes = [_size_bits(bits[channel.size + UNARY * area :], count) for channel, area in blocks]
        motion = np.zeros((2, 3, count), np.float32)
        for axis, channel in enumerate(CHANNELS[8:]):
            first = bits[channel.first : channel.first + 3]
            motion[axis] = _size_bits(bits[channel.size :], count) + first[:, 1:]
            motion[axis, :, 0] = first[:, 0]
        return cls(bits[:PLACE], groups, nonzero, np.stack(sizes), motion)

    def of_motion(self, vectors: np.ndarray, last: np.ndarray) -> float:
        """Bits of vectors, (GRID, GRID, 2), after a motion with such differences."""
        bits, most = 0.0, self.motion.shape[2] - 1
        for axis in (0, 1):
            size = np.abs(surprises(vectors[..., axis]))
            alive = some_or_many(last[..., axis])
            bits += float(self.motion[axis, alive, np.minimum(size, most)].sum())
        return bits


def _size_bits(unary: np.ndarray, count: int) -> np.ndarray:
    """Bits of sizes 0 (none), 1, ..., signs included, (count,) float32."""
    out, ahead = np.zeros(count, np.float32), 1.0
    for size in range(1, count):
        j = min(size - 1, UNARY - 1)
        if size <= LONGEST_UNARY:
            out[size] = ahead + unary[j, 0]
            ahead += unary[j, 1]
        else:
            rest = size - LONGEST_UNARY  # r, and its gamma code
            out[size] = ahead + 2 * rest.bit_length() - 1
    return out
