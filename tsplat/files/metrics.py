"""Distortion of 8-bit pictures."""

from __future__ import annotations

import math

import numpy as np


def mean_squared_error(a: np.ndarray, b: np.ndarray) -> float:
    """Over all pixels and channels of two uint8 pictures, grey levels squared."""
    difference = np.subtract(a, b, dtype=np.int16).ravel().astype(np.float32)
    return float(difference @ difference) / difference.size


def psnr_of(squared_error: float) -> float:
    """PSNR in dB of a mean squared error in grey levels squared; 100 for identical pictures."""
    return 10 * math.log10(255**2 / squared_error) if squared_error > 0 else 100.0
