"""Table 3 and figure 8: rounding after the fit, training with rounded splats, solving anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, replace
from fractions import Fraction

import numpy as np

from tsplat.bench.curves import at_equal
from tsplat.config import CRF, FitConfig, Quality, Tuning
from tsplat.encoding.fit.grow import START, fit_growing
from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.intra import rounded
from tsplat.encoding.quantise import quantise, within_overlap
from tsplat.files.metrics import mean_squared_error, psnr_of
from tsplat.kernels.canvas import Canvas
from tsplat.paper.experiments.gaussianimage import Quantisers
from tsplat.paper.experiments.plots import Points, curves
from tsplat.paper.experiments.result import Cell, Clip, Figure, Result, Table
from tsplat.paper.qat import TRAINING, train
from tsplat.splats import QuantizedSplats, Splats, Steps
from tsplat.stream import payload
from tsplat.stream.header import Header

NAME = "quantisation"
TITLE = "Table 3 and Fig. 8: quantisation after the fit and in it"
COUNTS, QUICK_COUNTS = (250, 500, 1000, 2000), (250, 1000)
ITERATIONS, QUICK_ITERATIONS = (200, 1000, 3000), (200, 1000)
FACTORS = (0.7, 1.0, 1.4)
"""Of the steps, so that ways can be compared at equal bytes."""
_SOLVE = 8
_TRAINING, _QUICK_TRAINING = 6000, 600
"""Iterations in which GaussianImage's quantisers are trained."""
_WAYS = ("PTQ", "PTQ, colours solved", "QAT", "QAT, colours solved")


def quantisation(clip: Clip, quick: bool) -> Result:
    """Both schemes, with and without solving for colours after rounding, on the first frame."""
    frame = clip.frames[0]
    height, width = frame.shape[:2]
    counts = [n for n in (QUICK_COUNTS if quick else COUNTS) if 16 * n <= height * width]
    if not counts:
        least = QUICK_COUNTS[0]
        return Result(NAME, TITLE, not_run=f"{width}x{height} is too small for {least} splats")
    horizons = QUICK_ITERATIONS if quick else ITERATIONS
    return measure(frame, counts, horizons, _QUICK_TRAINING if quick else _TRAINING)


def measure(
    frame: np.ndarray, counts: list[int], horizons: tuple[int, ...], training: int
) -> Result:
    """All of it on one frame, (H, W, 3) uint8."""
    canvas = Canvas(frame.shape[1], frame.shape[0])
    canvas.set_target(frame)
    canvas.begin()
    rows: list[list[Cell]] = []
    spent = dict.fromkeys(_WAYS, 0.0)
    series: dict[str, Points] = {}
    gains: dict[str, list[float]] = {way: [] for way in _WAYS}
    for horizon in horizons:
        for count in counts:
            first = superpixel(frame, max(1, round(count * START)))
            config = FitConfig(horizon, grow=3, rough=2, presolve=5)
            fitted = fit_growing(canvas, first, count, config)
            size, found = compared(canvas, frame, fitted, spent)
            unrounded = psnr_of(mean_squared_error(canvas.picture(fitted.params), frame))
            rows.append([count, horizon, round(unrounded, 2), size, *found.values()])
            for way, value in found.items():
                if value is not None:
                    series.setdefault(f"{way}, {horizon} iterations", []).append((count, value))
                if value is not None and found["PTQ"] is not None:
                    gains[way].append(value - found["PTQ"])
    runs = len(counts) * len(horizons) * len(FACTORS)
    means = {way: float(np.mean(v)) if v else None for way, v in gains.items()}
    values = {
        "qat_gain_db": means["QAT"],
        "solve_gain_db": means["PTQ, colours solved"],
        "qat_and_solve_gain_db": means["QAT, colours solved"],
    }
    quality = Table(
        "PSNR of the rounded I-frame at equal bytes, dB",
        ["splats", "iterations", "unrounded", "bytes", *_WAYS],
        rows,
        f"Bytes: of PTQ's packet, entropy coded; the others' PSNR is interpolated there over "
        f"steps of {', '.join(f'{f:g}' for f in FACTORS)} times those of CRF {CRF:g}. QAT: "
        f"{TRAINING.iterations} iterations more, with straight-through rounding at these steps. "
        f"Solved: {_SOLVE} steps of conjugate gradients for the colours of the rounded geometry. "
        f"Mean gain over PTQ: {_signed(means)}.",
    )
    latency: list[list[Cell]] = [
        ["paper: PTQ (RTX 3090 Ti)", 3.5],
        ["paper: QAT, 1000 iterations (RTX 3090 Ti)", 3500.0],
    ]
    latency += [[f"here: {way}", round(1000 * s / runs, 1)] for way, s in spent.items()]
    caption = "PSNR over splats, by scheme and iterations, at PTQ's bytes"
    plot = curves(series, "splats", "PSNR, dB")
    return Result(
        NAME,
        TITLE,
        [
            quality,
            Table("Quantisation latency, ms (mean over the rows above)", ["", "ms"], latency),
            theirs(canvas, frame, counts[-1], training),
        ],
        [Figure(NAME, caption, plot)],
        values,
    )


