"""Rate and distortion against other codecs, on the same frames in the same run."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.bench.curves import Curve, at_equal, bd_rate, hull
from tsplat.bench.measure import Quality, busiest, quality
from tsplat.bench.peers import SHRINKS, sweep
from tsplat.decoder import Reader
from tsplat.errors import ConfigError, MediaError
from tsplat.files.encoding import encode
from tsplat.frames.source import open_source

CRFS = (20.0, 25.0, 30.0, 35.0, 40.0)
LOW, HIGH = 26.0, 32.0
"""PSNR over which codecs are compared, dB."""
SIZES = ("full_size", "best_size")
RANGES = ("low_to_high", "shared", "ms_ssim")
"""Over what bytes are compared: PSNR from :data:`LOW` to :data:`HIGH`, all PSNR that both sides
reach, and all MS-SSIM that both reach."""
SHIMMER_DB = (26, 28, 30, 32)
"""PSNR at which shimmer is compared."""
_BEYOND_DB = 1.5
"""How far beyond what they are compared over the peers' curves go."""


@dataclass(frozen=True)
class Point:
    """A clip encoded once.

    Attributes
    ----------
    codec : str
    shrink : int
        Part of the clip's width and height at which it was encoded.
    crf : float
    bytes : int
        Of the whole file for tsplat, of the elementary stream for the others.
    seconds : float
        That encoding took.
    quality : Quality
        Of the decoded frames.
    """

    codec: str
    shrink: int
    crf: float
    bytes: int
    seconds: float
    quality: Quality

    @property
    def rated(self) -> tuple[float, float]:
        """Bytes and PSNR."""
        return float(self.bytes), self.quality.psnr_db

    @property
    def likened(self) -> tuple[float, float]:
        """Bytes and MS-SSIM, that in decibels of what is missing to 1."""
        return float(self.bytes), -10 * math.log10(max(1e-9, 1 - self.quality.ms_ssim))


@dataclass(frozen=True)
class Comparison:
    """A clip encoded by all codecs.

    Attributes
    ----------
    clip : str
    frames : int
    rate : Fraction
        Frames a second.
    source : (H, W, 3) uint8
        The frame in the middle.
    busiest : (int, int)
        Top left corner, (y, x), of a square of half the height in which the clip changes most.
    names : tuple of str
        The peers.
    points : list of Point
    """

    clip: str
    frames: int
    rate: Fraction
    source: np.ndarray
    busiest: tuple[int, int]
    names: tuple[str, ...]
    points: list[Point]

    def of(self, codec: str, shrinks: Iterable[int] | None = None) -> list[Point]:
        """Points of a codec, at some sizes or at all."""
        wanted = None if shrinks is None else set(shrinks)
        return [
            p for p in self.points if p.codec == codec and (wanted is None or p.shrink in wanted)
        ]

    def best(self, codec: str) -> list[Point]:
        """Points of a codec that no size of it beats, in ascending order."""
        sizes = [[p.rated for p in self.of(codec, [n])] for n in (1, 2, 3)]
        chosen = hull([curve for curve in sizes if curve])
        by_rate = {p.rated: p for p in self.of(codec)}
        return [by_rate[point] for point in chosen]

    def against(self, codec: str, size: str, over: str) -> dict | None:
        """Change of bytes at equal quality, and over what; None where too little is shared."""
        shrinks = (1,) if size == "full_size" else SHRINKS[codec]

        def curve(points: list[Point]) -> Curve:
            return [p.likened if over == "ms_ssim" else p.rated for p in points]

        ours = curve(self.of("tsplat"))
        theirs = [curve(self.of(codec, [n])) for n in shrinks if self.of(codec, [n])]
        low, high = LOW, HIGH
        if over != "low_to_high":
            low, high = min(q for _, q in ours), max(q for _, q in ours)
        found = bd_rate(theirs, ours, low, high)
        if found is None:
            return None
        change, low, high = found
        if over == "ms_ssim":
            return {"change": change, "from": 1 - 10 ** (-low / 10), "to": 1 - 10 ** (-high / 10)}
        return {"change": change, "from_db": low, "to_db": high}

    def shimmer(self, codec: str, size: str) -> list[float | None]:
        """At :data:`SHIMMER_DB`, grey levels squared; None where it is not reached."""
        points = self.of(codec, [1]) if size == "full_size" else self.best(codec)
        curve = [
            (p.quality.psnr_db, p.quality.shimmer) for p in points if p.quality.shimmer is not None
        ]
        return [at_equal(db, curve) if curve else None for db in SHIMMER_DB]

    def result(self) -> dict:
        """What ``tsplat bench rd --json`` prints of it."""
        seconds = float(self.frames / self.rate)
        return {
            "clip": self.clip,
            "width": self.source.shape[1],
            "height": self.source.shape[0],
            "frames": self.frames,
            "rate": str(self.rate),
            "points": [
                {
                    "codec": p.codec,
                    "shrink": p.shrink,
                    "crf": p.crf,
                    "bytes": p.bytes,
                    "kbit_s": round(p.bytes * 8 / seconds / 1000, 3),
                    "psnr_db": round(p.quality.psnr_db, 4),
                    "ms_ssim": round(p.quality.ms_ssim, 6),
                    "shimmer": p.quality.shimmer,
                    "encode_seconds": round(p.seconds, 3),
                }
                for p in self.points
            ],
            "bd_rate": {
                name: {size: {r: self.against(name, size, r) for r in RANGES} for size in SIZES}
                for name in self.names
            },
            "shimmer": {
                "psnr_db": list(SHIMMER_DB),
                "tsplat": self.shimmer("tsplat", "full_size"),
                **{name: {s: self.shimmer(name, s) for s in SIZES} for name in self.names},
            },
        }


