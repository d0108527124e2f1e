"""Sets: what goes in comes out, for log2 K! bits less than a list, and the bits come back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.errors import BitstreamError
from tsplat.stream.bits_back import (
    Even,
    Stack,
    decode,
    encode,
    order_bits,
    pack,
    pack_list,
    pack_sorted,
    unpack,
)
from tsplat.stream.entropy import Peak

COLUMNS = [Even(0, 999), Peak(-8, 16, 8, 120, 180), Peak(3, 0)]
SLACK = 64
"""Bits: the coder's state, and the initial bits of a set that starts from nothing."""


def random_set(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    first = rng.choice(1000, count, replace=False)
    return np.stack([first, rng.integers(-8, 9, count), np.full(count, 3)], 1)


def as_set(rows: np.ndarray) -> list[tuple[int, ...]]:
    return sorted(map(tuple, rows.tolist()))


def bits(rows: np.ndarray) -> float:
    """Information in a list of rows of COLUMNS."""
    weights = COLUMNS[1].weights()
    return len(rows) * math.log2(1000) - np.log2(weights / weights.sum())[rows[:, 1] + 8].sum()


@given(
    st.sets(st.tuples(st.integers(0, 999), st.integers(-8, 8), st.just(3)), max_size=60),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_any_set_comes_back_from_any_order(rows, random):
    given_rows = list(rows)
    random.shuffle(given_rows)
    array = np.array(given_rows, np.int64).reshape(-1, 3)
    data = pack(array, COLUMNS)
    assert as_set(unpack(data, len(rows), COLUMNS)) == sorted(rows)
    assert data == pack(array[::-1], COLUMNS)


@pytest.mark.parametrize("count", [0, 1, 2, 30, 500, 1000])
def test_a_set_takes_the_bits_of_its_order_less_than_a_list(count):
    rows = random_set(count)
    bound = bits(rows) - order_bits(count)
    assert bound - 1 <= 8 * len(pack(rows, COLUMNS)) <= bound + SLACK
    assert bits(rows) - 1 <= 8 * len(pack_list(rows, COLUMNS)) <= bits(rows) + SLACK


def test_a_stack_is_afterwards_as_it_was():
    """With bits on the stack, there are no initial bits to be paid."""
    rows = random_set(200)
    before = np.random.default_rng(1).integers(1, 2**32, 40, np.uint32)
    stack = Stack(before)
    encode(stack, rows, COLUMNS)
    taken = 32 * (len(stack.get_compressed()) - 40)
    assert abs(taken - (bits(rows) - order_bits(200))) <= 33
    assert as_set(decode(stack, 200, COLUMNS)) == as_set(rows)
    assert np.array_equal(stack.get_compressed(), before)


def test_two_sets_on_one_stack_come_off_last_first():
    first, second = random_set(50, 1), random_set(70, 2)
    stack = Stack()
    encode(stack, first, COLUMNS)
    encode(stack, second, COLUMNS)
    assert as_set(decode(stack, 70, COLUMNS)) == as_set(second)
    assert as_set(decode(stack, 50, COLUMNS)) == as_set(first)
    assert stack.is_empty()


def test_sorting_and_differences_save_as_much():
    rows = random_set(400)
    rows = rows[np.argsort(rows[:, 0])]
    by_sorting = len(pack_sorted(rows[:, 0], rows[:, 1:], COLUMNS[1:]))
    as_list = len(pack_list(rows, COLUMNS))
    saved = (as_list - by_sorting) / (as_list - len(pack(rows, COLUMNS)))
    assert 0.8 < saved < 1.2


@given(st.binary(max_size=80), st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_bytes_are_a_set_or_an_error(data, count):
    """And one set has no second spelling."""
    try:
        rows = unpack(data, count, COLUMNS)
    except BitstreamError:
        return
    assert pack(rows, COLUMNS) == data


@pytest.mark.parametrize("at", [0, 20, -1])
def test_a_changed_byte_changes_the_set_or_is_an_error(at):
    rows = random_set(60)
    data = bytearray(pack(rows, COLUMNS))
    data[at] ^= 5
    try:
        found = unpack(bytes(data), 60, COLUMNS)
    except BitstreamError:
        return
    assert as_set(found) != as_set(rows)


def test_bytes_that_are_no_set_are_named():
    rows = random_set(60)
    data = pack(rows, COLUMNS)
    with pytest.raises(BitstreamError, match="left over"):
        unpack(data, 40, COLUMNS)
    with pytest.raises(BitstreamError, match="left over"):
        unpack(data[:-4] + b"\1\1\1\1\1\1\1\1", 60, COLUMNS)
    with pytest.raises(BitstreamError, match="end in a zero"):
        unpack(data + b"\0", 60, COLUMNS)
    with pytest.raises(BitstreamError, match="same row twice"):
        unpack(b"", 2, COLUMNS)
