"""Pictures before others, out of focus, and scaled to cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.decoding.compositing import blur, fitted, over


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def disc(height: int, width: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    away = np.hypot(y - height / 2, x - width / 2) - radius
    return (np.clip(0.5 - away, 0, 1) * 255).astype(np.uint8)


def test_over_mixes_every_pair_of_levels_to_the_nearest():
    alpha = np.arange(256, dtype=np.uint8)[None].repeat(256, 0)
    front = np.arange(256, dtype=np.uint8)[:, None, None].repeat(256, 1).repeat(3, 2)
    for level in (0, 1, 100, 254, 255):
        behind = np.full((256, 256, 3), level, np.uint8)
        got = over(front, alpha, behind)
        exact = (front * (alpha[..., None] / 255) + behind * (1 - alpha[..., None] / 255)).round(6)
        assert got.dtype == np.uint8
        assert np.abs(got - exact).max() <= 0.5 + 1e-6
        assert np.array_equal(got, over(front, alpha, np.full(3, level, np.uint8)))


def test_opaque_is_the_picture_and_transparent_what_is_behind():
    front, behind = noise(9, 14), noise(9, 14, 1)
    assert np.array_equal(over(front, np.full((9, 14), 255, np.uint8), behind), front)
    assert np.array_equal(over(front, np.zeros((9, 14), np.uint8), behind), behind)


@pytest.mark.parametrize("level", [0, 1, 127, 255])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (40, 60), (133, 71)])
@pytest.mark.parametrize("masked", [False, True])
def test_a_constant_picture_stays_constant(level, size, masked):
    picture = np.full((*size, 3), level, np.uint8)
    alpha = noise(*size)[..., 0] if masked else None
    assert np.array_equal(blur(picture, alpha), picture)


def test_a_bright_person_does_not_bleed_into_the_room():
    alpha = disc(120, 160, 30)
    picture = np.full((120, 160, 3), 20, np.uint8)
    picture[alpha == 255] = 250
    outside = alpha == 0
    assert blur(picture, alpha)[outside].max() <= 21
    assert blur(picture)[outside].max() > 60
    assert blur(over(np.full(3, 250, np.uint8), alpha, picture), alpha)[outside].max() < 40


def test_the_room_spreads_to_where_the_person_is():
    picture = np.full((120, 160, 3), 20, np.uint8)
    picture[:, 80:] = 90
    alpha = disc(120, 160, 8)
    picture[alpha == 255] = 255
    assert blur(picture, alpha).min() >= 20
    assert blur(picture, alpha).max() <= 91


def test_a_person_alone_is_blurred_like_any_picture():
    picture = noise(60, 80)
    got = blur(picture, np.full((60, 80), 255, np.uint8)).astype(int)
    assert np.abs(got - blur(picture)).max() <= 1


def test_blur_takes_detail_away_and_keeps_the_mean():
    picture = noise(96, 128)
    got = blur(picture)
    assert (got.shape, got.dtype) == (picture.shape, np.uint8)
    assert got.std() < 0.25 * picture.std()
    assert got.mean() == pytest.approx(picture.mean(), abs=1.5)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (23, 25), (49, 200)])
def test_blur_works_at_any_size(size):
    height, width = size
    got = blur(noise(height, width), noise(height, width, 1)[..., 0])
    assert got.shape == (*size, 3)


def test_blur_is_the_same_at_every_size():
    """Its width is a part of the picture's height."""
    step = np.zeros((240, 320, 3), np.uint8)
    step[:, 160:] = 200
    small = blur(step[::2, ::2])[60, ::8, 0].astype(int)
    large = blur(step)[120, ::16, 0].astype(int)
    assert np.abs(small - large).max() < 12


def test_a_fitting_image_is_left_as_it_is():
    image = noise(30, 50)
    assert np.array_equal(fitted(image, 50, 30), image)


@settings(max_examples=60, deadline=None)
@given(*[st.integers(1, 60)] * 4, st.integers(0, 100))
def test_any_image_covers_any_picture(h, w, height, width, seed):
    image = noise(h, w, seed)
    got = fitted(image, width, height)
    assert (got.shape, got.dtype) == ((height, width, 3), np.uint8)
    assert got.min() >= image.min()
    assert got.max() <= image.max()


@pytest.mark.parametrize("size", [(90, 40), (40, 90), (60, 60), (200, 30), (13, 240)])
@pytest.mark.parametrize("shape", [(60, 100), (100, 60), (80, 80)])
def test_images_are_not_distorted_and_their_middle_stays(shape, size):
    """Ramps across and down rise by the same number of levels a pixel."""
    h, w = shape
    y, x = np.mgrid[:h, :w] + 0.5
    image = np.stack([2 * x, 2 * y, 0 * x], 2).round().astype(np.uint8)
    width, height = size
    got = fitted(image, width, height).astype(float)
    scale = max(width / w, height / h)
    there = (np.arange(width) + 0.5 - width / 2) / scale + w / 2
    down = (np.arange(height) + 0.5 - height / 2) / scale + h / 2
    # Beyond the middle of the outermost pixels there is nothing to interpolate.
    np.testing.assert_allclose(got[0, :, 0], np.clip(2 * there, 1, 2 * w - 1), atol=1.01)
    np.testing.assert_allclose(got[:, 0, 1], np.clip(2 * down, 1, 2 * h - 1), atol=1.01)


def test_a_bright_image_stays_bright():
    assert (fitted(np.full((7, 9, 3), 255, np.uint8), 50, 20) == 255).all()
