"""Rate and distortion against other codecs, on the same frames in the same run.

There are three comparisons: of clips coded as an encoder does by default; of clips coded with low
delay, where every frame can be shown before the next one is there; and of single I-frames.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tsplat.bench import gaussianimage
from tsplat.bench.codecs import PEERS
from tsplat.bench.comparison import HIGH, LOW, MEASURES, Comparison, Point, sizes_of
from tsplat.bench.datasets import readable
from tsplat.bench.measure import busiest, quality
from tsplat.bench.peers import sweep
from tsplat.bench.pictures import load
from tsplat.bench.sources import about, sha256_of
from tsplat.config import preset as config_of
from tsplat.errors import ConfigError, MediaError
from tsplat.files.person import Person
from tsplat.files.reader import Reader
from tsplat.files.run import Run
from tsplat.files.session import SPAN, encode
from tsplat.media.source import open_source

CRFS = (20.0, 25.0, 30.0, 35.0, 40.0)
NAMES = (*PEERS, gaussianimage.NAME)
"""What tsplat can be compared with."""
CODINGS = {
    "default": (*(name for name in PEERS if not name.endswith("-ld")), gaussianimage.NAME),
    "low-delay": tuple(name for name in PEERS if name.endswith("-ld")),
    "intra": ("x265-slow", "svtav1-p4"),
}
"""How clips can be coded, and what each way is compared with unless others are named."""
_BEYOND_DB = 1.5
"""How far beyond what they are compared over the peers' curves go."""


def compare(
    clip: Path,
    *,
    coding: str = "default",
    names: Iterable[str] | None = None,
    height: int = 360,
    frames: int = 60,
    crfs: Iterable[float] = CRFS,
    preset: str = "slow",
    roi: str = "off",
    tell: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Encode a clip with tsplat and its peers.

    Parameters
    ----------
    clip : Path
    coding : str
        Of :data:`CODINGS`; "intra" takes the first frame alone.
    names : iterable of str, optional
        Of :data:`NAMES`; those of the coding by default.
    height, frames : int
        Lines to scale to, and frames to take.
    crfs : iterable of float
        For tsplat.
    preset : {"realtime", "fast", "slow"}
    roi : {"off", "person"}
        "person": tsplat codes the person alone, and everybody is measured inside that region.
    tell : callable
        Given a line for each encoding.

    Raises
    ------
    ConfigError, MediaError, ModelError, BackendError
        As :func:`tsplat.encode`; this build of FFmpeg's libraries lacks a peer.
    """
    if str(clip) == "-":
        raise ConfigError("bench: standard input can be read only once; give a file or a folder")
    sha256 = sha256_of(clip)
    frames = 1 if coding == "intra" else frames
    points: list[Point] = []

    def add(point: Point) -> None:
        points.append(point)
        tell(_line(point))

    with readable(clip, frames) as path:
        taken, rate = _frames(path, height, frames, tell)
        tell(about(sha256))
        settings = {
            "preset": preset,
            "height": taken[0].shape[0],
            "frames": frames,
            "roi": roi,
            "max_span": 1 if coding == "low-delay" else SPAN,
        }
        inside = _ours(path, taken, sorted(set(crfs), reverse=True), settings, add)
    enough = max(HIGH, *(p.quality.psnr_db for p in points)) + _BEYOND_DB
    chosen = CODINGS[coding] if names is None else tuple(names)
    for name in chosen:
        if name == gaussianimage.NAME:
            for splats, size, seconds, measured in gaussianimage.sweep(taken, enough, inside):
                add(Point(name, 1, None, size, seconds, measured, splats))
            continue
        for shrink, crf, size, seconds, measured in sweep(name, taken, rate, enough, inside):
            add(Point(name, shrink, crf, size, seconds, measured))
    corner = busiest(taken, taken[0].shape[0] // 2)
    middle = taken[len(taken) // 2]
    return Comparison(clip.name, sha256, len(taken), rate, middle, corner, chosen, points)


def _frames(
    clip: Path, height: int, frames: int, tell: Callable[[str], None]
) -> tuple[list[np.ndarray], Fraction]:
    """The first frames of a clip, scaled to so many lines where it has more, and their rate."""
    with open_source(clip) as pictures:
        lines = pictures.clip.height
    if lines < height:
        tell(f"has {lines} lines, and is not enlarged to {height}")
    found = load(clip, min(lines, height), frames)
    return found.frames, found.rate


def _ours(
    clip: Path,
    frames: list[np.ndarray],
    crfs: list[float],
    settings: dict[str, Any],
    add: Callable[[Point], None],
) -> list[np.ndarray] | None:
    """Encode with tsplat; the part of each frame that counts, if it is not all of it."""
    alone = settings["roi"] == "person"
    inside: list[np.ndarray] | None = None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.tsplat"
        for crf in crfs:
            background = "none" if alone else "splats"
            config = config_of(
                settings["preset"],
                crf=crf,
                gop=65535,
                max_span=settings["max_span"],
                background=background,
            )
            done = encode(
                clip,
                out,
                config,
                height=settings["height"],
                frames=settings["frames"],
                person=Person(settings["roi"]),
                run=Run(overwrite=True),
            )
            if alone and inside is None:
                inside = [picture.alpha == 255 for picture in Reader(out).frames()]
            measured = quality(shown(out), frames, inside)
            seconds = done["seconds"]["total"] - done["seconds"]["verify"]
            add(Point("tsplat", 1, crf, done["bytes"], seconds, measured))
    return inside


def summary(comparisons: list[Comparison], **settings) -> dict:
    """What ``tsplat bench rd --json`` prints: settings, clips, and means over the clips.

    A mean is over those clips that have a figure, and says how many.
    """
    clips = [c.result() for c in comparisons]
    means: dict = {}
    for name in comparisons[0].names:
        for size in sizes_of(name):
            for over in MEASURES:
                found = [clip["bd_rate"][name][size][over] for clip in clips]
                changes = [f["change"] for f in found if f]
                means.setdefault(name, {}).setdefault(size, {})[over] = {
                    "change": float(np.mean(changes)) if changes else None,
                    "clips": len(changes),
                }
    return {**settings, "low_db": LOW, "high_db": HIGH, "clips": clips, "mean_bd_rate": means}


def shown(path: Path) -> Iterator[np.ndarray]:
    """The pictures of a file that must be whole."""
    reader = Reader(path)
    for picture in reader.frames():
        yield picture.pixels
    if reader.damage:
        raise MediaError(f"{path.name}: {reader.damage[0].error}")


def _line(p: Point) -> str:
    how = f"crf {p.crf:4.0f}" if p.crf is not None else f"{p.splats} splats"
    return (
        f"{p.codec:13} size 1/{p.shrink} {how}: {p.bytes:7d} bytes, "
        f"{p.quality.psnr_db:.2f} dB, MS-SSIM {p.quality.ms_ssim:.4f}, {p.seconds:.1f} s"
    )
