"""Training with rounded splats."""

from __future__ import annotations

import numpy as np

from tests.clips import pictures
from tests.paper.test_adan import Adan
from tests.reference import random_splats
from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.paper.adan import Adan as HostAdan
from tsplat.paper.qat import train
from tsplat.splats import QuantizedSplats, Splats, Steps

COARSE = Steps(600, 600, 4000, 4000)
FINE = Steps(1, 1, 1, 1)


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
    assert len(train(canvas, Splats(np.zeros((0, 8), np.float32)), COARSE)) == 0


def test_adan_on_the_host_is_the_papers():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(4, 3))
    expected, found = Adan(values.copy()), HostAdan(values.copy())
    for gradient in rng.normal(size=(9, 4, 3)):
        expected.step(gradient, 0.01)
        found.step(gradient, 0.01)
    np.testing.assert_allclose(found.values, expected.theta, rtol=1e-10)
    assert np.abs(found.values - values).max() > 0.02
