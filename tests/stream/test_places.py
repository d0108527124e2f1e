"""Places come back in the order of their codes, and cost what a set of them has to."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.splats import Steps, limits
from tsplat.stream import places
from tsplat.stream.entropy import Reader, Writer
from tsplat.stream.header import Header
from tsplat.stream.tally import Tally

HEADER = Header(70, 50, Fraction(30), Steps(128, 128, 786, 1050))
WIDEST = Header(8192, 2048, Fraction(30), Steps(1, 65, 9, 9))
DOT = Header(1, 1, Fraction(30), Steps(65535, 128, 786, 1050))


def coded(codes: np.ndarray, header: Header = HEADER) -> bytes:
    writer = Writer()
    where = places.code(writer.choices, header, len(codes), "", codes)
    assert np.array_equal(places.morton(where, header), codes)
    return writer.finish()


def decoded(data: bytes, count: int, header: Header = HEADER) -> np.ndarray:
    reader = Reader(data)
    reader.open()
    return places.code(reader.choices, header, count, "")


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 200),
    st.integers(0, 10**6),
    st.floats(0, 1),
    st.sampled_from([HEADER, WIDEST, DOT]),
)
def test_places_come_back(count, seed, spread, header):
    low, high = limits(header.width, header.height, header.steps)[:2].T.astype(np.int64)
    rng = np.random.default_rng(seed)
    where = low + rng.integers(0, np.trunc((high - low) * spread) + 1, (count, 2)).astype(np.int64)
    codes = np.sort(places.morton(where, header))
    got = decoded(coded(codes, header), count, header)
    assert np.array_equal(got, where[np.argsort(places.morton(where, header))])


@pytest.mark.parametrize("count", [0, 1, 2, 65535])
def test_any_symbols_are_places(count):
    rng = np.random.default_rng(count)

    def anything(weights: np.ndarray, n: int, *_) -> np.ndarray:
        assert 0 < weights.min() <= weights.max() < np.inf
        return rng.integers(0, len(weights), n)

    where = places.code(anything, HEADER, count, "")
    assert where.shape == (count, 2)
    assert np.all(np.diff(places.morton(where, HEADER)) >= 0)


def cost(where: np.ndarray) -> float:
    """Bits a place."""
    tally = Tally(coded(np.sort(places.morton(where, HEADER))))
    tally.open()
    places.code(tally.choices, HEADER, len(where), "position")
    return tally.spent["position"] / len(where)


def test_order_is_free_and_crowds_are_cheap():
    rng = np.random.default_rng(0)
    anywhere = rng.integers(0, (140, 100), (500, 2))
    listed = math.log2(140 * 100)
    free = math.lgamma(501) / math.log(2) / 500
    assert cost(anywhere) == pytest.approx(listed - free, abs=0.4)
    assert cost(anywhere // 4) < cost(anywhere) - 3
    assert cost(anywhere - (128, 0)) > cost(anywhere)
