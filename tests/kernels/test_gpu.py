"""The same kernels on Vulkan: equal to the oracle and, integers aside, to the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from tests import reference
from tests.reference import random_splats
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("width", "height", "count"), [(40, 24, 60), (13, 9, 300), (1, 1, 1)])
def test_picture_and_gradient_equal_the_oracle(vulkan, width, height, count):
    target = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    params = random_splats(count, height, width)
    params[:, 5:] /= max(1, count / 40)
    canvas = Canvas(width, height, vulkan)
    picture = np.clip(np.floor(reference.render(params, height, width) * 255 + 0.5), 0, 255)
    assert np.abs(canvas.picture(params) - picture).max() <= 1
    canvas.set_target(target)
    canvas.begin()
    canvas.load(params)
    some = params[:10]
    rest = target / 255 - reference.render(params[10:], height, width)
    expected = reference.gradient(some, rest, np.ones((height, width)))
    scale = np.abs(expected).max(0) + 1e-9
    np.testing.assert_allclose(canvas.gradient()[:10] / scale, expected / scale, atol=3e-3)


def test_a_fit_lowers_the_loss(vulkan):
    target = np.random.default_rng(1).integers(100, 150, (24, 40, 3), np.uint8)
    canvas = Canvas(40, 24, vulkan)
    canvas.set_target(target)
    canvas.begin()
    canvas.load(random_splats(60, 24, 40, 2))
    before = canvas.squared_error()
    canvas.iterate(0.05, 0.02, 1)
    assert canvas.loss() == pytest.approx(before, rel=1e-4)
    for t in range(2, 12):
        canvas.iterate(0.05, 0.02, t)
    assert canvas.squared_error() < 0.5 * before


def test_selection_and_quantisation_equal_numpy(vulkan):
    params = random_splats(70, 24, 40, 3)
    canvas = Canvas(40, 24, vulkan)
    steps = np.full(8, 0.25, np.float32)
    got = canvas.quantise(params, steps)[:, :5]
    exact = params[:, :5] / 0.25
    clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-3
    assert np.array_equal(got[clear], np.floor(exact + 0.5)[clear])
    canvas.set_target(np.zeros((24, 40, 3), np.uint8))
    canvas.settle(params)
    assert canvas.changed(params, 0.01)[0].sum() == 0
    canvas.set_target(np.full((24, 40, 3), 255, np.uint8))
    assert canvas.changed(params, 0.01)[0].sum() > 0


def test_quantisation_keeps_to_the_reference_in_the_dead_zone(vulkan):
    params = random_splats(70, 24, 40, 4)
    steps = np.array([0.5] * 5 + [0.01, 0.02, 0.02], np.float32)
    exact = reference.exact_integers(params, steps)
    near = (np.round(exact) + np.random.default_rng(5).integers(-2, 3, (70, 8))).astype(np.int32)
    got = Canvas(40, 24, vulkan).quantise(params, steps, near, 0.7)
    expected = np.where(np.abs(exact - near) < 0.7, near, np.floor(exact + 0.5))
    clear = (np.abs(exact % 1 - 0.5) > 1e-3) & (np.abs(np.abs(exact - near) - 0.7) > 1e-3)
    assert np.array_equal(got[clear], expected[clear])


def test_frozen_splats_and_tiles_fit_as_on_the_cpu(vulkan):
    target = np.random.default_rng(6).integers(0, 256, (24, 40, 3), np.uint8)
    tiles = np.arange(15) % 4 != 0
    results = []
    for arch in ("cpu", "vulkan"):
        canvas = Canvas(40, 24, runtime.start(arch))
        canvas.set_target(target)
        canvas.begin(random_splats(30, 24, 40, 7), tiles)
        canvas.load(random_splats(60, 24, 40, 8))
        for t in range(1, 5):
            canvas.iterate(0.05, 0.02, t)
        # Adam magnifies the sign of gradients near zero: compare pictures, not parameters.
        results.append((canvas.loss(), canvas.picture(canvas.params()).astype(int)))
    (loss, picture), (other_loss, other) = results
    assert loss == pytest.approx(other_loss, rel=1e-3)
    assert np.abs(picture - other).mean() < 0.1
