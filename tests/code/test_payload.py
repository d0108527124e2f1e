"""I- and P-packets come back as they were."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.code import payload
from tsplat.code.entropy import Writer
from tsplat.errors import BitstreamError
from tsplat.splats import CHANNELS, QuantizedSplats, Steps, limits

WIDTH, HEIGHT = 70, 50
STEPS = Steps(128, 128, 786, 1050)
FINEST = Steps(1, 65, 9, 9)
"""Every channel of the widest picture still spans less than 65536 integers."""


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


@pytest.mark.parametrize(("width", "height", "steps"), [(70, 50, STEPS), (8192, 2048, FINEST)])
@pytest.mark.parametrize("channel", range(8))
@pytest.mark.parametrize("end", [0, 1])
def test_every_channel_comes_back_at_its_limits(channel, end, width, height, steps):
    values = np.zeros((3, 8), np.int32)
    values[end, channel] = limits(width, height, steps)[channel, end]
    original = QuantizedSplats(values, steps)
    original = QuantizedSplats(values[payload.order(original, width, height)], steps)
    data = payload.encode_intra(original, width, height)
    assert np.array_equal(payload.decode_intra(data, steps, width, height).values, original.values)


def test_splats_at_one_place_come_back_in_their_order():
    values = np.zeros((600, 8), np.int32)
    values[:, 0] = np.random.default_rng(0).integers(0, 3, 600)
    values[:, 5] = np.arange(600) % 300
    order = payload.order(QuantizedSplats(values, STEPS), WIDTH, HEIGHT)
    assert order.tolist() == sorted(range(600), key=lambda k: values[k, 0])
    data = payload.encode_intra(QuantizedSplats(values[order], STEPS), WIDTH, HEIGHT)
    got = payload.decode_intra(data, STEPS, WIDTH, HEIGHT).values
    assert np.array_equal(got, values[order])


def test_differences_come_back_across_a_whole_range():
    low, high = limits(WIDTH, HEIGHT, STEPS).T
    low, high = low.copy(), high.copy()
    low[2:5], high[2:5] = (0, -4, 0), 4
    reference, target = (QuantizedSplats(np.array([v], np.int32), STEPS) for v in (low, high))
    data, _ = payload.encode_inter(target, reference, np.ones(1, bool))
    got, changes = payload.decode_inter(data, reference, np.ones(1, bool), WIDTH, HEIGHT)
    assert np.array_equal(got.values, target.values)
    assert changes.all()


def test_decoding_a_p_packet_leaves_its_reference_alone():
    reference, target = splats(20, 0), splats(20, 1)
    before = reference.values.copy()
    data, _ = payload.encode_inter(target, reference, np.ones(20, bool))
    payload.decode_inter(data, reference, np.ones(20, bool), WIDTH, HEIGHT)
    assert np.array_equal(reference.values, before)


@pytest.mark.parametrize("count", [0, 1, 20])
def test_an_empty_p_packet_says_that_nothing_changed(count):
    reference = splats(count, 0)
    got, changes = payload.decode_inter(b"\0\0", reference, np.ones(count, bool), WIDTH, HEIGHT)
    assert np.array_equal(got.values, reference.values)
    assert changes.tolist() == [False] * count


@pytest.mark.parametrize("data", [b"\0\0\0", b"\x01\x01\0"])
def test_a_p_packet_that_announces_no_change_is_read_or_refused(data):
    reference = splats(4, 0)
    try:
        got, _ = payload.decode_inter(data, reference, np.ones(4, bool), WIDTH, HEIGHT)
    except BitstreamError:
        return
    assert np.array_equal(got.values, reference.values)


def test_a_p_packet_must_announce_as_many_changes_as_it_flags():
    reference = splats(4, 0)
    with pytest.raises(BitstreamError, match="0 flags, 2 announced"):
        payload.decode_inter(
            b"\0\0\x02" + b"\x02\0" * 4, reference, np.ones(4, bool), WIDTH, HEIGHT
        )
    with pytest.raises(BitstreamError, match="changed splats: got 5, at most 4"):
        payload.decode_inter(b"\0\0\x05", reference, np.ones(4, bool), WIDTH, HEIGHT)


def test_a_difference_that_leaves_the_limits_is_refused():
    low, high = limits(WIDTH, HEIGHT, STEPS).T
    reference = QuantizedSplats(np.zeros((1, 8), np.int32), STEPS)
    for channel, value in ((0, high[0] + 1), (2, -1), (7, low[7] - 1)):
        target = QuantizedSplats(np.zeros((1, 8), np.int32), STEPS)
        target.values[0, channel] = value
        data, _ = payload.encode_inter(target, reference, np.ones(1, bool))
        with pytest.raises(BitstreamError, match=f"splat 0: {CHANNELS[channel]} is {value}"):
            payload.decode_inter(data, reference, np.ones(1, bool), WIDTH, HEIGHT)


def test_places_beyond_the_curve_are_refused():
    writer = Writer()
    writer.integer(2)
    writer.gamma(np.array([2**44 - 1, 1]))
    for _ in range(6):
        writer.peak(np.zeros(2, int))
    with pytest.raises(BitstreamError, match="outside the picture"):
        payload.decode_intra(writer.finish(), STEPS, WIDTH, HEIGHT)
