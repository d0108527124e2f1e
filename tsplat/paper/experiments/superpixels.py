"""Which superpixels to start from: SLIC, linear spectral clustering, or none."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.paper.experiments.result import Cell, Clip, Result, Table
from tsplat.paper.experiments.starts import Start, chosen, psnr, splats_for, timed
from tsplat.paper.lsc import lsc
from tsplat.paper.scatter import scatter
from tsplat.splats import Splats

_ITERATIONS = (20, 100)
_STARTS: dict[str, tuple[str, Start, str]] = {
    "slic": ("SLIC superpixels", superpixel, "-"),
    "lsc": (
        "LSC superpixels",
        lambda frame, count: superpixel(frame, count, cut=lsc),
        "100 ms, kind not named; cites LSC",
    ),
    "random": ("random", lambda frame, count: scatter(frame, count, 0), "15 ms"),
}
"""By key: name, function, and the paper's latency (table 1)."""


@dataclass(frozen=True)
class _Measured:
    """Of one frame: milliseconds of the start; PSNR as it is, with colours solved, and after
    iterations, dB."""

    milliseconds: float
    psnr_db: list[float]


def superpixels(clip: Clip, quick: bool) -> Result:
    """Time and quality of each start, with as many splats."""
    frames = chosen(clip, 1 if quick else 5)
    count = splats_for(frames[0])
    if count < 1:
        return Result("superpixels", "Superpixels", not_run=f"{clip.name}: too small")
    canvas = Canvas(*frames[0].shape[1::-1])
    rows: list[list[Cell]] = []
    values = {}
    for key, (name, start, paper) in _STARTS.items():
        found = [_measured(canvas, frame, count, start) for frame in frames]
        milliseconds = statistics.mean(m.milliseconds for m in found)
        quality = [statistics.mean(q) for q in zip(*(m.psnr_db for m in found))]
        rows.append([name, round(milliseconds, 1), *(round(q, 2) for q in quality), paper])
        values[key] = {"milliseconds": milliseconds, "psnr_db": quality}
    after = [f"PSNR after {n} iterations, dB" for n in _ITERATIONS]
    before = ["PSNR as it is, dB", "colours solved"]
    columns = ["start", "time, ms", *before, *after, "paper's time"]
    note = f"{count} splats, mean of {len(frames)} frame(s); iterations start from solved colours."
    return Result(
        "superpixels",
        "Superpixels: SLIC and linear spectral clustering",
        [Table(clip.name, columns, rows, note)],
        values=values | {"splats": count},
    )


def _measured(canvas: Canvas, frame: np.ndarray, count: int, start: Start) -> _Measured:
    splats, seconds = timed(start, frame, count)
    canvas.set_target(frame)
    canvas.begin()
    quality = [psnr(canvas, splats), psnr(canvas, Splats(solve(canvas, splats.params, 5)))]
    for iterations in _ITERATIONS:
        canvas.begin()
        quality.append(psnr(canvas, fit(canvas, splats, FitConfig(iterations, presolve=5))))
    return _Measured(1e3 * seconds, quality)
