"""Arrays of integers come back as they were, at a cost near their entropy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.errors import BitstreamError
from tsplat.stream.entropy import Peak, Reader, Writer

values = st.lists(st.integers(-30_000, 30_000), max_size=40).map(np.array)
unsigned = st.lists(st.integers(0, 2**48 - 1), max_size=40).map(lambda v: np.array(v, np.int64))


@settings(deadline=None, max_examples=60)
@given(values, unsigned, st.lists(st.booleans(), max_size=60), st.randoms())
def test_mixed_arrays_come_back(peaked, large, bits, random):
    bits = np.array(bits, bool)
    chances = np.array([random.uniform(0.001, 0.999) for _ in bits])
    writer = Writer()
    writer.integer(7)
    model = writer.peak(peaked)
    writer.bits(chances, bits)
    writer.gamma(large)
    writer.peak(peaked[::-1])
    if model:
        writer.known_peak(peaked[1:], model)
    reader = Reader(writer.finish())
    assert reader.integer(7, "seven") == 7
    assert (model is None) == (not len(peaked))
    seen = reader.model() if model else Peak(0, 0)
    assert seen == (model or Peak(0, 0))
    takes = [
        lambda: reader.known_peak(len(peaked), seen),
        lambda: reader.bits(chances),
        reader.gamma(len(large)),
        reader.peak(len(peaked)),
        lambda: reader.known_peak(len(peaked[1:]), seen),
    ]
    reader.open()
    for take, expected in zip(takes, (peaked, bits, large, peaked[::-1], peaked[1:])):
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


def test_rare_bits_cost_little():
    bits = np.zeros(1000, bool)
    bits[::50] = True
    assert len(bits_packed(bits, np.full(1000, 0.02))) < 22


def test_zero_probabilities_are_refused():
    for head in (bytes([0, 3, 1, 0, 9]), bytes([0, 3, 1, 9, 0])):
        with pytest.raises(BitstreamError, match="probability is zero"):
            Reader(head).peak(4)


def bits_packed(bits: np.ndarray, chances: np.ndarray) -> bytes:
    writer = Writer()
    writer.bits(chances, bits)
    return writer.finish()


def bits_unpacked(data: bytes, chances: np.ndarray) -> np.ndarray:
    reader = Reader(data)
    reader.open()
    return reader.bits(chances)


def packed(kind: str, array: np.ndarray) -> bytes:
    writer = Writer()
    getattr(writer, kind)(array)
    return writer.finish()


def unpacked(kind: str, data: bytes, n: int) -> np.ndarray:
    reader = Reader(data)
    take = getattr(reader, kind)(n)
    reader.open()
    return take()


@settings(deadline=None, max_examples=60)
@given(st.integers(-(2**31), 2**31 - 2**16), st.lists(st.integers(0, 65_535), max_size=30))
def test_peaks_come_back_wherever_they_stand(low, above):
    array = np.array(above, np.int64) + low
    assert np.array_equal(unpacked("peak", packed("peak", array), len(array)), array)


@pytest.mark.parametrize("mode", [0, 30_000, 65_535])
def test_the_widest_peak_comes_back_whole(mode):
    """Far values have chances far below the coder's resolution, and must still be codable."""
    array = np.concatenate([np.arange(65_536), np.full(70_000, mode)])
    assert np.array_equal(unpacked("peak", packed("peak", array), len(array)), array)


@pytest.mark.parametrize("bits", range(49))
def test_gamma_comes_back_at_every_length(bits):
    array = np.array([1 << bits >> 1, (1 << bits) - 1, 0, (1 << bits) - 1], np.int64)
    assert np.array_equal(unpacked("gamma", packed("gamma", array), 4), array)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(1e-4, 1 - 1e-4)), max_size=80))
def test_bits_come_back_whatever_was_expected(pairs):
    bits = np.array([b for b, _ in pairs], bool)
    chances = np.array([p for _, p in pairs], np.float64)
    assert np.array_equal(bits_unpacked(bits_packed(bits, chances), chances), bits)


