"""Integers that are worth their bits: coordinate descent on D + lambda R."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.kernels import descent as kernel
from tsplat.kernels.canvas import Canvas
from tsplat.splats import BLUR, CUTOFF, QuantizedSplats, limits

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
        Bits, laid out as :mod:`tsplat.kernels.descent` says; see :func:`price_table`.
    keep, drop : float
        Bits that every splat costs besides, and that dropping one costs.
    """

    intra: bool
    table: np.ndarray
    keep: float
    drop: float


def price_table(
    sizes: np.ndarray, flags: np.ndarray | None = None, groups: np.ndarray | None = None
) -> np.ndarray:
    """Lay out rates for the kernel, in bits.

    Parameters
    ----------
    sizes : (8, S) float32
        Of a difference of size 0, 1, ... in each channel, at most ``LARGEST + 1`` of them.
    flags : (4, 2) float32, optional
    groups : (8,) float32, optional
        Of changes: see :class:`tsplat.code.delta.Rates`.
    """
    out = np.zeros(kernel.RATES, np.float32)
    if flags is not None and groups is not None:
        out[kernel.RATE_FLAG : kernel.RATE_GROUPS] = flags.ravel()
        out[kernel.RATE_GROUPS : kernel.RATE_VALUE] = groups
    block = out[kernel.RATE_VALUE :].reshape(8, kernel.LARGEST + 1)
    block[:] = sizes[:8, -1:]
    block[:, : sizes.shape[1]] = sizes[:8]
    return out


def descend(
    canvas: Canvas,
    splats: QuantizedSplats,
    reference: np.ndarray,
    proposal: np.ndarray,
    history: np.ndarray,
    prices: Prices,
    lagrange: float,
    passes: int,
    steps: bool = True,
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
    history : (N,) uint8
        Contexts of the flags, 0..3.
    prices : Prices
    lagrange : float
        Weighted squared error, full scale 1, summed over channels, for a bit.
    passes : int
        Most visits of each splat.
    steps : bool
        Try single steps of the geometry, besides the reference and the proposal.

    Returns
    -------
    QuantizedSplats, (N,) bool
        The splats, and which ones are worth keeping; the others' integers mean nothing.
    """
    if not len(splats):
        return splats, np.zeros(0, bool)
    bounds = limits(canvas.width, canvas.height, splats.steps)
    batches = independent(canvas, np.stack([splats.values, reference, proposal]), splats)
    state = canvas.descending(splats.values, splats.dequantise().params)
    state.set(reference, proposal, history, splats.steps.array(), prices.table, bounds)
    first = 0.0
    for number in range(passes):
        gain = state.step(batches, prices.intra, steps, lagrange, prices.keep, prices.drop)
        first = max(first, gain)
        if number and gain < _ENOUGH * first:
            break
    values, alive = state.result()
    values = np.clip(values, bounds[:, 0], bounds[:, 1]).astype(np.int32)
    return QuantizedSplats(values, splats.steps), alive


def independent(
    canvas: Canvas, candidates: np.ndarray, splats: QuantizedSplats
) -> list[np.ndarray]:
    """Cut splats into batches whose members share no block of pixels, (K, N, 8) integers.

    Greedy colouring in the order of the splats, so that the result depends on nothing else.
    """
    spatial = candidates[..., :5] * splats.steps.array()[:5]
    step = splats.steps.array()[0] + CUTOFF * splats.steps.array()[2]
    ex = CUTOFF * np.sqrt(spatial[..., 2] ** 2 + BLUR) + step
    ey = CUTOFF * np.sqrt(spatial[..., 3] ** 2 + spatial[..., 4] ** 2 + BLUR) + step
    left = ((spatial[..., 0] - ex).min(0) // 8).astype(int)
    right = ((spatial[..., 0] + ex).max(0) // 8).astype(int)
    top = np.floor((spatial[..., 1] - ey).min(0)).astype(int) - 1
    bottom = np.ceil((spatial[..., 1] + ey).max(0)).astype(int) + 1
    n = len(splats)
    batch = np.full(n, -1)
    for i in range(n):
        near = (left[:i] <= right[i]) & (right[:i] >= left[i])
        near &= (top[:i] <= bottom[i]) & (bottom[:i] >= top[i])
        taken = np.zeros(i + 2, bool)
        taken[batch[:i][near]] = True
        batch[i] = int(np.argmin(taken))
    return [np.flatnonzero(batch == b).astype(np.int32) for b in range(batch.max(initial=-1) + 1)]
