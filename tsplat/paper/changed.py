"""A P-frame as in the paper (section 3.2 C): the splats under changed pixels, fitted anew."""

from __future__ import annotations

import numpy as np

from tsplat.config import EncoderConfig, FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.predict.select import Selection, select, tiles_of
from tsplat.encoding.quantise import quantise
from tsplat.encoding.ways import Change, Scene
from tsplat.kernels.canvas import Canvas
from tsplat.paper.metadata import pixel_map
from tsplat.splats import QuantizedSplats, Splats
from tsplat.stream import payload
from tsplat.stream.header import Header
from tsplat.stream.payload import State

FIT = FitConfig(60, rate=0.04, colour_rate=0.02, presolve=3, solve=3)
THRESHOLD = 11.5
"""Grey levels."""
SLACK = 1 / 255
"""Growth of a pixel's error that a P-frame accepts as its new normal; more would let the
picture fade, less would refine noise for ever."""
_FREE = -(1 << 30)
"""Reference of a splat that has none: no value is near it."""


class Changed:
    """P-frames that fit the splats under changed pixels, all parameters of each.

    Parameters
    ----------
    threshold : float
        Grey levels, 0..255.
    selection : {"literal", "growth"}
        What exceeds it: a pixel's residual against the last decoded frame, as in the paper, and the
        splats of these pixels are looked up in its map; or the residual's growth over what the last
        fit left there, and the splats of which enough lies on such pixels.
    """

    def __init__(self, threshold: float = THRESHOLD, selection: str = "literal"):
        self._threshold = threshold
        self._grows = selection == "growth"
        self._tiles: np.ndarray | None = None

    def begin(self, scene: Scene, picture: np.ndarray, splats: QuantizedSplats) -> None:
        if self._grows:
            scene.canvas.settle(splats.dequantise().params)

    def coded(self, scene: Scene, picture: np.ndarray, splats: QuantizedSplats) -> None:
        if self._grows:
            scene.canvas.settle(splats.dequantise().params, self._tiles, SLACK)

    def change(
        self,
        scene: Scene,
        before: State,
        picture: np.ndarray,
        config: EncoderConfig,
        lagrange: float,
        room: int,
    ) -> Change | None:
        with scene.timed("inter"):
            return self._changed(scene, before, picture)

    def _changed(self, scene: Scene, before: State, picture: np.ndarray) -> Change | None:
        canvas, focus, header = scene.canvas, scene.focus, scene.header
        stay = focus.reaching(before.splats.dequantise().params)
        values = before.splats.values[stay]
        params = QuantizedSplats(values, header.steps).dequantise().params
        selection = self._selected(scene, params, picture)
        if selection.scene_cut:
            return None
        chosen = selection.splats
        added = focus.newcomers(canvas, len(before.splats), params, picture)
        tiles = selection.tiles | tiles_of(canvas, added)
        arrivals = np.zeros((0, 8), np.int32)
        if chosen.any() or len(added):
            canvas.begin(params[~chosen], tiles)
            splats = fit(canvas, Splats(np.concatenate([params[chosen], added])), FIT)
            free = np.full((len(added), 8), _FREE, np.int32)
            part = _rounded(canvas, splats, header, np.concatenate([values[chosen], free]))
            values[chosen], arrivals = np.split(part, [int(chosen.sum())])
            arrivals = arrivals[payload.order(arrivals, header)]
        values = np.concatenate([values, arrivals])
        self._tiles = tiles
        return Change(stay, values, None)

    def _selected(self, scene: Scene, params: np.ndarray, picture: np.ndarray) -> Selection:
        """What a frame changes, of splats (N, 8)."""
        canvas, focus = scene.canvas, scene.focus
        if self._grows:
            counted = float(focus.inside.sum() if focus.cut_out else focus.inside.size)
            return select(canvas, Splats(params), self._threshold, counted)
        residual = np.abs(canvas.picture(params).astype(np.int16) - picture).max(2)
        changed = residual > self._threshold
        if focus.cut_out:
            changed &= focus.inside
        chosen = np.zeros(len(params), bool)
        chosen[pixel_map(params, canvas.width, canvas.height).of(changed)] = True
        # A poor fit is no new scene: those, the encoder sees by the source.
        return Selection(chosen, tiles_of(canvas, params[chosen]), 0.0, 0.0)


def _rounded(canvas: Canvas, splats: Splats, header: Header, reference: np.ndarray) -> np.ndarray:
    """Integers, (N, 8), that stay at the reference's where they are near it."""
    geometry = quantise(canvas, splats, header.steps, reference).dequantise().params
    params = splats.params.copy()
    params[:, :5] = geometry[:, :5]
    solved = Splats(solve(canvas, params, FIT.solve))
    return quantise(canvas, solved, header.steps, reference).values
