"""Linear spectral clustering: a partition into connected parts along the picture's edges."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label

from tests.clips import pictures
from tsplat.encoding.init.superpixel import superpixel
from tsplat.paper import lsc as module
from tsplat.paper.lsc import lsc


@pytest.mark.parametrize(("width", "height"), [(96, 54), (97, 51), (16, 16), (1, 1), (300, 3)])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_every_pixel_is_in_one_connected_superpixel(width, height, count):
    picture = np.random.default_rng(0).random((height, width, 3), np.float32)
    labels = lsc(picture, count)
    assert labels.shape == (height, width)
    assert np.array_equal(np.unique(labels), np.arange(1, labels.max() + 1))
    assert label(labels, background=-1, connectivity=1).max() == labels.max()


def test_there_are_about_as_many_as_wanted():
    picture = pictures(1, 160, 90)[0].astype(np.float32) / 255
    for count in (20, 100, 400):
        assert 0.7 * count < lsc(picture, count).max() < 1.3 * count


def test_a_flat_picture_is_cut_into_a_grid():
    labels = lsc(np.full((40, 60, 3), 0.5, np.float32), 24)
    assert labels.max() == 24
    assert np.array_equal(labels, np.kron(np.arange(24).reshape(4, 6) + 1, np.ones((10, 10))))


def test_edges_are_recalled():
    """A disc of another colour: no superpixel straddles its edge by more than a few pixels."""
    y, x = np.mgrid[:80, :120]
    disc = (x - 63) ** 2 + (y - 37) ** 2 < 25**2
    picture = np.where(disc[..., None], (0.8, 0.3, 0.2), (0.2, 0.4, 0.3)).astype(np.float32)
    labels = lsc(picture, 60)
    inside = np.bincount(labels.ravel(), disc.ravel(), 100)
    size = np.bincount(labels.ravel(), minlength=100)
    assert np.minimum(inside, size - inside).sum() == 0


def test_small_parts_join_the_neighbour_of_the_nearest_colour():
    labels = np.repeat([[0, 1, 2]], 6, 0).repeat([4, 1, 4], 1)
    lab = np.zeros((6, 9, 3), np.float32)
    lab[:, 4:5], lab[:, 5:] = 60, 70
    assert np.array_equal(module._connected(labels, lab, 10), np.where(labels > 0, 2, 1))


def test_small_parts_join_one_another_before_they_are_none():
    labels = np.arange(36).reshape(6, 6)
    sizes = np.bincount(module._connected(labels, np.zeros((6, 6, 3), np.float32), 4).ravel())[1:]
    assert sizes.sum() == 36
    assert sizes.min() >= 4


def test_the_centres_are_the_weighted_means():
    rng = np.random.default_rng(1)
    features, weight = rng.random((2, 3, 4, 10), np.float32), rng.random((2, 3, 4), np.float32)
    own = rng.integers(0, 6, 24)
    flat, mass = features.reshape(24, 10), weight.ravel()
    for k, centre in enumerate(module._centres(features, weight, own)):
        chosen = own == k
        expected = np.average(flat[chosen], 0, mass[chosen])
        np.testing.assert_allclose(centre, expected, rtol=1e-5)


def test_the_clustering_only_gets_better():
    """The weighted squared distance to the centres, against that of the grid it starts from."""
    picture = pictures(1, 96, 54)[0].astype(np.float32) / 255
    features, weight = module._features(module.cv2.cvtColor(picture, module.cv2.COLOR_RGB2LAB), 9)
    grid = np.arange(6 * 11).reshape(6, 11).repeat(9, 0).repeat(9, 1)[:54, :96]

    def spread(own: np.ndarray) -> float:
        total = 0.0
        for k in np.unique(own):
            part, mass = features[own == k].astype(float), weight[own == k].astype(float)
            total += (mass * ((part - np.average(part, 0, mass)) ** 2).sum(1)).sum()
        return total

    cells = module._cells(features, 9), module._cells(weight[..., None], 9)[..., 0]
    assert spread(module._cluster(*cells, 9)[:54, :96]) < 0.6 * spread(grid)


def test_splats_of_them_follow_colours_and_places():
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, 40:] = (200, 0, 0)
    params = superpixel(frame, 40, cut=lsc).params
    assert params.shape == (40, 8)
    assert (params[params[:, 0] > 44, 5] > 0.1).all()
    assert (np.abs(params[params[:, 0] < 36, 5:]) < 1e-3).all()
