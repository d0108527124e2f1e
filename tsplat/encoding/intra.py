"""An I-frame: grown, fitted, rounded, and let down to what is worth its bits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tsplat.config import EncoderConfig, Quality
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.descent import Prices, descend, intra_table
from tsplat.encoding.fit.grow import START, fit_growing
from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.quantise import quantise, within_overlap
from tsplat.encoding.ways import Scene
from tsplat.kernels.canvas import Canvas
from tsplat.kernels.rates import LARGEST
from tsplat.splats import MAX_SPLATS, QuantizedSplats, Splats, Steps
from tsplat.stream import payload
from tsplat.stream.entropy import bit_lengths
from tsplat.stream.header import Header
from tsplat.stream.intra import Model

_SIZE = 1.5
"""Factor from one number of splats to the next that is tried."""
_LEAST = 8


def grown(
    scene: Scene, picture: np.ndarray, quality: Quality, config: EncoderConfig
) -> QuantizedSplats:
    """An I-frame from superpixels, with splats added where the error is, at a price a bit; see
    :class:`~tsplat.encoding.ways.Intra`.

    How many splats suit a picture differs from one to the next: it is made
    smaller or larger, by :data:`_SIZE`, as long as that pays and another may be tried.
    """
    count, tries = quality.gaussians, config.rates.sizes
    found = _of_size(scene, picture, quality, config)
    least = _cost(scene, found, quality.lagrange)
    for factor in (1 / _SIZE, _SIZE):
        size, better = count * factor, False
        while tries > 1 and _LEAST <= size <= MAX_SPLATS:
            tries -= 1
            other = _of_size(scene, picture, replace(quality, gaussians=round(size)), config)
            cost = _cost(scene, other, quality.lagrange)
            if cost >= least:
                break
            found, least, better, size = other, cost, True, size * factor
        if better:
            break
    return found


def _cost(scene: Scene, splats: QuantizedSplats, lagrange: float) -> float:
    """Weighted squared error of an I-frame, and the price of its bits."""
    data, _ = payload.encode_intra(splats, scene.focus.region, scene.header)
    scene.canvas.begin()
    scene.canvas.load(splats.dequantise().params)
    return scene.canvas.squared_error() + lagrange * 8 * len(data)


def _of_size(
    scene: Scene, picture: np.ndarray, quality: Quality, config: EncoderConfig
) -> QuantizedSplats:
    """An I-frame of one number of splats."""
    canvas, header = scene.canvas, scene.header
    start = START if config.intra.grow else 1.0
    with scene.timed("init"):
        parts = scene.focus.parts(max(1, round(quality.gaussians * start)))
        first = together(superpixel(picture, count, where) for where, count in parts)
    with scene.timed("intra"):
        canvas.begin()
        fitted = fit_growing(canvas, first, quality.gaussians, config.intra)
        splats = rounded(canvas, fitted, header.steps, config.intra.solve)
        for passes in (1, config.rates.intra_passes):
            splats = _cheaper(canvas, splats, header, quality.lagrange, passes)
        return in_order(splats, header)


def together(parts: Iterable[Splats]) -> Splats:
    """Splats of several parts of a picture."""
    return Splats(np.concatenate([np.zeros((0, 8), np.float32), *(p.params for p in parts)]))


def in_order(splats: QuantizedSplats, header: Header) -> QuantizedSplats:
    """Splats as a packet has them: no more overlap than a stream may have, and sorted."""
    splats = within_overlap(splats, header.width, header.height)
    return QuantizedSplats(splats.values[payload.order(splats.values, header)], splats.steps)


def rounded(canvas: Canvas, splats: Splats, steps: Steps, solving: int) -> QuantizedSplats:
    """Geometry first; then the colours that suit the rounded geometry best."""
    geometry = quantise(canvas, splats, steps).dequantise().params
    params = splats.params.copy()
    params[:, :5] = geometry[:, :5]
    return quantise(canvas, Splats(solve(canvas, params, solving)), steps)


def _cheaper(
    canvas: Canvas, splats: QuantizedSplats, header: Header, lagrange: float, passes: int
) -> QuantizedSplats:
    """Descend at the prices that these splats themselves would set."""
    if not len(splats):
        return splats
    modes = Model.of(splats.values).modes
    reference = zero(splats.values, modes)
    prices = prices_of(splats.values - reference, place_bits(len(splats), header))
    found, alive = descend(
        canvas,
        splats,
        reference,
        splats.values,
        np.zeros(len(splats), np.uint8),
        prices,
        lagrange,
        passes,
    )
    return QuantizedSplats(found.values[alive], splats.steps)


def zero(values: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """Integers that cost least, (N, 8) int32, at the places of others: no size, and the modes of
    the colours, (3,)."""
    out = values.copy()
    out[:, 2:5], out[:, 5:] = 0, modes
    return out


def prices_of(values: np.ndarray, place: float) -> Prices:
    """What a splat costs like these, less :func:`zero`, (N, 8) int, and its place so many bits:
    the length of each value's magnitude by how common it is, and the bits below the leading one,
    the sign among them."""
    lengths = bit_lengths(np.arange(LARGEST + 1))
    sizes = np.zeros((8, LARGEST + 1))
    for k in range(2, 8):
        found = np.minimum(bit_lengths(np.abs(values[:, k])), lengths[-1])
        seen = np.bincount(found, minlength=lengths[-1] + 1) + 0.5
        below = np.maximum(0, lengths - (k in (2, 4)))
        sizes[k] = below - np.log2(seen / seen.sum())[lengths]
    return Prices(True, intra_table(sizes), place, 0.0)


def place_bits(count: int, header: Header) -> float:
    """Bits of each of ``count`` places on the grid of steps, in any order."""
    cells = header.width * header.height * (256 / header.steps.mean) ** 2
    return math.log2(max(2.0, cells)) - math.lgamma(count + 1) / math.log(2) / max(1, count)
