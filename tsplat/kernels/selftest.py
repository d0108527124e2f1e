"""``tsplat doctor --selftest``: whether GPUs compute what the CPU does, and how fast.

Every backend is tried in a process of its own, so that a driver that crashes is a result, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from tsplat.errors import BackendError
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas

WIDTH, HEIGHT, SPLATS = 640, 360, 1000
"""Of the scene that is timed."""
LIMITS = {"picture": 1.0, "gradient": 1e-3, "fit": 1e-2}
"""Most that a GPU may differ from the CPU by: grey levels of any pixel of a picture; gradient, of
the largest of its parameter; squared error after some iterations, of itself."""
SECONDS = 25.0
"""A backend that takes longer has failed."""
_SIZE = 203, 117
_ITERATIONS = 10
_SPENT_ON_A_TIME = 1.0


def synthetic(seed: int = 0) -> np.ndarray:
    """Splats spread evenly, each with four neighbours' overlap, (1000, 8) float32."""
    rng = np.random.default_rng(seed)
    size = 0.5 * np.sqrt(WIDTH * HEIGHT / SPLATS)
    means = rng.uniform((0, 0), (WIDTH, HEIGHT), (SPLATS, 2))
    diagonal = rng.uniform(0.6, 1.4, (SPLATS, 2)) * size
    tilt = rng.normal(0, 0.3, (SPLATS, 1)) * size
    colours = rng.uniform(0, 0.5, (SPLATS, 3))
    cholesky = np.concatenate([diagonal[:, :1], tilt, diagonal[:, 1:]], 1)
    return np.concatenate([means, cholesky, colours], 1).astype(np.float32)


def selftest(arches: list[str] | None = None) -> dict:
    """Try the CPU and every GPU backend that there is.

    Returns
    -------
    dict
        ``scene``: what is timed, in words. ``passed``: no GPU backend failed. ``backends``: one a
        backend, the CPU first, with ``arch``; ``render_ms`` and ``iteration_ms``, medians, or None;
        ``differences`` from the CPU by check, as in :data:`LIMITS` (None for the CPU); ``problem``:
        None, or what is wrong.
    """
    if arches is None:
        arches = runtime.available()
    backends = [_in_a_process(arch) for arch in arches]
    return {
        "scene": f"{WIDTH}x{HEIGHT}, {SPLATS} splats",
        "passed": not any(b["problem"] for b in backends),
        "backends": backends,
    }


def examine(arch: str) -> dict:
    """What :func:`selftest` says of one backend, tried in this process."""
    result: dict = {"arch": arch, "differences": None, "problem": None}
    try:
        if arch != "cpu":
            result["differences"] = differences(results("cpu"), results(arch))
            result["problem"] = _excess(result["differences"])
        return result | times(arch)
    except (BackendError, RuntimeError) as error:
        return result | {"render_ms": None, "iteration_ms": None, "problem": str(error)}


def results(arch: str) -> dict[str, np.ndarray]:
    """A picture, a gradient, and the squared error after a fit, of both blends side by side."""
    backend = runtime.start(arch)
    found = [_results(Canvas(*_SIZE, backend, normalised)) for normalised in (False, True)]
    return {name: np.concatenate([each[name] for each in found], -1) for name in LIMITS}


def _results(canvas: Canvas) -> dict[str, np.ndarray]:
    smaller = np.array([_SIZE[0] / WIDTH, _SIZE[1] / HEIGHT, *[1] * 3, *[0.3] * 3], np.float32)
    splats, others = synthetic()[:400] * smaller, synthetic(1)[:400] * smaller
    canvas.set_target(canvas.picture(others))
    weight = np.random.default_rng(2).uniform(0, 1, (_SIZE[1], _SIZE[0]))
    canvas.set_weight(weight.astype(np.float32))
    picture = canvas.picture(splats).astype(np.float64)
    tiles = np.arange(canvas.tiles) % 7 != 0
    canvas.begin(splats[:40], tiles)
    canvas.load(splats[40:])
    gradient = canvas.gradient().astype(np.float64)
    for t in range(1, _ITERATIONS + 1):
        canvas.iterate(0.05, 0.02, t)
    return {"picture": picture, "gradient": gradient, "fit": np.array([canvas.squared_error()])}


def differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest difference of each of :func:`results`, in the units of :data:`LIMITS`."""
    scale = {"picture": 1.0, "gradient": np.abs(one["gradient"]).max(0), "fit": one["fit"]}
    return {name: float((np.abs(other[name] - one[name]) / scale[name]).max()) for name in LIMITS}


def times(arch: str) -> dict[str, float]:
    """Median milliseconds of a render and of an iteration of the fit."""
    canvas = Canvas(WIDTH, HEIGHT, runtime.start(arch), normalised=True)
    splats = synthetic()
    canvas.set_target(canvas.picture(splats))
    canvas.begin()
    canvas.load(splats)
    return {
        "render_ms": _median_ms(
            lambda: canvas._render(canvas._black, canvas._image, canvas._everywhere)
        ),
        "iteration_ms": _median_ms(lambda: canvas.iterate(0.0, 0.0, 1)),
    }


def _excess(found: dict[str, float]) -> str | None:
    """What exceeds its limit; what is not a number does, too."""
    too_much = [f"{name} by {d:.2g}" for name, d in found.items() if not d <= LIMITS[name]]
    return f"differs from the CPU: {', '.join(too_much)}" if too_much else None


def _median_ms(call: Callable[[], None]) -> float:
    taken: list[float] = []
    call()
    runtime.sync()
    while len(taken) < 3 or (sum(taken) < _SPENT_ON_A_TIME and len(taken) < 100):
        start = time.perf_counter()
        call()
        runtime.sync()
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken))


def _in_a_process(arch: str) -> dict:
    failed = {"arch": arch, "render_ms": None, "iteration_ms": None, "differences": None}
    command = [sys.executable, "-m", "tsplat.kernels.selftest", arch]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return failed | {"problem": f"did not finish in {SECONDS:.0f} s"}
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return failed | {"problem": f"its process ended with {done.returncode}: {last}"}
    return json.loads(lines[-1])


if __name__ == "__main__":
    print(json.dumps(examine(sys.argv[1])))
