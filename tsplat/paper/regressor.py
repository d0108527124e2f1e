"""Splats that a network sees in a picture: the paper's alternative initialisation (3.2 B).

And, beyond the paper, superpixels' splats that a network corrects: those have an order, so there
is nothing unordered to learn. Both networks come from ``models/regressor``.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
from pathlib import Path

import numpy as np

from tsplat.encoding.init.superpixel import superpixel
from tsplat.errors import ModelError
from tsplat.paper.cells import Cells, cells
from tsplat.splats import Splats

_LARGEST = 1.5
"""Correction, in a splat's own units; and logarithm of its size, in cells."""
_NARROWEST = 0.3
"""Least share of its width that a correction leaves a splat."""


def regressor(frame: np.ndarray, count: int, weight: np.ndarray | None = None) -> Splats:
    """Splats as the network gives them, one for a cell.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        RGB.
    count : int
        Splats wanted; the faintest ones more go. There are fewer only where so many cells of a
        small region would be too many for the whole picture.
    weight : (H, W) float32, optional
        Region of interest: splats are only where it is positive.

    Raises
    ------
    ModelError
        The network is missing or damaged, or fails.

    References
    ----------
    The paper, section 3.2 B: a network that regresses N Gaussians from the masked image, trained
    with the Chamfer distance.
    """
    if weight is not None and not (weight > 0).any():
        return Splats(np.zeros((0, 8), np.float32))
    seen = cells(frame, count, weight)
    own = _run("splat-regressor", image=seen.image[None])[0].reshape(8, -1).T
    own[:, [2, 4]] = np.clip(own[:, [2, 4]], -2 * _LARGEST, _LARGEST)
    energy = (own[:, 5:] ** 2).sum(1) * np.exp(own[:, 2] + own[:, 4])
    order = np.lexsort((-energy, -np.minimum(seen.inside.ravel(), 0.5)))[:count]
    chosen = np.sort(order[seen.inside.ravel()[order] > 0])
    return Splats(seen.splats(own[chosen], chosen))


def corrected(frame: np.ndarray, count: int, weight: np.ndarray | None = None) -> Splats:
    """Superpixels' splats, moved and bent as the network expects the fit to; parameters and
    errors as for :func:`regressor`."""
    start = superpixel(frame, count, weight)
    if not len(start):
        return start
    seen = cells(frame, count, weight)
    own, cell = seen.described(start.params)
    spread = seen.spread(own, cell)[None]
    found = _run("splat-corrector", image=seen.image[None], spread=spread, own=own, cell=cell)
    return Splats(_applied(seen, own, cell, found.astype(np.float64)))


def _applied(seen: Cells, own: np.ndarray, cell: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Splats, (N, 8), with mean + L u and L (I + D) for changes u and D, (N, 5)."""
    u1, u2, d11, d21, d22 = np.clip(change, -_LARGEST, _LARGEST).T
    l11, l21, l22 = np.exp(own[:, 2]), own[:, 3], np.exp(own[:, 4])
    first, second = np.maximum(1 + d11, _NARROWEST), np.maximum(1 + d22, _NARROWEST)
    out = own.astype(np.float64)
    out[:, 0] += l11 * u1
    out[:, 1] += l21 * u1 + l22 * u2
    out[:, 2], out[:, 4] = np.log(l11 * first), np.log(l22 * second)
    out[:, 3] = l21 * first + l22 * d21
    return seen.splats(out, cell)


def _run(name: str, **given: np.ndarray) -> np.ndarray:
    from tsplat.roi.inference import one_line

    session = _session(name)
    try:
        return session.run(None, given)[0]
    except Exception as error:
        raise ModelError(f"{name}: failed to run ({one_line(error)})") from error


@functools.cache
def _session(name: str):
    """A network that the wheel ships, its checksum verified."""
    from tsplat.roi.inference import open_session

    folder = Path(str(importlib.resources.files("tsplat_models")))
    entries = json.loads((folder / "manifest.json").read_text("utf-8"))["initialisation"]
    known = next(entry for entry in entries if entry["name"] == name)
    path = folder / known["file"]
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise ModelError(f"{name}: {path} is missing; install tsplat again") from None
    if digest != known["sha256"]:
        raise ModelError(f"{path}: wrong checksum for {name}; install tsplat again")
    return open_session(name, path, 1)[0]
