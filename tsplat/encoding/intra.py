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
from tsplat.stream.entropy import Peak
from tsplat.stream.header import Header

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
    models = tuple(Peak.of(splats.values[:, k]) for k in range(2, 8))
    reference = splats.values.copy()
    reference[:, 2:] = [model.low + model.mode for model in models]
    prices = prices_of(models, place_bits(len(splats), header))
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


def prices_of(models: tuple[Peak, ...], place: float) -> Prices:
    """What a splat costs whose channels have these models, and its place so many bits."""
    sizes = np.zeros((8, LARGEST + 1))
    sizes[2:] = [model.bits(LARGEST + 1) for model in models]
    return Prices(True, intra_table(sizes), place, 0.0)


def place_bits(count: int, header: Header) -> float:
    """Bits of each of ``count`` places on the grid of steps, in any order."""
    cells = header.width * header.height * (256 / header.steps.mean) ** 2
    return math.log2(max(2.0, cells)) - math.lgamma(count + 1) / math.log(2) / max(1, count)
