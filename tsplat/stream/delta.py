"""The changes of a P-packet's splats, as bits in contexts (:mod:`tsplat.stream.contexts`).

For every splat a flag: it changes; its context is what :func:`known` says of the splat's past and
motion. For those that do, flags of their groups: place (x, y); shape (l11, l21, l22), by the one
for place; colour (Y, Cb, Cr), by both, and left out, being set, if neither is. Then, channel after
channel, the differences d of the splats whose group is set: d is not 0, by whether the group's
channel before is 0, and left out for the last one if all before are; its sign (1 if negative),
for Cb and Cr by the sign of the channel before, else at chance 1/2; and abs(d) - 1 in unary, at
most 14 ones, the j-th in context min(j, 5) of the channel, for colours by the splat's area. After
14 ones follows the rest plus one, r > 0, as in Elias' gamma code: bit_length(r) - 1 in unary, then
the bits of r below its leading one from the highest on, all at chance 1/2. Each step is coded for
all its splats before the next one begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.errors import BitstreamError, Fault
from tsplat.motion import GRID
from tsplat.motion import MOST as MOST_MOTION
from tsplat.splats import Steps
from tsplat.stream.change_chances import CHANCES
from tsplat.stream.contexts import Coder, Contexts
from tsplat.stream.entropy import Bits

GROUPS = (slice(0, 2), slice(2, 5), slice(5, 8))
KINDS = ("position", "shape", "colour")
"""What the bits of each group are spent on."""
MOST = 1 << 20
"""Differences are smaller than this."""
_FLAG, PLACE, SHAPE, COLOUR, _CHANNEL = 0, 12, 13, 15, 19
"""Where contexts begin."""
UNARY = 6
"""Contexts of a size: the last is for all larger ones."""
LONGEST_UNARY = 14
"""Ones of a size in contexts; what is left is in gamma code."""
_WEIGHT = 60


@dataclass(frozen=True)
class Channel:
    """A channel's contexts.

    Attributes
    ----------
    first : int
        That a difference is not 0, by what is known of it.
    negative : int
        Its sign, by that of the channel before: minus, none, plus.
    size : int
        One more, by how many there are, for each class of area.
    end : int
        One more than the last one.
    """

    first: int
    negative: int
    size: int
    end: int

    @property
    def looks_back(self) -> bool:
        """Whether it matters that the channel before is 0."""
        return self.negative - self.first > 1

    @property
    def is_signed(self) -> bool:
        """Whether the sign has contexts."""
        return self.size > self.negative

    @property
    def by_area(self) -> bool:
        return self.end - self.size > UNARY


def _laid_out(*channels: tuple[int, int, int]) -> tuple[Channel, ...]:
    """Channels one after another, of so many contexts of each sort."""
    out, at = [], _CHANNEL
    for first, negative, sizes in channels:
        ends = np.cumsum([at, first, negative, UNARY * sizes]).tolist()
        out.append(Channel(*ends))
        at = ends[-1]
    return tuple(out)


_X = _Y = _L11 = (1, 0, 1)
_L21 = _L22 = (2, 0, 1)
_LUMA, _CB, _CR = (1, 0, 3), (2, 3, 3), (2, 3, 3)
_MOTION = (3, 0, 1)
CHANNELS = _laid_out(_X, _Y, _L11, _L21, _L22, _LUMA, _CB, _CR, _MOTION, _MOTION)
"""Those of splats, then x and y of motion."""
COUNT = CHANNELS[-1].end
"""Number of contexts."""
NAMED = (
    ("changes, by history and motion", slice(_FLAG, PLACE)),
    ("place", slice(PLACE, SHAPE)),
    ("shape", slice(SHAPE, COLOUR)),
    ("colour", slice(COLOUR, _CHANNEL)),
    *(
        (name, slice(channel.first, channel.end))
        for name, channel in zip(
            ("x", "y", "l11", "l21", "l22", "Y", "Cb", "Cr", "motion, x", "motion, y"), CHANNELS
        )
    ),
)
"""Contexts by what they are for."""
INITIAL = Contexts.believing(np.array(CHANCES), _WEIGHT)
"""What both sides believe at an I-packet."""


def known(
    history: np.ndarray, moved: np.ndarray, values: np.ndarray, steps: Steps, pixels: int
) -> np.ndarray:
    """What both sides know of each splat: history + 4 motion + 16 area, (N,) uint8.

    Parameters
    ----------
    history : (N,) uint8
        Bit 0: it changed in the packet before; bit 1: in the one before that.
    moved : (N, 2) int
        Steps by which the packet's motion moves it; 0, at most 2, or more make the classes.
    values : (N, 8) int
        Its integers; its area ``l11 l22`` is below 1/16384 of the picture, below 1/2048, or more.
    steps : Steps
    pixels : int
        Of the picture.
    """
    motion = some_or_many(np.abs(moved).max(1, initial=0))
    area = values[:, 2].astype(np.int64) * values[:, 4] * steps.cholesky**2
    size = (area >= 4 * pixels).astype(np.uint8) + (area >= 32 * pixels)
    return (history + 4 * motion + 16 * size).astype(np.uint8)


def code(
    through: Bits, contexts: Contexts, known: np.ndarray, delta: np.ndarray | None = None
) -> tuple[np.ndarray, Contexts]:
    """Encode differences, or decode them; one function, so that both walk the same way.

    Parameters
    ----------
    through : Bits
    contexts : Contexts
    known : (N,) uint8
        See :func:`known`.
    delta : (N, 8) int, optional
        Differences, smaller than :data:`MOST`; decoded if it is None.

    Returns
    -------
    (N, 8) int64 and Contexts
        The differences, and the contexts after them.
    """
    coder = Coder(through, contexts, "flags")
    wanted = None if delta is None else (delta != 0).any(1)
    changes = coder.bits(_FLAG + (known & 15).astype(np.int64), wanted)
    out = np.zeros((len(known), 8), np.int64)
    rows = np.flatnonzero(changes)
    part = None if delta is None else delta[rows]
    groups = _groups(coder, len(rows), part)
    for coder.kind, group, chosen in zip(KINDS, GROUPS, groups):
        given = None if part is None else part[chosen, group].astype(np.int64)
        area = (known[rows[chosen]] >> 4).astype(np.int64)
        out[rows[chosen], group] = _group(coder, group, area, given)
    return out, coder.learned()


def code_motion(
    through: Bits, contexts: Contexts, last: np.ndarray, vectors: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, Contexts]:
    """Encode a grid of vectors, or decode it.

    First all x, then all y, row by row, each as its difference from what :func:`surprises`
    expects, as one more channel's, by the size of the difference there in the last motion.

    Parameters
    ----------
    through : Bits
    contexts : Contexts
    last : (GRID, GRID, 2) int
        Differences of the last motion; 0 if there was none.
    vectors : (GRID, GRID, 2) int, optional
        Components up to :data:`tsplat.motion.MOST`; decoded if it is None.

    Returns
    -------
    (GRID, GRID, 2) int64, (GRID, GRID, 2) int64 and Contexts
        The vectors, their differences, and the contexts after them.

    Raises
    ------
    BitstreamError
        A decoded component is too large.
    """
    coder = Coder(through, contexts, "motion")
    out = np.zeros((GRID, GRID, 2), np.int64)
    found = np.zeros((GRID, GRID, 2), np.int64)
    for axis in (0, 1):
        given = None if vectors is None else surprises(vectors[..., axis]).ravel()
        channel = CHANNELS[8 + axis]
        first = channel.first + some_or_many(last[..., axis]).ravel()
        values = _values(coder, given, first, np.full(GRID * GRID, channel.size))
        found[..., axis] = values.reshape(GRID, GRID)
        out[..., axis] = _from_surprises(found[..., axis])
    if np.abs(out).max() > MOST_MOTION:
        raise BitstreamError(
            Fault.PAYLOAD, f"a motion vector's component is more than {MOST_MOTION}"
        )
    return out, found, coder.learned()


def surprises(nodes: np.ndarray) -> np.ndarray:
    """One component's differences, (GRID, GRID), from the median of the node to the left, the one
    above, and the plane through them and the one between; at the edges from the one there is, and
    at the first node from 0.

    References
    ----------
    Weinberger et al., The LOCO-I lossless image compression algorithm, 2000.
    """
    left, above, corner = nodes[1:, :-1], nodes[:-1, 1:], nodes[:-1, :-1]
    out = nodes.copy()
    out[0, 1:] -= nodes[0, :-1]
    out[1:, 0] -= nodes[:-1, 0]
    out[1:, 1:] -= _median(left, above, corner)
    return out


def _from_surprises(differences: np.ndarray) -> np.ndarray:
    out = differences.copy()
    out[0] = out[0].cumsum()
    out[:, 0] = out[:, 0].cumsum()
    for y in range(1, GRID):
        for x in range(1, GRID):
            out[y, x] += _median(out[y, x - 1], out[y - 1, x], out[y - 1, x - 1])
    return out


def _median(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    low, high = np.minimum(left, above), np.maximum(left, above)
    return np.minimum(high, np.maximum(low, left + above - corner))


def some_or_many(values: np.ndarray) -> np.ndarray:
    """Classes of integers: 0; 1 or 2 of either sign; more."""
    size = np.abs(values)
    return (size > 0).astype(np.int64) + (size > 2)


def _groups(coder: Coder, n: int, delta: np.ndarray | None) -> list[np.ndarray]:
    """Which groups of each changed splat change, three times (n,) bool."""
    wanted = [None if delta is None else (delta[:, g] != 0).any(1) for g in GROUPS]
    place = coder.bits(np.full(n, PLACE), wanted[0])
    shape = coder.bits(SHAPE + place.astype(np.int64), wanted[1])
    colour = np.ones(n, bool)
    open_ = place | shape
    contexts = COLOUR + place.astype(np.int64) + 2 * shape.astype(np.int64)
    colour[open_] = coder.bits(contexts[open_], None if wanted[2] is None else wanted[2][open_])
    return [place, shape, colour]


def _group(coder: Coder, group: slice, area: np.ndarray, given: np.ndarray | None) -> np.ndarray:
    """A group's differences, (n, channels) int64, of splats that change in it."""
    out = np.zeros((len(area), group.stop - group.start), np.int64)
    before = np.zeros(len(area), np.int64)
    for k, channel in enumerate(CHANNELS[group]):
        last = k == out.shape[1] - 1
        before = out[:, k] = _values(
            coder,
            None if given is None else given[:, k],
            channel.first + channel.looks_back * (before != 0),
            channel.size + channel.by_area * UNARY * area,
            channel.negative + 1 + np.sign(before) if channel.is_signed else None,
            np.logical_not(out.any(1)) if last else None,
        )
    return out


