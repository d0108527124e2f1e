"""Figures 5 and 7: bits over splats and over PSNR, against GaussianImage for every frame."""

from __future__ import annotations

import numpy as np

from tsplat.bench import codecs as peers
from tsplat.bench.gaussianimage import BITS, bytes_at
from tsplat.bench.measure import quality
from tsplat.errors import MediaError
from tsplat.paper.experiments.encodings import Alone, Coding, alone, ours
from tsplat.paper.experiments.plots import Points, curves
from tsplat.paper.experiments.result import Cell, Clip, Figure, Result, Table

RATES = "rates"
RATES_TITLE = "Fig. 5: bits against the number of splats"
DISTORTION = "rate_distortion"
DISTORTION_TITLE = "Fig. 7: rate and distortion"
COUNTS, QUICK_COUNTS = (250, 500, 1000, 2000), (250, 1000)
"""Splats of tsplat's I-frame."""
_BASELINE, _QUICK_BASELINE = (125, 250, 500, 1000, 2000, 4000), (250, 1000, 2000, 4000)
"""Splats of each of GaussianImage's frames."""
_CRFS, _QUICK_CRFS = (18, 24, 30, 36), (20, 32)
_X264, _QUICK_X264 = (20, 26, 32, 38, 44), (24, 32, 40)
_NERV = (
    "UVG, 7 clips of 1080p",
    "NeRV's release, checkpoints/psnr_bpp_results.csv: an account, parameters times bits",
)
_PICTURES = "curves as pictures alone"
PUBLISHED: list[list[Cell]] = [
    ["NeRV", 0.01347, 31.28, *_NERV],
    ["NeRV", 0.02099, 32.53, *_NERV],
    ["NeRV", 0.03245, 33.69, *_NERV],
    ["NeRV", 0.04754, 34.71, *_NERV],
    ["NeRV", 0.06673, 35.57, *_NERV],
    ["NeRV", 0.1273, 36.59, *_NERV],
    ["NeRV", 0.2497, 37.86, *_NERV],
    ["DCVC-DC", None, None, "", f"arXiv 2302.14402: 23.5 % below other neural codecs; {_PICTURES}"],
    ["DCVC-RT", None, None, "", f"arXiv 2502.20762: 21 % below VTM; {_PICTURES}"],
    ["GSVC", None, None, "UVG, 1080p", f"arXiv 2501.12060: {_PICTURES}"],
]
"""Bits a pixel, PSNR in dB; of what; said where."""
_ROOM = 16
"""Pixels for a splat: pictures that have fewer are too small."""
_SCALED = (
    "GaussianImage is fitted to the first, the middle and the last frame (quick: the middle one), "
    "and its bits are scaled to all of them; its quantisers are trained from tsplat's fit and not "
    "from its own random start, which favours it."
)


def rates(clip: Clip, quick: bool) -> Result:
    """Figure 5: bits a pixel of tsplat's stream and of GaussianImage's frames."""
    reason = _unfit(clip)
    if reason:
        return Result(RATES, RATES_TITLE, not_run=reason)
    counts = _fitting(clip, QUICK_COUNTS if quick else COUNTS)
    by_rate = {n: ours(clip, "fast", gaussians=n) for n in counts}
    by_paper = {n: ours(clip, "paper", gaussians=n) for n in counts}
    theirs = baseline(clip, quick)
    savings = [saved(clip, coding, theirs) for coding in by_rate.values()]
    bounds = [saved_at_least(clip, coding, theirs) for coding in by_rate.values()]
    rows = [row for n in counts for row in _rows(clip, n, by_rate[n], by_paper[n], theirs)]
    rows += [row for a in theirs for row in _their_rows(clip, a)]
    head = ["", "splats", "bits a pixel", "PSNR, dB", "bits saved", "at least"]
    note = (
        "tsplat: preset fast, one keyframe, every byte of the stream. "
        f"{_SCALED} Account: {BITS} bits a splat and its tables, as its release counts; stream: "
        "with entropy coding, written, read and shown. Saved: of the lesser of the two, "
        "interpolated at tsplat's PSNR; a dash where GaussianImage's curve does not reach it. At "
        "least: if its quantisers lost nothing, at the account's bits."
    )
    paper = Table("The paper", ["", "bits saved"], [["against GaussianImage, on average", 0.78]])
    plot = curves(
        {
            "tsplat": [(n, _bpp(clip, c.bytes)) for n, c in by_rate.items()],
            "tsplat, --preset paper": [(n, _bpp(clip, c.bytes)) for n, c in by_paper.items()],
            "GaussianImage, account": [(a.splats, _bpp(clip, _all(clip, a.account)))
                                       for a in theirs],
            "GaussianImage, stream": [(a.splats, _bpp(clip, _all(clip, a.bytes))) for a in theirs],
        },
        "splats of a frame", "bits a pixel",
    )  # fmt: skip
    return Result(
        RATES,
        RATES_TITLE,
        [paper, Table("Here", head, rows, note)],
        [Figure("rates", "Bits a pixel against splats", plot)],
        {
            "bits_saved": _mean(savings),
            "points": sum(saving is not None for saving in savings),
            "bits_saved_at_least": _mean(bounds),
        },
    )


