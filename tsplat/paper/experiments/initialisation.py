"""Table 1: how long a fit takes to a PSNR, from superpixels and from GaussianImage's start.

The paper's ratio is of two changes at once: where a fit starts, and how it descends. Both are
taken apart here: either start with either optimiser, all splats at once; and then tsplat's own
fit, which also grows.

What is counted: an iteration renders the splats, and projects the error back on them, once. So
does a step of the conjugate gradients that solve for colours, and the gradient that they start
from; where splats are added, the error is rendered once more. All of these count as iterations.
Time runs from the frame in memory to fitted splats, the first splats included, kernels compiled
before; PSNR is of the 8-bit picture, and the time to measure it is left out.

A fit whose rate falls over a known horizon has no iteration "to 30 dB": what is given is the
shortest horizon that ends there, found by doubling and then halving the interval, and the time
of that fit alone, from nothing. Only an oracle knows that horizon before: the iterations of all
the fits that it took to find it are given, too. GaussianImage's rate knows no horizon: one fit is
watched.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.grow import START, fit_growing
from tsplat.encoding.fit.loop import cosine, fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.files.metrics import mean_squared_error, psnr_of
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas
from tsplat.paper.adan import AdanConfig, fit_adan, halving
from tsplat.paper.experiments.plots import Points, curves
from tsplat.paper.experiments.result import Cell, Clip, Figure, Result, Table
from tsplat.paper.scatter import scatter
from tsplat.splats import Splats

NAME = "initialisation"
TITLE = "Table 1: iterations and time to 30 dB"
COUNT = 1000
TARGET_DB = 30.0
GROWING = FitConfig(0, grow=1, rough=1, presolve=2, solve=2)
"""tsplat's fit, for few iterations."""
SCHEDULES: tuple[Callable[..., float], ...] = (cosine, lambda t, config: 1.0, halving)
"""Cosine, constant, and by half after every so many iterations."""
AT_ONCE = replace(GROWING, grow=0, rough=0)
"""The same without growing, which is what the paper's table is about."""
_WATCH = 25
"""Iterations after which a fit that is watched is looked at."""
_LONGEST = 4096
"""Horizon after which our own fit gives up."""
_REPEATS = 3
_SEED = 0


@dataclass(frozen=True)
class Effort:
    """How much is tried.

    Attributes
    ----------
    most : int
        Iterations of Adan after which a fit gives up.
    horizons : tuple of int
        At which schedules are compared, for Adam.
    adan_horizon : int
        And for Adan; 0 leaves that out.
    """

    most: int
    horizons: tuple[int, ...]
    adan_horizon: int


QUICK = Effort(15_000, (30, 100, 800), 0)
FULL = Effort(30_000, (30, 100, 800, 3000), 25_000)


@dataclass
class Course:
    """Of one way to fit: what it took to the PSNR, None where it was not reached.

    Attributes
    ----------
    iterations : int or None
    seconds, cpu : float or None
        Wall time, and that of the processors, which a busy machine changes less.
    tried : int
        Most iterations that were tried.
    spent : float
        Seconds that those took.
    fits, evaluations : int
        Fits that were run to know this, and their iterations in all.
    init_ms : float
        For the first splats, milliseconds.
    curve : list of (iterations, dB)
    """

    init_ms: float
    iterations: int | None = None
    seconds: float | None = None
    cpu: float | None = None
    tried: int = 0
    spent: float = 0.0
    fits: int = 0
    evaluations: int = 0
    curve: Points = field(default_factory=list)


def initialisation(clip: Clip, quick: bool) -> Result:
    """Table 1, and schedules of the learning rate, on a clip's first frame."""
    frame = clip.frames[0]
    if frame.shape[0] * frame.shape[1] < 16 * COUNT:
        size = f"{frame.shape[1]}x{frame.shape[0]}"
        return Result(NAME, TITLE, not_run=f"{size} is too small for {COUNT} splats")
    return measure(frame, COUNT, QUICK if quick else FULL)


