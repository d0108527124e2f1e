"""Sets of places: how many lie in one half of the picture, in one half of that, and so on.

Splats are sorted by the Morton code of their place, and the halves are the codes' bits, from the
highest on. Of n codes that agree in the bits above, k have a 1, as in Polya's urn (a beta-binomial
distribution): where there are many, there are more. The urn begins with :data:`_URN` balls, shared
between the halves as splats are expected to be: inside the picture, :data:`_INSIDE` times as dense
as in its margin. The order of the places says nothing, and is not paid for.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tsplat.splats import limits
from tsplat.stream.entropy import Choices
from tsplat.stream.header import Header

_BITS = 22
"""Of x and y: enough for the widest picture and its margins at the finest step."""
_URN, _INSIDE = 12.0, 8
_FEW = 64
"""Of fewer places, weights are kept."""


def morton(places: np.ndarray, header: Header) -> np.ndarray:
    """Codes, (N,) int64, of places, (N, 2): of each less its lower limit, bit k of x at 2 k, of y
    at 2 k + 1."""
    x, y = (places - _limits(header)[:, 0]).T
    out = np.zeros(len(places), np.int64)
    for k in range(_BITS):
        out |= (x >> k & 1) << (2 * k) | (y >> k & 1) << (2 * k + 1)
    return out


def code(
    through: Choices, header: Header, count: int, kind: str, codes: np.ndarray | None = None
) -> np.ndarray:
    """Encode places, or decode them; one function, so that both walk the same way.

    Parameters
    ----------
    through : Choices
    header : Header
    count : int
    kind : str
        What they are spent on.
    codes : (count,) int64, optional
        Their Morton codes, in ascending order; decoded if they are not given.

    Returns
    -------
    (count, 2) int64
        The places, in this order.
    """
    least, most = _limits(header).T
    size = np.array([header.width, header.height]) * 256 // header.steps.mean
    corners, counts = np.zeros((1, 2), np.int64), np.full(1, count, np.int64)
    levels = int(morton(most[None], header)[0]).bit_length() if count else 0
    for bit in reversed(range(levels)):
        axis, half = bit & 1, 1 << (bit >> 1)
        picture = range(-least[axis], size[axis] - least[axis])
        zero, one = (
            _expected(corners[:, axis] + at, half, most[axis] - least[axis] + 1, picture)
            for at in (0, half)
        )
        models = counts << 8 | np.minimum(np.maximum(256 * one // (zero + one), 1), 255)
        ones = np.zeros_like(counts)
        if codes is not None:
            ones = np.add.reduceat(codes >> bit & 1, np.cumsum(counts) - counts)
        for model in np.unique(models).tolist():
            alike = np.flatnonzero(models == model)
            given = None if codes is None else ones[alike]
            weights = _weights(model >> 8, model & 255)
            ones[alike] = through(weights, len(alike), given, kind)
        corners, counts = np.repeat(corners, 2, 0), np.stack([counts - ones, ones], 1).ravel()
        corners[1::2, axis] += half
        corners, counts = corners[counts > 0], counts[counts > 0]
    return np.repeat(corners, counts, 0) + least


def _expected(first: np.ndarray, size: int, legal: int, picture: range) -> np.ndarray:
    """What halves first..first + size - 1 have of the splats, in proportion, where 0..legal - 1 are
    legal."""
    end = first + size
    within = np.maximum(np.minimum(end, legal) - first, 0)
    inside = np.maximum(np.minimum(end, picture.stop) - np.maximum(first, picture.start), 0)
    return 1 + within + (_INSIDE - 1) * inside


def _weights(n: int, share: int) -> np.ndarray:
    return _few(n, share) if n < _FEW else _of(n, share)


def _of(n: int, share: int) -> np.ndarray:
    """Of 0..n ones among n, (n + 1,) float64, where a one is expected at share / 256."""
    ones, zeros = _URN * share / 256, _URN * (256 - share) / 256
    k = np.arange(float(n))
    steps = (n - k) * (k + ones) / ((k + 1) * (n - 1 - k + zeros))
    return np.cumprod(np.concatenate([[1.0], steps]))


_few = lru_cache(maxsize=1024)(_of)


def _limits(header: Header) -> np.ndarray:
    """Least and greatest x and y that a splat may have, (2, 2) int64."""
    return limits(header.width, header.height, header.steps)[:2].astype(np.int64)
