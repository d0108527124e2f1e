"""What the region of interest gives, on real clips.

::

    python -m tsplat.bench.roi CLIP... [--reference-model MODEL] [--frames 60] [--height 360]

For every clip: how well the region agrees with a better matte (``--reference-model``, a name or
file as ``tsplat encode --matting-model`` takes; left out without it), how much it moves while the
scene is still, what finding it and the first splats inside it cost, how many bytes the person
alone takes against the whole frame at equal PSNR inside the region, and what a background of
video leaves to the person at equal bytes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tsplat.bench.curves import at_equal
from tsplat.config import preset
from tsplat.encoding.init.superpixel import superpixel
from tsplat.errors import TsplatError
from tsplat.files.inspect import inspect
from tsplat.files.metrics import psnr_of, squared_error_map
from tsplat.files.person import Person
from tsplat.files.reader import Reader
from tsplat.files.run import Run
from tsplat.files.session import encode
from tsplat.kernels import runtime
from tsplat.media.source import open_source
from tsplat.roi.matting import Matting
from tsplat.roi.tracker import Tracker

CRFS = (22, 27, 32, 37)
"""Qualities of the curves."""
STILL_LEVELS, STILL_SHARE = 5, 0.002


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--reference-model")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--no-rates", action="store_true", help="Only regions and times.")
    options = parser.parse_args()
    try:
        measure(options)
    except TsplatError as error:
        parser.error(str(error))


def measure(options: argparse.Namespace) -> None:
    """Print everything, clip by clip."""
    runtime.start("cpu")
    cv2.setNumThreads(1)
    for clip in options.clips:
        with open_source(clip, options.height) as pictures:
            frames = [frame for (_, frame), _ in zip(pictures, range(options.frames))]
        print(f"{clip.name}: {len(frames)} frames of {frames[0].shape[1]}x{frames[0].shape[0]}")
        regions = follow(frames)
        first_splats(frames[0], regions[0])
        if options.reference_model:
            agreement(frames, regions, options.reference_model)
        if not options.no_rates:
            rates(clip, frames, options.height)


def follow(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Regions of all frames, (H, W) float32 opacities; prints times and steadiness."""
    height, width = frames[0].shape[:2]
    matting = Matting()
    matting(frames[0])
    times = []
    for frame in frames:
        start = time.perf_counter()
        matting(frame)
        times.append(time.perf_counter() - start)
    tracker = Tracker(width, height, matting, "person")
    start = time.perf_counter()
    regions = [tracker(frame) for frame in frames]
    each = (time.perf_counter() - start) / len(frames)
    print(
        f"  matting ({matting.model}): median {1e3 * np.median(times):.1f} ms a frame; with the "
        f"tracker {1e3 * each:.1f} ms, {tracker.mattes} mattes for {len(frames)} frames"
    )
    changes = [
        float((a.cells ^ b.cells).sum() / max(1, a.cells.sum()))
        for a, b, f, g in zip(regions, regions[1:], frames, frames[1:])
        if _still(f, g)
    ]
    if changes:
        print(
            f"  {len(changes)} still pairs: region changes by {np.mean(changes):.3%} on average, "
            f"{max(changes):.2%} at most"
        )
    return [r.alpha(width, height, (tracker.cell, tracker.cell)) for r in regions]


def first_splats(frame: np.ndarray, inside: np.ndarray, count: int = 400) -> None:
    times = []
    for _ in range(9):
        start = time.perf_counter()
        superpixel(frame, count, inside)
        times.append(time.perf_counter() - start)
    print(f"  superpixels in the region, {count} splats: median {1e3 * np.median(times):.1f} ms")


def agreement(frames: list[np.ndarray], regions: list[np.ndarray], model: str) -> None:
    """IoU of regions with another model's mattes, every fourth frame."""
    matting = Matting(model, threads=2)
    found = []
    for frame, region in list(zip(frames, regions))[::4]:
        person, inside = matting(frame) >= 0.5, region == 1
        found.append((person & inside).sum() / max(1, (person | inside).sum()))
    print(f"  IoU with {matting.model}: mean {np.mean(found):.3f}, worst {min(found):.3f}")


def rates(clip: Path, frames: list[np.ndarray], height: int) -> None:
    """Bytes at equal PSNR inside the region, and PSNR at equal bytes."""

    def coded(roi: str, **settings: Any) -> None:
        config = preset("fast", **settings)
        run = Run(arch="cpu", overwrite=True)
        person = Person(roi)
        encode(clip, out, config, height=height, frames=len(frames), person=person, run=run)

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.tsplat"
        coded("person", background="none", crf=CRFS[-1])
        inside = [picture.alpha == 255 for picture in Reader(out).frames()]

        def curve(roi: str, **settings: Any) -> list[tuple[float, float]]:
            points = []
            for crf in CRFS:
                coded(roi, crf=crf, **settings)
                info = inspect(out)
                points.append((info["bytes"], _inside_db(out, frames, inside)))
                print(
                    f"    {roi}, {settings}, crf {crf}: {info['bytes']} bytes, "
                    f"{points[-1][1]:.2f} dB inside, "
                    f"masks {info['region_bytes'] / info['bytes']:.1%}, "
                    f"background {info['background_bytes']} bytes"
                )
            return points

        whole = curve("off")
        person = curve("person", background="none")
        film = curve("person", background="video")
    for size, quality in person:
        other = at_equal(quality, [(q, np.log(b)) for b, q in whole])
        if other is not None:
            change = size / np.exp(other) - 1
            print(f"  person alone at {quality:.2f} dB: {change:+.1%} of the whole frame's bytes")
    for size, quality in film:
        other = at_equal(np.log(size), [(np.log(b), q) for b, q in whole])
        if other is not None:
            print(f"  before a video, at {size} bytes: {quality - other:+.2f} dB inside the region")


def _inside_db(path: Path, frames: list[np.ndarray], inside: list[np.ndarray]) -> float:
    total = pixels = 0.0
    for picture, frame, part in zip(Reader(path).frames(), frames, inside):
        total += float(squared_error_map(picture.pixels, frame)[part].sum(dtype=np.float64))
        pixels += float(part.sum())
    return psnr_of(total / pixels)


def _still(a: np.ndarray, b: np.ndarray) -> bool:
    small = (cv2.resize(f, (80, 45), interpolation=cv2.INTER_AREA) for f in (a, b))
    return bool((cv2.absdiff(*small).max(2) > STILL_LEVELS).mean() <= STILL_SHARE)


if __name__ == "__main__":
    main()
