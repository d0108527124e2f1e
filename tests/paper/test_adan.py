"""GaussianImage's coordinates and optimiser, against its formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest

from tests import reference
from tests.clips import pictures
from tests.reference import random_splats
from tsplat.kernels.adan import latents
from tsplat.kernels.canvas import Canvas
from tsplat.paper.adan import HALVING, AdanConfig, fit_adan, halving
from tsplat.paper.scatter import OFFSET, scatter
from tsplat.splats import Splats

HEIGHT, WIDTH = 20, 32
RATE = 1e-3


def from_latents(z: np.ndarray) -> np.ndarray:
    out = np.array(z, np.float64)
    out[:, :2] = (np.tanh(out[:, :2]) + 1) / 2 * (WIDTH, HEIGHT)
    return out


def loss(z: np.ndarray, target: np.ndarray) -> float:
    picture = reference.render(from_latents(z), HEIGHT, WIDTH)
    return float(np.mean((np.clip(picture, 0, 1) - target) ** 2))


def gradient(z: np.ndarray, target: np.ndarray) -> np.ndarray:
    out = np.zeros(z.shape)
    for index in np.ndindex(z.shape):
        step = np.zeros(z.shape)
        step[index] = 1e-6
        out[index] = (loss(z + step, target) - loss(z - step, target)) / 2e-6
    return out


class Adan:
    """Algorithm 1 of Xie et al. 2022, line by line, without weight decay; betas are one minus
    those of the released code, whose bias corrections and epsilon are added."""

    def __init__(self, theta: np.ndarray):
        self.theta, self.k = theta, 0
        self.m = self.v = self.n = np.zeros(theta.shape)
        self.g = None

    def step(self, g: np.ndarray, eta: float, b1=0.02, b2=0.08, b3=0.01, eps=1e-8) -> None:
        self.k += 1
        before = g if self.g is None else self.g
        self.m = (1 - b1) * self.m + b1 * g
        self.v = (1 - b2) * self.v + b2 * (g - before)
        self.n = (1 - b3) * self.n + b3 * (g + (1 - b2) * (g - before)) ** 2
        m, v, n = (
            x / (1 - (1 - b) ** self.k) for x, b in ((self.m, b1), (self.v, b2), (self.n, b3))
        )
        self.theta = self.theta - eta / (np.sqrt(n) + eps) * (m + (1 - b2) * v)
        self.g = g


@pytest.fixture
def scene() -> tuple[Canvas, np.ndarray, np.ndarray]:
    """A canvas, splats inside the picture, bright enough to be clamped here and there, and the
    target."""
    params = random_splats(7, HEIGHT - 8, WIDTH - 8, 1)
    params[:, :2] += 4
    params[:3, 5:] += 1
    params[3:5, 5:] -= 1
    target = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.set_target(target)
    canvas.begin()
    return canvas, params, target / 255


def test_some_of_the_picture_is_clamped(scene):
    _, params, _ = scene
    picture = reference.render(params, HEIGHT, WIDTH)
    assert (picture > 1.05).sum() > 10
    assert (picture < -0.05).sum() > 10


def test_latents_are_the_way_back(scene):
    params = scene[1]
    np.testing.assert_allclose(from_latents(latents(params, WIDTH, HEIGHT)), params, atol=1e-5)


def test_steps_are_those_of_the_paper(scene):
    """With gradients by finite differences of the loss in the latents: parametrisation, clamp,
    scale and optimiser in one."""
    canvas, params, target = scene
    expected = Adan(latents(params, WIDTH, HEIGHT).astype(np.float64))
    adan = canvas.adan(params)
    for _ in range(6):
        adan.step(RATE)
        expected.step(gradient(expected.theta, target), RATE)
    moved = canvas.params() - params
    wanted = from_latents(expected.theta) - params
    assert np.abs(wanted).max() > 0.01
    np.testing.assert_allclose(moved, wanted, atol=2e-4, rtol=0.02)


def test_splats_stay_in_the_picture(scene):
    canvas, params, _ = scene
    params[:, 0], params[:, 1] = -5, HEIGHT + 3
    fitted = fit_adan(canvas, Splats(params), AdanConfig(40, rate=0.5)).params
    assert (fitted[:, :2] >= 0).all()
    assert (fitted[:, :2] <= (WIDTH, HEIGHT)).all()


def test_pixels_without_weight_do_not_pull(scene):
    canvas, params, _ = scene
    canvas.set_weight(np.zeros((HEIGHT, WIDTH), np.float32))
    canvas.begin()
    fitted = fit_adan(canvas, Splats(params), AdanConfig(3, rate=RATE)).params
    np.testing.assert_allclose(fitted, params, atol=1e-5)


def test_a_random_start_gets_better_and_ends_where_it_is_told_to():
    frame = pictures(1)[0]
    canvas = Canvas(96, 54)
    canvas.set_target(frame)
    canvas.begin()
    errors = []
    for iterations in (1, 200, 1000):
        config = AdanConfig(iterations, rate=RATE)
        canvas.load(fit_adan(canvas, scatter(frame, 150, 0), config).params)
        errors.append(canvas.squared_error())
    assert errors[0] > errors[1] > 2 * errors[2]


def test_first_splats_are_those_of_the_release():
    params = scatter(np.zeros((360, 640, 3), np.uint8), 20_000, 3).params
    low, high = params.min(0), params.max(0)
    np.testing.assert_allclose(low, [0, 0, *OFFSET, 0, 0, 0], atol=0.2)
    np.testing.assert_allclose(high, [640, 360, *(v + 1 for v in OFFSET), 1, 1, 1], atol=0.2)
    assert np.abs(params[:, 2:].mean(0) - [1, 0.5, 1, 0.5, 0.5, 0.5]).max() < 0.02


def test_the_rate_halves():
    assert [halving(t) for t in (HALVING - 1, HALVING, 2 * HALVING)] == [1, 0.5, 0.25]
