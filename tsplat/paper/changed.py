"""A P-frame as in the paper (section 3.2 C): the splats under changed pixels, fitted anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.inter import Change
from tsplat.encoding.predict.select import select, tiles_of
from tsplat.encoding.quantise import quantise
from tsplat.kernels.canvas import Canvas
from tsplat.splats import QuantizedSplats, Splats
from tsplat.stream import payload
from tsplat.stream.container import Header
from tsplat.stream.payload import State

FIT = FitConfig(60, rate=0.04, colour_rate=0.02, presolve=3, solve=3)
SLACK = 1 / 255
"""Growth of a pixel's error that a P-frame accepts as its new normal; more would let the
picture fade, less would refine noise for ever."""
_FREE = -(1 << 30)
"""Reference of a splat that has none: no value is near it."""


def inter(
    canvas: Canvas,
    before: State,
    reaching: Callable[[np.ndarray], np.ndarray] | None,
    newcomers: Callable[[np.ndarray], np.ndarray],
    threshold: float,
    header: Header,
    pixels: float,
) -> Change | None:
    """Fit the splats under changed pixels; None where so much has changed that it is a new scene.

    Parameters
    ----------
    canvas : Canvas
        With the frame as its target.
    before : State
    reaching, newcomers
        As for :func:`tsplat.encoding.inter.inter`.
    threshold : float
        Grey levels, 0..255.
    header : Header
    pixels : float
        Number of pixels that count.
    """
    steps = header.steps
    stay = np.ones(len(before.splats), bool)
    if reaching is not None:
        stay = reaching(before.splats.dequantise().params)
    values = before.splats.values[stay]
    params = QuantizedSplats(values, steps).dequantise().params
    selection = select(canvas, Splats(params), threshold, pixels)
    if selection.scene_cut:
        return None
    chosen = selection.splats
    added = newcomers(params) if before.models else np.zeros((0, 8), np.float32)
    tiles = selection.tiles | tiles_of(canvas, added)
    arrivals = np.zeros((0, 8), np.int32)
    if chosen.any() or len(added):
        canvas.begin(params[~chosen], tiles)
        splats = fit(canvas, Splats(np.concatenate([params[chosen], added])), FIT)
        free = np.full((len(added), 8), _FREE, np.int32)
        part = _rounded(canvas, splats, header, np.concatenate([values[chosen], free]))
        values[chosen], arrivals = np.split(part, [int(chosen.sum())])
        arrivals = payload.addable(arrivals, before, header)
    values = np.concatenate([values, arrivals])
    canvas.settle(QuantizedSplats(values, steps).dequantise().params, tiles, SLACK)
    return Change(stay, values, None)


def _rounded(canvas: Canvas, splats: Splats, header: Header, reference: np.ndarray) -> np.ndarray:
    """Integers, (N, 8), that stay at the reference's where they are near it."""
    geometry = quantise(canvas, splats, header.steps, reference).dequantise().params
    params = splats.params.copy()
    params[:, :5] = geometry[:, :5]
    solved = Splats(solve(canvas, params, FIT.solve))
    return quantise(canvas, solved, header.steps, reference).values
