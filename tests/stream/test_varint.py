"""Integers of variable length come back, and only whole ones are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsplat.errors import BitstreamError
from tsplat.stream import varint


@given(st.integers(0, 2**35 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_integers_come_back_wherever_they_lie(value, before, after):
    data = varint.pack(value)
    got = varint.unpack(before + data + after, len(before))
    assert got == (value, len(before) + len(data))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_seven_bits_fit_in_a_byte(size):
    most = 2 ** (7 * size) - 1
    assert varint.pack(most) == b"\xff" * (size - 1) + b"\x7f"
    assert len(varint.pack(most + 1)) == size + 1


@given(st.integers(128, 2**35 - 1), st.data())
def test_integers_cut_short_are_refused(value, data):
    whole = varint.pack(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BitstreamError, match="ends inside an integer"):
        varint.unpack(whole[:cut], 0)


def test_integers_of_six_bytes_are_refused():
    with pytest.raises(BitstreamError, match="more than 5 bytes"):
        varint.unpack(b"\x80\x80\x80\x80\x80\x01", 0)


@given(st.integers(-(2**40), 2**40))
def test_folding_comes_back(value):
    assert varint.unfold(varint.fold(value)) == value


def test_folding_leaves_no_number_out():
    assert [varint.unfold(k) for k in range(7)] == [0, -1, 1, -2, 2, -3, 3]
    assert sorted(map(varint.fold, range(-50, 50))) == list(range(100))
