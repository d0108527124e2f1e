"""A P-frame by rate and distortion: motion, proposals, descent from the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tsplat.config import FitConfig, RateConfig
from tsplat.encoding.fit.descent import Prices, descend, inter_table
from tsplat.encoding.fit.grow import peaks
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.intra import place_bits, prices_of
from tsplat.encoding.predict.flow import error_after, refine, vectors_of
from tsplat.encoding.predict.select import tiles_of
from tsplat.encoding.predict.worth import expected_gain
from tsplat.encoding.quantise import quantise
from tsplat.kernels.canvas import Canvas
from tsplat.kernels.descent import LARGEST
from tsplat.splats import QuantizedSplats, Splats
from tsplat.stream import delta, payload
from tsplat.stream.container import Header
from tsplat.stream.payload import State

_NEVER = 1e9
_NEW_FIT = FitConfig(12, rate=0.1, colour_rate=0.05, final=0.3, solve=0)
_SORTED = 2.0
"""Bits that an added splat's place saves, being sorted among few."""


@dataclass(frozen=True)
class Change:
    """What a P-packet says.

    Attributes
    ----------
    stay : (N,) bool
        Splats that stay; M of them.
    values : (M + K, 8) int32
        Theirs, and those of K added ones.
    vectors : (GRID, GRID, 2) int or None
        Motion.
    """

    stay: np.ndarray
    values: np.ndarray
    vectors: np.ndarray | None


def inter(
    canvas: Canvas,
    before: State,
    flow: np.ndarray | None,
    reaching: Callable[[np.ndarray], np.ndarray] | None,
    newcomers: Callable[[np.ndarray], np.ndarray],
    config: RateConfig,
    header: Header,
    lagrange: float,
    room: int,
) -> Change:
    """Change splats where that pays.

    Parameters
    ----------
    canvas : Canvas
        With the frame as its target.
    before : State
    flow : (h, w, 2) float32 or None
        Motion since the frame before, pixels.
    reaching : callable or None
        Given splats, (N, 8), which ones still reach the region; all stay if there is none.
    newcomers : callable
        Given splats, (M, 8), others for what they do not cover, (K, 8).
    config : RateConfig
    header : Header
    lagrange : float
        Weighted squared error, full scale 1, for a bit.
    room : int
        Most splats to have in the end, if none enter the region.
    """
    canvas.begin()
    steps = header.steps
    rates = delta.rates(before.contexts, LARGEST + 1)
    table = inter_table(rates.flags, rates.groups, rates.nonzero, rates.sizes)
    vectors, values = _moved(canvas, before, flow, config, header, lagrange, rates)
    known = payload.known(before, values, header)
    moved = QuantizedSplats(values, steps)
    stay = np.ones(len(moved), bool)
    if reaching is not None:
        stay = reaching(moved.dequantise().params)
        moved = QuantizedSplats(values[stay], steps)
    values = moved.values.copy()
    params = moved.dequantise().params
    chosen = expected_gain(canvas, params) > config.worth * lagrange
    if chosen.any():
        part = QuantizedSplats(values[chosen], steps)
        canvas.begin(params[~chosen], tiles_of(canvas, params[chosen]))
        proposal = fit(canvas, Splats(params[chosen]), config.proposal)
        found, _ = descend(
            canvas,
            part,
            part.values,
            quantise(canvas, proposal, steps).values,
            known[stay][chosen],
            Prices(False, table, 0.0, _NEVER),
            lagrange,
            config.passes,
        )
        values[chosen] = found.values
    found = QuantizedSplats(values, steps)
    wanted = config.added if chosen.any() else 0
    added = _added(
        canvas, before, found, newcomers, wanted, config.added_blur, header, lagrange, room
    )
    if reaching is not None:
        added = added[reaching(QuantizedSplats(added, steps).dequantise().params)]
    return Change(stay, np.concatenate([found.values, added]), vectors)


def _moved(
    canvas: Canvas,
    before: State,
    flow: np.ndarray | None,
    config: RateConfig,
    header: Header,
    lagrange: float,
    rates: delta.Rates,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Motion, if it pays, and the splats' integers after it."""
    splats = before.splats
    if flow is None or not len(splats):
        return None, splats.values
    params = splats.dequantise().params
    start = vectors_of(flow, params, header.width, header.height)
    vectors = refine(canvas, splats, start, config.motion, lagrange)
    canvas.load(params)
    gain = canvas.squared_error() - error_after(canvas, splats, vectors)
    if gain <= lagrange * rates.of_motion(vectors, before.motion):
        return None, splats.values
    return vectors, payload.moved(splats, vectors, header)


def _added(
    canvas: Canvas,
    before: State,
    there: QuantizedSplats,
    newcomers: Callable[[np.ndarray], np.ndarray],
    wanted: int,
    blur: float,
    header: Header,
    lagrange: float,
    room: int,
) -> np.ndarray:
    """Integers of added splats, (K, 8), as a packet takes them."""
    nothing = np.zeros((0, 8), np.int32)
    if not before.models:
        return nothing
    params = there.dequantise().params
    arrivals = newcomers(params)
    count = min(wanted, room - len(there))
    if count > 0:
        distance = np.sqrt(header.width * header.height / max(1, len(there)))
        canvas.begin()
        found = peaks(canvas, params, count, blur * distance)
        arrivals = np.concatenate([arrivals, found])
    if not len(arrivals):
        return nothing
    canvas.begin(params, tiles_of(canvas, arrivals))
    fitted = fit(canvas, Splats(arrivals), _NEW_FIT)
    new = payload.addable(quantise(canvas, fitted, header.steps).values, before, header)
    prices = prices_of(before.models, place_bits(1, header) - _SORTED)
    reference = new.copy()
    reference[:, 2:] = [model.low + model.mode for model in before.models]
    kept, alive = descend(
        canvas,
        QuantizedSplats(new, header.steps),
        reference,
        new,
        np.zeros(len(new), np.uint8),
        prices,
        lagrange,
        2,
    )
    return payload.addable(kept.values[alive], before, header)
