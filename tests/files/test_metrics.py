"""Metrics: known values, an independent oracle, and masks that see what is theirs."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy import ndimage

from tests.clips import pictures
from tsplat.files.metrics import WHOLE, mean_squared_error, ms_ssim, psnr_of, squared_error_map

WIDTH, HEIGHT = 321, 181


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return pictures(1, WIDTH, HEIGHT)[0]


def noisy(picture: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def oracle(a: np.ndarray, b: np.ndarray, scales: int = 5) -> float:
    """MS-SSIM from its definition: an explicit two-dimensional window, correlated directly."""
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights = weights / weights.sum()
    v, u = np.mgrid[-5:6, -5:6]
    window = np.exp(-(u**2 + v**2) / (2 * 1.5**2))
    window /= window.sum()

    def blur(p: np.ndarray) -> np.ndarray:
        return ndimage.correlate(p, window, mode="reflect")

    x, y = ((0.299 * p[..., 0] + 0.587 * p[..., 1] + 0.114 * p[..., 2]) for p in (a, b))
    value = 1.0
    for k, weight in enumerate(weights):
        mx, my = blur(x), blur(y)
        vx, vy = blur(x * x) - mx * mx, blur(y * y) - my * my
        cs = (2 * (blur(x * y) - mx * my) + 58.5225) / (vx + vy + 58.5225)
        if k == scales - 1:
            cs = cs * (2 * mx * my + 6.5025) / (mx * mx + my * my + 6.5025)
        value *= cs.mean() ** weight
        x, y = (
            (p[:-1:2, :-1:2] + p[1::2, :-1:2] + p[:-1:2, 1::2] + p[1::2, 1::2]) / 4
            for p in (q[: q.shape[0] // 2 * 2, : q.shape[1] // 2 * 2] for q in (x, y))
        )
    return float(value)


def test_squared_errors_and_psnr_are_those_of_the_definition(picture):
    other = noisy(picture, 20)
    exact = (picture.astype(float) - other) ** 2
    errors = squared_error_map(picture, other)
    assert errors.dtype == np.float32
    np.testing.assert_allclose(errors, exact.mean(-1), rtol=1e-6)
    assert mean_squared_error(picture, other) == pytest.approx(exact.mean(), rel=1e-5)
    assert psnr_of(exact.mean()) == pytest.approx(10 * math.log10(255**2 / exact.mean()))
    assert psnr_of(0) == 100


def test_identical_pictures_have_one(picture):
    half = np.zeros((HEIGHT, WIDTH), bool)
    half[:, 100:] = True
    assert ms_ssim(picture, picture, {"half": half}) == {WHOLE: 1.0, "half": 1.0}


@pytest.mark.parametrize("kind", ["noise", "blur", "dark"])
def test_equals_the_oracle(picture, kind):
    other = {
        "noise": noisy(picture, 25),
        "blur": cv2.GaussianBlur(picture, (0, 0), 3),
        "dark": picture // 2,
    }[kind]
    assert ms_ssim(picture, other)[WHOLE] == pytest.approx(oracle(picture, other), abs=1e-5)


@pytest.mark.parametrize(
    ("side", "scales"), [(11, 1), (21, 1), (22, 2), (87, 3), (88, 4), (175, 4), (176, 5)]
)
def test_small_pictures_have_fewer_scales(side, scales):
    small = pictures(1, side + 30, side)[0]
    other = noisy(small, 25)
    expected = oracle(small, other, scales)
    assert ms_ssim(small, other)[WHOLE] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 5)])
def test_tiny_pictures(shape):
    dark, light = np.full((*shape, 3), 10, np.uint8), np.full((*shape, 3), 200, np.uint8)
    assert ms_ssim(dark, dark)[WHOLE] == 1
    assert 0 < ms_ssim(dark, light)[WHOLE] < 0.2


def test_falls_with_noise_and_with_blur(picture):
    for worse in (
        [noisy(picture, s) for s in (5, 15, 40)],
        [cv2.GaussianBlur(picture, (0, 0), s) for s in (1, 2, 5)],
    ):
        values = [1.0] + [ms_ssim(picture, p)[WHOLE] for p in worse]
        assert all(a > b + 0.001 for a, b in pairwise(values))


def test_a_negative_has_no_similarity(picture):
    assert 0 <= ms_ssim(picture, 255 - picture)[WHOLE] < 0.2


def test_a_mask_of_everything_is_no_mask(picture):
    values = ms_ssim(picture, noisy(picture, 20), {"all": np.ones((HEIGHT, WIDTH), bool)})
    assert values["all"] == values[WHOLE]


def test_an_error_far_from_a_mask_is_not_seen_in_it(picture):
    """The window of the coarsest scale reaches 16 * 6 pixels."""
    other = picture.copy()
    other[:, 220:] = noisy(picture, 40)[:, 220:]
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[:, :112] = True
    values = ms_ssim(picture, other, {"inside": inside, "outside": ~inside})
    assert values["inside"] == pytest.approx(1, abs=1e-9)
    assert values["outside"] < values[WHOLE] < 1


def test_a_small_mask_ends_at_the_scale_that_it_reaches(picture):
    other = noisy(picture, 25)
    dot, line, none = (np.zeros((HEIGHT, WIDTH), bool) for _ in range(3))
    dot[90, 160] = True
    line[64:68, 32:36] = True
    values = ms_ssim(picture, other, {"dot": dot, "line": line, "none": none})
    assert 0 < values["dot"] < 1
    assert 0 < values["line"] < 1
    assert math.isnan(values["none"])
    only = ms_ssim(picture, other, {"dot": dot})
    assert only == {WHOLE: values[WHOLE], "dot": values["dot"]}


def test_sizes_and_names_that_do_not_fit_are_refused(picture):
    with pytest.raises(ValueError, match="one size"):
        ms_ssim(picture, picture[1:])
    with pytest.raises(ValueError, match="one size"):
        ms_ssim(picture, picture, {"part": np.ones((HEIGHT, WIDTH - 1), bool)})
    with pytest.raises(ValueError, match="may not be called"):
        ms_ssim(picture, picture, {WHOLE: np.ones((HEIGHT, WIDTH), bool)})
