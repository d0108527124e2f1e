"""What is inside an I- and a P-packet.

I-packet
    ===========  =====================================================================
    count        number of splats, varint
    places       ``gamma``: differences of consecutive Morton codes of (x, y), each less
                 its legal minimum; the splats are sorted by that code, so a set of N
                 costs log2 N! bits less than a list
    channels     ``peak``: l11, l21, l22, luma, cb, cr
    ===========  =====================================================================

P-packet
    ===========  =====================================================================
    flags        ``flags``: which splats change; context: whether it changed in the
                 frame before
    count        number of flags that are set, varint
    channels     ``peak``: the changed splats' differences, one array for each of
                 (x, y), (l11, l21, l22), luma, (cb, cr), channel after channel
    ===========  =====================================================================

All models' parameters first, then all symbols, in this order (:mod:`tsplat.code.entropy`).
A P-packet without changes is two zero bytes.
"""

from __future__ import annotations

import numpy as np

from tsplat.code.entropy import Reader, Writer
from tsplat.errors import BitstreamError
from tsplat.splats import MAX_SPLATS, QuantizedSplats, Steps, check, limits

_GROUPS = (slice(0, 2), slice(2, 5), slice(5, 6), slice(6, 8))
"""Channels of which a P-packet's differences share a model."""
_PLACE_BITS = 22
"""Enough for the widest picture and its margins at the finest step."""


def encode_intra(splats: QuantizedSplats, width: int, height: int) -> bytes:
    """I-packet of splats that are in :func:`order`."""
    low = limits(width, height, splats.steps)[:2, 0]
    writer = Writer()
    writer.integer(len(splats))
    codes = _interleave(splats.values[:, 0] - low[0], splats.values[:, 1] - low[1])
    writer.gamma(np.diff(codes, prepend=0))
    for k in range(2, 8):
        writer.peak(splats.values[:, k])
    return writer.finish()


def decode_intra(data: bytes, steps: Steps, width: int, height: int) -> QuantizedSplats:
    """Splats of an I-packet.

    Raises
    ------
    BitstreamError
        The packet is damaged, or names splats that :func:`~tsplat.splats.check` refuses.
    """
    low = limits(width, height, steps)[:2, 0]
    reader = Reader(data)
    n = reader.integer(MAX_SPLATS, "splats")
    places = reader.gamma(n)
    channels = [reader.peak(n) for _ in range(2, 8)]
    reader.open()
    values = np.zeros((n, 8), np.int64)
    differences = places()
    if differences.sum(dtype=np.float64) >= 2.0 ** (2 * _PLACE_BITS):
        raise BitstreamError("places lie outside the picture")
    codes = np.cumsum(differences)
    values[:, 0] = _every_second_bit(codes) + low[0]
    values[:, 1] = _every_second_bit(codes >> 1) + low[1]
    for k, take in enumerate(channels, 2):
        values[:, k] = take()
    return _checked(values, steps, width, height)


def encode_inter(
    splats: QuantizedSplats, reference: QuantizedSplats, before: np.ndarray
) -> tuple[bytes, np.ndarray]:
    """P-packet, and which splats it changes.

    Parameters
    ----------
    splats, reference : QuantizedSplats
        As many, in the same order.
    before : (N,) bool
        Which ones the frame before changed.
    """
    delta = splats.values - reference.values
    changes = delta.any(1)
    writer = Writer()
    writer.flags(changes, before)
    if not changes.any():
        return writer.finish(), changes
    writer.integer(int(changes.sum()))
    for group in _GROUPS:
        writer.peak(delta[changes, group].T.ravel())
    return writer.finish(), changes


def decode_inter(
    data: bytes, reference: QuantizedSplats, before: np.ndarray, width: int, height: int
) -> tuple[QuantizedSplats, np.ndarray]:
    """Splats of a P-packet, and which ones it changed; the inverse of :func:`encode_inter`.

    Raises
    ------
    BitstreamError
        The packet is damaged, or names splats that :func:`~tsplat.splats.check` refuses.
    """
    n = len(reference)
    reader = Reader(data)
    take_flags = reader.flags(before)
    if data == b"\0\0":
        return reference, np.zeros(n, bool)
    count = reader.integer(n, "changed splats")
    groups = [reader.peak(count * (g.stop - g.start)) for g in _GROUPS]
    reader.open()
    changes = take_flags()
    if int(changes.sum()) != count:
        raise BitstreamError(f"changed splats: {int(changes.sum())} flags, {count} announced")
    values = reference.values.astype(np.int64)
    for group, take in zip(_GROUPS, groups):
        values[changes, group] += take().reshape(group.stop - group.start, count).T
    return _checked(values, reference.steps, width, height), changes


def order(splats: QuantizedSplats, width: int, height: int) -> np.ndarray:
    """Permutation that sorts splats by the Morton code of their place, (N,)."""
    low = limits(width, height, splats.steps)[:2, 0]
    codes = _interleave(splats.values[:, 0] - low[0], splats.values[:, 1] - low[1])
    return np.argsort(codes, kind="stable")


def _checked(values: np.ndarray, steps: Steps, width: int, height: int) -> QuantizedSplats:
    if len(values) and np.abs(values).max() > 2**31 - 1:
        raise BitstreamError("a splat's value does not fit in 32 bits")
    splats = QuantizedSplats(values.astype(np.int32), steps)
    check(splats, width, height)
    return splats


def _interleave(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Morton code: bit k of x at 2k, of y at 2k + 1. x, y: below 2**22."""
    out = np.zeros(len(x), np.int64)
    for k in range(_PLACE_BITS):
        out |= (x.astype(np.int64) >> k & 1) << (2 * k) | (y.astype(np.int64) >> k & 1) << (
            2 * k + 1
        )
    return out


def _every_second_bit(code: np.ndarray) -> np.ndarray:
    out = np.zeros(len(code), np.int64)
    for k in range(_PLACE_BITS):
        out |= (code >> (2 * k) & 1) << k
    return out