def rate_distortion(clip: Clip, quick: bool) -> Result:
    """Figure 7: PSNR over bits a pixel of tsplat, GaussianImage and x264."""
    reason = _unfit(clip)
    if reason:
        return Result(DISTORTION, DISTORTION_TITLE, not_run=reason)
    crfs = _QUICK_CRFS if quick else _CRFS
    series: dict[str, Points] = {}
    for name in ("fast", "slow"):
        found = [ours(clip, name, crf=float(crf)) for crf in crfs]
        series[f"tsplat {name}"] = [(_bpp(clip, c.bytes), c.quality.psnr_db) for c in found]
    series["GaussianImage, stream"] = [
        (_bpp(clip, _all(clip, a.bytes)), a.psnr_db) for a in baseline(clip, quick)
    ]
    note = ""
    try:
        series["x264 medium"] = [_x264(clip, crf) for crf in (_QUICK_X264 if quick else _X264)]
    except MediaError as error:
        note = f"{error}. "
    rows: list[list[Cell]] = [
        [name, round(bpp, 5), round(psnr, 2)]
        for name, points in series.items()
        for bpp, psnr in sorted(points)
    ]
    note += f"One keyframe. {_SCALED}"
    table = Table("Here", ["", "bits a pixel", "PSNR, dB"], rows, note)
    plot = curves(series, "bits a pixel", "PSNR, dB", log=True)
    figure = Figure("rate-distortion", "Rate and distortion", plot)
    published = Table(
        "Published, on other clips",
        ["", "bits a pixel", "PSNR, dB", "clips", "source"],
        PUBLISHED,
        "Of clips that are not these, at other sizes: not to be compared with them point by point. "
        "A dash: no number was found in what could be read.",
    )
    return Result(DISTORTION, DISTORTION_TITLE, [table, published], [figure])


def baseline(clip: Clip, quick: bool) -> list[Alone]:
    """GaussianImage's frames, from few splats to many."""
    counts = _fitting(clip, _QUICK_BASELINE if quick else _BASELINE)
    return [alone(clip, count, quick) for count in counts]


def saved(clip: Clip, coding: Coding, theirs: list[Alone]) -> float | None:
    """Part of GaussianImage's bytes that a stream saves at its PSNR; None beyond its curve."""
    curve = [(_all(clip, min(a.account, a.bytes)), a.psnr_db) for a in theirs]
    found = bytes_at(coding.quality.psnr_db, curve)
    return None if found is None else 1 - coding.bytes / found


def saved_at_least(clip: Clip, coding: Coding, theirs: list[Alone]) -> float | None:
    """The same if GaussianImage's quantisers lost no quality."""
    found = bytes_at(
        coding.quality.psnr_db, [(_all(clip, a.account), a.unrounded_db) for a in theirs]
    )
    return None if found is None else 1 - coding.bytes / found


def _rows(clip: Clip, n: int, rate: Coding, paper: Coding, theirs: list[Alone]) -> list[list[Cell]]:
    return [
        [name, n, _bpp(clip, c.bytes), round(c.quality.psnr_db, 2), saved(clip, c, theirs),
         saved_at_least(clip, c, theirs)]
        for name, c in (("tsplat", rate), ("tsplat, --preset paper", paper))
    ]  # fmt: skip


def _their_rows(clip: Clip, a: Alone) -> list[list[Cell]]:
    psnr = round(a.psnr_db, 2)
    return [
        [f"GaussianImage, {name}", a.splats, _bpp(clip, _all(clip, size)), psnr, None, None]
        for name, size in (("account", a.account), ("stream", a.bytes))
    ]


def _mean(values: list[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _x264(clip: Clip, crf: int) -> tuple[float, float]:
    stream = peers.encode(clip.frames, "x264", crf, 1, clip.rate)
    return _bpp(clip, stream.bytes), quality(peers.decode(stream), clip.frames).psnr_db


def _unfit(clip: Clip) -> str:
    """Why a clip does not suit; empty where it does."""
    height, width = clip.frames[0].shape[:2]
    if len(clip.frames) < 2:
        return "one frame has nothing to be predicted from"
    if not _fitting(clip, _QUICK_BASELINE):
        return f"{width}x{height} is too small for {_QUICK_BASELINE[0]} splats"
    return ""


def _fitting(clip: Clip, counts: tuple[int, ...]) -> list[int]:
    """Those numbers of splats for which a picture is large enough."""
    height, width = clip.frames[0].shape[:2]
    return [n for n in counts if n * _ROOM <= width * height]


def _all(clip: Clip, size: float) -> float:
    """Bytes of a frame to those of the clip."""
    return size * len(clip.frames)


def _bpp(clip: Clip, size: float) -> float:
    height, width = clip.frames[0].shape[:2]
    return 8 * size / (width * height * len(clip.frames))
