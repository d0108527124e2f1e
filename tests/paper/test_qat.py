"""Training with rounded splats."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from tests.clips import pictures
from tests.paper.test_adan import Adan
from tests.reference import dequantise, exact_integers, half_squared_error, random_splats
from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.paper.adan import Adan as HostAdan
from tsplat.paper.qat import learn, steps_gradient, train
from tsplat.splats import QuantizedSplats, Splats, Steps

COARSE = Steps(600, 600, 4000, 4000)
FINE = Steps(1, 1, 1, 1)


@pytest.fixture(scope="module")
def canvas() -> Canvas:
    """The paper's splats are summed."""
    canvas = Canvas(96, 54)
    canvas.set_target(pictures(1)[0])
    canvas.begin()
    return canvas


def rounded_error(canvas: Canvas, splats: Splats) -> float:
    values = canvas.quantise(splats.params, COARSE.array())
    canvas.load(QuantizedSplats(values, COARSE).dequantise().params)
    return canvas.squared_error()


def test_training_makes_rounding_cost_less(canvas):
    fitted = fit(canvas, superpixel(pictures(1)[0], 100), FitConfig(100, presolve=3))
    trained = train(canvas, fitted, COARSE)
    assert rounded_error(canvas, trained) < 0.7 * rounded_error(canvas, fitted)


def test_with_fine_steps_it_is_the_fit_itself(canvas):
    start = Splats(random_splats(30, 54, 96, 3))
    config = FitConfig(12)
    expected = fit(canvas, start, config).params
    found = train(canvas, start, FINE, config).params
    moved = np.abs(expected - start.params).max(0)
    assert (moved > 0.05).all()
    np.testing.assert_allclose(found, expected, atol=0.1 * float(moved.min()), rtol=0.02)


def test_no_splats_are_no_exception(canvas):
    nothing = Splats(np.zeros((0, 8), np.float32))
    assert len(train(canvas, nothing, COARSE)) == 0
    assert learn(canvas, nothing, COARSE, 1.0) == COARSE


def test_the_gradient_in_steps_is_that_of_finite_differences(canvas):
    """Straight through the rounding: what it adds to a value grows with the step."""
    params = random_splats(12, 54, 96, 5)
    target = pictures(1)[0] / 255.0
    unit = COARSE.array().astype(np.float64)
    rounded = QuantizedSplats(canvas.quantise(params, COARSE.array()), COARSE)
    exact = exact_integers(params, unit)

    def half_error(logarithms: np.ndarray) -> float:
        grown = unit * np.exp(np.repeat(logarithms, (2, 3, 1, 2)))
        shown = dequantise(exact * unit + (rounded.values - exact) * grown, np.ones(8))
        return half_squared_error(shown, target, np.ones((54, 96)))

    steps = 1e-4 * np.eye(4)
    expected = [(half_error(step) - half_error(-step)) / 2e-4 for step in steps]
    canvas.load(rounded.dequantise().params)
    found = steps_gradient(params.astype(np.float64), rounded, canvas.gradient())
    assert min(np.abs(expected)) > 0.1
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_steps_are_as_coarse_as_bits_are_dear_and_shared_as_suits(canvas):
    fitted = fit(canvas, superpixel(pictures(1)[0], 100), FitConfig(100, presolve=3))
    start = Steps(200, 200, 1000, 1000)
    cheap, dear = (np.array(astuple(learn(canvas, fitted, start, price))) for price in (0.001, 0.1))
    assert (cheap < astuple(start)).all()
    assert (dear > cheap).all()


def test_adan_on_the_host_is_the_papers():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(4, 3))
    expected, found = Adan(values.copy()), HostAdan(values.copy())
    for gradient in rng.normal(size=(9, 4, 3)):
        expected.step(gradient, 0.01)
        found.step(gradient, 0.01)
    np.testing.assert_allclose(found.values, expected.theta, rtol=1e-10)
    assert np.abs(found.values - values).max() > 0.02
