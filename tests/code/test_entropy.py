"""Arrays of integers come back as they were, at a cost near their entropy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.code import varint
from tsplat.code.entropy import Reader, Writer
from tsplat.errors import BitstreamError

values = st.lists(st.integers(-30_000, 30_000), max_size=40).map(np.array)
unsigned = st.lists(st.integers(0, 2**48 - 1), max_size=40).map(lambda v: np.array(v, np.int64))


@given(st.integers(0, 2**35 - 1))
def test_varints_come_back(value):
    assert varint.unpack(b"\xff" + varint.pack(value) + b"\x01", 1) == (
        value,
        1 + len(varint.pack(value)),
    )


@given(st.integers(-(2**33), 2**33))
def test_folding_comes_back(value):
    assert varint.unfold(varint.fold(value)) == value


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 6])
def test_broken_varints_are_refused(data):
    with pytest.raises(BitstreamError, match="integer"):
        varint.unpack(data, 0)


@settings(deadline=None, max_examples=60)
@given(values, unsigned, st.lists(st.booleans(), max_size=60), st.randoms())
def test_mixed_arrays_come_back(peaked, large, flags, random):
    flags = np.array(flags, bool)
    contexts = np.array([random.random() < 0.5 for _ in flags], bool)
    writer = Writer()
    writer.integer(7)
    writer.peak(peaked)
    writer.flags(flags, contexts)
    writer.gamma(large)
    writer.peak(peaked[::-1])
    reader = Reader(writer.finish())
    assert reader.integer(7, "seven") == 7
    takes = [
        reader.peak(len(peaked)),
        reader.flags(contexts),
        reader.gamma(len(large)),
        reader.peak(len(peaked)),
    ]
    reader.open()
    for take, expected in zip(takes, (peaked, flags, large, peaked[::-1])):
        assert np.array_equal(take(), expected)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(0, int),
        np.array([-5]),
        np.full(100, 123_456),
        np.array([0, 65_535]),
        np.array([-65_535, 0, 0, 0]),
    ],
)
def test_extreme_arrays_come_back(array):
    writer = Writer()
    writer.peak(array)
    reader = Reader(writer.finish())
    take = reader.peak(len(array))
    reader.open()
    assert np.array_equal(take(), array)


def test_too_wide_an_array_is_refused():
    with pytest.raises(BitstreamError, match="span"):
        Writer().peak(np.array([0, 65_536]))


def test_cost_is_near_the_entropy():
    rng = np.random.default_rng(0)
    sample = rng.geometric(0.3, 5000) * rng.choice([-1, 1], 5000) * (rng.random(5000) < 0.6)
    writer = Writer()
    writer.peak(sample)
    _, counts = np.unique(sample, return_counts=True)
    p = counts / counts.sum()
    assert len(writer.finish()) * 8 < 1.02 * -(p * np.log2(p)).sum() * len(sample) + 100


def test_rare_flags_cost_little():
    flags = np.zeros(1000, bool)
    flags[::50] = True
    writer = Writer()
    writer.flags(flags, np.zeros(1000, bool))
    assert len(writer.finish()) < 24


def test_zero_probabilities_are_refused():
    for head in (bytes([0, 3, 1, 0, 9]), bytes([0, 3, 1, 9, 0])):
        with pytest.raises(BitstreamError, match="probability is zero"):
            Reader(head).peak(4)
