"""Closed-form colours: a picture is linear in them, so they are a least-squares solution."""

from __future__ import annotations

import numpy as np

from tsplat.kernels.canvas import Canvas, determinant

RIDGE = 1e-3
"""Pull towards the present colours, in units of the Gram matrix's diagonal. It keeps splats
that lie on one another from taking huge colours of opposite sign."""


def solve(canvas: Canvas, params: np.ndarray, steps: int) -> np.ndarray:
    """Colours that minimise the squared error over what ``canvas.begin`` set.

    Conjugate gradients on the normal equations ``(G + D) c = b`` with G the Gram matrix of the
    falloffs: G is never built, since G c is a picture rendered and projected back.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    params : (N, 8) float32
        Splats; their geometry stays.
    steps : int
        Iterations.

    Returns
    -------
    (N, 8) float32
        The splats with new colours.

    References
    ----------
    Hestenes and Stiefel, 1952; Jacobi preconditioning.
    """
    if not len(params) or not steps:
        return params
    canvas.load(params)
    ones = np.ones((len(params), 3), np.float32)
    if canvas.normalised:
        diagonal = canvas.apply_normal(ones).astype(np.float64).mean(1)[:, None] + 1e-6
        canvas.load(params)
    else:
        diagonal = _diagonal(params)[:, None]
    # The residual of the normal equations is minus the gradient; the ridge adds nothing here.
    residual = -canvas.gradient()[:, 5:].astype(np.float64)
    correction = np.zeros_like(residual)
    direction = residual / diagonal
    rho = (residual * direction).sum(0)
    for _ in range(steps):
        image = canvas.apply_normal(direction.astype(np.float32)) + RIDGE * diagonal * direction
        curvature = (direction * image).sum(0)
        alpha = rho / np.maximum(curvature, 1e-30)
        correction += alpha * direction
        residual -= alpha * image
        scaled = residual / diagonal
        new_rho = (residual * scaled).sum(0)
        direction = scaled + new_rho / np.maximum(rho, 1e-30) * direction
        rho = new_rho
    out = params.copy()
    out[:, 5:] += correction.astype(np.float32)
    return out


def _diagonal(params: np.ndarray) -> np.ndarray:
    """Integral of the squared falloff, (N,), close to pi sqrt(det S)."""
    return np.pi * np.sqrt(determinant(params))
