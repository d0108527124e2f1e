"""How the splats moved: optical flow, then the motion that renders best."""

from __future__ import annotations

import cv2
import numpy as np

from tsplat.kernels.canvas import Canvas
from tsplat.motion import GRID, MOST, UNIT, warp, weights
from tsplat.splats import QuantizedSplats

REST = np.zeros((1, 1, 2), np.float32)
"""The flow of a scene in which nothing moves."""
_LEAST = 0.25
"""Pixels that something must move for the scene not to be at rest: half of a vector's unit."""
_RIDGE = 0.5
"""Pull of a node's vector towards its neighbours' mean, in splats."""
_PIXELS = 256 / UNIT
"""Units of a vector in a pixel."""


class Flow:
    """Dense motion from one frame to the next, at half size.

    References
    ----------
    Kroeger et al., Fast optical flow using dense inverse search, ECCV 2016.
    """

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._before: np.ndarray | None = None

    def keep(self, frame: np.ndarray) -> None:
        """Motion is to be from this frame, (H, W, 3) uint8, on."""
        self._before = _grey(frame)

    def to(self, frame: np.ndarray) -> np.ndarray | None:
        """Motion from the frame kept to this one: (h, w, 2) float32, pixels of the full size. None
        where it is too small, or where nothing moves."""
        before, grey = self._before, _grey(frame)
        if before is None or grey is None:
            return None
        flow = self._search.calc(before, grey, np.zeros((*grey.shape, 2), np.float32))
        smooth = cv2.blur(flow, (9, 9)) * 2
        return smooth if np.abs(smooth).max() >= _LEAST else None


def _grey(frame: np.ndarray) -> np.ndarray | None:
    """At half size; None of a frame that is too small for flow."""
    height, width = frame.shape[:2]
    if min(height, width) < 64:
        return None
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def vectors_of(flow: np.ndarray, params: np.ndarray, width: int, height: int) -> np.ndarray:
    """Vectors that follow a flow at the splats' places, (GRID, GRID, 2) float64, half pixels."""
    h, w = flow.shape[:2]
    x = np.clip(params[:, 0] * w / width, 0, w - 1).astype(int)
    y = np.clip(params[:, 1] * h / height, 0, h - 1).astype(int)
    share = weights(params, width, height)
    # Not BLAS: its threads take longer to start than this takes.
    normal = np.einsum("in,jn->ij", share, share) + _RIDGE * _smoothness()
    found = np.linalg.solve(normal + 1e-6 * np.eye(GRID * GRID), share @ flow[y, x])
    return (found * _PIXELS).reshape(GRID, GRID, 2)


def refine(
    canvas: Canvas,
    splats: QuantizedSplats,
    start: np.ndarray,
    iterations: int,
    lagrange: float,
) -> np.ndarray:
    """The vectors that pay best, (GRID, GRID, 2) int, half pixels; after ``canvas.begin``.

    Adam on the nodes, by the gradient of the squared error in the means and of what the nodes'
    differences cost, about ``2 log2(1 + d)`` bits.
    """
    params = splats.dequantise().params
    share = weights(params, canvas.width, canvas.height)
    nodes = start.reshape(-1, 2).copy()
    first, second = np.zeros_like(nodes), np.zeros_like(nodes)
    for t in range(1, iterations + 1):
        moved = params.copy()
        moved[:, :2] += (share.T @ nodes) / _PIXELS
        canvas.load(moved)
        gradient = share @ canvas.gradient()[:, :2].astype(np.float64) * (2 / _PIXELS)
        gradient += lagrange * _rate_gradient(nodes)
        first = 0.8 * first + 0.2 * gradient
        second = 0.9 * second + 0.1 * gradient**2
        rate = 1.0 * (1 - t / (iterations + 1)) + 0.1
        step = (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.9**t)) + 1e-9)
        nodes -= rate * step
    return np.clip(np.round(nodes), -MOST, MOST).astype(int).reshape(GRID, GRID, 2)


def _rate_gradient(nodes: np.ndarray) -> np.ndarray:
    """Of the bits of all differences between neighbours, (GRID * GRID, 2)."""
    grid = nodes.reshape(GRID, GRID, 2)
    out = np.zeros_like(grid)
    for axis in (0, 1):
        step = np.diff(grid, axis=axis)
        slope = np.sign(step) * 2 / (np.log(2) * (1 + np.abs(step)))
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        out[tuple(ahead)] += slope
        out[tuple(behind)] -= slope
    return out.reshape(-1, 2) / 2


def error_after(canvas: Canvas, splats: QuantizedSplats, vectors: np.ndarray) -> float:
    """Weighted squared error of moved splats over what ``canvas.begin`` set."""
    values = warp(splats.values, vectors, splats.steps, canvas.width, canvas.height)
    canvas.load(QuantizedSplats(values, splats.steps).dequantise().params)
    return canvas.squared_error()


def _smoothness() -> np.ndarray:
    """Laplacian of the grid, (GRID * GRID, GRID * GRID)."""
    n = GRID * GRID
    out = np.zeros((n, n))
    for y in range(GRID):
        for x in range(GRID):
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < GRID and u < GRID:
                    a, b = y * GRID + x, v * GRID + u
                    out[[a, b], [a, b]] += 1
                    out[[a, b], [b, a]] -= 1
    return out
