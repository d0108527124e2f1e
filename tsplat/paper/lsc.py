"""Superpixels by linear spectral clustering, the paper's reference 15.

References
----------
Li and Chen, Superpixel segmentation using linear spectral clustering, CVPR 2015: a normalised cut
is a weighted k-means in ten dimensions (section 3, equations 5 to 12). As gSLIC (Ren and Reid,
2011) does, each pixel looks at the clusters whose seeds lie in its own cell of the seeds' grid and
in the eight around it, in place of each cluster at the pixels around its seed.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage.measure import label

_COLOUR, _SPACE = 20.0, 1.5
"""Weights of colour and place: the paper's C_c, and C_s for places in units of the seeds'
distance, as the authors' program and OpenCV's have them."""
_CHROMA = 2.55
"""Weight of a and b over that of L."""
_ITERATIONS = 5
_FRAGMENT = 0.25
"""Connected parts smaller than this share of a cell become part of a neighbour."""
_AROUND = [(dy, dx) for dy in (0, 1, 2) for dx in (0, 1, 2)]


def lsc(picture: np.ndarray, count: int) -> np.ndarray:
    """Cut a picture into connected superpixels.

    Parameters
    ----------
    picture : (H, W, 3) float32
        RGB, 1 = full scale.
    count : int
        Superpixels wanted; there will be about as many.

    Returns
    -------
    (H, W) int
        Number of each pixel's superpixel, from 1, none left out.
    """
    height, width = picture.shape[:2]
    side = max(1, round((height * width / count) ** 0.5))
    lab = cv2.cvtColor(np.ascontiguousarray(picture, np.float32), cv2.COLOR_RGB2LAB)
    features, weight = _features(lab, side)
    labels = _cluster(_cells(features, side), _cells(weight[..., None], side)[..., 0], side)
    return _connected(labels[:height, :width], lab, _FRAGMENT * side * side)


def _features(lab: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the pixels in the space of ten dimensions, (H, W, 10), and their weights, (H, W).

    lab: (H, W, 3) float32, L 0..100, a and b -127..127.
    """
    height, width = lab.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32) / side
    light, a, b = lab[..., 0] / 100, lab[..., 1] / 255 + 0.5, lab[..., 2] / 255 + 0.5
    chroma = _COLOUR * _CHROMA
    parts = ((light, _COLOUR), (a, chroma), (b, chroma), (x, _SPACE), (y, _SPACE))
    mapped = [c * f(np.pi / 2 * v) for v, c in parts for f in (np.cos, np.sin)]
    phi = np.stack(mapped, -1).astype(np.float32)
    weight = phi @ phi.mean((0, 1))
    return phi / weight[..., None], weight


def _cells(plane: np.ndarray, side: int) -> np.ndarray:
    """Pixels, (H, W, C), by cell of the seeds' grid: (rows, columns, side * side, C); what the
    picture does not fill is 0."""
    height, width, channels = plane.shape
    filled = np.pad(plane, ((0, -height % side), (0, -width % side), (0, 0)))
    rows, columns = filled.shape[0] // side, filled.shape[1] // side
    split = filled.reshape(rows, side, columns, side, channels).swapaxes(1, 2)
    return np.ascontiguousarray(split.reshape(rows, columns, side * side, channels))


def _cluster(features: np.ndarray, weight: np.ndarray, side: int) -> np.ndarray:
    """Weighted k-means of cells, (rows, columns, side * side, 10) and (...) float32, each a
    cluster at first; clusters' numbers as a picture, (rows * side, columns * side) int."""
    rows, columns = weight.shape[:2]
    numbers = np.pad(np.arange(rows * columns).reshape(rows, columns), 1, constant_values=-1)
    near = np.stack([numbers[dy : dy + rows, dx : dx + columns] for dy, dx in _AROUND], -1)
    own = np.repeat(near[..., 4], side * side)
    for _ in range(_ITERATIONS):
        centres = _centres(features, weight, own)
        # The nearest centre has the largest f c - c^2 / 2.
        bias = np.where(near < 0, np.inf, (centres**2).sum(1)[near] / 2)[:, :, None]
        closeness = features @ centres[near].swapaxes(2, 3) - bias
        chosen = closeness.argmax(-1)
        own = np.take_along_axis(near, chosen, -1).ravel()
    picture = own.reshape(rows, columns, side, side).swapaxes(1, 2)
    return picture.reshape(rows * side, columns * side)


def _centres(features: np.ndarray, weight: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Weighted means of clusters, (K, 10) float32; own: (pixels,) int, their clusters."""
    count = features.shape[0] * features.shape[1]
    flat, mass = features.reshape(-1, 10), weight.ravel()
    total = np.maximum(np.bincount(own, mass, count), 1e-12)
    sums = [np.bincount(own, mass * flat[:, k], count) for k in range(10)]
    return (np.stack(sums, 1) / total[:, None]).astype(np.float32)


def _connected(labels: np.ndarray, lab: np.ndarray, least: float) -> np.ndarray:
    """Connected parts of clusters, (H, W) int from 1; those of fewer than so many pixels join
    the larger neighbour whose colour is nearest."""
    parts = label(labels, background=-1, connectivity=1) - 1
    while True:
        size = np.bincount(parts.ravel())
        sums = [np.bincount(parts.ravel(), lab[..., k].ravel()) for k in range(3)]
        mean = np.stack(sums, 1) / size[:, None]
        small, other = _neighbours(parts).T
        # Only towards larger parts, or later ones of the same size: no two join each other.
        rank = np.argsort(np.lexsort((np.arange(len(size)), size)))
        joins = (size[small] < least) & (rank[other] > rank[small])
        small, other = small[joins], other[joins]
        if not len(small):
            return parts + 1
        distance = ((mean[small] - mean[other]) ** 2).sum(1)
        order = np.argsort(-distance, kind="stable")
        into = np.arange(len(size))
        into[small[order]] = other[order]
        while not np.array_equal(into, into[into]):
            into = into[into]
        parts = np.unique(into, return_inverse=True)[1][into][parts]


def _neighbours(parts: np.ndarray) -> np.ndarray:
    """Pairs of parts that touch, each both ways, (P, 2) int."""
    across = np.stack([parts[:, :-1].ravel(), parts[:, 1:].ravel()], 1)
    down = np.stack([parts[:-1].ravel(), parts[1:].ravel()], 1)
    pairs = np.concatenate([across, down])
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    keys = np.unique(pairs[:, 0].astype(np.int64) * (parts.max() + 1) + pairs[:, 1])
    both = np.stack(np.divmod(keys, parts.max() + 1), 1)
    return np.concatenate([both, both[:, ::-1]])