def measure(frame: np.ndarray, count: int, effort: Effort) -> Result:
    """All of it, on one frame, (H, W, 3) uint8, with so many splats."""
    canvas = Canvas(frame.shape[1], frame.shape[0])
    _warm(canvas, frame, count)

    def segments() -> Splats:
        return superpixel(frame, count)

    def seeds() -> Splats:
        return superpixel(frame, round(count * START))

    def random() -> Splats:
        return scatter(frame, count, _SEED)

    courses = {
        "tsplat: superpixels, growing, Adam": by_horizon(canvas, frame, count, seeds, GROWING),
        "both: superpixels, Adam": by_horizon(canvas, frame, count, segments, AT_ONCE),
        "the optimiser alone: random, Adam": by_horizon(canvas, frame, count, random, AT_ONCE),
        "the start alone: superpixels, Adan": watched(canvas, frame, segments, effort.most),
        "GaussianImage: random, Adan": watched(canvas, frame, random, effort.most),
    }
    ours, both, adam, start, theirs = courses.values()
    values = ratios(ours, theirs)
    values |= shares(both, adam, start, theirs)
    note = (
        f"{count} splats, first frame, {frame.shape[1]}x{frame.shape[0]}. Every time that splats "
        "are rendered to be improved counts as an iteration, in the solve for colours and where "
        "splats are added, too. Of Adam, whose rate falls over a horizon, the shortest one that "
        f"ends at {TARGET_DB:g} dB, run on its own: which one that is, an oracle has to say. All "
        f"fits: the iterations of all fits that found it. Adan is looked at every {_WATCH} "
        "iterations. GaussianImage as published: random start, means under tanh, Cholesky vector "
        "with offset (0.5, 0, 0.5), Adan at 0.001, halved every 20,000 steps; rendered by this "
        "project's kernels: covariances are half a square pixel wider, and splats end at "
        "three standard deviations."
    )
    for name, course in courses.items():
        if course.iterations is None:
            note += f" {name}: not reached in {course.tried} iterations, {course.spent:.1f} s."
    if values["lower_bound"]:
        note += " The ratios are therefore lower bounds."
    main = Table(f"To {TARGET_DB:g} dB", _HEAD, [*_PAPER, *_rows(courses, values)], note)
    compared = Table(
        "Schedules of the learning rate: PSNR, dB, after so many iterations",
        ["optimizer", "iterations", "cosine", "constant", "halving"],
        list(_schedules(canvas, frame, segments, random, effort)),
        "All splats at once. Cosine: to a twentieth at the last iteration. Halving: after every "
        "20,000 iterations, as GaussianImage has it; before that it is a constant rate.",
    )
    picture = curves(
        {name: course.curve for name, course in courses.items()}, "iterations", "PSNR, dB", log=True
    )
    caption = (
        "PSNR over iterations. A point of a fit with a horizon is a fit of its own; the others are "
        "watched."
    )
    return Result(NAME, TITLE, [main, compared], [Figure(NAME, caption, picture)], values)


_HEAD = [
    "", "iterations", "fits", "all fits, iterations", "first splats, ms", "in all, s",
    "of processors, s",
]  # fmt: skip
_PAPER: list[list[Cell]] = [
    ["paper: superpixels (RTX 3090 Ti)", 750, None, None, 100, 1.5, None],
    ["paper: GaussianImage (RTX 3090 Ti)", 8733, None, None, 15, 13.1, None],
    ["paper: ratio", 11.6, None, None, None, 8.7, None],
]


def _rows(courses: dict[str, Course], values: dict) -> Iterator[list[Cell]]:
    for name, c in courses.items():
        init_ms = round(c.init_ms, 1)
        yield [f"here: {name}", c.iterations, c.fits, c.evaluations, init_ms, c.seconds, c.cpu]
    yield ["here: ratio, GaussianImage over tsplat", values["iterations_ratio"], None,
           values["oracle_ratio"], None, values["time_ratio"], values["cpu_ratio"]]  # fmt: skip
    for name, key in (
        ("both, all at once", "both_ratio"),
        ("the start alone, both by Adan", "start_ratio"),
        ("the optimiser alone, both from random splats", "optimizer_ratio"),
    ):
        yield [f"here: ratio of {name}", values[key], None, None, None, None, None]


def ratios(ours: Course, theirs: Course) -> dict:
    """GaussianImage over tsplat: lower bounds where it gave up, None where tsplat did."""
    reached = theirs.iterations is not None and theirs.seconds is not None
    values: dict = {
        "tsplat_iterations": ours.iterations,
        "tsplat_seconds": ours.seconds,
        "gaussianimage_iterations": theirs.iterations,
        "gaussianimage_seconds": theirs.seconds,
        "iterations_ratio": None,
        "oracle_ratio": None,
        "time_ratio": None,
        "cpu_ratio": None,
        "lower_bound": False,
    }
    if ours.iterations and ours.seconds:
        values["iterations_ratio"] = _iterations(theirs) / ours.iterations
        values["oracle_ratio"] = _iterations(theirs) / ours.evaluations
        values["time_ratio"] = (theirs.seconds or theirs.spent) / ours.seconds
        values["cpu_ratio"] = theirs.cpu / ours.cpu if theirs.cpu and ours.cpu else None
        values["lower_bound"] = not reached
    return values


def shares(both: Course, adam: Course, start: Course, theirs: Course) -> dict:
    """GaussianImage's iterations over those of fits that differ from it in one thing or in both;
    None where those did not get there."""
    return {
        name: _iterations(theirs) / course.iterations if course.iterations else None
        for name, course in (
            ("both_ratio", both), ("optimizer_ratio", adam), ("start_ratio", start),
        )
    }  # fmt: skip


