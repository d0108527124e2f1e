"""Figure 6: what a fit shows after the same iterations, from superpixels and from random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.grow import START, fit_growing
from tsplat.encoding.init.superpixel import superpixel
from tsplat.files.metrics import mean_squared_error, psnr_of
from tsplat.kernels.canvas import Canvas
from tsplat.paper.adan import AdanConfig, fit_adan
from tsplat.paper.experiments.initialisation import COUNT, GROWING, solving
from tsplat.paper.experiments.plots import side_by_side
from tsplat.paper.experiments.result import Cell, Clip, Figure, Result, Table
from tsplat.paper.scatter import scatter

NAME = "pictures"
TITLE = "Fig. 6: pictures after equal iterations"
ITERATIONS = (30, 100, 1000)


def pictures(clip: Clip, quick: bool) -> Result:
    """Figure 6, on the first frame."""
    frame = clip.frames[0]
    height, width = frame.shape[:2]
    if height * width < 16 * COUNT:
        return Result(NAME, TITLE, not_run=f"{width}x{height} is too small for {COUNT} splats")
    canvas = Canvas(width, height)
    canvas.set_target(frame)
    canvas.begin()
    above = [tsplat_after(canvas, frame, COUNT, n) for n in ITERATIONS]
    below = [gaussianimage_after(canvas, frame, COUNT, n) for n in ITERATIONS]
    rows: list[list[Cell]] = [
        [name, *(round(psnr_of(mean_squared_error(p, frame)), 2) for p in row)]
        for name, row in (("tsplat", above), ("GaussianImage", below))
    ]
    head = ["PSNR, dB, after", *(f"{n} iterations" for n in ITERATIONS)]
    note = f"{COUNT} splats. Gradients and steps of the solve for colours count as iterations."
    caption = (
        f"After {', '.join(map(str, ITERATIONS))} iterations: above tsplat, below GaussianImage; "
        "the source on the right."
    )
    figure = Figure(NAME, caption, side_by_side([[*above, frame], [*below, frame]]))
    return Result(NAME, TITLE, [Table("Quality", head, rows, note)], [figure])


def tsplat_after(canvas: Canvas, frame: np.ndarray, count: int, iterations: int) -> np.ndarray:
    """The picture that tsplat's fit of so many iterations ends with, (H, W, 3) uint8."""
    horizon = max(1, iterations - solving(GROWING))
    first = superpixel(frame, round(count * START))
    fitted = fit_growing(canvas, first, count, replace(GROWING, iterations=horizon))
    return canvas.picture(solve(canvas, fitted.params, GROWING.solve))


def gaussianimage_after(
    canvas: Canvas, frame: np.ndarray, count: int, iterations: int
) -> np.ndarray:
    """GaussianImage's, as published."""
    config = AdanConfig(iterations)
    return canvas.picture(fit_adan(canvas, scatter(frame, count, 0), config).params)
