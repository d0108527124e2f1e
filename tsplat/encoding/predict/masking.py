"""What people see of an error: more of it where the picture is flat."""

from __future__ import annotations

import cv2
import numpy as np

_POWER, _LEVELS = 0.25, 5.0
"""The weight is (variance + levels^2)^-power. A power of 1/2 costs 24 to 64 % more bytes at equal
PSNR; this one 0 to 6 %."""
_WINDOW = 4.0
"""Standard deviation of the window in which the variance is taken, pixels."""


def visibility(picture: np.ndarray) -> np.ndarray:
    """Weight of each pixel's squared error, (H, W) float32, mean 1.

    Parameters
    ----------
    picture : (H, W, 3) uint8
        RGB.

    References
    ----------
    x264's adaptive quantisation; Wang et al., Image quality assessment: from error visibility to
    structural similarity, IEEE TIP 2004, whose denominator it stands for.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.GaussianBlur(grey, (0, 0), _WINDOW)
    variance = np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), _WINDOW) - mean * mean, 0)
    weight = (variance + np.float32(_LEVELS**2)) ** np.float32(-_POWER)
    return weight / weight.mean()
