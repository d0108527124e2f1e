"""Changes of splats come back, and so do the contexts; they cost what they must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spent import Spent
from tsplat.errors import BitstreamError
from tsplat.motion import MOST as MOST_MOTION
from tsplat.splats import Steps
from tsplat.stream import delta
from tsplat.stream.contexts import Contexts
from tsplat.stream.delta import INITIAL, MOST
from tsplat.stream.entropy import Reader, Writer
from tsplat.stream.rates import Rates


def coded(contexts: Contexts, known: np.ndarray, changes: np.ndarray) -> tuple[bytes, Contexts]:
    """A packet, decoded again on the way; the contexts after it."""
    writer = Writer()
    same, after = delta.code(writer.bits, contexts, known, changes)
    assert np.array_equal(same, changes)
    data = writer.finish()
    reader = Reader(data)
    reader.open()
    got, seen = delta.code(reader.bits, contexts, known)
    assert got.dtype == np.int64
    assert np.array_equal(got, changes)
    assert np.array_equal(seen.counts, after.counts)
    return data, after


small = st.integers(-3, 3)
large = st.integers(-(MOST - 1), MOST - 1)
nothing = st.just([0] * 8)
rows = st.one_of(nothing, *[st.lists(v, min_size=8, max_size=8) for v in (small, large)])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(rows, st.integers(0, 11), st.integers(0, 2)), max_size=12))
def test_differences_come_back_whatever_is_known(splats):
    changes = np.array([row for row, *_ in splats], np.int64).reshape(-1, 8)
    coded(INITIAL, np.array([flag + 16 * area for _, flag, area in splats], np.uint8), changes)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 50))
def test_contexts_stay_equal_over_many_packets(seed, count):
    rng = np.random.default_rng(seed)
    contexts, history = INITIAL, np.ones(count, np.uint8)
    for _ in range(6):
        spread = rng.choice([0.5, 2.0, 300.0])
        changes = np.rint(rng.normal(0, spread, (count, 8))).astype(np.int64)
        changes *= rng.random((count, 1)) < rng.random()
        changes *= rng.random((count, 8)) < rng.random()
        _, contexts = coded(contexts, history, changes)
        history = (history << 1 & 2 | changes.any(1)).astype(np.uint8)


@pytest.mark.parametrize("channel", range(8))
@pytest.mark.parametrize("size", [1, 2, 6, 13, 14, 15, 16, 17, 18, 31, 1000, MOST - 2, MOST - 1])
def test_every_channel_comes_back_at_every_length(channel, size):
    changes = np.zeros((3, 8), np.int64)
    changes[0, channel], changes[2, channel] = size, -size
    coded(INITIAL, np.array([0, 1, 2], np.uint8), changes)


def test_no_splats_cost_nothing():
    assert coded(INITIAL, np.zeros(0, np.uint8), np.zeros((0, 8), np.int64))[0] == b""


def test_integers_of_any_type_make_the_same_bytes():
    changes = np.random.default_rng(0).integers(-9, 9, (20, 8))
    history = np.zeros(20, np.uint8)
    narrow = Writer()
    delta.code(narrow.bits, INITIAL, history, changes.astype(np.int32))
    assert narrow.finish() == coded(INITIAL, history, changes)[0]


@pytest.mark.parametrize("size", [2**22, 2**40])
def test_differences_that_are_too_large_are_refused(size):
    changes = np.zeros((1, 8), np.int64)
    changes[0, 0] = size
    with pytest.raises(BitstreamError, match=f"a difference is {MOST} or more"):
        delta.code(Writer().bits, INITIAL, np.zeros(1, np.uint8), changes)


def test_a_stream_of_ones_is_refused_in_few_steps():
    calls = []

    def ones(chances: np.ndarray, bits: np.ndarray | None, _: str) -> np.ndarray:
        calls.append(len(chances))
        return np.ones(len(chances), bool)

    with pytest.raises(BitstreamError, match="or more"):
        delta.code(ones, INITIAL, np.zeros(5, np.uint8))
    assert len(calls) < 50


def entropy(p: float) -> float:
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p)


def test_cost_is_near_the_entropy_of_a_steady_source():
    """Places always change, shapes half the time, colours with the shapes; sizes are geometric."""
    rng = np.random.default_rng(0)
    count, share, rate = 400, 0.3, 0.4
    contexts, history = INITIAL, np.ones(count, np.uint8)
    bits = expected = 0.0
    for packet in range(60):
        changed, shape = rng.random(count) < share, rng.random(count) < 0.5
        changes = rng.geometric(rate, (count, 8)) * rng.choice([-1, 1], (count, 8))
        changes[:, 2:] *= shape[:, None]
        changes *= changed[:, None]
        data, contexts = coded(contexts, history, changes)
        history = (history << 1 & 2 | changed).astype(np.uint8)
        if packet >= 20:
            bits += 8 * len(data)
            expected += count * entropy(share) + changed.sum() * entropy(0.5)
            expected += np.count_nonzero(changes) * (1 + entropy(rate) / rate)
    assert expected < bits < 1.04 * expected


def test_flags_learn_from_their_history():
    """The same splats change in every packet: to say which costs next to nothing."""
    rng = np.random.default_rng(0)
    sizes = []
    for which in (np.arange(1000) < 100, None):
        contexts, history = INITIAL, np.zeros(1000, np.uint8)
        for _ in range(30):
            chosen = rng.random(1000) < 0.1 if which is None else which
            changes = np.zeros((1000, 8), np.int64)
            changes[chosen, 0] = 1
            data, contexts = coded(contexts, history, changes)
            history = (history << 1 & 2 | chosen).astype(np.uint8)
        sizes.append(len(data))
    assert sizes[0] < 0.5 * sizes[1]


def test_rare_changes_cost_little():
    rng = np.random.default_rng(0)
    contexts, history = INITIAL, np.zeros(1000, np.uint8)
    sizes = []
    for _ in range(40):
        changes = np.zeros((1000, 8), np.int64)
        changes[rng.choice(1000, 4, replace=False), 5] = rng.choice([-1, 1], 4)
        data, contexts = coded(contexts, history, changes)
        history = (history << 1 & 2 | changes.any(1)).astype(np.uint8)
        sizes.append(len(data))
    # log2 C(1000, 4) is 35 bits; signs are 4.
    assert np.mean(sizes[10:]) < 12


grids = st.lists(st.integers(-MOST_MOTION, MOST_MOTION), min_size=72, max_size=72)


@settings(max_examples=40, deadline=None)
@given(grids, grids)
def test_vectors_come_back_after_any_motion(nodes, last):
    vectors = np.array(nodes).reshape(6, 6, 2)
    before = np.array(last).reshape(6, 6, 2)
    writer = Writer()
    same, differences, after = delta.code_motion(writer.bits, INITIAL, before, vectors)
    reader = Reader(writer.finish())
    reader.open()
    got, found, seen = delta.code_motion(reader.bits, INITIAL, before)
    assert np.array_equal(same, vectors)
    assert np.array_equal(got, vectors)
    assert np.array_equal(found, differences)
    assert np.array_equal(seen.counts, after.counts)


def test_a_plane_of_vectors_is_no_surprise_inside():
    y, x = np.indices((6, 6))
    found = delta.surprises(5 + 3 * x - 2 * y)
    assert found[0, 0] == 5
    assert (found[0, 1:] == 3).all()
    assert (found[1:, 0] == -2).all()
    assert not found[1:, 1:].any()


def test_what_motion_costs_is_what_the_coder_spends():
    rng = np.random.default_rng(2)
    vectors, last = rng.integers(-9, 10, (2, 6, 6, 2))
    spent = Spent()
    delta.code_motion(spent, INITIAL, last, vectors)
    assert Rates.of(INITIAL, 64).of_motion(vectors, last) == pytest.approx(spent.bits, rel=1e-5)


def test_what_is_known_is_history_motion_and_area():
    steps = Steps(256, 256, 1000, 1000)
    values = np.zeros((4, 8), np.int64)
    # Areas of 0, 1, 2 and 15 square pixels in a picture of 128x128.
    values[:, 2], values[:, 4] = [0, 1, 2, 15], 1
    moved = np.array([[0, 0], [0, -1], [2, 1], [0, 3]])
    history = np.array([3, 0, 1, 2], np.uint8)
    pixels = 128 * 128
    got = delta.known(history, moved, values, steps, pixels)
    assert got.tolist() == [3, 0 + 4 + 16, 1 + 4 + 16, 2 + 8 + 32]


def test_what_must_change_costs_nothing_to_say():
    """The last channel of a group that changes, where all before stay."""
    seen = []

    def through(chances: np.ndarray, bits: np.ndarray, _: str) -> np.ndarray:
        seen.append(len(chances))
        return bits

    sizes = []
    for channel in (0, 1):
        changes = np.zeros((1, 8), np.int64)
        changes[0, channel] = 1
        seen.clear()
        delta.code(through, INITIAL, np.zeros(1, np.uint8), changes)
        sizes.append(sum(seen))
    # x says that y stays; y alone need not say that it changes.
    assert sizes[0] == sizes[1] + 1
