"""Shapes and colours of splats that have none before, as bits in contexts
(:mod:`tsplat.stream.contexts`).

The splats come in waves, as the cells of a region do (:mod:`tsplat.stream.mask`): in the order of
their places first every sixteenth; then, for s = 8, 4, 2, 1, those at odd multiples of s, between
others that are known. What is known *around* a splat are the six at distances -5 s, -3 s, -s, s,
3 s and 5 s in the list, those of them that there are, the nearer the more they count. The contexts
learn after each wave.

A wave codes l11, l22, l21, Y, Cb and Cr in turn, the colours less their *modes*, three integers in
the packet's head. Of a value are coded: the bit length of its magnitude, in unary, by a class of
the splat; the bit below the leading one, by the length; the bits below, at even chances; and the
sign. Classes are: of l11 and l22, the mean around times the splat's distance from others; of
l21, the product of l11 and l22; of Cb the mean magnitude around, and of Cr the same and Cb's. Signs
of l21, Cb and Cr go by the mean around, Cr's by Cb's, too. Splats with nothing around are of class
0, which learns from all the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.stream.contexts import Coder, Contexts
from tsplat.stream.entropy import Bits, bit_lengths
from tsplat.stream.intra_chances import CHANCES

COARSEST, _FINER = 16, (8, 4, 2, 1)
LONGEST = 24
"""Bits of a magnitude, at most."""
_LENGTHS = 12
"""Contexts of a length: the last is for all larger ones."""
_AROUND = np.array([-5, -3, -1, 1, 3, 5])
_NEAR = 4
"""Distances of a splat are from so many on each side of it in the list."""
_WEIGHT = 30


@dataclass(frozen=True)
class Channel:
    """A channel's contexts.

    Attributes
    ----------
    column : int
        Which one of a splat's eight it is.
    length : int
        That a length goes on, by class and how long it is so far.
    second : int
        The bit below the leading one, by length.
    negative : int
        The sign, by what is known of it.
    end : int
        One more than the last one.
    """

    column: int
    length: int
    second: int
    negative: int
    end: int

    @property
    def kind(self) -> str:
        """What its bits are spent on."""
        return "shape" if self.column < 5 else "colour"

    @property
    def is_signed(self) -> bool:
        return self.end > self.negative


def _laid_out(*channels: tuple[int, int, int]) -> tuple[Channel, ...]:
    """Channels one after another, of so many classes and contexts of a sign."""
    out, at = [], 0
    for column, classes, signs in channels:
        ends = np.cumsum([at, _LENGTHS * classes, _LENGTHS, signs]).tolist()
        out.append(Channel(column, *ends))
        at = ends[-1]
    return tuple(out)


_L11, _L21, _L22, _LUMA, _CB, _CR = range(2, 8)
CHANNELS = _laid_out(
    (_L11, 11, 0), (_L22, 11, 0), (_L21, 10, 5), (_LUMA, 1, 1), (_CB, 9, 5), (_CR, 9, 15)
)
"""In the order in which they are coded."""
COUNT = CHANNELS[-1].end
INITIAL = Contexts.believing(np.array(CHANCES), _WEIGHT)


class _Around:
    """What is known around the splats of a wave."""

    def __init__(self, rows: np.ndarray, s: int, places: np.ndarray):
        near = rows[:, None] + s * _AROUND
        there = (near >= 0) & (near < len(places)) & (s < COARSEST)
        self._near = np.where(there, near, 0)
        distance = np.abs(places[self._near] - places[rows][:, None]).sum(2)
        self._weights = np.where(there, (1 << 24) // (1 + distance), 0)
        self._total = self._weights.sum(1)
        self.some = self._total > 0

    def twice(self, values: np.ndarray) -> np.ndarray:
        """Twice the weighted mean of known values, rounded down; 0 where nothing is known."""
        total = (self._weights * values[self._near]).sum(1)
        return 2 * total // np.maximum(1, self._total)


def rows(channel: Channel) -> list[slice]:
    """A channel's contexts: lengths by class, second bits, signs."""
    ends = [*range(channel.length, channel.negative + 1, _LENGTHS), channel.end]
    return [slice(*ends[k : k + 2]) for k in range(len(ends) - 1) if ends[k] < ends[k + 1]]


@dataclass(frozen=True)
class Model:
    """What an I-packet leaves for splats that are added after it.

    Parameters
    ----------
    modes : (3,) int64
        Of Y, Cb and Cr.
    contexts : Contexts
    """

    modes: np.ndarray
    contexts: Contexts

    @classmethod
    def of(cls, values: np.ndarray) -> Model:
        """Before an I-packet of splats, (N, 8) integers."""
        modes = np.median(values[:, 5:], axis=0) if len(values) else np.zeros(3)
        return cls(modes.astype(np.int64), INITIAL)


def code(
    through: Bits, model: Model, places: np.ndarray, values: np.ndarray | None = None
) -> tuple[np.ndarray, Model]:
    """Encode an I-packet's shapes and colours, or decode them; one function, so that both walk the
    same way.

    Parameters
    ----------
    through : Bits
    model : Model
        As yet without what it learns.
    places : (N, 2) int64
        In the order of their Morton codes.
    values : (N, 8) int, optional
        The splats; decoded if it is not given.

    Returns
    -------
    (N, 8) int64 and Model
        The splats, and the model after them.
    """
    waves = [(np.arange(0, len(places), COARSEST), COARSEST)]
    waves += [(np.arange(s, len(places), 2 * s), s) for s in _FINER]
    return _coded(through, model, waves, places, values)