@pytest.mark.parametrize("p", [24 / 65536, 1 / 160, 159 / 160, 65512 / 65536])
def test_bits_at_the_edges_of_their_chances_come_back(p):
    """The chances of masks and of contexts reach this far."""
    bits, chances = np.arange(3000) % 700 == 0, np.full(3000, p)
    for given_ in (bits, ~bits):
        assert np.array_equal(bits_unpacked(bits_packed(given_, chances), chances), given_)


def test_each_bit_costs_what_its_chance_says():
    rng = np.random.default_rng(0)
    chances = rng.uniform(0.02, 0.98, 20_000)
    bits = rng.random(20_000) < chances
    ideal = -np.log2(np.where(bits, chances, 1 - chances)).sum()
    assert 8 * len(bits_packed(bits, chances)) == pytest.approx(ideal, rel=0.002)


def test_bits_pass_through_either_side_alike():
    bits, chances = np.array([1, 0, 1, 1], bool), np.array([0.9, 0.2, 0.5, 0.01])
    writer = Writer()
    assert writer.bits(chances, bits) is bits
    reader = Reader(writer.finish())
    reader.open()
    assert np.array_equal(reader.bits(chances, None), bits)


def test_a_known_model_codes_what_is_clipped_to_it():
    model = Peak.of(np.array([3, 4, 4, 9]))
    assert (model.low, model.span, model.mode) == (3, 6, 1)
    clipped = model.clip(np.array([-5, 3, 6, 100]))
    assert clipped.tolist() == [3, 3, 6, 9]
    writer = Writer()
    writer.known_peak(clipped, model)
    reader = Reader(writer.finish())
    reader.open()
    assert reader.known_peak(4, model).tolist() == clipped.tolist()


@pytest.mark.parametrize("model", [Peak(-5, 0), Peak(3, 4, 2, 100, 100)])
def test_no_values_with_a_known_model_cost_nothing(model):
    writer = Writer()
    writer.known_peak(np.zeros(0, int), model)
    assert writer.finish() == b""
    reader = Reader(b"")
    reader.open()
    assert len(reader.known_peak(0, model)) == len(reader.bits(np.zeros(0))) == 0


def test_the_same_arrays_make_the_same_bytes():
    array = np.random.default_rng(0).integers(-400, 400, 500)
    assert packed("peak", array) == packed("peak", array.copy())
    assert packed("gamma", abs(array)) == packed("gamma", abs(array.astype(np.int32)))


def test_an_array_of_equal_values_costs_no_more_than_one():
    assert packed("peak", np.full(10_000, -7)) == packed("peak", np.array([-7])) == b"\x0d\0"


def test_bits_of_a_gamma_integer_cost_a_bit_each():
    array = np.random.default_rng(0).integers(2**47, 2**48, 500)
    assert len(packed("gamma", array)) == pytest.approx(500 * 47 / 8, rel=0.01)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "ends inside"),
        (b"\x00\x80\x80\x04", "span of values: got 65536, at most 65535"),
        (b"\xff\xff\xff\xff\x1f\x00", "lowest value: got 8589934591"),
        (b"\x00\x03\x04\x09\x09", "mode: got 4, at most 3"),
        (b"\x00\x03\x01", "packet ends inside a model's parameters"),
        (b"\x00\x03\x01\x09", "packet ends inside a model's parameters"),
    ],
)
def test_heads_out_of_range_are_refused(head, message):
    with pytest.raises(BitstreamError, match=message):
        Reader(head).peak(4)


@pytest.mark.parametrize("length", [-1, 49])
def test_gamma_lengths_out_of_range_are_refused(length):
    data = packed("peak", np.full(3, length))
    with pytest.raises(BitstreamError, match="longer than 48 bits"):
        unpacked("gamma", data, 3)
