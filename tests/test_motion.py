"""Motion: integers, the same everywhere, and what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.motion import GRID, MOST, UNIT, warp, weights
from tsplat.splats import QuantizedSplats, Steps


def places(count: int, seed: int, width: int, height: int, steps: Steps) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.zeros((count, 8), np.int32)
    values[:, 0] = rng.uniform(-20, width + 20, count) * 256 / steps.mean
    values[:, 1] = rng.uniform(-20, height + 20, count) * 256 / steps.mean
    values[:, 2:] = rng.integers(1, 9, (count, 6))
    return values


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8192), st.integers(1, 2048), st.integers(1, 2000), st.integers(0, 10**6))
def test_vectors_are_interpolated_to_the_nearest_step(width, height, mean, seed):
    steps = Steps(mean, 256, 1000, 1000)
    values = places(20, seed, width, height, steps)
    vectors = np.random.default_rng(seed).integers(-MOST, MOST + 1, (GRID, GRID, 2))
    moved = warp(values, vectors, steps, width, height)
    assert np.array_equal(moved[:, 2:], values[:, 2:])
    params = QuantizedSplats(values, steps).dequantise().params
    share = weights(params, width, height)
    assert share.sum(0) == pytest.approx(np.ones(20))
    exact = share.T @ vectors.reshape(-1, 2) * (UNIT / 256)
    got = (moved - values)[:, :2] * mean / 256
    # A step's half, a unit of place in a node's cell, and a unit in the last place.
    slack = mean / 512 + 2 * MOST * UNIT / 256 * 2 / 256 + 1 / 256
    assert np.abs(got - exact).max() <= slack


def test_a_uniform_vector_moves_all_alike():
    steps = Steps(128, 256, 1000, 1000)
    values = places(50, 0, 640, 360, steps)
    vectors = np.full((GRID, GRID, 2), (3, -4))
    moved = warp(values, vectors, steps, 640, 360)
    assert np.array_equal(moved[:, :2] - values[:, :2], np.full((50, 2), (3, -4)))
