"""A clip encoded by several codecs, and what that says of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction

import numpy as np

from tsplat.bench import gaussianimage
from tsplat.bench.codecs import PEERS
from tsplat.bench.curves import Curve, at_equal, bd_rate, hull
from tsplat.bench.measure import Quality
from tsplat.bench.sources import source_of

LOW, HIGH = 26.0, 32.0
"""PSNR over which codecs are compared, dB."""
SIZES = ("full_size", "best_size")
SHOWN = ("low_to_high", "shared", "psnr_y", "ms_ssim")
"""Of :data:`MEASURES`, those of tables."""
SHIMMER_DB = (26, 28, 30, 32)
"""PSNR at which shimmer is compared."""


@dataclass(frozen=True)
class Point:
    """A clip encoded once.

    Attributes
    ----------
    codec : str
    shrink : int
        Part of the clip's width and height at which it was encoded.
    crf : float or None
        Constant quality; None for GaussianImage.
    bytes : int
        Of the whole file for tsplat, of the elementary stream for the others; for GaussianImage
        an account, see :mod:`tsplat.bench.gaussianimage`.
    seconds : float
        That encoding took.
    quality : Quality
        Of the decoded frames.
    splats : int or None
        Of a frame, for GaussianImage.
    """

    codec: str
    shrink: int
    crf: float | None
    bytes: int
    seconds: float
    quality: Quality
    splats: int | None = None

    @property
    def rated(self) -> tuple[float, float]:
        """Bytes and PSNR."""
        return float(self.bytes), self.quality.psnr_db


@dataclass(frozen=True)
class Measure:
    """A quality at which bytes are compared where it is equal.

    Attributes
    ----------
    about : str
    of : callable
        Decibels of a :class:`~tsplat.bench.measure.Quality`.
    low, high : float
        Over what they are compared, as far as both sides reach, dB.
    """

    about: str
    of: Callable[[Quality], float]
    low: float = -math.inf
    high: float = math.inf


def _missing_db(quality: Quality) -> float:
    """What MS-SSIM lacks to 1, in decibels."""
    return -10 * math.log10(max(1e-9, 1 - quality.ms_ssim))


MEASURES = {
    "low_to_high": Measure(f"PSNR, {LOW:g} to {HIGH:g} dB", lambda q: q.psnr_db, LOW, HIGH),
    "shared": Measure("PSNR", lambda q: q.psnr_db),
    "psnr_y": Measure("PSNR of Y", lambda q: q.psnr_y_db),
    "psnr_yuv": Measure("PSNR of (6 Y + Cb + Cr) / 8", lambda q: q.psnr_yuv_db),
    "worst": Measure("PSNR of the worst frame", lambda q: q.worst_db),
    "ms_ssim": Measure("MS-SSIM", _missing_db),
}


def sizes_of(codec: str) -> tuple[str, ...]:
    """Of :data:`SIZES` those at which a codec is run."""
    return SIZES if codec in PEERS else SIZES[:1]


@dataclass(frozen=True)
class Comparison:
    """A clip encoded by all codecs.

    Attributes
    ----------
    clip : str
    sha256 : str or None
        Of the clip's file; None for a folder.
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
    sha256: str | None
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
        """Change of bytes at equal quality, of :data:`MEASURES`, and over what; None where too
        little is shared."""
        shrinks = (1,) if size == "full_size" else PEERS[codec].codec.shrinks
        measure = MEASURES[over]

        def curve(points: list[Point]) -> Curve:
            return [(float(p.bytes), measure.of(p.quality)) for p in points]

        ours = curve(self.of("tsplat"))
        theirs = [curve(self.of(codec, [n])) for n in shrinks if self.of(codec, [n])]
        low = max(measure.low, min(q for _, q in ours))
        high = min(measure.high, max(q for _, q in ours))
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

    def alone(self) -> list[dict]:
        """For each point of tsplat, what GaussianImage would need at equal PSNR; None where its
        curve does not reach."""
        curve = [p.rated for p in self.of(gaussianimage.NAME)]
        rows = []
        for p in self.of("tsplat"):
            size = gaussianimage.bytes_at(p.quality.psnr_db, curve)
            rows.append(
                {
                    "crf": p.crf,
                    "psnr_db": round(p.quality.psnr_db, 4),
                    "tsplat_bytes": p.bytes,
                    "bytes": None if size is None else round(size),
                    "change": None if size is None else p.bytes / size - 1,
                }
            )
        return rows

    def result(self) -> dict:
        """What ``tsplat bench rd --json`` prints of it."""
        seconds = float(self.frames / self.rate)
        source = source_of(self.sha256)
        return {
            "clip": self.clip,
            "sha256": self.sha256,
            "source": asdict(source) if source else None,
            "width": self.source.shape[1],
            "height": self.source.shape[0],
            "frames": self.frames,
            "rate": str(self.rate),
            "points": [
                {
                    "codec": p.codec,
                    "shrink": p.shrink,
                    "crf": p.crf,
                    "splats": p.splats,
                    "bytes": p.bytes,
                    "kbit_s": round(p.bytes * 8 / seconds / 1000, 3),
                    "psnr_db": round(p.quality.psnr_db, 4),
                    "psnr_y_db": round(p.quality.psnr_y_db, 4),
                    "psnr_yuv_db": round(p.quality.psnr_yuv_db, 4),
                    "worst_db": round(p.quality.worst_db, 4),
                    "worst_below_db": round(p.quality.psnr_db - p.quality.worst_db, 4),
                    "ms_ssim": round(p.quality.ms_ssim, 6),
                    "shimmer": p.quality.shimmer,
                    "encode_seconds": round(p.seconds, 3),
                }
                for p in self.points
            ],
            "bd_rate": {
                name: {s: {m: self.against(name, s, m) for m in MEASURES} for s in sizes_of(name)}
                for name in self.names
            },
            "gaussianimage": self.alone() if gaussianimage.NAME in self.names else None,
            "shimmer": {
                "psnr_db": list(SHIMMER_DB),
                "tsplat": self.shimmer("tsplat", "full_size"),
                **{
                    name: {s: self.shimmer(name, s) for s in SIZES}
                    for name in self.names
                    if name != gaussianimage.NAME
                },
            },
        }
