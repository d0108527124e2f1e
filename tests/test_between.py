"""Splats between two coded frames, against an oracle that takes them one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.between import between
from tsplat.splats import Splats


def oracle(before: np.ndarray, now: np.ndarray, origin: np.ndarray, at: float) -> list[np.ndarray]:
    """Eight numbers and the weight of each."""
    out = []
    for row, was in zip(now.astype(float), origin):
        if was >= 0:
            out.append(np.append(before[was] * (1.0 - at) + row * at, 1))
        else:
            out.append(np.append(row, at))
    for k, row in enumerate(before.astype(float)):
        if k not in origin:
            out.append(np.append(row, 1.0 - at))
    return out


@settings(deadline=None)
@given(
    st.integers(0, 12),
    st.integers(0, 12),
    st.integers(0, 5),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 2**32 - 1),
)
def test_it_is_what_one_splat_at_a_time_gives(stay, went, came, at, seed):
    rng = np.random.default_rng(seed)
    before, now = (
        rng.normal(0, 100, (n, 8)).astype(np.float32) for n in (stay + went, stay + came)
    )
    # Any order, though a stream keeps it.
    origin = np.append(rng.permutation(stay + went)[:stay], [-1] * came).astype(np.int32)
    origin = rng.permutation(origin)
    given_before, given_now = before.copy(), now.copy()
    got = between(Splats(before), Splats(now), origin, at)
    assert got.params.dtype == got.weights.dtype == np.float32
    assert got.params.shape == (stay + went + came, 8)
    expected = np.reshape(oracle(before, now, origin, at), (-1, 9))
    np.testing.assert_allclose(got.params, expected[:, :8], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(got.weights, expected[:, 8], rtol=1e-5, atol=1e-6)
    assert np.array_equal(before, given_before)
    assert np.array_equal(now, given_now)


@pytest.mark.parametrize("origin", [[0, 1, 2], [-1, 2, 0], [-1, -1, -1]])
def test_the_end_is_what_is_there(origin):
    before, now = (Splats(np.full((3, 8), v, np.float32)) for v in (1, 5))
    assert between(before, now, np.int32(origin), 1.0) is now


def test_the_start_is_what_was_there_and_what_comes_unseen():
    rng = np.random.default_rng(0)
    before, now = (Splats(rng.normal(size=(3, 8)).astype(np.float32)) for _ in range(2))
    got = between(before, now, np.int32([2, -1, 0]), 0.0)
    assert np.array_equal(got.params[[2, 3, 0]], before.params)
    assert got.weights.tolist() == [1, 0, 1, 1]