def compared(
    canvas: Canvas, frame: np.ndarray, fitted: Splats, spent: dict[str, float]
) -> tuple[int, dict[str, float | None]]:
    """PTQ's bytes, and each way's PSNR there; adds the seconds that each takes to ``spent``."""
    height, width = frame.shape[:2]
    usual = Quality.of(CRF, width * height, Tuning()).steps
    points: dict[str, list[tuple[float, float]]] = {way: [] for way in _WAYS}
    for factor in FACTORS:
        steps = Steps(*(round(factor * s) for s in astuple(usual)))
        header = Header(width, height, Fraction(30), steps)
        for way, run in ways(canvas, fitted, steps).items():
            clock = time.perf_counter()
            splats = run()
            spent[way] += time.perf_counter() - clock
            shown = canvas.picture(splats.dequantise().params)
            point = (float(coded_size(splats, header)), psnr_of(mean_squared_error(shown, frame)))
            points[way].append(point)
    middle = points["PTQ"][len(FACTORS) // 2][0]
    return round(middle), {way: _rounded(at_equal(middle, p)) for way, p in points.items()}


def ways(canvas: Canvas, fitted: Splats, steps: Steps) -> dict[str, Callable[[], QuantizedSplats]]:
    """How fitted splats may become integers, after ``canvas.begin``."""
    return {
        "PTQ": lambda: quantise(canvas, fitted, steps),
        "PTQ, colours solved": lambda: rounded(canvas, fitted, steps, _SOLVE),
        "QAT": lambda: quantise(canvas, train(canvas, fitted, steps), steps),
        "QAT, colours solved": lambda: rounded(canvas, train(canvas, fitted, steps), steps, _SOLVE),
    }


def theirs(canvas: Canvas, frame: np.ndarray, count: int, training: int) -> Table:
    """GaussianImage's quantisers on tsplat's fit: after the fit, and trained."""
    height, width = frame.shape[:2]
    first = superpixel(frame, max(1, round(count * START)))
    config = FitConfig(1000, grow=3, rough=2, presolve=5)
    fitted = fit_growing(canvas, first, count, config)
    clock = time.perf_counter()
    quantisers = Quantisers(fitted, width, height)
    ptq_ms = 1000 * (time.perf_counter() - clock)
    rows: list[list[Cell]] = []

    def add(name: str, milliseconds: float) -> None:
        coded = quantisers.coded()
        shown = canvas.picture(coded.splats(width, height).params)
        found = psnr_of(mean_squared_error(shown, frame))
        rows.append([name, round(coded.account), round(found, 2), round(milliseconds, 1)])

    add("PTQ", ptq_ms)
    clock = time.perf_counter()
    quantisers.train(canvas, training)
    add(f"QAT, {training} iterations", 1000 * (time.perf_counter() - clock))
    return Table(
        f"GaussianImage's quantisers, {count} splats",
        ["", "bytes, account", "PSNR, dB", "ms"],
        rows,
        "Means of 16 bits, Cholesky vectors of 6 with learned scale and offset, colours by "
        "residual vector quantisation, two stages of eight entries.",
    )


def coded_size(splats: QuantizedSplats, header: Header) -> int:
    """Bytes of an I-packet's payload."""
    splats = within_overlap(splats, header.width, header.height)
    ordered = replace(splats, values=splats.values[payload.order(splats.values, header)])
    return len(payload.encode_intra(ordered, None, header)[0])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _signed(means: dict[str, float | None]) -> str:
    known = [(way, mean) for way, mean in means.items() if way != "PTQ"]
    return "; ".join(f"{way} {'-' if m is None else f'{m:+.2f} dB'}" for way, m in known)
