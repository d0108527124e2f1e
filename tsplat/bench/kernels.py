"""Times of the kernels on a synthetic picture: 640x360, 1000 splats, warm.

::

    python -m tsplat.bench.kernels [--threads N] [--beside SCRIPT]

``--beside`` runs another program before and after, in turns, since machines drift: it is given
the number of threads and prints lines such as ``render: ... median 1.10 ms, best 1.05 ms``.
Ratios are of medians, each against the nearest run of the other.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas
from tsplat.kernels.selftest import HEIGHT, SPLATS, WIDTH, synthetic


def measure(
    threads: int | None,
    rounds: int = 100,
    of: Callable[[list[float]], float] = statistics.median,
) -> dict[str, float]:
    """Times in milliseconds of one render, one backward pass, and one whole iteration: medians, or
    whatever else ``of`` makes of those of all rounds."""
    runtime.start("cpu", threads)
    canvas = Canvas(WIDTH, HEIGHT, normalised=True)
    splats = synthetic()
    canvas.set_target(canvas.picture(splats))
    canvas.begin()
    canvas.load(splats + np.random.default_rng(1).normal(0, 0.5, splats.shape).astype(np.float32))

    def render() -> None:
        canvas._render(canvas._black, canvas._image, canvas._everywhere)

    calls = {
        "render": render,
        "backward": lambda: canvas._project(canvas._error),
        "iteration": lambda: canvas.iterate(0.0, 0.0, 1),
    }
    return {name: 1e3 * of(_seconds(call, rounds)) for name, call in calls.items()}


def beside(script: str, threads: int) -> dict[str, float]:
    """Median times that another program prints, by name, milliseconds."""
    out = subprocess.run(
        [sys.executable, script, str(threads)], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"^(\w+):.*median ([\d.]+) ms", out, re.MULTILINE)
    return {name: float(value) for name, value in found}


def _seconds(call: Callable[[], None], rounds: int) -> list[float]:
    times = []
    for k in range(rounds + 5):
        start = time.perf_counter()
        call()
        runtime.sync()
        if k >= 5:
            times.append(time.perf_counter() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--beside", metavar="SCRIPT")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    threads = runtime.start("cpu", options.threads).threads
    print(f"{WIDTH}x{HEIGHT}, {SPLATS} splats, {threads} threads, medians in ms")
    ours, theirs = [], []
    for _ in range(options.turns):
        if options.beside:
            theirs.append(beside(options.beside, threads))
        ours.append(measure(options.threads))
    for name in ("render", "backward", "iteration"):
        print(f"{name:10} {statistics.median(o[name] for o in ours):6.2f}")
    if theirs:
        both = [(o, t, t["render"] + t["backward"]) for o, t in zip(ours, theirs)]
        for name in ("render", "backward"):
            print(f"beside: {name:10} {statistics.median(t[name] for t in theirs):6.2f}")
        ratio = statistics.median(o["render"] / t["render"] for o, t, _ in both)
        print(f"render / its render: {ratio:.2f}")
        ratio = statistics.median(o["iteration"] / total for o, _, total in both)
        print(f"iteration / its render and backward: {ratio:.2f}")


if __name__ == "__main__":
    main()