def compare(
    clip: Path,
    *,
    names: Iterable[str] = tuple(SHRINKS),
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
    names : iterable of str
        Of :data:`tsplat.frames.peers.PEERS`.
    height, frames : int
        Lines to scale to, and frames to take.
    crfs : iterable of float
        For tsplat.
    preset : {"fast", "slow"}
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
    with open_source(clip, height) as pictures:
        rate = pictures.clip.rate
        taken = [frame for (_, frame), _ in zip(pictures, range(frames))]
    points: list[Point] = []
    inside: list[np.ndarray] | None = None

    def add(point: Point) -> None:
        points.append(point)
        tell(_line(point))

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.tsplat"
        for crf in sorted(set(crfs), reverse=True):
            done = encode(
                clip,
                out,
                preset=preset,
                crf=crf,
                gop=65535,
                height=height,
                frames=frames,
                roi=roi,
                background="none" if roi == "person" else "splats",
                overwrite=True,
            )
            if roi == "person" and inside is None:
                inside = [picture.alpha == 255 for picture in Reader(out).frames()]
            measured = quality(_shown(out), taken, inside)
            seconds = done["seconds"]["total"] - done["seconds"]["verify"]
            add(Point("tsplat", 1, crf, done["bytes"], seconds, measured))
    enough = max(HIGH, *(p.quality.psnr_db for p in points)) + _BEYOND_DB
    chosen = tuple(names)
    for name in chosen:
        for shrink, crf, size, seconds, measured in sweep(name, taken, rate, enough, inside):
            add(Point(name, shrink, crf, size, seconds, measured))
    corner = busiest(taken, taken[0].shape[0] // 2)
    middle = taken[len(taken) // 2]
    return Comparison(clip.name, len(taken), rate, middle, corner, chosen, points)


def summary(comparisons: list[Comparison], **settings) -> dict:
    """What ``tsplat bench rd --json`` prints: settings, clips, and means over the clips.

    A mean is over those clips that have a figure, and says how many.
    """
    clips = [c.result() for c in comparisons]
    means: dict = {}
    for name in comparisons[0].names:
        for size in SIZES:
            for over in RANGES:
                found = [clip["bd_rate"][name][size][over] for clip in clips]
                changes = [f["change"] for f in found if f]
                means.setdefault(name, {}).setdefault(size, {})[over] = {
                    "change": float(np.mean(changes)) if changes else None,
                    "clips": len(changes),
                }
    return {**settings, "low_db": LOW, "high_db": HIGH, "clips": clips, "mean_bd_rate": means}


def _shown(path: Path) -> Iterator[np.ndarray]:
    reader = Reader(path)
    for picture in reader.frames():
        yield picture.pixels
    if reader.damage:
        raise MediaError(f"{path.name}: {reader.damage[0].error}")


def _line(p: Point) -> str:
    return (
        f"{p.codec:7} size 1/{p.shrink} crf {p.crf:4.0f}: {p.bytes:7d} bytes, "
        f"{p.quality.psnr_db:.2f} dB, MS-SSIM {p.quality.ms_ssim:.4f}, {p.seconds:.1f} s"
    )
