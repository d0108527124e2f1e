"""The kernels against the oracle."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import reference
from tests.reference import random_splats
from tsplat.bench.soak import resident_mib
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas, mass
from tsplat.kernels.screen import Screen

SIZES = [(1, 1), (8, 8), (37, 29), (64, 16), (7, 65), (65, 40)]


def rendered(params: np.ndarray, height: int, width: int, normalised: bool) -> np.ndarray:
    """The picture before it is rounded, (H, W, 3): the error against black."""
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(np.zeros((height, width, 3), np.uint8))
    canvas.begin()
    canvas.load(params)
    canvas.squared_error()
    return canvas.error_picture()


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("count", [0, 1, 300])
def test_render_equals_the_oracle(width, height, count, normalised):
    params = random_splats(count, height, width)
    expected = reference.render(params, height, width, normalised)
    np.testing.assert_allclose(rendered(params, height, width, normalised), expected, atol=1e-4)


@pytest.mark.parametrize(
    "splat",
    [
        (20, 15, 0, 0, 0),
        (20, 15, 0, 12, 0),
        (20, 15, 12, 12, 0),
        (20, 15, 12, -12, 0.1),
        (20, 15, 30, 0, 0),
        (20, 15, 0, 0, 30),
        (20, 15, 400, -300, 200),
        (-50, 15, 30, 20, 3),
        (20, 90, 2, 40, 3),
        (-5000, 9000, 3, 3, 3),
    ],
)
def test_needles_giants_and_strangers_equal_the_oracle(splat, normalised):
    params = np.array([(*splat, 0.5, -0.3, 1.0)], np.float32)
    expected = reference.render(params, 41, 53, normalised)
    np.testing.assert_allclose(rendered(params, 41, 53, normalised), expected, atol=2e-4)


@pytest.mark.parametrize("slope", [1, -1])
def test_the_longest_legal_needles_equal_the_oracle(slope, normalised):
    width, height = 4000, 16
    params = np.array([(width / 2, 8, width, slope * width, 0, 0.5, -0.3, 1.0)], np.float32)
    expected = reference.render(params, height, width, normalised)
    np.testing.assert_allclose(rendered(params, height, width, normalised), expected, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_tilted_needles_do_not_vanish_from_block_to_block(seed, normalised):
    """Those whose weights are about to underflow a block away, wherever the blocks begin."""
    rng = np.random.default_rng(seed)
    n = 500
    cholesky = rng.uniform((0.3, -9, 0), (9, 9, 2.5), (n, 3))
    means = rng.uniform(-4, 68, (n, 2))
    params = np.concatenate([means, cholesky, rng.uniform(0, 0.2, (n, 3))], 1).astype(np.float32)
    expected = reference.render(params, 64, 64, normalised)
    np.testing.assert_allclose(rendered(params, 64, 64, normalised), expected, atol=1e-4)


PLACE, SIZE, COLOUR = st.floats(-60, 100, width=32), st.floats(0, 60, width=32), st.floats(-1, 1)
SPLAT = st.tuples(PLACE, PLACE, SIZE, st.floats(-60, 60), SIZE, COLOUR, COLOUR, COLOUR)


@settings(max_examples=40, deadline=None)
@given(st.lists(SPLAT, max_size=12))
def test_any_splats_equal_the_oracle(normalised, splats):
    params = np.array(splats, np.float32).reshape(-1, 8)
    expected = reference.render(params, 29, 37, normalised)
    np.testing.assert_allclose(rendered(params, 29, 37, normalised), expected, atol=2e-4)


def test_all_splats_in_one_tile(normalised):
    params = random_splats(1500, 8, 8, size=1.0)
    params[:, :2] = np.random.default_rng(0).uniform(9, 15, (1500, 2))
    params[:, 5:] /= 100
    expected = reference.render(params, 24, 24, normalised)
    np.testing.assert_allclose(rendered(params, 24, 24, normalised), expected, atol=1e-4)


def test_pictures_are_rounded_and_clipped(normalised):
    screen = Screen(30, 20, normalised=normalised)
    params = random_splats(40, 20, 30)
    params[:, 5:] *= 3
    expected = np.clip(np.floor(reference.render(params, 20, 30, normalised) * 255 + 0.5), 0, 255)
    got = screen.picture(params)
    assert got.dtype == np.uint8
    assert np.abs(got - expected).max() <= 1
    assert (got == expected).mean() > 0.999
    assert {0, 255} <= set(np.unique(got))


def test_where_no_splat_is_it_is_black_and_a_mean_of_many_is_their_colour():
    screen = Screen(40, 24, normalised=True)
    assert not screen.picture(random_splats(0, 24, 40)).any()
    alike = np.array([[10, 12, 3, 0, 3, 0.8, 0.4, 0.2]] * 99, np.float32)
    crowd = screen.picture(alike)
    assert np.abs(crowd[8:16, 6:14] - 255 * alike[0, 5:]).max() <= 1
    assert not crowd[:, 24:].any()


def test_the_target_s_colours_are_those_of_the_nearest_pixels():
    frame = np.random.default_rng(28).integers(0, 256, (9, 13, 3), np.uint8)
    canvas = Canvas(13, 9)
    canvas.set_target(frame)
    places = np.array([(0.2, 0.9), (12.9, 8.1), (-4, 3.5), (6.5, 99)], np.float32)
    got = canvas.target_at(places)
    assert np.array_equal(got * 255, frame[[0, 8, 3, 8], [0, 12, 0, 6]].astype(np.float32))


def test_weights_multiply_falloffs(normalised):
    width, height = 45, 31
    rng = np.random.default_rng(22)
    target = rng.integers(0, 256, (height, width, 3), np.uint8)
    params, weights = random_splats(60, height, width, 23), rng.uniform(0, 1, 60)
    weights[::5], weights[1::5] = 0, 1
    canvas = Canvas(width, height, normalised=normalised)
    wanted = reference.render(params, height, width, normalised, weights)
    levels = np.clip(np.floor(wanted * 255 + 0.5), 0, 255)
    assert np.abs(canvas.picture(params, weights) - levels).max() <= 1
    canvas.set_target(target)
    canvas.begin()
    canvas.load(params, weights)
    expected = ((wanted - target / 255) ** 2).sum()
    assert canvas.squared_error() == pytest.approx(expected, rel=1e-5)
    canvas.load(params)
    assert canvas.squared_error() != pytest.approx(expected, rel=1e-3)


def test_the_error_s_picture_is_weighted(normalised):
    width, height = 37, 29
    rng = np.random.default_rng(24)
    target = rng.integers(0, 256, (height, width, 3), np.uint8)
    weight = rng.uniform(0, 2, (height, width)).astype(np.float32)
    params = random_splats(40, height, width, 25)
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(target)
    canvas.set_weight(weight)
    canvas.begin()
    canvas.load(params)
    error = canvas.squared_error()
    wanted = reference.render(params, height, width, normalised) - target / 255
    np.testing.assert_allclose(canvas.error_picture(), weight[..., None] * wanted, atol=1e-4)
    assert canvas.squared_error() == error


def test_half_a_canvas_has_half_the_picture_and_its_blend(normalised):
    width, height = 46, 34
    rng = np.random.default_rng(26)
    target = rng.integers(0, 256, (height, width, 3), np.uint8)
    weight = rng.uniform(0, 1, (height, width)).astype(np.float32)
    params = random_splats(30, height // 2, width // 2, 27)
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(target)
    canvas.set_weight(weight)
    half = canvas.half()
    half.load(params)
    small, light = (a.reshape(17, 2, 23, 2, -1).mean((1, 3)) for a in (target, weight))
    rounded = np.floor(small + 0.5) / 255
    expected = 2 * reference.half_squared_error(params, rounded, light[..., 0], normalised)
    assert half.squared_error() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("width", "height", "count"), [(37, 29, 12), (70, 25, 9), (8, 8, 5)])
def test_gradient_equals_finite_differences(width, height, count, normalised):
    rng = np.random.default_rng(1)
    target = rng.integers(0, 256, (height, width, 3), np.uint8)
    weight = rng.uniform(0, 2, (height, width)).astype(np.float32)
    params = random_splats(count, height, width, seed=2)
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(target)
    canvas.set_weight(weight)
    canvas.begin()
    canvas.load(params)
    expected = reference.gradient(params, target / 255, weight, normalised)
    got = canvas.gradient()
    scale = np.abs(expected).max(0)
    np.testing.assert_allclose(got / scale, expected / scale, atol=2e-3)
    half = reference.half_squared_error(params, target / 255, weight, normalised)
    assert canvas.squared_error() == pytest.approx(2 * half, rel=1e-4)


def test_gradient_of_a_crowd_equals_finite_differences(normalised):
    width, height = 43, 27
    target = np.random.default_rng(20).integers(0, 256, (height, width, 3), np.uint8)
    params = random_splats(700, height, width, seed=21)
    params[:, 5:] /= 30
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(target)
    canvas.begin()
    canvas.load(params)
    some = np.arange(700) % 100 == 0
    others = reference.sums(params[~some], height, width)
    expected = reference.gradient(params[some], target / 255, 1, normalised, others)
    scale = np.abs(expected).max(0)
    np.testing.assert_allclose(canvas.gradient()[some] / scale, expected / scale, atol=2e-3)


def test_only_active_tiles_count_and_frozen_splats_stay(normalised):
    width, height = 40, 24
    target = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    frozen, params = random_splats(20, height, width, 4), random_splats(10, height, width, 5)
    tiles = np.zeros((3, 5), bool)
    tiles[1, 2:4] = True
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(target)
    canvas.begin()
    canvas.squared_error()
    canvas.begin(frozen, tiles.ravel())
    canvas.load(params)
    start = reference.sums(frozen, height, width)
    weight = np.kron(tiles, np.ones((8, 8)))
    expected = 2 * reference.half_squared_error(params, target / 255, weight, normalised, start)
    assert canvas.squared_error() == pytest.approx(expected, rel=1e-4)
    wanted = reference.gradient(params, target / 255, weight, normalised, start)
    scale = np.abs(wanted).max(0)
    np.testing.assert_allclose(canvas.gradient() / scale, wanted / scale, atol=2e-3)


def test_a_step_is_adam_in_whitened_coordinates(normalised):
    width, height = 33, 21
    target = np.random.default_rng(6).integers(0, 256, (height, width, 3), np.uint8)
    params = random_splats(8, height, width, 7)
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(target)
    canvas.begin()
    canvas.load(params)
    expected = params.astype(np.float64)
    first, second = np.zeros((8, 8)), np.zeros((8, 8))
    for t in (1, 2, 3):
        g = reference.gradient(expected, target / 255, 1, normalised)
        l11, l21, l22 = expected[:, 2:5].T
        white = np.stack(
            [
                l11 * g[:, 0] + l21 * g[:, 1],
                l22 * g[:, 1],
                l11 * g[:, 2] + l21 * g[:, 3],
                l22 * g[:, 3],
                l22 * g[:, 4],
                *g[:, 5:].T,
            ],
            1,
        )
        first, second = 0.9 * first + 0.1 * white, 0.99 * second + 0.01 * white**2
        rates = np.array([0.05] * 5 + [0.02] * 3)
        u = -rates * (first / (1 - 0.9**t)) / np.sqrt(second / (1 - 0.99**t))
        mean = expected[:, :2] + np.stack([l11 * u[:, 0], l21 * u[:, 0] + l22 * u[:, 1]], 1)
        shape = [l11 * (1 + u[:, 2]), l21 * (1 + u[:, 2]) + l22 * u[:, 3], l22 * (1 + u[:, 4])]
        shape[0], shape[2] = np.maximum(shape[0], 0.4), np.maximum(shape[2], 0.4)
        expected = np.concatenate([mean, np.stack(shape, 1), expected[:, 5:] + u[:, 5:]], 1)
        canvas.iterate(0.05, 0.02, t)
        np.testing.assert_allclose(canvas.params(), expected, atol=5e-3)


def test_iterating_lowers_the_loss_that_it_reports(normalised):
    target = np.random.default_rng(8).integers(90, 160, (50, 60, 3), np.uint8)
    canvas = Canvas(60, 50, normalised=normalised)
    canvas.set_target(target)
    canvas.begin()
    canvas.load(random_splats(60, 50, 60, 9))
    before = canvas.squared_error()
    canvas.iterate(0.05, 0.02, 1)
    assert canvas.loss() == pytest.approx(before, rel=1e-5)
    for t in range(2, 30):
        canvas.iterate(0.05, 0.02, t)
    assert canvas.squared_error() < 0.3 * before


def test_shapes_stay_within_bounds_whatever_the_rate(normalised):
    target = np.random.default_rng(8).integers(0, 256, (20, 30, 3), np.uint8)
    canvas = Canvas(30, 20, normalised=normalised)
    canvas.set_target(target)
    canvas.begin()
    canvas.load(random_splats(40, 20, 30, 9, size=25))
    for t in range(1, 20):
        canvas.iterate(0.9, 0.02, t)
    l11, l21, l22 = canvas.params()[:, 2:5].T
    for diagonal in (l11, l22):
        assert diagonal.min() == np.float32(0.4)
        assert diagonal.max() <= 30
    assert np.abs(l21).max() == 30


def test_loading_forgets_the_optimiser():
    canvas = Canvas(40, 24)
    canvas.set_target(np.random.default_rng(9).integers(0, 256, (24, 40, 3), np.uint8))
    canvas.begin()
    start, results = random_splats(20, 24, 40, 10), []
    for _ in range(2):
        canvas.load(start)
        for t in (1, 2, 3):
            canvas.iterate(0.05, 0.02, t)
        results.append(canvas.params())
    assert np.array_equal(*results)


def test_results_do_not_depend_on_threads(normalised):
    target = np.random.default_rng(10).integers(0, 256, (70, 90, 3), np.uint8)
    results = []
    for threads in (1, 2, 3):
        runtime.start("cpu", threads)
        canvas = Canvas(90, 70, normalised=normalised)
        canvas.set_target(target)
        canvas.begin()
        canvas.load(random_splats(200, 70, 90, 11))
        for t in range(1, 6):
            canvas.iterate(0.05, 0.02, t)
        fitted = canvas.params()
        numbers = canvas.loss(), canvas.squared_error(), canvas.gradient()
        results.append([fitted, *numbers, canvas.picture(fitted)])
    for one, *others in zip(*results):
        assert all(np.array_equal(one, other) for other in others)


def test_beginning_again_and_again_takes_no_memory():
    """A kernel compiled for every fit would be some kilobytes each."""
    canvas = Canvas(16, 16)
    tiles = np.ones(canvas.tiles, bool)
    for _ in range(50):
        canvas.begin(tiles=tiles)
    before = resident_mib(os.getpid())
    for _ in range(1500):
        canvas.begin(tiles=tiles)
    assert resident_mib(os.getpid()) < before + 4


def test_the_normal_operator_is_the_gram_matrix(normalised):
    width, height = 40, 30
    params = random_splats(25, height, width, 12)
    weight = np.random.default_rng(13).uniform(0, 1, (height, width)).astype(np.float32)
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_weight(weight)
    frozen = random_splats(8, height, width, 15)
    canvas.begin(frozen)
    canvas.load(params)
    falloff = reference.falloff(params.astype(np.float64), height, width)
    if normalised:
        total = reference.sums(np.concatenate([params, frozen]), height, width)[..., 3]
        falloff /= reference.EMPTY + total
    gram = np.einsum("nhw,mhw,hw->nm", falloff, falloff, weight)
    colours = np.random.default_rng(14).normal(size=(25, 3)).astype(np.float32)
    np.testing.assert_allclose(canvas.apply_normal(colours), gram @ colours, rtol=1e-3, atol=1e-2)


def test_changed_pixels_exceed_what_was_settled():
    width, height = 40, 24
    rng = np.random.default_rng(15)
    before = rng.integers(0, 256, (height, width, 3), np.uint8)
    params = random_splats(30, height, width, 16)
    canvas = Canvas(width, height)
    canvas.set_target(before)
    canvas.settle(params)
    assert canvas.changed(params, 0.01)[0].sum() == 0
    after = before.copy()
    after[8:14, 16:24] = 255 - after[8:14, 16:24]
    canvas.set_target(after)
    tiles, reached, error = canvas.changed(params, 0.1)
    picture = reference.render(params, height, width)
    size = [np.abs(picture - f / 255).max(2) for f in (before, after)]
    changed = size[1] - size[0] > 0.1
    counts = changed.reshape(3, 8, 5, 8).sum((1, 3))
    assert np.array_equal(tiles.reshape(3, 5), counts)
    expected = (reference.falloff(params.astype(float), height, width) * changed).sum((1, 2))
    np.testing.assert_allclose(reached, expected, atol=1e-3)
    assert error == pytest.approx(((picture - after / 255) ** 2).sum(), rel=1e-4)


def test_changes_count_times_the_root_of_their_weight():
    """The error is 1 everywhere; of it 0, 0.1, 0.5 and 1 count."""
    weight = np.zeros((24, 40), np.float32)
    weight[:, 12:20], weight[:, 20:32], weight[:, 32:] = 0.01, 0.25, 1
    canvas = Canvas(40, 24)
    canvas.set_weight(weight)
    canvas.set_target(np.full((24, 40, 3), 255, np.uint8))
    black = random_splats(0, 24, 40)
    expected = {
        0.05: [0, 32, 64, 64, 64],
        0.2: [0, 0, 32, 64, 64],
        0.6: [0, 0, 0, 0, 64],
        1.1: [0] * 5,
    }
    for threshold, row in expected.items():
        tiles, _, error = canvas.changed(black, threshold)
        assert tiles.reshape(3, 5).tolist() == [row] * 3
        assert error == pytest.approx(24 * 3 * (8 * 0.01 + 12 * 0.25 + 8))
    canvas.settle(black)
    assert not canvas.changed(black, 0.0)[0].any()


def test_what_enters_the_region_has_changed():
    """Nothing is settled where there is no weight, in tiles that are active and in others."""
    flat = random_splats(0, 16, 24)
    canvas = Canvas(24, 16)
    canvas.set_target(np.full((16, 24, 3), 102, np.uint8))
    canvas.settle(flat)
    weight = np.zeros((16, 24), np.float32)
    weight[:, 8:] = 1
    canvas.set_weight(weight)
    canvas.settle(flat, np.array([1, 1, 1, 0, 0, 0], bool), slack=1.0)
    assert not canvas.changed(flat, 0.1)[0].any()
    canvas.set_weight(np.ones((16, 24), np.float32))
    assert canvas.changed(flat, 0.1)[0].reshape(2, 3).tolist() == [[64, 0, 0]] * 2


def test_settling_notes_the_error_of_its_tiles_up_to_the_slack():
    width, height = 24, 16
    flat = random_splats(0, height, width)
    canvas = Canvas(width, height)

    def changed(level: int, growth: float) -> list[bool]:
        canvas.set_target(np.full((height, width, 3), level, np.uint8))
        return (canvas.changed(flat, growth)[0] == 64).tolist()

    canvas.set_target(np.full((height, width, 3), 51, np.uint8))
    canvas.settle(flat)
    canvas.set_target(np.full((height, width, 3), 153, np.uint8))
    canvas.settle(flat, np.array([1, 0, 0, 0, 0, 1], bool), slack=0.1)
    # 0.2 was noted everywhere; in two tiles 0.6 came, of which 0.1 counts.
    assert changed(102, 0.15) == [False, True, True, True, True, False]
    assert changed(102, 0.05) == [True] * 6
    canvas.set_target(np.full((height, width, 3), 0, np.uint8))
    canvas.settle(flat, np.array([1, 1, 1, 0, 0, 0], bool), slack=0.1)
    assert changed(51, 0.1) == [True] * 3 + [False] * 3


def test_quantise_rounds_and_keeps_to_the_reference_in_the_dead_zone():
    rng = np.random.default_rng(17)
    params = random_splats(50, 30, 40, 18)
    steps = np.array([0.5, 0.5, 0.3, 0.3, 0.3, 0.01, 0.02, 0.02], np.float32)
    to_ycc = np.array(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    exact = np.concatenate([params[:, :5], params[:, 5:] @ to_ycc.T], 1) / steps
    canvas = Canvas(40, 30)
    clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-3
    got = canvas.quantise(params, steps)
    assert np.array_equal(got[clear], np.floor(exact + 0.5)[clear])
    near = (np.round(exact) + rng.integers(-2, 3, exact.shape)).astype(np.int32)
    kept = canvas.quantise(params, steps, near, 0.7)
    stays = np.abs(exact - near) < 0.7
    assert np.array_equal(kept[stays & clear], near[stays & clear])
    assert np.array_equal(kept[~stays & clear], np.floor(exact + 0.5)[~stays & clear])


def test_mass_is_the_integral_of_the_falloff():
    params = np.array([(50, 50, 6, 2, 4, 1, 1, 1), (50, 50, 0, 0, 0, 1, 1, 1)], np.float32)
    expected = reference.falloff(params.astype(float), 100, 100).sum((1, 2))
    np.testing.assert_allclose(mass(params), expected, rtol=0.05)
