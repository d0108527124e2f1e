"""The two things that everything speaks of: splats as numbers and splats as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.errors import BitstreamError, ConfigError, Fault

X, Y, L11, L21, L22 = range(5)
CHANNELS = ("x", "y", "l11", "l21", "l22", "luma", "cb", "cr")

MAX_SIDE = 8192
MAX_PIXELS = 1 << 24
MAX_SPLATS = 65535
MAX_OVERLAP = 512
"""Most pixels that the splats' boxes may cover together, in units of the picture's area."""
MARGIN = 64
"""How far outside the picture a splat's mean may lie, pixels."""
BLUR = 0.5
CUTOFF = 3.0


@dataclass(frozen=True)
class Steps:
    """Quantiser steps, as the integers that the stream carries.

    Parameters
    ----------
    mean : int
        Step of x and y, 1/256 pixel, 1..65535.
    cholesky : int
        Step of l11, l21 and l22, 1/256 pixel, 1..65535.
    luma, chroma : int
        Steps of Y and of Cb and Cr, 1/65536 of full scale, 1..65535.

    Raises
    ------
    ConfigError
        A step is out of range.
    """

    mean: int
    cholesky: int
    luma: int
    chroma: int

    def __post_init__(self) -> None:
        for name in ("mean", "cholesky", "luma", "chroma"):
            step = getattr(self, name)
            if not (isinstance(step, int) and 1 <= step <= 65535):
                raise ConfigError(f"step of {name}: got {step}, expected 1..65535")

    def array(self) -> np.ndarray:
        """(8,) float32: pixels, pixels, ..., full scale, in the order of :data:`CHANNELS`."""
        spatial = [self.mean] * 2 + [self.cholesky] * 3
        colour = [self.luma, self.chroma, self.chroma]
        return np.array([v / 256 for v in spatial] + [v / 65536 for v in colour], np.float32)


@dataclass(frozen=True)
class Splats:
    """Coloured 2D Gaussians of one picture.

    Parameters
    ----------
    params : (N, 8) float32
        x, y: mean, pixels, pixel centres at +0.5. l11, l21, l22: Cholesky vector, pixels; the
        covariance is ``L L^T + 1/2 I``. r, g, b: colour, 1 = full scale, any sign.
    weights : (N,) float32, optional
        What falloffs are multiplied by, 0..1: of splats that come or go between two frames, or
        that are reduced; 1 by default.

    References
    ----------
    GaussianImage (ECCV 2024), eq. 1 and 6: Cholesky vector and accumulated summation.
    """

    params: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.params)

    def scaled(self, sx: float, sy: float) -> Splats:
        """The same splats on a picture sx times as wide and sy times as high.

        Enlarging renders the same function at more points. Reducing keeps the blur of half a
        square pixel, now of the smaller picture, as a low-pass; a splat then weighs less by the
        area that it gains.

        >>> big = Splats(np.array([[2, 4, 3, 0, 3, 1, 1, 1]], np.float32)).scaled(2, 2)
        >>> [float(v) for v in big.params[0, :2]]
        [4.0, 8.0]
        """
        out = self.params.astype(np.float64)
        l11, l21, l22 = out[:, L11].copy(), out[:, L21].copy(), out[:, L22].copy()
        sxx, sxy, syy = l11**2 + BLUR, l11 * l21, l21**2 + l22**2 + BLUR
        # L' L'^T + BLUR I = S (L L^T + BLUR I) S where that leaves L' real, else the low-pass.
        txx = np.maximum(sx * sx * sxx - BLUR, sx * sx * (sxx - BLUR))
        tyy = np.maximum(sy * sy * syy - BLUR, sy * sy * (syy - BLUR))
        txy = sx * sy * sxy
        out[:, L11] = np.sqrt(np.maximum(txx, 1e-12))
        out[:, L21] = txy / out[:, L11]
        out[:, L22] = np.sqrt(np.maximum(tyy - out[:, L21] ** 2, 0))
        before = sx * sx * sy * sy * (sxx * syy - sxy**2)
        after = (txx + BLUR) * (tyy + BLUR) - txy**2
        fade = np.sqrt(np.minimum(before / np.maximum(after, 1e-12), 1))
        weights = fade if self.weights is None else fade * self.weights
        out[:, :2] *= (sx, sy)
        return Splats(out.astype(np.float32), weights.astype(np.float32))


