"""Shapes and colours come back, and what is alike is cheap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.stream import intra
from tsplat.stream.entropy import Reader, Writer
from tsplat.stream.tally import Tally


def splats(count: int, seed: int, scale: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.rint(rng.laplace(0, scale, (count, 8))).astype(np.int64)
    values[:, [2, 4]] = np.abs(values[:, [2, 4]])
    return np.clip(values, -(2**22), 2**22)


def read(data: bytes) -> Reader:
    reader = Reader(data)
    reader.open()
    return reader


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 90), st.integers(0, 10**6), st.sampled_from([0, 0.3, 5, 300, 10**6]))
def test_splats_come_back(count, seed, scale):
    values = splats(count, seed, scale)
    start = intra.Model.of(values)
    writer = Writer()
    _, model = intra.code(writer.bits, start, values[:, :2], values)
    got, other = intra.code(read(writer.finish()).bits, start, values[:, :2])
    assert np.array_equal(got, values)
    assert np.array_equal(model.contexts.counts, other.contexts.counts)
    assert np.array_equal(model.modes, other.modes)
    writer = Writer()
    intra.code_added(writer.bits, model, values[:, :2], values)
    got = intra.code_added(read(writer.finish()).bits, model, values[:, :2])
    assert np.array_equal(got, values)


@pytest.mark.parametrize("share", [0, 0.5, 0.97, 1])
def test_any_bits_are_splats_of_bounded_size(share):
    rng = np.random.default_rng(0)
    places = splats(300, 0, 50)[:, :2]
    values, _ = intra.code(
        lambda chances, *_: rng.random(len(chances)) < share, intra.Model.of(places[:0]), places
    )
    assert np.abs(values[:, 2:]).max() < 1 << intra.LONGEST
    assert values[:, [2, 4]].min() >= 0


def cost(values: np.ndarray) -> dict[str, float]:
    writer = Writer()
    start = intra.Model.of(values)
    intra.code(writer.bits, start, values[:, :2], values)
    tally = Tally(writer.finish())
    tally.open()
    intra.code(tally.bits, start, values[:, :2])
    return tally.spent


def test_splats_like_their_neighbours_are_cheaper():
    values = splats(800, 1, 8)
    values[:, 0], values[:, 1] = np.arange(800), 0
    alike = values.copy()
    alike[:, 2:] = alike[np.argsort(alike[:, 7]), 2:]
    sized = values.copy()
    sized[:, [2, 4]] = np.sort(sized[:, [2, 4]], 0)
    assert cost(alike)["colour"] < 0.95 * cost(values)["colour"]
    assert cost(sized)["shape"] < 0.95 * cost(values)["shape"]


def test_there_is_a_chance_for_every_context():
    assert len(intra.CHANCES) == intra.COUNT
    parts = [part for channel in intra.CHANNELS for part in intra.rows(channel)]
    assert [k for part in parts for k in range(part.start, part.stop)] == list(range(intra.COUNT))
