"""How near the CPU kernels come to what the machine can do.

A *pair* is a splat and a pixel inside its cut-off ellipse. Kernels walk whole vectors of 8 pixels,
and rendering whole blocks of 8x8: they *walk* more pairs than there are. A kernel cannot be faster
than the operations, or the bytes, of the pairs that it walks, at the machine's measured peak of
multiply-adds, or of bytes to and from its first-level caches, whichever takes longer. That is the
*bound*. What is computed once a block, a splat or a pixel is not counted.

References
----------
Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsplat.bench import peak
from tsplat.bench.kernels import HEIGHT, SPLATS, WIDTH, measure, synthetic
from tsplat.kernels import runtime
from tsplat.kernels.splatting import BLUR, CUTOFF

TILE = 8


@dataclass(frozen=True)
class Cost:
    """Of a pair that is walked.

    Attributes
    ----------
    operations : int
        Vector instructions, a multiply-add being one.
    bytes : int
        Read and written.
    """

    operations: int
    bytes: int


RENDER = Cost(8, 32)
"""Of :func:`tsplat.kernels.cpu.accumulate`, normalised: 2 for the falloff above its floor, 4 to add
the colour and the weight, 2 to step the falloff; the sums of the pixel, read and written."""
BACKWARD = Cost(18, 16)
"""Of :func:`tsplat.kernels.cpu.moments`: 2 for the falloff, 3 for the error's sums, 4 for
the error along the colour, 4 to weigh it where the falloff is not cut off, 3 for moments, 2 to
step the falloff; the error of the pixel, read."""


@dataclass(frozen=True)
class Pairs:
    """Of splats and pixels.

    Attributes
    ----------
    inside : int
        Pixels inside ellipses.
    render, backward : int
        Those that the two kernels walk.
    """

    inside: int
    render: int
    backward: int


def count(params: np.ndarray, width: int, height: int) -> Pairs:
    """Count a picture's pairs.

    Parameters
    ----------
    params : (N, 8) float32
        As those of :class:`tsplat.kernels.screen.Screen`.
    width, height : int
        Pixels.
    """
    x, y, l11, l21, l22 = params[:, :5].T.astype(np.float64)[..., None]
    sxx, sxy, syy = l11**2 + BLUR, l11 * l21, l21**2 + l22**2 + BLUR
    columns, strips = -(-width // TILE), -(-height // TILE)

    lines = np.arange(height) + 0.5 - y
    left, right, met = _chord(sxx, sxy, syy, lines, lines)
    first, last = np.ceil(x + left - 0.5), np.floor(x + right - 0.5)
    inside = _total(np.maximum(first, 0), np.minimum(last, width - 1), met)

    top = TILE * np.arange(strips) + 0.5 - y
    left, right, met = _chord(sxx, sxy, syy, top, top + TILE - 1)
    first, last = np.floor((x + left) / TILE), np.floor((x + right) / TILE)
    blocks = _total(np.maximum(first, 0), np.minimum(last, columns - 1), met)

    start = TILE * np.arange(columns) + 0.5 - x
    above, below, met = _chord(syy, sxy, sxx, start, start + TILE - 1)
    first, last = np.floor(y + above), np.floor(y + below)
    vectors = _total(np.maximum(first, 0), np.minimum(last, TILE * strips - 1), met)
    return Pairs(inside, TILE * TILE * blocks, TILE * vectors)


def _chord(
    suu: np.ndarray, suv: np.ndarray, svv: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far ellipses reach along u, both ways, between two values of v; and whether at all.

    All are counted from the means. The ellipse's own end along u is at v = +-suv CUTOFF / sqrt suu.
    """
    extent = CUTOFF * np.sqrt(svv)
    met = (low <= extent) & (high >= -extent)
    low, high = np.maximum(low, -extent), np.minimum(high, extent)
    ends = []
    for sign in (-1, 1):
        v = np.clip(sign * CUTOFF * suv / np.sqrt(suu), low, high)
        room = np.maximum(0, CUTOFF**2 - v * v / svv) * (suu - suv * suv / svv)
        ends.append(suv / svv * v + sign * np.sqrt(room))
    return ends[0], ends[1], met


def _total(first: np.ndarray, last: np.ndarray, met: np.ndarray) -> int:
    return int((np.maximum(0, last - first + 1) * met).sum())


def roofline(threads: int | None = None) -> dict[str, Any]:
    """Measure the machine's peaks and the kernels, 640x360, 1000 splats.

    Returns
    -------
    dict
        ``scene``, ``threads``, ``lanes``; the peaks, ``operations_per_s`` (multiply-adds, lane by
        lane) and ``bytes_per_s``, those of one thread times the threads; ``clock_ghz``, if a core
        does two vectors of multiply-adds a cycle; and ``kernels``: for each ``pairs``, ``walked``,
        ``operations`` and ``bytes`` a walked pair, ``bound_ms``, ``bound_by``, ``measured_ms``, and
        ``share`` = bound / measured. Times, as peaks, are the best of many rounds.
    """
    backend = runtime.start("cpu", threads)
    pairs = count(synthetic(), WIDTH, HEIGHT)
    operations = backend.threads * peak.operations_per_s()
    moved = backend.threads * peak.bytes_per_s()
    measured = measure(threads, of=min)
    render = _bound(pairs.render, RENDER, operations, moved)
    backward = _bound(pairs.backward, BACKWARD, operations, moved)
    both = {
        "walked": pairs.render + pairs.backward,
        "bound_ms": render["bound_ms"] + backward["bound_ms"],
        "bound_by": "both",
    }
    bounds = {"render": render, "backward": backward, "iteration": both}
    return {
        "scene": f"{WIDTH}x{HEIGHT}, {SPLATS} splats",
        "threads": backend.threads,
        "lanes": peak.LANES,
        "operations_per_s": operations,
        "bytes_per_s": moved,
        "clock_ghz": operations / (2 * peak.LANES * backend.threads) / 1e9,
        "kernels": [
            {"kernel": name, "pairs": pairs.inside}
            | bound
            | {"measured_ms": measured[name], "share": bound["bound_ms"] / measured[name]}
            for name, bound in bounds.items()
        ],
    }


def _bound(walked: int, cost: Cost, operations: float, moved: float) -> dict[str, Any]:
    by = {
        "operations": 1e3 * walked * cost.operations / operations,
        "bytes": 1e3 * walked * cost.bytes / moved,
    }
    slower = max(by, key=lambda name: by[name])
    return {
        "walked": walked,
        "operations": cost.operations,
        "bytes": cost.bytes,
        "bound_ms": by[slower],
        "bound_by": slower,
    }
