"""The paper's experiments, on clips, into a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsplat.bench.machine import machine
from tsplat.bench.page import require_matplotlib
from tsplat.bench.pictures import load as load_pictures
from tsplat.bench.portrait import RATE, portrait
from tsplat.errors import ConfigError, TsplatError
from tsplat.kernels import runtime
from tsplat.media.places import replacing_folder
from tsplat.media.source import open_source
from tsplat.paper.experiments.bits_back import bits_back
from tsplat.paper.experiments.initialisation import initialisation
from tsplat.paper.experiments.latency import latency
from tsplat.paper.experiments.metadata import metadata
from tsplat.paper.experiments.motion import motion
from tsplat.paper.experiments.pictures import pictures
from tsplat.paper.experiments.quantisation import quantisation
from tsplat.paper.experiments.rates import rate_distortion, rates
from tsplat.paper.experiments.regressor import regressor
from tsplat.paper.experiments.report import JSON, PAGE, write_report
from tsplat.paper.experiments.result import Clip, Result
from tsplat.paper.experiments.shimmer import shimmer
from tsplat.paper.experiments.superpixels import superpixels

Experiment = Callable[[Clip, bool], Result]
EXPERIMENTS: tuple[Experiment, ...] = (
    initialisation,
    latency,
    rates,
    pictures,
    rate_distortion,
    quantisation,
    shimmer,
    superpixels,
    regressor,
    metadata,
    bits_back,
    motion,
)
"""In the report's order; each is given a clip, and whether it is to be quick."""
LINES = 360
"""The paper's size: larger pictures are reduced to so many lines."""
FRAMES, QUICK_FRAMES = 60, 19
RATIOS = (
    "iterations_ratio",
    "time_ratio",
    "oracle_ratio",
    "both_ratio",
    "start_ratio",
    "optimizer_ratio",
)
SAVED = "bits_saved"


@dataclass(frozen=True)
class Report:
    """What was found on one clip."""

    clip: Clip
    results: list[Result]

    def value(self, name: str) -> float | None:
        """A number that some experiment gives under this name."""
        return next((r.values[name] for r in self.results if name in r.values), None)


def _foreign(names: list[str]) -> str | None:
    """What no report has beside its page, its JSON and its pictures."""
    if JSON not in names:
        return next(iter(names), None)
    return next((n for n in names if n not in (JSON, PAGE) and not n.endswith(".png")), None)


def reproduce(
    clips: Iterable[Path] = (),
    *,
    out: Path = Path("reproduce"),
    quick: bool = False,
    overwrite: bool = False,
    experiments: Iterable[Experiment] = EXPERIMENTS,
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
    """Run experiments and write ``index.html``, ``report.json`` and pictures into a folder.

    Parameters
    ----------
    clips : iterable of Path
        Files or folders; the talking portrait where there are none.
    out : Path
        The folder, which is put in place when it is whole.
    quick : bool
        Fewer frames, points and iterations.
    overwrite : bool
        Replace a report that is there.
    experiments : iterable of callable
    tell : callable
        Given a line after each experiment.

    Returns
    -------
    dict
        What ``report.json`` holds: ``summary`` has ``iterations_ratio`` and ``time_ratio``,
        GaussianImage's over tsplat's to 30 dB; of the iterations also ``both_ratio``,
        ``start_ratio`` and ``optimizer_ratio``, of a fit without growing that differs from
        GaussianImage's in both or in one, and ``oracle_ratio``, over all the fits that found
        tsplat's, all of them geometric means over the clips; and ``bits_saved``, 0 to 1, the
        arithmetic mean; None where no clip has one.

    Raises
    ------
    ConfigError, MediaError
        A clip cannot be read; the folder exists and may not be overwritten, or is no report.
    TsplatError
        matplotlib is not installed.
    """
    require_matplotlib()
    loaded = [load(Path(clip), quick) for clip in clips] or [bundled(quick)]
    runtime.start("auto")
    with replacing_folder(out, overwrite, _foreign) as folder:
        reports = []
        for clip in loaded:
            results = []
            for experiment in experiments:
                clock = time.perf_counter()
                results.append(_run(experiment, clip, quick))
                tell(_line(clip, results[-1], time.perf_counter() - clock))
            reports.append(Report(clip, results))
        found = {
            "quick": quick,
            "hardware": machine(runtime.current()),
            "summary": summary(reports),
        }
        return write_report(folder, found, [(r.clip, r.results) for r in reports])


def _run(experiment: Experiment, clip: Clip, quick: bool) -> Result:
    """An experiment's result; what it says of a clip that it fails on is why it was not run."""
    try:
        return experiment(clip, quick)
    except TsplatError as error:
        return Result(experiment.__name__, experiment.__name__, not_run=str(error))


def load(path: Path, quick: bool) -> Clip:
    """The first frames of a clip, reduced to the paper's size where they are larger.

    Raises
    ------
    ConfigError, MediaError
        It is standard input, cannot be read, or has no pictures.
    """
    if str(path) == "-":
        raise ConfigError("reproduce: standard input can be read only once; give a file or folder")
    with open_source(path) as source:
        lines = min(LINES, source.clip.height)
    found = load_pictures(path, lines, QUICK_FRAMES if quick else FRAMES)
    return Clip(path.name, found.frames, found.rate, str(path))


def bundled(quick: bool) -> Clip:
    """The talking portrait."""
    return Clip("portrait", list(portrait(QUICK_FRAMES if quick else FRAMES)), RATE)


def summary(reports: list[Report]) -> dict:
    """Means over the clips that have a figure, and of how many clips each is."""
    means: dict = {}
    counts: dict = {}
    for name in (*RATIOS, SAVED):
        values = [value for value in (r.value(name) for r in reports) if value is not None]
        counts[name] = len(values)
        if not values:
            means[name] = None
        elif name in RATIOS:
            means[name] = float(np.exp(np.mean(np.log(values))))
        else:
            means[name] = float(np.mean(values))
    means["clips"] = counts
    means["lower_bound"] = any(r.value("lower_bound") for r in reports)
    return means


def _line(clip: Clip, result: Result, seconds: float) -> str:
    done = f"not run: {result.not_run}" if result.not_run else f"{seconds:.1f} s"
    return f"{clip.name}: {result.name}: {done}"