def code_added(
    through: Bits, model: Model, places: np.ndarray, values: np.ndarray | None = None
) -> np.ndarray:
    """The same of a P-packet's splats, which have nothing around and teach nothing."""
    waves = [(np.arange(len(places)), COARSEST)]
    return _coded(through, model, waves, places, values, "added")[0]


def _coded(
    through: Bits,
    model: Model,
    waves: list[tuple[np.ndarray, int]],
    places: np.ndarray,
    values: np.ndarray | None,
    kind: str | None = None,
) -> tuple[np.ndarray, Model]:
    base = np.concatenate([np.zeros(5, np.int64), model.modes])
    given = None if values is None else values - base
    out = np.concatenate([places, np.zeros((len(places), 6), np.int64)], 1)
    apart, contexts = _apart(places), model.contexts
    for rows, s in waves:
        coder = Coder(through, contexts)
        around = _Around(rows, s, places)
        for channel in CHANNELS if len(rows) else ():
            classes, signs = _known(channel.column, out, rows, around, apart)
            coder.kind = kind or channel.kind
            wanted = None if given is None else given[rows, channel.column]
            out[rows, channel.column] = _values(coder, channel, classes, signs, wanted)
        contexts = coder.learned()
    return out + base, Model(model.modes, contexts)


def _apart(places: np.ndarray) -> np.ndarray:
    """The fourth least distance of each splat from the four on each side of it, (N,) int64."""
    n = len(places)
    out = np.full((n, 2 * _NEAR), 1 << 20)
    for k in range(1, min(_NEAR, n - 1) + 1):
        distance = np.abs(places[k:] - places[:-k]).sum(1)
        out[k:, k - 1] = out[:-k, _NEAR + k - 1] = distance
    return np.partition(out, _NEAR - 1, 1)[:, _NEAR - 1]


def _known(
    column: int, out: np.ndarray, rows: np.ndarray, around: _Around, apart: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Class and context of the sign of each splat of a wave, in one channel."""
    none = np.zeros(len(rows), np.int64)
    values = out[:, column]
    if column == _LUMA:
        return none, none
    if column == _L21:
        size = bit_lengths(out[rows, _L11] * out[rows, _L22])
        return np.minimum(size, 9), _rounded(around.twice(values), 4)
    if column in (_L11, _L22):
        size = bit_lengths(apart[rows] * around.twice(values))
        return np.where(around.some, np.clip(size - 4, 1, 10), 0), none
    size = around.twice(np.abs(values))
    signs = _rounded(around.twice(values), 1)
    if column == _CR:
        size += 2 * np.abs(out[rows, _CB])
        signs += 5 * (np.sign(out[rows, _CB]) + 1)
    return np.where(around.some, 1 + np.minimum(bit_lengths(size), 7), 0), signs


def _rounded(twice: np.ndarray, step: int) -> np.ndarray:
    """Steps nearest to half of what is given, -2..2, from 0 on."""
    return np.clip((twice + step) // (2 * step), -2, 2) + 2


def _values(
    coder: Coder,
    channel: Channel,
    classes: np.ndarray,
    signs: np.ndarray,
    given: np.ndarray | None,
) -> np.ndarray:
    """One channel's values, (n,) int64."""
    size = None if given is None else np.abs(given)
    lengths = _lengths(coder, channel, classes, None if size is None else bit_lengths(size))
    out = (lengths > 0).astype(np.int64)
    two = np.flatnonzero(lengths > 1)
    below = np.maximum(0, lengths - 2)
    second = None if size is None else (size[two] >> below[two] & 1) > 0
    out[two] += out[two] + coder.bits(
        channel.second + np.minimum(lengths[two], _LENGTHS) - 1, second
    )
    out = _tails(coder, out, below, size)
    if channel.is_signed:
        some = np.flatnonzero(lengths)
        negative = coder.bits(
            channel.negative + signs[some], None if given is None else given[some] < 0
        )
        out[some] = np.where(negative, -out[some], out[some])
    return out


def _lengths(
    coder: Coder, channel: Channel, classes: np.ndarray, given: np.ndarray | None
) -> np.ndarray:
    """Bit lengths, (n,) int64, in unary."""
    out = np.zeros(len(classes), np.int64)
    live = np.arange(len(classes))
    for length in range(LONGEST):
        if not len(live):
            break
        context = channel.length + min(length, _LENGTHS - 1)
        ahead = None if given is None else given[live] > length
        goes_on = coder.bits(context + _LENGTHS * classes[live], ahead)
        other = classes[live] > 0
        coder.see(np.full(int(other.sum()), context), goes_on[other])
        live = live[goes_on]
        out[live] += 1
    return out


def _tails(
    coder: Coder, beginnings: np.ndarray, counts: np.ndarray, given: np.ndarray | None
) -> np.ndarray:
    """Integers of which so many bits are still to come, at even chances."""
    owners = np.repeat(np.arange(len(counts)), counts)
    shifts = np.repeat(np.cumsum(counts), counts) - 1 - np.arange(len(owners))
    bits = coder.even(len(owners), None if given is None else (given[owners] >> shifts & 1) > 0)
    out = beginnings << counts
    np.add.at(out, owners, bits.astype(np.int64) << shifts)
    return out
