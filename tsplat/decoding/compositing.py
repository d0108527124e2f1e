"""Pictures to put behind the region, and putting them there."""

from __future__ import annotations

import numpy as np

_BLUR = 1 / 24
"""Standard deviation of the blur, as a part of the picture's height."""


def over(picture: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """A picture before another one.

    Parameters
    ----------
    picture, behind : (H, W, 3) uint8
        RGB; ``behind`` may be a single colour, (3,).
    alpha : (H, W) uint8
        Opacity of the picture.

    Returns
    -------
    (H, W, 3) uint8

    >>> dark, light = np.zeros((1, 2, 3), np.uint8), np.full((1, 2, 3), 200, np.uint8)
    >>> over(light, np.array([[255, 51]], np.uint8), dark)[0, :, 0].tolist()
    [200, 40]
    """
    opacity = alpha[..., None].astype(np.uint16)
    mixed = picture * opacity + behind * (255 - opacity) + np.uint16(127)
    return (mixed // 255).astype(np.uint8)


def blur(picture: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """A picture out of focus.

    Parameters
    ----------
    picture : (H, W, 3) uint8
        RGB.
    alpha : (H, W) uint8, optional
        Where it is opaque the picture does not count: its surroundings spread there instead.

    Returns
    -------
    (H, W, 3) uint8

    References
    ----------
    Knutsson and Westin, Normalized and differential convolution, CVPR 1993.
    """
    height, width = picture.shape[:2]
    sigma = max(1.0, height * _BLUR)
    step = max(1, int(sigma / 2))
    weight = np.ones((height, width), np.float32) if alpha is None else 1 - alpha / np.float32(255)
    weight = np.maximum(weight, 1e-4)
    small = _reduced(np.dstack([picture * weight[..., None], weight]), step)
    for axis in (0, 1):
        small = _smoothed(small, sigma / step, axis)
    colours = small[..., :3] / small[..., 3:]
    return np.clip(_enlarged(colours, height, width, step) + 0.5, 0, 255).astype(np.uint8)


def fitted(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """An image that covers a picture: scaled without distortion, cut in the middle.

    Parameters
    ----------
    image : (h, w, 3) uint8
    width, height : int

    Returns
    -------
    (height, width, 3) uint8
    """
    h, w = image.shape[:2]
    scale = max(width / w, height / h)
    x = _places(width, w, scale)
    y = _places(height, h, scale)
    rows = _between(image.astype(np.float32), y, 0)
    return (_between(rows, x, 1) + 0.5).astype(np.uint8)


def _places(length: int, of: int, scale: float) -> np.ndarray:
    return np.clip((np.arange(length) + 0.5 - length / 2) / scale + of / 2 - 0.5, 0, of - 1)


def _between(array: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along an axis at fractional indices."""
    first = places.astype(int)
    second = np.minimum(first + 1, array.shape[axis] - 1)
    shape = [1] * array.ndim
    shape[axis] = len(places)
    part = (places - first).astype(np.float32).reshape(shape)
    return array.take(first, axis) * (1 - part) + array.take(second, axis) * part


def _reduced(array: np.ndarray, step: int) -> np.ndarray:
    """Means of squares of ``step`` pixels; the last ones are filled from the edge."""
    pad = [(0, -n % step) for n in array.shape[:2]]
    padded = np.pad(array, [*pad, (0, 0)], mode="edge")
    h, w, channels = padded.shape
    return padded.reshape(h // step, step, w // step, step, channels).mean((1, 3))


def _smoothed(array: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    reach = int(3 * sigma) + 1
    offsets = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (offsets / sigma) ** 2)
    pad = [(0, 0)] * array.ndim
    pad[axis] = (reach, reach)
    padded = np.pad(array, pad, mode="edge")
    length = array.shape[axis]
    parts = (t * padded.take(range(k, k + length), axis) for k, t in enumerate(taps / taps.sum()))
    return sum(parts).astype(np.float32)


def _enlarged(array: np.ndarray, height: int, width: int, step: int) -> np.ndarray:
    """The way back from :func:`_reduced`, interpolated."""
    y, x = (
        np.clip((np.arange(n) + 0.5) / step - 0.5, 0, m - 1)
        for n, m in zip((height, width), array.shape)
    )
    return _between(_between(array, y, 0), x, 1)
