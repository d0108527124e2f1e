"""The room without the person, for a codec that should spend nothing on what is hidden."""

from __future__ import annotations

import numpy as np

_GREY = 128.0


def fill(
    picture: np.ndarray,
    keep: np.ndarray,
    size: tuple[int, int],
    before: np.ndarray | None = None,
) -> np.ndarray:
    """Shrink a picture without the pixels that do not matter, and fill the gaps.

    Gaps take their pixels from the picture filled before; in the first picture, from around,
    by pull and push over an image pyramid.

    Parameters
    ----------
    picture : (H, W, 3) uint8
    keep : (H, W) bool
        Pixels that matter.
    size : (int, int)
        Width and height of the result, pixels.
    before : (height, width, 3) float32, grey levels, optional
        What this function returned for the picture before.

    Returns
    -------
    (height, width, 3) float32, grey levels, 0..255

    References
    ----------
    Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph", SIGGRAPH 1996, section 3.4.
    """
    import cv2

    weight = cv2.resize(keep.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    masked = picture * keep[..., None].astype(np.float32)
    masked = cv2.resize(masked, size, interpolation=cv2.INTER_AREA)
    seen = weight >= 0.5
    colour = np.where(seen[..., None], masked / np.maximum(weight, 0.5)[..., None], 0)
    if before is None:
        return np.clip(_pull_push(colour, seen.astype(np.float32)), 0, 255)
    return np.where(seen[..., None], colour, before)


def _pull_push(colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours, times their weights (0..1), with the gaps closed: (H, W, 3) float32."""
    import cv2

    if min(weight.shape) == 1 or weight.min() == 1:
        total = weight.sum()
        mean = colour.sum((0, 1)) / total if total else _GREY
        return colour + (1 - weight[..., None]) * mean
    below = cv2.pyrDown(weight)
    # A gap is closed by whatever is near, however little.
    gain = np.minimum(1, 2 * below) / np.maximum(below, 1e-6)
    coarse = _pull_push(cv2.pyrDown(colour) * gain[..., None], below * gain)
    around = cv2.pyrUp(coarse, dstsize=weight.shape[::-1])
    return colour + (1 - weight[..., None]) * around
