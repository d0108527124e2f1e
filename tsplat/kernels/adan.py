"""The step of Adan in GaussianImage's coordinates.

What is stepped are *latents*, (n, 8): means are ``(tanh(z) + 1) / 2`` of the picture's width or
height, so that no splat leaves it; Cholesky vectors, in pixels, and colours are themselves (the
offset of Cholesky vectors, :data:`tsplat.paper.scatter.OFFSET`, is constant and so moves no step).
The loss is the squared error of the picture clamped to 0..1, the mean over pixels and channels.

References
----------
Xie et al., Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models, 2022,
algorithm 1, with the bias corrections of its released code, whose betas are one minus the paper's.
Zhang et al., GaussianImage, ECCV 2024, and its released code.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

from typing import TYPE_CHECKING

import numpy as np
import taichi as ti

from tsplat.kernels.arrays import V8, Array, Gradients, Splats
from tsplat.kernels.splatting import is_positive

if TYPE_CHECKING:
    from tsplat.kernels.canvas import Canvas

BETAS = (0.98, 0.92, 0.99)
"""Of the gradient, of its differences, of the squares."""
EPSILON = 1e-8
_INSIDE = 1 - 1e-6
"""Of a picture's half width or height: how far from its centre means may lie under tanh."""
STATE = 32
"""Numbers of a splat: means of the gradient, of its differences and of the squares, and the last
gradient, 8 each."""


@ti.kernel
def clamp(
    error: Array(V8, "3 * length"),
    target: Array(V8, "3 * length"),
    weight: Array(V8, "length"),
    length: ti.i32,
):
    """error *= weight where the picture, error - target, lies in 0..1; else 0.

    target: negative, as canvases have it.
    """
    for p in range(length):
        for k in ti.static(range(3)):
            picture = error[3 * p + k] - target[3 * p + k]
            inside = is_positive(ti.max(picture, 0.0)) * is_positive(ti.max(1.0 - picture, 0.0))
            error[3 * p + k] = error[3 * p + k] * weight[p] * inside


@ti.kernel
def step(
    params: Splats,
    latents: Array(ti.f32, "stepped", 8),
    grads: Gradients,
    state: Array(ti.f32, "stepped", STATE),
    n: ti.i32,
    width: ti.f32,
    height: ti.f32,
    scale: ti.f32,
    rate: ti.f32,
    first: ti.i32,
    correct1: ti.f32,
    correct2: ti.f32,
    correct3: ti.f32,
):
    """One step of n splats: latents change, and params with them.

    grads: of half the squared error in params; scale turns them into those of the loss.
    first: there is no last gradient yet. correct1..3: 1 - beta^t, of the squares' its root.
    """
    for i in range(n):
        for k in ti.static(range(8)):
            extent = width if ti.static(k == 0) else height
            grad = scale * grads[i, k]
            if ti.static(k < 2):
                share = ti.tanh(latents[i, k])
                grad *= 0.5 * extent * (1.0 - share * share)
            last = state[i, 24 + k]
            if first:
                last = grad
            change = grad - last
            ahead = grad + BETAS[1] * change
            mean = BETAS[0] * state[i, k] + (1.0 - BETAS[0]) * grad
            trend = BETAS[1] * state[i, 8 + k] + (1.0 - BETAS[1]) * change
            square = BETAS[2] * state[i, 16 + k] + (1.0 - BETAS[2]) * ahead * ahead
            state[i, k] = mean
            state[i, 8 + k] = trend
            state[i, 16 + k] = square
            state[i, 24 + k] = grad
            away = mean / correct1 + BETAS[1] * trend / correct2
            latents[i, k] -= rate * away / (ti.sqrt(square) / correct3 + EPSILON)
            value = latents[i, k]
            if ti.static(k < 2):
                value = 0.5 * extent * (ti.tanh(value) + 1.0)
            params[i, k] = value


class Adan:
    """A canvas's splats in GaussianImage's coordinates."""

    def __init__(self, canvas: "Canvas", params: np.ndarray):
        self._canvas, self._t = canvas, 0
        self._latents = ti.ndarray(ti.f32, (max(1, len(params)), 8))
        self._state = ti.ndarray(ti.f32, (max(1, len(params)), STATE))
        if len(params):
            self._latents.from_numpy(latents(params, canvas.width, canvas.height))
        self._state.fill(0.0)

    def step(self, rate: float) -> None:
        """One step down the canvas's squared error, in place."""
        canvas = self._canvas
        self._t += 1
        canvas._project_clamped()
        corrections = [1 - beta**self._t for beta in BETAS]
        step(
            canvas._params,
            self._latents,
            canvas._grads,
            self._state,
            canvas._n,
            canvas.width,
            canvas.height,
            2 / (3 * canvas.width * canvas.height),
            rate,
            self._t == 1,
            corrections[0],
            corrections[1],
            corrections[2] ** 0.5,
        )


def latents(params: np.ndarray, width: int, height: int) -> np.ndarray:
    """What Adan steps, (n, 8) float32, for splats, (n, 8) float32; means are moved inside."""
    out = params.astype(np.float64)
    share = 2 * out[:, :2] / (width, height) - 1
    out[:, :2] = np.arctanh(np.clip(share, -_INSIDE, _INSIDE))
    return out.astype(np.float32)
