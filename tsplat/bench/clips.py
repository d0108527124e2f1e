"""What the codec does on real clips.

::

    python -m tsplat.bench.clips CLIP... [--height 360] [--frames 60] [--gaussians 1000]

For every clip: iterations and time of the first frame's fit to 30 dB, initialisation included;
bytes of one keyframe against keyframes alone, and the PSNR of both, from the files; decoding
speed to raw RGB; and the encoder's peak memory for the clip and for a fifth of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas
from tsplat.media.source import open_source

_PEAK = """
import json, resource, sys
from tsplat.files.encoding import encode
result = encode(**json.loads(sys.argv[1]))
print(json.dumps(result | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
_DECODE = """
import json, sys
from tsplat.files.decoding import decode
print(json.dumps(decode(**json.loads(sys.argv[1]))))
"""


def first_frame(clip: Path, height: int, gaussians: int, target_db: float) -> tuple[int, float]:
    """Iterations and seconds to a PSNR, warm, from the frame to fitted splats."""
    with open_source(clip, height) as pictures:
        _, frame = next(iter(pictures))
    canvas = Canvas(frame.shape[1], frame.shape[0])
    allowed = 3 * frame.shape[0] * frame.shape[1] * 10 ** (-target_db / 10)
    for iterations in range(4, 400, 4):
        start = time.perf_counter()
        canvas.set_target(frame)
        canvas.begin()
        fitted = fit(canvas, superpixel(frame, gaussians), FitConfig(iterations, presolve=5))
        canvas.load(solve(canvas, fitted.params, 2))
        seconds = time.perf_counter() - start
        if canvas.squared_error() <= allowed:
            return iterations, seconds
    return -1, float("nan")


def _run(program: str, **settings) -> dict:
    out = subprocess.run(
        [sys.executable, "-c", program, json.dumps(settings)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(out.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--gaussians", type=int, default=1000)
    parser.add_argument("--preset", default="fast")
    options = parser.parse_args()
    runtime.start("cpu")
    for clip in options.clips:
        iterations, seconds = first_frame(clip, options.height, options.gaussians, 30.0)
        print(f"{clip.name}: first frame to 30 dB: {iterations} iterations, {seconds:.3f} s")
        shared = {"source": str(clip), "preset": options.preset, "gaussians": options.gaussians}
        shared |= {"height": options.height, "arch": "cpu", "roi": "off"}
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            one = _run(
                _PEAK, target=str(out / "one.tsplat"), frames=options.frames, gop=60, **shared
            )
            fifth = _run(
                _PEAK, target=str(out / "few.tsplat"), frames=options.frames // 5, gop=60, **shared
            )
            every = _run(
                _PEAK, target=str(out / "all.tsplat"), frames=options.frames, gop=1, **shared
            )
            speeds = [
                _run(_DECODE, source=str(out / "one.tsplat"), target=str(out / f"{k}.rgb"))
                for k in range(3)
            ]
        for name, r in (("GoP 60", one), ("GoP 1", every)):
            print(
                f"  {name}: {r['bytes']} bytes, {r['psnr_db']:.2f} dB, "
                f"{r['encode_frames_per_s']:.1f} frames/s"
            )
        share, change = one["bytes"] / every["bytes"], one["psnr_db"] - every["psnr_db"]
        print(f"  GoP 60 / GoP 1: {share:.1%} of the bytes, {change:+.2f} dB")
        speed = np.median([s["decode_frames_per_s"] for s in speeds])
        print(f"  decode to .rgb: {speed:.0f} frames/s")
        print(
            f"  peak memory of encoding: {one['peak_mib']:.0f} MiB for {one['frames']} frames, "
            f"{fifth['peak_mib']:.0f} MiB for {fifth['frames']}"
        )


if __name__ == "__main__":
    main()
