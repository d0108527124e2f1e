"""The kernels of GPUs on Vulkan: equal to the oracle and, integers aside, to the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from tests import reference
from tests.reference import random_splats
from tsplat.encoding.fit.descent import Prices, descend, inter_table
from tsplat.encoding.quantise import quantise
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas
from tsplat.kernels.rates import LARGEST
from tsplat.splats import Splats, Steps
from tsplat.stream import delta
from tsplat.stream.rates import Rates

STEPS = Steps(256, 300, 1200, 1300)

pytestmark = pytest.mark.gpu


def loaded(backend, width, height, normalised, params, target=None) -> Canvas:
    """A canvas on which these splats are about to be fitted, to black by default."""
    canvas = Canvas(width, height, backend, normalised)
    canvas.set_target(np.zeros((height, width, 3), np.uint8) if target is None else target)
    canvas.begin()
    canvas.load(params)
    return canvas


@pytest.mark.parametrize(
    ("width", "height", "count"), [(40, 24, 60), (13, 9, 300), (1, 1, 1), (20, 12, 700)]
)
def test_picture_and_gradient_equal_the_oracle(vulkan, width, height, count, normalised):
    target = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    params = random_splats(count, height, width)
    params[:, 5:] /= max(1, count / 40)
    canvas = Canvas(width, height, vulkan, normalised)
    wanted = reference.render(params, height, width, normalised)
    picture = np.clip(np.floor(wanted * 255 + 0.5), 0, 255)
    assert np.abs(canvas.picture(params) - picture).max() <= 1
    canvas.set_target(target)
    canvas.begin()
    canvas.load(params)
    others = reference.sums(params[10:], height, width)
    expected = reference.gradient(params[:10], target / 255, 1, normalised, others)
    scale = np.abs(expected).max(0) + 1e-9
    np.testing.assert_allclose(canvas.gradient()[:10] / scale, expected / scale, atol=3e-3)


@pytest.mark.parametrize(
    "splat",
    [
        (20, 15, 0, 0, 0),
        (20, 15, 12, -12, 0.1),
        (20, 15, 400, -300, 200),
        (-50, 15, 30, 20, 3),
        (15.9, 15.9, 0.4, 0, 0.4),
        (-5000, 9000, 3, 3, 3),
    ],
)
def test_needles_giants_and_strangers_equal_the_oracle(vulkan, splat, normalised):
    params = np.array([(*splat, 0.5, -0.3, 1.0)], np.float32)
    canvas = loaded(vulkan, 53, 41, normalised, params)
    canvas.squared_error()
    expected = reference.render(params, 41, 53, normalised)
    np.testing.assert_allclose(canvas.error_picture(), expected, atol=2e-4)


def test_weights_multiply_falloffs(vulkan, normalised):
    params, weights = random_splats(60, 31, 45, 23), np.linspace(0, 1, 60)
    wanted = reference.render(params, 31, 45, normalised, weights)
    picture = np.clip(np.floor(wanted * 255 + 0.5), 0, 255)
    canvas = Canvas(45, 31, vulkan, normalised)
    assert np.abs(canvas.picture(params, weights) - picture).max() <= 1
    canvas.set_target(np.zeros((31, 45, 3), np.uint8))
    canvas.begin()
    canvas.load(params, weights)
    assert canvas.squared_error() == pytest.approx((wanted**2).sum(), rel=1e-4)


def test_without_splats_there_is_the_target_alone(vulkan, normalised):
    target = np.random.default_rng(9).integers(0, 256, (41, 53, 3), np.uint8)
    canvas = loaded(vulkan, 53, 41, normalised, random_splats(0, 41, 53), target)
    assert canvas.gradient().shape == (0, 8)
    canvas.iterate(0.05, 0.02, 1)
    assert canvas.loss() == pytest.approx(((target / 255) ** 2).sum(), rel=1e-5)
    assert not canvas.picture(random_splats(0, 41, 53)).any()


def test_blocks_take_turns(vulkan, normalised):
    """More tiles and splats than there are blocks at a time: 512 and 1024 on Vulkan."""
    width, height = 530, 290
    params = random_splats(1100, height, width, 10)
    rng = np.random.default_rng(10)
    target = rng.integers(0, 256, (height, width, 3), np.uint8)
    weight = rng.uniform(0, 1, (height, width)).astype(np.float32)
    results = []
    for arch in ("cpu", "vulkan"):
        canvas = loaded(runtime.start(arch), width, height, normalised, params, target)
        canvas.set_weight(weight)
        gradient = canvas.gradient()
        canvas.iterate(0.05, 0.02, 1)
        results.append((canvas.loss(), gradient, canvas.picture(params).astype(int)))
    (loss, gradient, picture), (other_loss, other_gradient, other_picture) = results
    assert loss == pytest.approx(other_loss, rel=1e-5)
    scale = np.abs(gradient).max(0)
    np.testing.assert_allclose(gradient / scale, other_gradient / scale, atol=1e-4)
    assert np.abs(picture - other_picture).max() <= 1


def test_results_are_reproducible(vulkan, normalised):
    """To the last bit: sums have an order."""
    target = np.random.default_rng(11).integers(0, 256, (45, 59, 3), np.uint8)
    results = []
    for _ in range(3):
        canvas = loaded(vulkan, 59, 45, normalised, random_splats(400, 45, 59, 12), target)
        for t in range(1, 8):
            canvas.iterate(0.05, 0.02, t)
        results.append([canvas.params(), canvas.loss(), canvas.gradient()])
    for one, *others in zip(*results):
        assert all(np.array_equal(one, other) for other in others)


def test_a_fit_lowers_the_loss(vulkan, normalised):
    target = np.random.default_rng(1).integers(100, 150, (24, 40, 3), np.uint8)
    canvas = loaded(vulkan, 40, 24, normalised, random_splats(60, 24, 40, 2), target)
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


@pytest.mark.parametrize(("width", "height", "count"), [(40, 24, 60), (21, 11, 700)])
def test_frozen_splats_and_tiles_fit_as_on_the_cpu(vulkan, width, height, count, normalised):
    target = np.random.default_rng(6).integers(0, 256, (height, width, 3), np.uint8)
    tiles = np.arange(-(-width // 8) * -(-height // 8)) % 4 != 0
    params = random_splats(count, height, width, 8)
    params[:, 5:] *= 60 / count
    results = []
    for arch in ("cpu", "vulkan"):
        canvas = Canvas(width, height, runtime.start(arch), normalised)
        canvas.set_target(target)
        canvas.begin(random_splats(30, height, width, 7), tiles)
        canvas.load(params)
        for t in range(1, 5):
            canvas.iterate(0.05, 0.02, t)
        # Adam magnifies the sign of gradients near zero: compare pictures, not parameters.
        loss, normal = canvas.loss(), canvas.apply_normal(params[:, 5:])
        results.append((loss, canvas.picture(canvas.params()).astype(int), normal))
    (loss, picture, normal), (other_loss, other, other_normal) = results
    scale = np.abs(normal).max()
    np.testing.assert_allclose(other_normal / scale, normal / scale, atol=2e-2)
    assert loss == pytest.approx(other_loss, rel=1e-3)
    assert np.abs(picture - other).mean() < 0.1


def test_descent_equals_that_of_the_cpu(vulkan, normalised):
    width, height = 59, 37
    target = np.random.default_rng(13).integers(0, 256, (height, width, 3), np.uint8)
    table = Rates.of(delta.INITIAL, LARGEST + 1)
    rates = inter_table(table.flags, table.groups, table.nonzero, table.sizes)
    prices = Prices(False, rates, 0.0, 1e9)
    results = []
    for arch in ("cpu", "vulkan"):
        nothing = random_splats(0, 1, 1)
        canvas = loaded(runtime.start(arch), width, height, normalised, nothing, target)
        if arch == "cpu":
            start = quantise(canvas, Splats(random_splats(24, height, width, 14)), STEPS)
            canvas.begin()
        values = start.values
        known = (np.arange(24) % 12 + 16 * (np.arange(24) % 3)).astype(np.uint8)
        found, alive = descend(canvas, start, values, values, known, prices, 0.01, 2)
        canvas.begin()
        canvas.load(found.dequantise().params)
        results.append((found.values, alive, canvas.squared_error()))
    (values, alive, error), (other, other_alive, other_error) = results
    assert (values != start.values).any(1).mean() > 0.5
    # Sums differ in their last digits, and near ties may fall either way.
    assert (values == other).all(1).mean() > 0.9
    assert np.array_equal(alive, other_alive)
    assert error == pytest.approx(other_error, rel=1e-3)
