"""The oracle: the model of :mod:`tsplat.kernels.splatting` in NumPy float64, one line a formula."""

from __future__ import annotations

import numpy as np

FLOOR = np.exp(-4.5)
EMPTY = 1 / 1000


def covariance(params: np.ndarray) -> np.ndarray:
    """(N, 2, 2): L L^T + 1/2 I."""
    factor = np.zeros((len(params), 2, 2))
    factor[:, 0, 0], factor[:, 1, 0], factor[:, 1, 1] = params[:, 2:5].T
    return factor @ factor.transpose(0, 2, 1) + 0.5 * np.eye(2)


def falloff(params: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, H, W): max(exp(-q/2) - exp(-9/2), 0)."""
    y, x = np.mgrid[:height, :width] + 0.5
    offset = np.stack([x, y], -1)[None] - params[:, None, None, :2]
    inverse = np.linalg.inv(covariance(params))
    q = np.einsum("nhwi,nij,nhwj->nhw", offset, inverse, offset)
    return np.maximum(np.exp(-0.5 * q) - FLOOR, 0)


def sums(params: np.ndarray, height: int, width: int, weights: np.ndarray | float = 1.0):
    """(H, W, 4) float64: sums of colours times falloffs, and of falloffs; weights: (N,) or 1."""
    params = np.asarray(params, np.float64)
    parts = np.append(params[:, 5:], np.ones((len(params), 1)), 1)
    parts *= np.broadcast_to(weights, len(params))[:, None]
    return np.einsum("nhw,nc->hwc", falloff(params, height, width), parts)


def blended(sums: np.ndarray, normalised: bool) -> np.ndarray:
    """(H, W, 3): the picture that :func:`sums` are."""
    return sums[..., :3] / (EMPTY + sums[..., 3:]) if normalised else sums[..., :3]


def render(
    params: np.ndarray,
    height: int,
    width: int,
    normalised: bool = False,
    weights: np.ndarray | float = 1.0,
) -> np.ndarray:
    """(H, W, 3) float64."""
    return blended(sums(params, height, width, weights), normalised)


def half_squared_error(
    params: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | float,
    normalised: bool = False,
    start: np.ndarray | float = 0.0,
) -> float:
    """1/2 sum weight (picture - target)^2; target in 0..1; start: sums of splats besides."""
    picture = blended(start + sums(params, *target.shape[:2]), normalised)
    weight = np.broadcast_to(weight, target.shape[:2])[..., None]
    return 0.5 * float((weight * (picture - target) ** 2).sum())


def gradient(
    params: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | float,
    normalised: bool = False,
    start: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Central differences of :func:`half_squared_error`, (N, 8)."""
    params = np.asarray(params, np.float64)
    out = np.zeros_like(params)
    for index in np.ndindex(params.shape):
        step = np.zeros_like(params)
        step[index] = 1e-5
        above, below = (
            half_squared_error(p, target, weight, normalised, start)
            for p in (params + step, params - step)
        )
        out[index] = (above - below) / 2e-5
    return out


def random_splats(count: int, height: int, width: int, seed: int = 0, size: float = 4.0):
    """(N, 8) float32; places up to a little outside the picture."""
    rng = np.random.default_rng(seed)
    params = np.empty((count, 8), np.float32)
    params[:, :2] = rng.uniform(-3, (width + 3, height + 3), (count, 2))
    params[:, 2] = rng.uniform(0.4, size, count)
    params[:, 3] = rng.normal(0, size / 2, count)
    params[:, 4] = rng.uniform(0.4, size, count)
    params[:, 5:] = rng.normal(0.2, 0.3, (count, 3))
    return params


def exact_integers(params: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(N, 8): x, y, l11, l21, l22, Y, Cb, Cr in steps, before they are rounded."""
    r, g, b = np.asarray(params, np.float64)[:, 5:].T
    y = 0.299 * r + 0.587 * g + 0.114 * b
    ycc = np.stack([y, (b - y) / 1.772, (r - y) / 1.402], 1)
    return np.concatenate([params[:, :5], ycc], 1) / steps


def dequantise(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(N, 8): the way back from :func:`exact_integers`."""
    geometry, y, cb, cr = np.split(values * np.asarray(steps, np.float64), [5, 6, 7], 1)
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return np.concatenate([geometry, red, green, blue], 1)