@dataclass(frozen=True)
class QuantizedSplats:
    """Splats as integers: the only state that one frame hands to the next.

    Parameters
    ----------
    values : (N, 8) int32
        x, y, l11, l21, l22, Y, Cb, Cr, each in units of its step.
    steps : Steps
        Size of a unit.
    """

    values: np.ndarray
    steps: Steps

    def __len__(self) -> int:
        return len(self.values)

    def dequantise(self) -> Splats:
        """Integers times steps, colours as RGB (BT.601 full range, as JFIF)."""
        out = self.values.astype(np.float32) * self.steps.array()
        y, cb, cr = out[:, 5].copy(), out[:, 6].copy(), out[:, 7].copy()
        out[:, 5] = y + np.float32(1.402) * cr
        out[:, 6] = y - np.float32(0.344136) * cb - np.float32(0.714136) * cr
        out[:, 7] = y + np.float32(1.772) * cb
        return Splats(out)


def limits(width: int, height: int, steps: Steps) -> np.ndarray:
    """Least and greatest legal integer of each channel.

    Returns
    -------
    (8, 2) int32
        Means up to :data:`MARGIN` outside the picture; Cholesky entries up to the picture's
        longer side (diagonal ones not negative); colours up to four times full scale.
    """
    s = steps.array().astype(np.float64)
    reach = max(width, height)
    bounds = np.array(
        [(-MARGIN, width + MARGIN), (-MARGIN, height + MARGIN)]
        + [(0, reach), (-reach, reach), (0, reach)]
        + [(-4, 4)] * 3
    )
    return np.trunc(bounds / s[:, None]).astype(np.int32)


def check(
    splats: QuantizedSplats, width: int, height: int, most_overlap: int = MAX_OVERLAP
) -> None:
    """Refuse splats that no encoder makes and that would cost unbounded time to render.

    Raises
    ------
    BitstreamError
        More splats than :data:`MAX_SPLATS`, a value outside :func:`limits`, or more overlap than
        ``most_overlap``.
    """
    if len(splats) > MAX_SPLATS:
        raise BitstreamError(
            Fault.LIMIT, f"splats: got {len(splats)}, at most {MAX_SPLATS}", field="splats"
        )
    bounds = limits(width, height, splats.steps)
    wrong = (splats.values < bounds[:, 0]) | (splats.values > bounds[:, 1])
    if wrong.any():
        i, k = np.argwhere(wrong)[0]
        raise BitstreamError(
            Fault.PAYLOAD,
            f"splat {i}: {CHANNELS[k]} is {splats.values[i, k]}, "
            f"expected {bounds[k, 0]}..{bounds[k, 1]}",
            field=CHANNELS[k],
        )
    if overlap(splats.values[:, :5] * splats.steps.array()[:5], width, height) > most_overlap:
        raise BitstreamError(
            Fault.LIMIT,
            f"splats overlap more than {most_overlap} times the picture's area",
            field="overlap",
        )


def overlap(geometry: np.ndarray, width: int, height: int) -> float:
    """Area of the splats' boxes, clipped, over the picture's. geometry: (N, 5+) pixels."""
    if not len(geometry):
        return 0.0
    ex = CUTOFF * np.sqrt(geometry[:, L11] ** 2 + BLUR)
    ey = CUTOFF * np.sqrt(geometry[:, L21] ** 2 + geometry[:, L22] ** 2 + BLUR)
    area = np.minimum(2 * ex, width) * np.minimum(2 * ey, height)
    return float(area.sum(dtype=np.float64)) / (width * height)
