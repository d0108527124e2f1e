"""A P-frame by rate and distortion: motion, proposals, descent from the reference."""

from __future__ import annotations

import numpy as np

from tsplat.config import EncoderConfig, FitConfig, RateConfig
from tsplat.encoding.fit.descent import Prices, descend, inter_table
from tsplat.encoding.fit.grow import peaks
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.intra import place_bits, prices_of, zero
from tsplat.encoding.predict.flow import REST, Flow, error_after, refine, vectors_of
from tsplat.encoding.predict.select import tiles_of
from tsplat.encoding.predict.worth import expected_gain
from tsplat.encoding.quantise import quantise
from tsplat.encoding.ways import Change, Scene
from tsplat.kernels.canvas import Canvas
from tsplat.kernels.rates import LARGEST
from tsplat.splats import QuantizedSplats, Splats
from tsplat.stream import payload
from tsplat.stream.header import Header
from tsplat.stream.payload import State
from tsplat.stream.rates import Rates

_NEVER = 1e9
_NEW_FIT = FitConfig(12, rate=0.1, colour_rate=0.05, final=0.3, solve=0)
_SORTED = 2.0
"""Bits that an added splat's place saves, being sorted among few."""


def by_rate(config: EncoderConfig) -> ByRate:
    """The P-frames of one stream."""
    return ByRate(config.motion)


class ByRate:
    """P-frames whose splats move along vectors, and change where that pays.

    Parameters
    ----------
    motion : {"flow", "grid", "none"}
        What the vectors start from: optical flow, or rest; or there are none.
    """

    def __init__(self, motion: str = "flow"):
        self._motion = motion
        self._flow = Flow()

    def begin(self, scene: Scene, picture: np.ndarray, splats: QuantizedSplats) -> None:
        self._flow.keep(picture)

    def coded(self, scene: Scene, picture: np.ndarray, splats: QuantizedSplats) -> None:
        self._flow.keep(picture)

    def change(
        self,
        scene: Scene,
        before: State,
        picture: np.ndarray,
        config: EncoderConfig,
        lagrange: float,
        room: int,
    ) -> Change:
        flow = self._look(scene, picture)
        with scene.timed("inter"):
            return _changed(scene, before, picture, flow, config.rates, lagrange, room)

    def _look(self, scene: Scene, picture: np.ndarray) -> np.ndarray | None:
        """The flow that vectors start from; None if there are to be none."""
        if self._motion != "flow":
            return REST if self._motion == "grid" else None
        with scene.timed("flow"):
            return self._flow.to(picture)


def _changed(
    scene: Scene,
    before: State,
    picture: np.ndarray,
    flow: np.ndarray | None,
    config: RateConfig,
    lagrange: float,
    room: int,
) -> Change:
    canvas, focus, header = scene.canvas, scene.focus, scene.header
    canvas.begin()
    rates = Rates.of(before.contexts, LARGEST + 1)
    vectors, values = _moved(canvas, before, flow, config, header, lagrange, rates)
    known = payload.known(before, values, header)
    stay = focus.reaching(QuantizedSplats(values, header.steps).dequantise().params)
    table = inter_table(rates.flags, rates.groups, rates.nonzero, rates.sizes)
    prices = Prices(False, table, 0.0, _NEVER)
    found, busy = _improved(scene, values[stay], known[stay], config, prices, lagrange)
    params = found.dequantise().params
    arrivals = focus.newcomers(canvas, len(before.splats), params, picture)
    wanted = min(config.added if busy else 0, room - len(found))
    arrivals = np.concatenate([arrivals, _peaks(scene, params, wanted, config.added_blur)])
    added = _added(scene, before, params, arrivals, lagrange)
    added = added[focus.reaching(QuantizedSplats(added, header.steps).dequantise().params)]
    return Change(stay, np.concatenate([found.values, added]), vectors)


def _improved(
    scene: Scene,
    values: np.ndarray,
    known: np.ndarray,
    config: RateConfig,
    prices: Prices,
    lagrange: float,
) -> tuple[QuantizedSplats, bool]:
    """Splats, (M, 8) integers, changed where that pays; and whether any was worth a look."""
    canvas, steps = scene.canvas, scene.header.steps
    params = QuantizedSplats(values, steps).dequantise().params
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
            known[chosen],
            prices,
            lagrange,
            config.passes,
        )
        values = values.copy()
        values[chosen] = found.values
    return QuantizedSplats(values, steps), bool(chosen.any())


def _peaks(scene: Scene, params: np.ndarray, count: int, blur: float) -> np.ndarray:
    """Splats, (K, 8) float32, where the error of those there is; blur: in their distances."""
    if count <= 0:
        return np.zeros((0, 8), np.float32)
    header = scene.header
    scene.canvas.begin()
    distance = np.sqrt(header.width * header.height / max(1, len(params)))
    return peaks(scene.canvas, params, count, blur * distance)


def _moved(
    canvas: Canvas,
    before: State,
    flow: np.ndarray | None,
    config: RateConfig,
    header: Header,
    lagrange: float,
    rates: Rates,
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
    scene: Scene, before: State, params: np.ndarray, arrivals: np.ndarray, lagrange: float
) -> np.ndarray:
    """Integers of added splats, (K, 8), as a packet takes them; those there are (M, 8)."""
    canvas, header = scene.canvas, scene.header
    if not len(arrivals):
        return np.zeros((0, 8), np.int32)
    canvas.begin(params, tiles_of(canvas, arrivals))
    fitted = fit(canvas, Splats(arrivals), _NEW_FIT)
    new = quantise(canvas, fitted, header.steps).values
    there, modes = before.splats.values, before.model.modes
    prices = prices_of(there - zero(there, modes), place_bits(1, header) - _SORTED)
    reference = zero(new, modes)
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
    added = kept.values[alive]
    return added[payload.order(added, header)]
