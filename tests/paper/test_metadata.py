"""The map from pixels to splats, against every pixel of every splat."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference import falloff, random_splats
from tsplat.paper.metadata import pixel_map


@pytest.mark.parametrize(("width", "height"), [(96, 54), (1, 1), (7, 40)])
@pytest.mark.parametrize("count", [0, 1, 60])
def test_each_pixel_has_the_splats_that_are_not_zero_there(width, height, count):
    params = random_splats(count, height, width, size=6)
    found = pixel_map(params, width, height)
    reaching = falloff(params.astype(float), height, width).reshape(count, width * height) > 0
    assert found.first[0] == 0
    assert found.first[-1] == len(found.splats) == reaching.sum()
    for pixel in range(width * height):
        part = found.splats[found.first[pixel] : found.first[pixel + 1]]
        assert np.array_equal(part, np.flatnonzero(reaching[:, pixel]))


def test_changed_pixels_name_their_splats():
    params = random_splats(80, 54, 96, seed=1)
    pixels = np.zeros((54, 96), bool)
    pixels[20:24, 30:50] = True
    reaching = falloff(params.astype(float), 54, 96) > 0
    expected = np.flatnonzero((reaching & pixels).any((1, 2)))
    assert np.array_equal(pixel_map(params, 96, 54).of(pixels), expected)
    assert 0 < len(expected) < 80


def test_splats_outside_the_picture_reach_nothing():
    params = random_splats(3, 20, 20)
    params[:, 0] = (-60, 90, 10)
    assert set(pixel_map(params, 20, 20).splats.tolist()) <= {2}
