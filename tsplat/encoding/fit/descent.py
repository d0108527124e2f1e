"""Integers that are worth their bits: coordinate descent on D + lambda R."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.kernels import rates
from tsplat.kernels.canvas import Canvas
from tsplat.kernels.descent import CELL, Turns
from tsplat.splats import BLUR, CUTOFF, QuantizedSplats, Steps, limits

_ENOUGH = 0.002
"""A pass that lowers the cost by less than this share of the first one's gain is the last."""


@dataclass(frozen=True)
class Prices:
    """What a splat's integers cost.

    Parameters
    ----------
    intra : bool
        Of an I-frame: every channel is coded, places at a constant price.
    table : (R,) float32
        Bits, laid out as :mod:`tsplat.kernels.rates` says:
        see :func:`intra_table` and :func:`inter_table`.
    keep, drop : float
        Bits that every splat costs besides, and that dropping one costs.
    """

    intra: bool
    table: np.ndarray
    keep: float
    drop: float


def intra_table(sizes: np.ndarray) -> np.ndarray:
    """Lay out what an I-frame's integers cost for the kernel; sizes: (8, S), bits of a difference
    of size 0, 1, ... in each channel, at most ``LARGEST + 1`` of them."""
    out = np.zeros(rates.RATES, np.float32)
    block = out[rates.RATE_SIZE :].reshape(-1, rates.LARGEST + 1)[:8]
    block[:] = sizes[:, -1:]
    block[:, : sizes.shape[1]] = sizes
    return out


def inter_table(
    flags: np.ndarray, groups: np.ndarray, nonzero: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Lay out what changes cost for the kernel: see :class:`tsplat.stream.rates.Rates`, of
    ``LARGEST + 1`` sizes."""
    out = np.zeros(rates.RATES, np.float32)
    out[: flags.size] = flags.ravel()
    out[rates.RATE_GROUPS : rates.RATE_NONZERO] = groups
    out[rates.RATE_NONZERO : rates.RATE_SIZE] = nonzero.ravel()
    out[rates.RATE_SIZE :] = sizes.ravel()
    return out


def descend(
    canvas: Canvas,
    splats: QuantizedSplats,
    reference: np.ndarray,
    proposal: np.ndarray,
    known: np.ndarray,
    prices: Prices,
    lagrange: float,
    passes: int,
) -> tuple[QuantizedSplats, np.ndarray]:
    """Lower D + lambda R one splat at a time.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    splats : QuantizedSplats
        N of them: where to start.
    reference : (N, 8) int32
        What differences are counted from.
    proposal : (N, 8) int32
        Another geometry to try for each.
    known : (N,) uint8
        Of each splat, as :func:`tsplat.stream.delta.known` says; 0 in an I-frame.
    prices : Prices
    lagrange : float
        Weighted squared error, full scale 1, summed over channels, for a bit.
    passes : int
        Most visits of each splat.

    Returns
    -------
    QuantizedSplats, (N,) bool
        The splats, and which ones are worth keeping; the others' integers mean nothing.
    """
    if not len(splats):
        return splats, np.zeros(0, bool)
    bounds = limits(canvas.width, canvas.height, splats.steps)
    state = canvas.descending(splats.values, splats.dequantise().params)
    state.set(reference, proposal, known, splats.steps.array(), prices.table, bounds)
    first = 0.0
    for number in range(passes):
        candidates = np.stack([state.values(), reference, proposal])
        turns = turns_of(canvas, candidates, splats.steps)
        gain = state.step(turns, prices.intra, lagrange, prices.keep, prices.drop)
        first = max(first, gain)
        if number and gain < _ENOUGH * first:
            break
    values, alive = state.result()
    values = np.clip(values, bounds[:, 0], bounds[:, 1]).astype(np.int32)
    return QuantizedSplats(values, splats.steps), alive


def turns_of(canvas: Canvas, candidates: np.ndarray, steps: Steps) -> Turns:
    """Order splats so that many which share no cell follow one another.

    Each goes to the first batch whose splats' cells it does not share.

    Parameters
    ----------
    canvas : Canvas
    candidates : (K, N, 8) int
        What may be tried for each of N splats, single steps from these besides, and places and
        shapes may be of different ones.
    steps : Steps
    """
    left, right, top, bottom = _boxes(candidates[..., :5], steps)
    columns, rows = -(-canvas.width // CELL), -(-canvas.height // CELL)
    left, right = np.clip(left // CELL, 0, columns - 1), np.clip(right // CELL, 0, columns - 1)
    top, bottom = np.clip(top // CELL, 0, rows - 1), np.clip(bottom // CELL, 0, rows - 1)
    batch = _batches(left, right, top, bottom, columns, rows)
    order = np.argsort(batch, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(batch)).tolist()
    wide, high = right[order] - left[order] + 1, bottom[order] - top[order] + 1
    first = np.append(0, np.cumsum(wide * high))
    splat = np.repeat(np.arange(len(order)), wide * high)
    within = np.arange(first[-1]) - first[splat]
    down, across = within // wide[splat], within % wide[splat]
    cells = (top[order][splat] + down) * columns + left[order][splat] + across
    by_cell = np.argsort(cells, kind="stable")
    counts = np.bincount(cells, minlength=columns * rows)
    turns = np.empty(len(cells), np.int64)
    turns[by_cell] = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Turns(order, list(zip([0, *ends], ends)), first, cells, turns, columns * rows)


def _boxes(spatial: np.ndarray, steps: Steps) -> tuple[np.ndarray, ...]:
    """Left, right, top and bottom of all that candidates reach, (N,) int pixels."""
    x, y, l11, l21, l22 = np.moveaxis(spatial * steps.array()[:5], -1, 0)
    room = steps.array()[0] + CUTOFF * steps.array()[2] + 8
    ex = (CUTOFF * np.sqrt(l11**2 + BLUR)).max(0) + room
    ey = (CUTOFF * np.sqrt(l21**2 + l22**2 + BLUR)).max(0) + room
    ends = (x.min(0) - ex, x.max(0) + ex, y.min(0) - ey, y.max(0) + ey)
    return tuple(np.floor(end).astype(int) for end in ends)


def _batches(
    left: np.ndarray,
    right: np.ndarray,
    top: np.ndarray,
    bottom: np.ndarray,
    columns: int,
    rows: int,
) -> np.ndarray:
    """Number of each splat's batch, (N,)."""
    taken = np.zeros((rows, columns, 32), bool)
    batch = np.zeros(len(left), int)
    for i, (x0, x1, y0, y1) in enumerate(zip(left, right + 1, top, bottom + 1)):
        there = taken[y0:y1, x0:x1]
        used = np.asarray(there.any((0, 1)))
        number = int(used.argmin())
        if used[number]:
            number = len(used)
            taken = np.concatenate([taken, np.zeros_like(taken)], 2)
            there = taken[y0:y1, x0:x1]
        there[:, :, number] = True
        batch[i] = number
    return batch
