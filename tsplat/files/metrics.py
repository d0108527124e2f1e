"""Distortion of 8-bit pictures."""

from __future__ import annotations

import math

import cv2
import numpy as np

WHOLE = "frame"
"""Name of the value over all pixels among those over masks."""
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first."""
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def mean_squared_error(a: np.ndarray, b: np.ndarray) -> float:
    """Over all pixels and channels of two uint8 pictures, grey levels squared."""
    difference = np.subtract(a, b, dtype=np.int16).ravel().astype(np.float32)
    return float(difference @ difference) / difference.size


def squared_error_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared error of each pixel, the mean over its channels.

    Parameters
    ----------
    a, b : (H, W, 3) uint8

    Returns
    -------
    (H, W) float32, grey levels squared

    >>> squared_error_map(np.uint8([[[255, 0, 7]]]), np.uint8([[[0, 0, 10]]]))
    array([[21678.]], dtype=float32)
    """
    difference = np.subtract(a, b, dtype=np.int16).astype(np.float32)
    return np.square(difference).mean(axis=-1)


def squared_error(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Sum over pixels, of a mask, (H, W) uint8 and not 0, if it is given, of the squared error, the
    mean over channels; a, b: (H, W, 3) uint8.

    >>> round(squared_error(np.uint8([[[255, 0, 7]]]), np.uint8([[[0, 0, 10]]])))
    21678
    """
    return cv2.norm(a, b, cv2.NORM_L2SQR, mask) / a.shape[-1]


def psnr_of(squared_error: float) -> float:
    """PSNR in dB of a mean squared error in grey levels squared; 100 for identical pictures."""
    return 10 * math.log10(255**2 / squared_error) if squared_error > 0 else 100.0


def ms_ssim(
    a: np.ndarray, b: np.ndarray, masks: dict[str, np.ndarray] | None = None
) -> dict[str, float]:
    """Multi-scale structural similarity of luma, over the frame and over parts of it.

    Similarity is computed for the whole frame and averaged over each mask, so pixels up to the
    filter's support outside a mask, five of each scale, have a part in its value. A mask is
    reduced along with the picture: a pixel of a coarse scale belongs to it where half of what it
    covers does. Where a mask vanishes on the way, its value ends with the last scale that it
    reaches, and the exponents of the scales that are left are made to sum to one. The same goes
    for pictures whose short side is less than 176 pixels, as the window must fit the coarsest
    scale; below 11 pixels there is one scale, and the picture is mirrored at its borders, as it
    is everywhere.

    Parameters
    ----------
    a, b : (H, W, 3) uint8, RGB
    masks : dict of (H, W) bool, optional
        Parts to average over, by name.

    Returns
    -------
    dict of float
        :data:`WHOLE`, and each name of ``masks``: 1 for identical pictures; NaN for a mask
        without a pixel.

    Raises
    ------
    ValueError
        Pictures or masks differ in size, or a mask has the name :data:`WHOLE`.

    References
    ----------
    Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment",
    Asilomar 2003, equation 7; the window and constants are of Wang, Bovik, Sheikh, Simoncelli,
    IEEE Transactions on Image Processing 13(4), 2004. Luma is BT.601's, 0..255.
    """
    masks = masks or {}
    if a.shape != b.shape or any(m.shape != a.shape[:2] for m in masks.values()):
        raise ValueError("ms_ssim: pictures and masks must have one size")
    if WHOLE in masks:
        raise ValueError(f"ms_ssim: a mask may not be called {WHOLE}")
    parts = {WHOLE: np.ones(a.shape[:2], bool)} | masks
    coverage = {name: mask.astype(np.float32) for name, mask in parts.items()}
    # By part and scale: mean contrast-structure, mean similarity with luminance.
    means: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    x, y = (p.astype(np.float32) @ _LUMA for p in (a, b))
    for scale in range(_scales(min(x.shape))):
        if scale:
            x, y = _halved(x), _halved(y)
            coverage = {name: _halved(c) for name, c in coverage.items()}
        structure, similarity = _similarity(x, y)
        for name, covered in coverage.items():
            inside = covered >= 0.5
            if inside.any() and len(means[name]) == scale:
                means[name].append((_mean(structure, inside), _mean(similarity, inside)))
    return {name: _combined(scales) for name, scales in means.items()}


def _scales(side: int) -> int:
    """How many times the window fits a picture whose sides are halved, 1 to 5."""
    return max(1, min(len(_SCALES), int(math.log2(max(1, side) / _WINDOW)) + 1))


def _similarity(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps of contrast and structure, and of these times luminance: (H, W) float64."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x = _blurred(x * x) - mean_x**2
    var_y = _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    structure = (2 * covariance + _C2) / (var_x + var_y + _C2)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return structure, structure * luminance


def _blurred(plane: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(
        plane.astype(np.float64), (_WINDOW, _WINDOW), _SIGMA, borderType=cv2.BORDER_REFLECT
    )


def _halved(plane: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels; a last odd line or column is left out."""
    height, width = (side // 2 * 2 for side in plane.shape)
    quads = plane[:height, :width].reshape(height // 2, 2, width // 2, 2)
    return quads.mean((1, 3))


def _mean(values: np.ndarray, inside: np.ndarray) -> float:
    return float(values[inside].mean())


def _combined(scales: list[tuple[float, float]]) -> float:
    """The product over the scales; luminance counts at the coarsest only."""
    if not scales:
        return math.nan
    exponents = np.array(_SCALES[: len(scales)]) / sum(_SCALES[: len(scales)])
    factors = [structure for structure, _ in scales[:-1]] + [scales[-1][1]]
    # Negative where structures are opposed: then there is no similarity.
    return float(np.prod(np.maximum(factors, 0) ** exponents))
