"""I- and P-packets come back as they were."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.code import payload
from tsplat.errors import BitstreamError
from tsplat.splats import QuantizedSplats, Steps, limits

WIDTH, HEIGHT = 70, 50
STEPS = Steps(128, 128, 786, 1050)


def splats(count: int, seed: int, spread: float = 1.0) -> QuantizedSplats:
    """Legal splats; small, so that they do not overlap too much."""
    rng = np.random.default_rng(seed)
    low, high = limits(WIDTH, HEIGHT, STEPS).T.astype(float) * spread
    high[2:5] = np.minimum(high[2:5], 12)
    low[3] = -6
    values = rng.integers(np.trunc(low), np.trunc(high) + 1, (count, 8)).astype(np.int32)
    unsorted = QuantizedSplats(values, STEPS)
    return QuantizedSplats(values[payload.order(unsorted, WIDTH, HEIGHT)], STEPS)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 1.0]))
def test_intra_packets_come_back(count, seed, spread):
    original = splats(count, seed, spread)
    data = payload.encode_intra(original, WIDTH, HEIGHT)
    assert np.array_equal(payload.decode_intra(data, STEPS, WIDTH, HEIGHT).values, original.values)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(0, 10**6), st.floats(0, 1))
def test_inter_packets_come_back(count, seed, share):
    rng = np.random.default_rng(seed)
    reference, other = splats(count, seed), splats(count, seed + 1)
    moved = rng.random(count) < share
    target = QuantizedSplats(np.where(moved[:, None], other.values, reference.values), STEPS)
    before = rng.random(count) < 0.5
    data, changes = payload.encode_inter(target, reference, before)
    got, seen = payload.decode_inter(data, reference, before, WIDTH, HEIGHT)
    assert np.array_equal(got.values, target.values)
    assert np.array_equal(changes, seen)
    assert np.array_equal(changes, (target.values != reference.values).any(1))


def test_nothing_changed_is_two_bytes():
    reference = splats(30, 0)
    data, changes = payload.encode_inter(reference, reference, np.ones(30, bool))
    assert data == b"\0\0"
    assert not changes.any()


def test_splats_are_sorted_along_the_curve():
    values = splats(200, 1).values
    x, y = values[:, 0] + 128, values[:, 1] + 128
    code = [
        sum((a >> k & 1) << 2 * k | (b >> k & 1) << 2 * k + 1 for k in range(12))
        for a, b in zip(x.tolist(), y.tolist())
    ]
    assert code == sorted(code)


def test_a_set_of_places_costs_less_than_a_list():
    rng = np.random.default_rng(2)
    values = np.zeros((1000, 8), np.int32)
    values[:, 0], values[:, 1] = rng.integers(0, 2 * WIDTH, 1000), rng.integers(0, 2 * HEIGHT, 1000)
    unsorted = QuantizedSplats(values, STEPS)
    values = values[payload.order(unsorted, WIDTH, HEIGHT)]
    bits = 8 * len(payload.encode_intra(QuantizedSplats(values, STEPS), WIDTH, HEIGHT))
    listed = 1000 * math.log2(4 * WIDTH * HEIGHT)
    assert bits < listed - 0.9 * math.lgamma(1001) / math.log(2)


def test_an_announced_crowd_without_data_is_quick_and_bounded():
    crowd = bytes([0xFF, 0xFF, 0x03]) + bytes([0, 0]) + b"\x00\x00" * 6
    decoded = payload.decode_intra(crowd, STEPS, WIDTH, HEIGHT)
    assert len(decoded) == 65535


def test_too_many_splats_are_refused():
    with pytest.raises(BitstreamError, match="at most 65535"):
        payload.decode_intra(bytes([0x80, 0x80, 0x04]) + bytes(40), STEPS, WIDTH, HEIGHT)
