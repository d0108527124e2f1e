"""Which splats a P-frame looks at: those of which a step could gain more than it costs."""

from __future__ import annotations

import numpy as np

from tsplat.kernels.canvas import Canvas, determinant

_COLOUR_CURVATURE = np.pi
_PLACE_CURVATURE = np.pi / 2
"""Of half the squared error, over the splat's area and, for place and shape, the square of its
colour: integrals of the squared falloff, and of that times the square of a whitened coordinate."""
_FAINT = 1e-3
"""Least squared colour of a splat whose place matters."""
_CONTRAST = 0.03
"""Squared difference of a normalised splat's colour and its surroundings', as it usually is."""


def expected_gain(canvas: Canvas, params: np.ndarray) -> np.ndarray:
    """How much less squared error a step of each splat alone would leave, (N,) float64: weighted,
    full scale 1, summed over pixels and channels.

    Of Newton's steps in its colour, its place and its shape, each with the others fixed: the
    squared gradient over the curvature, which for a Gaussian is known in closed form.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    params : (N, 8) float32
        The splats, pixels and full scale 1.
    """
    canvas.load(params)
    gradient = canvas.gradient().astype(np.float64)
    l11, l21, l22 = params[:, 2:5].T.astype(np.float64)
    area = np.sqrt(determinant(params))
    if canvas.normalised:
        energy = np.full(len(params), _CONTRAST)
    else:
        energy = np.maximum((params[:, 5:].astype(np.float64) ** 2).sum(1), _FAINT)
    u = np.stack([l11 * gradient[:, 0] + l21 * gradient[:, 1], l22 * gradient[:, 1]])
    d = np.stack(
        [
            l11 * gradient[:, 2] + l21 * gradient[:, 3],
            l22 * gradient[:, 3],
            l22 * gradient[:, 4],
        ]
    )
    colour = (gradient[:, 5:] ** 2).sum(1) / _COLOUR_CURVATURE
    return (colour + ((u**2).sum(0) + (d**2).sum(0)) / (_PLACE_CURVATURE * energy)) / area
