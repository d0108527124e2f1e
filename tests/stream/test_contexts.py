"""Chances that learn: integers alone, never certain, and able to forget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from tsplat.stream.contexts import MOST, Contexts

FIRST = Contexts.believing(np.array([128, 20, 250]), 6)


def learned(contexts: Contexts, which: int, bits: ArrayLike) -> Contexts:
    seen = np.asarray(bits, bool)
    return contexts.learned([(np.full(len(seen), which), seen)])


@given(st.lists(st.integers(0, 256), min_size=1, max_size=20), st.integers(1, 100))
def test_beliefs_are_never_certain(chances, weight):
    contexts = Contexts.believing(np.array(chances), weight)
    assert contexts.counts.min() >= 1
    p = contexts.chances()
    np.testing.assert_allclose(p, np.array(chances) / 256, atol=1.5 / (weight + 1))


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=400), min_size=1, max_size=4
    )
)
def test_counts_stay_integers_within_bounds(packets):
    contexts = FIRST
    for packet in packets:
        which = np.array([c for c, _ in packet], np.int64)
        contexts = contexts.learned([(which, np.array([b for _, b in packet], bool))])
        assert contexts.counts.dtype == np.int64
        assert contexts.counts.min() >= 1
        assert contexts.counts.sum(1).max() <= MOST
        p = contexts.chances()
        assert p.min() > 0
        assert p.max() < 1


def test_counting_is_counting_until_there_are_too_many():
    after = learned(FIRST, 1, [1, 0, 0, 1, 1])
    assert (after.counts - FIRST.counts).tolist() == [[0, 0], [2, 3], [0, 0]]
    assert learned(FIRST, 0, np.ones(MOST + 1)).counts[0].tolist() == [2, (MOST + 4 + 1) // 2]


def test_learning_leaves_the_contexts_before_alone():
    before = FIRST.counts.copy()
    learned(FIRST, 0, np.ones(500))
    assert np.array_equal(FIRST.counts, before)


def test_learning_nothing_changes_nothing():
    assert np.array_equal(FIRST.learned([]).counts, FIRST.counts)
    assert np.array_equal(learned(FIRST, 0, []).counts, FIRST.counts)


def test_bits_may_come_in_any_parts():
    rng = np.random.default_rng(0)
    which, bits = rng.integers(0, 3, 60), rng.random(60) < 0.4
    whole = FIRST.learned([(which, bits)])
    parts = FIRST.learned([(which[:9], bits[:9]), (which[9:], bits[9:])])
    assert np.array_equal(whole.counts, parts.counts)


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
def test_chances_approach_the_share_of_ones(p):
    rng = np.random.default_rng(1)
    contexts = FIRST
    found = []
    for _ in range(200):
        contexts = learned(contexts, 0, rng.random(40) < p)
        found.append(float(contexts.chances()[0]))
    assert np.mean(found[20:]) == pytest.approx(p, abs=0.02)


def test_what_was_is_forgotten():
    contexts = FIRST
    for _ in range(100):
        contexts = learned(contexts, 0, np.zeros(50))
    assert contexts.chances()[0] < 0.02
    for _ in range(12):
        contexts = learned(contexts, 0, np.ones(50))
    assert contexts.chances()[0] > 0.9
