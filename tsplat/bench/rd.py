"""Rate and distortion against other codecs, on the same frames in the same run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.bench.curves import bd_rate
from tsplat.decoder import Reader
from tsplat.files.encoding import encode
from tsplat.files.metrics import WHOLE, ms_ssim, psnr_of, squared_error_map
from tsplat.frames import peers
from tsplat.frames.source import open_source

CRFS = (20.0, 25.0, 30.0, 35.0, 40.0)
PEER_CRFS = {
    "x264": (26, 30, 34, 38, 42, 46, 51),
    "x265": (28, 32, 36, 40, 44, 48, 51),
    "svtav1": (40, 48, 56, 63),
}
"""Qualities at which talking heads take low rates."""
SHRINKS = {"x264": (1, 2), "x265": (1, 2), "svtav1": (1, 2, 3)}
"""Parts of the clip's size at which a user at a low rate would try a codec."""
LOW, HIGH = 26.0, 32.0
"""PSNR over which codecs are compared, dB."""


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
    psnr_db : float
        RGB, of the decoded frames; inside the region, if there is one.
    ms_ssim : float
    seconds : float
        That encoding took; 0 where it was not measured.
    """

    codec: str
    shrink: int
    crf: float
    bytes: int
    psnr_db: float
    ms_ssim: float
    seconds: float = 0.0


def compare(
    clip: Path,
    *,
    names: Iterable[str] = ("x264", "x265", "svtav1"),
    height: int = 360,
    frames: int = 60,
    crfs: Iterable[float] = CRFS,
    preset: str = "slow",
    roi: str = "off",
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
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
    preset : {"realtime", "fast", "slow"}
    roi : {"off", "person"}
        "person": tsplat codes the person alone, and everybody is measured inside that region.
    tell : callable
        Given a line for each encoding.

    Returns
    -------
    dict
        ``points``, and ``bd_rate``: for each peer, at full and at its best size, the average
        change of bytes at equal PSNR between :data:`LOW` and :data:`HIGH` or the part of it that
        both curves cover, and that part.
    """
    with open_source(clip, height) as pictures:
        rate = pictures.clip.rate
        taken = [frame for (_, frame), _ in zip(pictures, range(frames))]
    inside: list[np.ndarray] | None = None
    points: list[Point] = []
    background = "none" if roi == "person" else "splats"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.tsplat"
        for crf in crfs:
            done = encode(
                clip,
                out,
                preset=preset,
                crf=crf,
                gop=65535,
                height=height,
                frames=frames,
                roi=roi,
                background=background,
                overwrite=True,
            )
            shown = list(Reader(out).frames())
            if roi == "person" and inside is None:
                inside = [picture.alpha == 255 for picture in shown]
            quality = _quality((picture.pixels for picture in shown), taken, inside)
            seconds = done["seconds"]["total"] - done["seconds"]["verify"]
            points.append(Point("tsplat", 1, crf, done["bytes"], *quality, seconds))
            tell(_line(points[-1]))
    for name in names:
        points += _peer(name, taken, rate, inside, tell)
    return {
        "clip": clip.name,
        "width": taken[0].shape[1],
        "height": taken[0].shape[0],
        "frames": len(taken),
        "preset": preset,
        "roi": roi,
        "points": [asdict(p) for p in points],
        "bd_rate": {
            name: {
                "full_size": _against(points, name, (1,)),
                "best_size": _against(points, name, SHRINKS[name]),
            }
            for name in names
        },
    }


def _peer(
    name: str,
    frames: list[np.ndarray],
    rate: Fraction,
    inside: list[np.ndarray] | None,
    tell: Callable[[str], None],
) -> Iterable[Point]:
    height, width = frames[0].shape[:2]
    for shrink in SHRINKS[name]:
        if not peers.fits(name, width, height, shrink):
            continue
        for crf in PEER_CRFS[name]:
            stream = peers.encode(frames, name, crf, shrink, rate)
            quality = _quality(peers.decode(stream), frames, inside)
            point = Point(name, shrink, crf, stream.bytes, *quality)
            tell(_line(point))
            yield point


def _quality(
    decoded: Iterable[np.ndarray], frames: list[np.ndarray], inside: list[np.ndarray] | None
) -> tuple[float, float]:
    """PSNR and MS-SSIM over all frames, or over their parts inside."""
    total = pixels = 0.0
    similar = []
    for number, (picture, frame) in enumerate(zip(decoded, frames, strict=True)):
        errors = squared_error_map(picture, frame)
        part = np.ones(errors.shape, bool) if inside is None else inside[number]
        total += float(errors[part].sum(dtype=np.float64))
        pixels += int(part.sum())
        if inside is None:
            similar.append(ms_ssim(picture, frame)[WHOLE])
        elif part.any():
            similar.append(ms_ssim(picture, frame, {"inside": part})["inside"])
    return psnr_of(total / max(1.0, pixels)), float(np.mean(similar))


def _against(points: list[Point], name: str, shrinks: tuple[int, ...]) -> dict | None:
    ours = [(float(p.bytes), p.psnr_db) for p in points if p.codec == "tsplat"]
    theirs = [
        [(float(p.bytes), p.psnr_db) for p in points if (p.codec, p.shrink) == (name, n)]
        for n in shrinks
    ]
    found = bd_rate([curve for curve in theirs if curve], ours, LOW, HIGH)
    return None if found is None else dict(zip(("change", "from_db", "to_db"), found))


def _line(p: Point) -> str:
    return (
        f"{p.codec:7} size 1/{p.shrink} crf {p.crf:4.0f}: {p.bytes:7d} bytes, "
        f"{p.psnr_db:.2f} dB, MS-SSIM {p.ms_ssim:.4f}"
        + (f", {p.seconds:.1f} s" if p.seconds else "")
    )