def _values(
    coder: Coder,
    given: np.ndarray | None,
    first: np.ndarray,
    size: np.ndarray,
    sign: np.ndarray | None = None,
    forced: np.ndarray | None = None,
) -> np.ndarray:
    """One channel's differences, (n,) int64.

    Parameters
    ----------
    coder : Coder
    given : (n,) int64 or None
    first, size : (n,) int64
        Contexts: that they are not 0; that they are larger than 1.
    sign : (n,) int64, optional
        Contexts; even chances by default.
    forced : (n,) bool, optional
        Which ones are known not to be 0; none by default.
    """
    out = np.zeros(len(first), np.int64)
    nonzero = np.zeros(len(first), bool) if forced is None else forced.copy()
    asked = ~nonzero
    nonzero[asked] = coder.bits(first[asked], None if given is None else given[asked] != 0)
    some = None if given is None else given[nonzero]
    wanted = None if some is None else some < 0
    if sign is None:
        negative = coder.even(int(nonzero.sum()), wanted)
    else:
        negative = coder.bits(sign[nonzero], wanted)
    more = None if some is None else np.abs(some) - 1
    sizes = _magnitudes(coder, size[nonzero], more) + 1
    out[nonzero] = np.where(negative, -sizes, sizes)
    return out


def _magnitudes(coder: Coder, contexts: np.ndarray, given: np.ndarray | None) -> np.ndarray:
    """Integers from 0 on, (n,) int64: in unary, the large ones' rest in gamma code."""
    out = np.zeros(len(contexts), np.int64)
    live = np.arange(len(contexts))
    for j in range(LONGEST_UNARY):
        if not len(live):
            return out
        ahead = None if given is None else given[live] > j
        goes_on = coder.bits(contexts[live] + min(j, UNARY - 1), ahead)
        live = live[goes_on]
        out[live] += 1
    if len(live):
        rest = None if given is None else given[live] - LONGEST_UNARY + 1
        out[live] += _gamma(coder, len(live), rest) - 1
    return out


def _gamma(coder: Coder, n: int, given: np.ndarray | None) -> np.ndarray:
    """Integers from 1 on, (n,) int64, in Elias' gamma code."""
    lengths = np.zeros(n, np.int64)
    wanted = None if given is None else np.frexp(given.astype(np.float64))[1] - 1
    live = np.arange(n)
    while len(live):
        if lengths[live[0]] >= MOST.bit_length() - 1:
            raise BitstreamError(Fault.PAYLOAD, f"a difference is {MOST} or more")
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
