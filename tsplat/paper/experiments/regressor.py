"""Table 2: splats of a network, of superpixels, and of superpixels that a network corrects."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.paper.experiments.result import Cell, Clip, Result, Table
from tsplat.paper.experiments.starts import Start, chosen, psnr, splats_for, timed
from tsplat.paper.regressor import corrected
from tsplat.paper.regressor import regressor as regressed
from tsplat.splats import Splats

_TITLE = "Table 2: regressor against superpixels"
_TARGET_DB = 30.0
_MOST = 1000
"""Iterations of the longest fit."""
_SHORT = 20
_GRID = (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 100, 130, 170, 220, 300)
"""Horizons that are tried, in ascending order, until one reaches the target."""
_COLUMNS = [
    *("start", "latency, ms", "PSNR as it is, dB", "colours solved"),
    *(f"{_SHORT} iterations", "iterations to 30 dB", "time to 30 dB, s", "1000 iterations"),
    "paper: latency; iterations and time to 30 dB; PSNR at 1000",
]
_STARTS: dict[str, tuple[str, Start, str]] = {
    "regressor": ("regressor", regressed, "6 ms; 4000, 6 s; 20.69 dB"),
    "superpixel": ("superpixels", superpixel, "100 ms; 750, 1.5 s; 30.6 dB"),
    "corrected": ("superpixels, corrected by a network", corrected, "not in it"),
}


def regressor(clip: Clip, quick: bool) -> Result:
    """Fit one frame, or several, from each start."""
    frames = chosen(clip, 1 if quick else 3)
    count = splats_for(frames[0])
    if count < 1:
        return Result("regressor", _TITLE, not_run=f"{clip.name}: too small")
    canvas = Canvas(*frames[0].shape[1::-1])
    rows: list[list[Cell]] = []
    values = {}
    for key, (name, start, paper) in _STARTS.items():
        found = [_measured(canvas, frame, count, start, quick) for frame in frames]
        means = [_mean([f[k] for f in found]) for k in range(7)]
        digits = (1, 2, 2, 2, 1, 3, 2)
        shown = [None if m is None else round(m, d) for m, d in zip(means, digits)]
        rows.append([name, *shown, paper])
        values[key] = dict(zip(_KEYS, means))
    note = (
        f"{count} splats, mean of {len(frames)} frame(s); a fit starts from solved colours. "
        f"Empty: not reached in {_GRID[-1]} iterations; or not run, as 1000 iterations when quick."
    )
    return Result("regressor", _TITLE, [Table(clip.name, _COLUMNS, rows, note)], values=values)


_KEYS = (
    *("latency_ms", "psnr_db", "solved_db", f"iterations_{_SHORT}_db"),
    *("iterations_to_30_db", "seconds_to_30_db", "iterations_1000_db"),
)


def _mean(values: list[float | None]) -> float | None:
    """Mean; None where one of them is."""
    known = [v for v in values if v is not None]
    return statistics.mean(known) if len(known) == len(values) else None


def _measured(
    canvas: Canvas, frame: np.ndarray, count: int, start: Start, quick: bool
) -> list[float | None]:
    """Of one frame, in the order of the columns."""
    start(frame, count)  # The network is loaded before the clock runs.
    splats, latency = timed(start, frame, count)
    canvas.set_target(frame)
    canvas.begin()
    solved = Splats(solve(canvas, splats.params, 5))
    iterations, seconds = _to_target(canvas, splats)
    return [
        1e3 * latency,
        psnr(canvas, splats),
        psnr(canvas, solved),
        _fitted(canvas, splats, _SHORT),
        iterations,
        None if seconds is None else seconds + latency,
        None if quick else _fitted(canvas, splats, _MOST),
    ]


def _fitted(canvas: Canvas, splats: Splats, iterations: int) -> float:
    """PSNR after a fit over so many iterations, dB."""
    canvas.begin()
    return psnr(canvas, fit(canvas, splats, FitConfig(iterations, presolve=5)))


def _to_target(canvas: Canvas, splats: Splats) -> tuple[float | None, float | None]:
    """The shortest fit that reaches the target, and its seconds; None where there is none."""
    for iterations in _GRID:
        if _fitted(canvas, splats, iterations) >= _TARGET_DB:
            return iterations, statistics.median(_seconds(canvas, splats, iterations))
    return None, None


def _seconds(canvas: Canvas, splats: Splats, iterations: int) -> Iterator[float]:
    """How long a fit takes, three times."""
    for _ in range(3):
        clock = time.perf_counter()
        canvas.begin()
        fit(canvas, splats, FitConfig(iterations, presolve=5))
        yield time.perf_counter() - clock
