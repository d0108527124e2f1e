"""The changes of a P-packet's splats, as bits in contexts (:mod:`tsplat.code.contexts`).

For every splat a flag: it changes; context: bit 0, it changed in the packet before, bit 1, in
the one before that. For those that do, flags of their groups: place (x, y); shape (l11, l21, l22),
by the one for place; colour (Y, Cb, Cr), by both, and left out, being set, if neither is. Then,
channel after channel, the differences d of the splats whose group is set: d is not 0; its sign
(chance 1/2, 1 if negative); and abs(d) - 1 in unary, at most 14 ones, the j-th in context
min(j, 5) of the channel. After 14 ones follows the rest plus one, r > 0, as in Elias' gamma code:
bit_length(r) - 1 in unary, then the bits of r below its leading one from the highest on, all at
chance 1/2. Each step is coded for all its splats before the next one begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.code.contexts import Contexts
from tsplat.code.entropy import Bits
from tsplat.errors import BitstreamError
from tsplat.motion import GRID
from tsplat.motion import MOST as MOST_MOTION

GROUPS = (slice(0, 2), slice(2, 5), slice(5, 8))
KINDS = ("position", "shape", "colour")
"""What the bits of each group are spent on."""
MOST = 1 << 20
"""Differences are smaller than this."""
_FLAG, _PLACE, _SHAPE, _COLOUR, _CHANNEL = 0, 4, 5, 7, 11
_UNARY = 6
_LONGEST_UNARY = 14
_PER_CHANNEL = 1 + _UNARY
_CHANCES = (
    *(21, 156, 93, 233),  # changes
    *(208, 172, 213),  # place; shape
    *(128, 177, 173, 194),  # colour
    *(187, 141, 142, 159, 165, 173, 186),  # x: not 0; one more, by how many there are
    *(200, 149, 153, 169, 182, 189, 203),
    *(151, 122, 127, 147, 163, 177, 192),
    *(191, 153, 155, 170, 184, 187, 204),
    *(134, 114, 126, 144, 160, 178, 196),
    *(237, 155, 144, 154, 166, 177, 197),
    *(59, 56, 112, 145, 173, 185, 180),
    *(57, 40, 82, 113, 140, 147, 110),  # Cr
    *(110, 128, 128, 128, 128, 128, 128),  # motion, x
    *(90, 128, 128, 128, 128, 128, 128),
)
"""Of a one, in 1/256, context by context; counted in the P-frames of talking heads."""
_WEIGHT = 24

INITIAL = Contexts.believing(np.array(_CHANCES), _WEIGHT)
"""What both sides believe at an I-packet."""


class _Coder:
    """Runs bits through the range coder and keeps what was seen in which context.

    ``kind`` is what they are spent on.
    """

    def __init__(self, through: Bits, contexts: Contexts, kind: str):
        self.kind = kind
        self._through = through
        self._contexts = contexts
        self._seen: list[tuple[np.ndarray, np.ndarray]] = []

    def bits(self, contexts: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        out = self._through(self._contexts.chances(contexts), bits, self.kind)
        self._seen.append((contexts, out))
        return out

    def even(self, n: int, bits: np.ndarray | None) -> np.ndarray:
        return self._through(np.full(n, 0.5), bits, self.kind)

    def learned(self) -> Contexts:
        return self._contexts.learned(self._seen)


def code(
    through: Bits, contexts: Contexts, history: np.ndarray, delta: np.ndarray | None = None
) -> tuple[np.ndarray, Contexts]:
    """Encode differences, or decode them; one function, so that both walk the same way.

    Parameters
    ----------
    through : Bits
    contexts : Contexts
    history : (N,) uint8
        Which splats changed: bit 0 in the packet before, bit 1 in the one before that.
    delta : (N, 8) int, optional
        Differences, smaller than :data:`MOST`; decoded if it is None.

    Returns
    -------
    (N, 8) int64 and Contexts
        The differences, and the contexts after them.
    """
    coder = _Coder(through, contexts, "flags")
    wanted = None if delta is None else (delta != 0).any(1)
    changes = coder.bits(_FLAG + history.astype(np.int64), wanted)
    out = np.zeros((len(history), 8), np.int64)
    rows = np.flatnonzero(changes)
    part = None if delta is None else delta[rows]
    groups = _groups(coder, len(rows), part)
    for coder.kind, group, chosen in zip(KINDS, GROUPS, groups):
        for k in range(group.start, group.stop):
            given = part[chosen, k].astype(np.int64) if part is not None else None
            out[rows[chosen], k] = _values(coder, k, int(chosen.sum()), given)
    return out, coder.learned()


def code_motion(
    through: Bits, contexts: Contexts, vectors: np.ndarray | None = None
) -> tuple[np.ndarray, Contexts]:
    """Encode a grid of vectors, or decode it.

    First all x, then all y, row by row, each as its difference from the node to the left, or in
    the first column from the one above, as one more channel's.

    Parameters
    ----------
    through : Bits
    contexts : Contexts
    vectors : (GRID, GRID, 2) int, optional
        Components up to :data:`tsplat.motion.MOST`; decoded if it is None.

    Raises
    ------
    BitstreamError
        A decoded component is too large.
    """
    coder = _Coder(through, contexts, "motion")
    out = np.zeros((GRID, GRID, 2), np.int64)
    for axis in (0, 1):
        known = None if vectors is None else differences(vectors[..., axis]).ravel()
        found = _values(coder, 8 + axis, GRID * GRID, known).reshape(GRID, GRID)
        found[:, 0] = found[:, 0].cumsum()
        out[..., axis] = found.cumsum(1)
    if np.abs(out).max() > MOST_MOTION:
        raise BitstreamError(f"a motion vector's component is more than {MOST_MOTION}")
    return out, coder.learned()


def differences(nodes: np.ndarray) -> np.ndarray:
    """One component's differences, (GRID, GRID), as :func:`code_motion` has them."""
    out = np.diff(nodes, axis=1, prepend=0)
    out[:, 0] = np.diff(nodes[:, 0], prepend=0)
    return out


