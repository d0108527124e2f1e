"""A fit that starts from half the splats and puts the others where the error is."""

from __future__ import annotations

import cv2
import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import fit
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats

START = 0.5
"""Share of the splats that the fit starts from."""
_FIRST = 0.35
"""Share of the iterations before splats are added."""
_BLUR, _SHARPEN = 0.15, 0.4
"""Blur of the error in which peaks are sought, in mean distances of splats, and the share that it
loses over the rounds."""
_WIDTH, _GAIN = 1.2, 1.4
"""Standard deviation of a new splat over that of the blur, and its colour over the error there."""
_SMALLEST = 128
"""Width and height from which on a picture is first fitted at half its size."""
_FINE = 1.5
"""Blur, in pixels of the reduced error, that is fine enough."""
_CANDIDATES = 4
"""Maxima that are looked at for each splat wanted."""
_UNTIL = 0.4
"""Share of the rates at which splats are added."""


def fit_growing(canvas: Canvas, splats: Splats, count: int, config: FitConfig) -> Splats:
    """Fit splats to what ``canvas.begin`` set, adding some at peaks of the error.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    splats : Splats
        Where to start, :data:`START` of them all.
    count : int
        Splats wanted in the end.
    config : FitConfig
        ``grow`` is the number of times at which splats are added.

    Returns
    -------
    Splats
        At most ``count``: peaks may be too few.
    """
    if not config.grow or not len(splats):
        return fit(canvas, splats, config)
    share = (1 - _FIRST) / config.grow
    for number in range(config.grow + 1):
        rough = number < config.rough and min(canvas.width, canvas.height) >= _SMALLEST
        place = canvas.half() if rough else canvas
        sx, sy = place.width / canvas.width, place.height / canvas.height
        params = splats.scaled(sx, sy).params if rough else splats.params
        if number:
            wanted = round((count - len(params)) / (config.grow - number + 1))
            distance = np.sqrt(place.width * place.height / max(1, count))
            sigma = distance * _BLUR * (1 - _SHARPEN * (number - 1) / config.grow)
            params = np.concatenate([params, peaks(place, params, wanted, sigma)])
        last = number == config.grow
        part = config.part(share if number else _FIRST, config.final if last else _UNTIL)
        splats = fit(place, Splats(params), part)
        if rough:
            splats = splats.scaled(1 / sx, 1 / sy)
    return splats


def peaks(canvas: Canvas, params: np.ndarray, count: int, sigma: float) -> np.ndarray:
    """Splats for the places where the blurred error is largest, (at most count, 8) float32.

    Parameters
    ----------
    canvas : Canvas
        After ``begin``.
    params : (N, 8) float32
        The splats that are there.
    count : int
    sigma : float
        Of the blur, pixels.
    """
    canvas.load(params)
    canvas.squared_error()
    # A blurred error is as good at a part of its size.
    factor = max(1, int(sigma / _FINE))
    error = _blurred(-canvas.error_picture(), factor, sigma)
    weight = np.ones(error.shape[:2], np.float32)
    if canvas.weight is not None:
        weight = np.maximum(_blurred(canvas.weight, factor, sigma), 1e-3)
    energy = (error**2).sum(2) / weight
    reach = 2 * int(2 * sigma / factor) + 1
    highest = cv2.dilate(energy, np.ones((reach, reach), np.uint8))
    y, x = np.nonzero((energy == highest) & (energy > 0))
    order = np.argsort(-energy[y, x], kind="stable")[: _CANDIDATES * count]
    chosen = _apart(np.stack([x[order], y[order]], 1), count, reach // 2)
    x, y = chosen.T
    out = np.zeros((len(y), 8), np.float32)
    out[:, 0], out[:, 1] = (x + 0.5) * factor, (y + 0.5) * factor
    out[:, 2] = out[:, 4] = _WIDTH * sigma
    if canvas.normalised:
        out[:, 5:] = canvas.target_at(out[:, :2])
        return out
    out[:, 5:] = _GAIN * error[y, x] / weight[y, x][:, None]
    return out


def _blurred(picture: np.ndarray, factor: int, sigma: float) -> np.ndarray:
    """A picture, (H, W) or (H, W, 3) float32, at a part of its size, blurred."""
    height, width = picture.shape[:2]
    size = (-(-width // factor), -(-height // factor))
    below, right = size[1] * factor - height, size[0] * factor - width
    whole = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
    small = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), sigma / factor)


def _apart(places: np.ndarray, count: int, distance: int) -> np.ndarray:
    """The first places, (at most count, 2), of which no two are nearer than a distance: a flat
    top has its maximum more than once."""
    taken = np.zeros(places.max(0, initial=-1) + 1, bool)
    kept: list[tuple[int, int]] = []
    for x, y in places.tolist():
        if len(kept) == count:
            break
        if not taken[x, y]:
            low_x, low_y = max(0, x - distance), max(0, y - distance)
            taken[low_x : x + distance + 1, low_y : y + distance + 1] = True
            kept.append((x, y))
    return np.array(kept, int).reshape(-1, 2)
