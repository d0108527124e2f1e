"""Splats, their integers, and what a stream may not contain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests import reference
from tests.reference import random_splats
from tsplat.errors import BitstreamError, ConfigError
from tsplat.kernels import blend, splatting
from tsplat.splats import BLUR, CUTOFF, QuantizedSplats, Splats, Steps, check, limits, overlap

STEPS = Steps(128, 128, 786, 1050)


def one(**values: int) -> QuantizedSplats:
    names = ("x", "y", "l11", "l21", "l22", "luma", "cb", "cr")
    base = {"x": 20, "y": 20, "l11": 6, "l22": 6}
    row = [(base | values).get(name, 0) for name in names]
    return QuantizedSplats(np.array([row], np.int32), STEPS)


def test_constants_agree_with_the_kernels():
    assert (BLUR, CUTOFF) == (splatting.BLUR, splatting.CUTOFF)
    assert blend.EMPTY == reference.EMPTY


def test_dequantising_is_integers_times_steps_in_rgb():
    params = one(x=3, l21=-4, luma=100, cb=-5, cr=7).dequantise().params[0]
    assert params[:5].tolist() == [1.5, 10.0, 3.0, -2.0, 3.0]
    y, cb, cr = 100 * 786 / 65536, -5 * 1050 / 65536, 7 * 1050 / 65536
    expected = [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb]
    np.testing.assert_allclose(params[5:], expected, rtol=1e-5)


@given(
    arrays.arrays(
        np.int32, st.tuples(st.integers(0, 5), st.just(8)), elements=st.integers(-999, 999)
    ),
    st.tuples(*[st.integers(1, 65535)] * 4),
)
def test_dequantising_any_integers_equals_the_oracle(values, steps):
    steps = Steps(*steps)
    expected = reference.dequantise(values, steps.array())
    got = QuantizedSplats(values, steps).dequantise().params
    assert got.dtype == np.float32
    np.testing.assert_allclose(
        got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max(initial=0)
    )


@pytest.mark.parametrize("name", ["mean", "cholesky", "luma", "chroma"])
@pytest.mark.parametrize("value", [0, 65536, -1])
def test_steps_have_bounds(name, value):
    with pytest.raises(ConfigError, match=f"step of {name}: got {value}"):
        Steps(**{"mean": 1, "cholesky": 1, "luma": 1, "chroma": 1, name: value})


def test_every_channel_has_bounds():
    bounds = limits(64, 48, STEPS)
    for channel, (low, high) in enumerate(bounds):
        for value, legal in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
            splats = one()
            splats.values[0, channel] = value
            if legal:
                check(splats, 64, 48)
            else:
                with pytest.raises(BitstreamError, match="splat 0"):
                    check(splats, 64, 48)


def test_too_many_and_too_large_splats_are_refused():
    crowd = QuantizedSplats(np.zeros((65536, 8), np.int32), STEPS)
    with pytest.raises(BitstreamError, match="65536"):
        check(crowd, 64, 48)
    giants = QuantizedSplats(np.repeat(one(l11=120, l22=90).values, 600, 0), STEPS)
    with pytest.raises(BitstreamError, match="overlap"):
        check(giants, 64, 48)


def test_overlap_is_the_share_of_the_picture_that_boxes_cover():
    splats = np.array([(50, 50, 3, 0, 3, 0, 0, 0)], float)
    side = 2 * 3 * np.sqrt(9.5)
    assert overlap(splats, 100, 200) == pytest.approx(side * side / 20000)
    assert overlap(splats[:0], 100, 200) == 0


def test_enlarging_is_the_same_function_at_more_points():
    params = random_splats(30, 20, 30)
    large = Splats(params).scaled(3, 3).params
    centre = reference.render(large, 60, 90)[1::3, 1::3]
    np.testing.assert_allclose(centre, reference.render(params, 20, 30), atol=1e-4)


def test_stretching_one_axis_is_the_same_function_at_more_points():
    params = random_splats(30, 20, 30)
    wide = reference.render(Splats(params).scaled(3, 1).params, 20, 90)[:, 1::3]
    high = reference.render(Splats(params).scaled(1, 5).params, 100, 30)[2::5]
    expected = reference.render(params, 20, 30)
    np.testing.assert_allclose(wide, expected, atol=1e-4)
    np.testing.assert_allclose(high, expected, atol=1e-4)


def test_enlarging_one_axis_and_reducing_the_other_keeps_the_light():
    params = random_splats(30, 60, 80, size=6)
    params[:, :2] = np.random.default_rng(0).uniform(28, 32, (30, 2))
    light = reference.render(params, 60, 80).sum((0, 1))
    mixed = Splats(params).scaled(2, 0.5)
    assert mixed.weights.min() < 1
    shown = reference.render(mixed.params, 30, 160, weights=mixed.weights)
    np.testing.assert_allclose(shown.sum((0, 1)), light, rtol=0.03)


def test_scaling_by_one_changes_nothing():
    params = random_splats(30, 20, 30)
    same = Splats(params).scaled(1, 1).params.astype(float)
    np.testing.assert_allclose(
        reference.render(same, 20, 30), reference.render(params, 20, 30), atol=1e-5
    )


def test_reducing_keeps_the_light():
    params = random_splats(30, 60, 80, size=6)
    params[:, :2] = np.random.default_rng(0).uniform(25, 35, (30, 2))
    small = Splats(params).scaled(0.25, 0.25)
    light = reference.render(params, 60, 80).sum((0, 1)) / 16
    shown = reference.render(small.params, 15, 20, weights=small.weights)
    np.testing.assert_allclose(shown.sum((0, 1)), light, rtol=0.03)


def test_a_reduced_mean_is_near_the_mean_of_pixels():
    """Of normalised splats: the smaller a splat, the less it weighs among the others."""
    params = random_splats(400, 60, 80, 3, size=5)
    params[:, 5:] = np.random.default_rng(4).uniform(0, 1, (400, 3))
    wanted = reference.render(params, 60, 80, True).reshape(15, 4, 20, 4, 3).mean((1, 3))
    small = Splats(params).scaled(0.25, 0.25)
    error = [
        np.abs(reference.render(small.params, 15, 20, True, weights) - wanted).mean()
        for weights in (small.weights, 1.0)
    ]
    assert error[0] < 0.03
    assert error[0] < 0.8 * error[1]


def test_weights_are_kept_by_scaling():
    params, weights = random_splats(9, 20, 30), np.linspace(0, 1, 9, dtype=np.float32)
    for factor in (0.25, 1, 2):
        alone = Splats(params).scaled(factor, factor).weights
        both = Splats(params, weights).scaled(factor, factor).weights
        assert both.dtype == np.float32
        np.testing.assert_allclose(both, alone * weights, rtol=1e-6)