def _iterations(course: Course) -> int:
    """To the PSNR, or, where it was not reached, that were tried."""
    return course.iterations or course.tried


def by_horizon(
    canvas: Canvas, frame: np.ndarray, count: int, first: Callable[[], Splats], config: FitConfig
) -> Course:
    """The shortest horizon that ends at the PSNR; solving for colours is counted."""
    course = Course(_init_ms(first))
    extra = solving(config)

    def run(horizon: int) -> tuple[float, float, float]:
        clock, busy = time.perf_counter(), time.process_time()
        canvas.set_target(frame)
        canvas.begin()
        fitted = fit_growing(canvas, first(), count, replace(config, iterations=horizon))
        params = solve(canvas, fitted.params, config.solve)
        runtime.sync()
        seconds, cpu = time.perf_counter() - clock, time.process_time() - busy
        found = psnr_of(mean_squared_error(canvas.picture(params), frame))
        course.curve.append((horizon + extra, found))
        course.tried = max(course.tried, horizon + extra)
        course.fits += 1
        course.evaluations += horizon + extra
        course.spent = max(course.spent, seconds)
        return found, seconds, cpu

    low, high = 0, 8
    while run(high)[0] < TARGET_DB:
        low, high = high, 2 * high
        if high > _LONGEST:
            return course
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if run(middle)[0] >= TARGET_DB else (middle, high)
    course.iterations = high + extra
    fits, evaluations = course.fits, course.evaluations
    timed = [run(high) for _ in range(_REPEATS)]
    course.fits, course.evaluations = fits, evaluations
    course.seconds, course.cpu = (statistics.median(t[k] for t in timed) for k in (1, 2))
    return course


def solving(config: FitConfig) -> int:
    """Iterations that a fit needs besides: to solve for colours before each part of it and after,
    a gradient and the steps; and to render the error where splats are added."""
    before = (config.presolve + 1) * (config.grow + 1) if config.presolve else 0
    after = config.solve + 1 if config.solve else 0
    return before + after + config.grow


def watched(canvas: Canvas, frame: np.ndarray, first: Callable[[], Splats], most: int) -> Course:
    """A fit by Adan until the PSNR is there."""
    course = Course(_init_ms(first), fits=1)
    clock, busy, cpu = time.perf_counter(), time.process_time(), 0.0
    canvas.set_target(frame)
    canvas.begin()
    adan = canvas.adan(first().params)
    for t in range(most):
        adan.step(AdanConfig().rate * halving(t))
        if (t + 1) % _WATCH == 0:
            runtime.sync()
            course.tried = course.evaluations = t + 1
            course.spent += time.perf_counter() - clock
            cpu += time.process_time() - busy
            found = psnr_of(mean_squared_error(canvas.picture(canvas.params()), frame))
            course.curve.append((t + 1, found))
            if found >= TARGET_DB:
                course.iterations, course.seconds, course.cpu = course.tried, course.spent, cpu
                break
            clock, busy = time.perf_counter(), time.process_time()
    return course


def _schedules(
    canvas: Canvas,
    frame: np.ndarray,
    segments: Callable[[], Splats],
    random: Callable[[], Splats],
    effort: Effort,
) -> Iterator[list[Cell]]:
    """Rows of PSNR after a fit with each schedule."""
    canvas.set_target(frame)

    def left(fitted: Splats) -> float:
        return round(psnr_of(mean_squared_error(canvas.picture(fitted.params), frame)), 2)

    for horizon in effort.horizons:
        config, found = replace(AT_ONCE, iterations=horizon), list[Cell]()
        for share in SCHEDULES:
            canvas.begin()
            found.append(left(fit(canvas, segments(), config, share)))
        yield ["Adam, from superpixels", horizon, *found]
    if effort.adan_horizon:
        adan, found = AdanConfig(effort.adan_horizon), list[Cell]()
        for share in SCHEDULES:
            canvas.begin()
            found.append(left(fit_adan(canvas, random(), adan, share)))
        yield ["Adan, from random", effort.adan_horizon, *found]


def _init_ms(first: Callable[[], Splats]) -> float:
    """Milliseconds that the first splats take."""
    times = []
    for _ in range(_REPEATS):
        clock = time.perf_counter()
        first()
        times.append(time.perf_counter() - clock)
    return 1000 * statistics.median(times)


def _warm(canvas: Canvas, frame: np.ndarray, count: int) -> None:
    """Compile every kernel that will be timed."""
    canvas.set_target(frame)
    canvas.begin()
    start = superpixel(frame, round(count * START))
    params = fit_growing(canvas, start, count, replace(GROWING, iterations=4)).params
    canvas.adan(solve(canvas, params, 1)).step(0.0)
    canvas.picture(canvas.params())
    runtime.sync()