def _groups(coder: _Coder, n: int, delta: np.ndarray | None) -> list[np.ndarray]:
    """Which groups of each changed splat change, three times (n,) bool."""
    wanted = [None if delta is None else (delta[:, g] != 0).any(1) for g in GROUPS]
    place = coder.bits(np.full(n, _PLACE), wanted[0])
    shape = coder.bits(_SHAPE + place.astype(np.int64), wanted[1])
    colour = np.ones(n, bool)
    open_ = place | shape
    contexts = _COLOUR + place.astype(np.int64) + 2 * shape.astype(np.int64)
    colour[open_] = coder.bits(contexts[open_], None if wanted[2] is None else wanted[2][open_])
    return [place, shape, colour]


def _values(coder: _Coder, channel: int, n: int, given: np.ndarray | None) -> np.ndarray:
    """One channel's differences, (n,) int64."""
    context = _CHANNEL + _PER_CHANNEL * channel
    out = np.zeros(n, np.int64)
    nonzero = coder.bits(np.full(n, context), None if given is None else given != 0)
    some = None if given is None else given[nonzero]
    negative = coder.even(int(nonzero.sum()), None if some is None else some < 0)
    more = None if some is None else np.abs(some) - 1
    size = _magnitudes(coder, context + 1, len(negative), more) + 1
    out[nonzero] = np.where(negative, -size, size)
    return out


def _magnitudes(coder: _Coder, context: int, n: int, given: np.ndarray | None) -> np.ndarray:
    """Integers from 0 on, (n,) int64: in unary, the large ones' rest in gamma code."""
    out = np.zeros(n, np.int64)
    live = np.arange(n)
    for j in range(_LONGEST_UNARY):
        if not len(live):
            return out
        ahead = None if given is None else given[live] > j
        goes_on = coder.bits(np.full(len(live), context + min(j, _UNARY - 1)), ahead)
        live = live[goes_on]
        out[live] += 1
    if len(live):
        rest = None if given is None else given[live] - _LONGEST_UNARY + 1
        out[live] += _gamma(coder, len(live), rest) - 1
    return out


def _gamma(coder: _Coder, n: int, given: np.ndarray | None) -> np.ndarray:
    """Integers from 1 on, (n,) int64, in Elias' gamma code."""
    lengths = np.zeros(n, np.int64)
    wanted = None if given is None else np.frexp(given.astype(np.float64))[1] - 1
    live = np.arange(n)
    while len(live):
        if lengths[live[0]] >= MOST.bit_length() - 1:
            raise BitstreamError(f"a difference is {MOST} or more")
        ahead = None if wanted is None else wanted[live] > lengths[live]
        live = live[coder.even(len(live), ahead)]
        lengths[live] += 1
    out = np.ones(n, np.int64)
    for shift in range(int(lengths.max(initial=0))):
        live = np.flatnonzero(lengths > shift)
        below = lengths[live] - 1 - shift
        bit = coder.even(len(live), None if given is None else (given[live] >> below & 1) > 0)
        out[live] = 2 * out[live] + bit
    return out


@dataclass(frozen=True)
class Rates:
    """What changes cost, in bits.

    Attributes
    ----------
    flags : (4, 2) float32
        By history: that a splat does not change, that it does.
    groups : (8,) float32
        Which groups of a splat that changes do: place + 2 shape + 4 colour.
    sizes : (10, S) float32
        By channel, and for x and y of motion: a difference of size 0, 1, ..., sign included.
    """

    flags: np.ndarray
    groups: np.ndarray
    sizes: np.ndarray


def rates(contexts: Contexts, count: int) -> Rates:
    """What :func:`code` spends in contexts as they are; sizes below ``count``."""
    one = contexts.chances(np.arange(len(contexts.counts)))
    bits = -np.log2(np.stack([1 - one, one], 1))
    groups = np.zeros(8)
    for number in range(1, 8):
        place, shape, colour = number & 1, number >> 1 & 1, number >> 2
        groups[number] = bits[_PLACE, place] + bits[_SHAPE + place, shape]
        if place or shape:
            groups[number] += bits[_COLOUR + place + 2 * shape, colour]
    sizes = np.zeros((10, count))
    for channel in range(10):
        base = _CHANNEL + _PER_CHANNEL * channel
        sizes[channel, 0] = bits[base, 0]
        ahead = bits[base, 1] + 1
        for size in range(1, count):
            j = base + 1 + min(size - 1, _UNARY - 1)
            if size <= _LONGEST_UNARY:
                sizes[channel, size] = ahead + bits[j, 0]
                ahead += bits[j, 1]
            else:
                rest = size - _LONGEST_UNARY  # and one, less one
                sizes[channel, size] = ahead + 2 * rest.bit_length() - 1
    return Rates(bits[:4].astype(np.float32), groups.astype(np.float32), sizes.astype(np.float32))
