"""The gain that a splat promises against what a step really gains."""

from __future__ import annotations

import numpy as np

from tests.reference import random_splats
from tsplat.encoding.predict.worth import expected_gain
from tsplat.kernels.canvas import Canvas

HEIGHT, WIDTH = 48, 64


def test_who_is_right_promises_nothing_and_who_is_wrong_does():
    rng = np.random.default_rng(0)
    params = random_splats(12, HEIGHT, WIDTH, 1)
    params[:, :2] = rng.uniform((8, 8), (WIDTH - 8, HEIGHT - 8), (12, 2))
    params[:, 5:] = rng.uniform(0.02, 0.06, (12, 3))
    canvas = Canvas(WIDTH, HEIGHT)
    truth = params.copy()
    wrong = params.copy()
    wrong[3, 5:] += 0.3
    canvas.set_target(canvas.picture(truth))
    canvas.begin()
    gains = expected_gain(canvas, wrong)
    assert gains.argmax() == 3
    canvas.load(wrong)
    assert 0.3 < gains[3] / canvas.squared_error() < 3
    assert np.median(np.delete(gains, 3)) < 0.3 * gains[3]
    assert expected_gain(canvas, truth).max() < 0.02 * gains[3]


def test_a_step_aside_is_promised_about_what_it_gains():
    params = np.array([[30, 24, 6, 1, 5, 0.5, 0.4, 0.3]], np.float32)
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.set_target(canvas.picture(params))
    canvas.begin()
    aside = params.copy()
    aside[0, :2] += (1, -0.5)
    canvas.load(aside)
    error = canvas.squared_error()
    assert 0.5 < expected_gain(canvas, aside)[0] / error < 2
