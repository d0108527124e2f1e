"""The experiment on bits-back coding: sets of a real encode, and what they save."""

from __future__ import annotations

from fractions import Fraction

from tests.clips import pictures
from tsplat.paper.experiments.bits_back import bits_back
from tsplat.paper.experiments.result import Clip
from tsplat.stream.bits_back import order_bits


def test_the_saving_is_near_the_bound_and_sorting_gains_as_much():
    result = bits_back(Clip("small", pictures(4), Fraction(30)), True)
    for table in result.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    frame = result.values["I-frame, selection paper"]
    (count,), (listed,), (stacked,) = (
        frame[name] for name in ("splats", "list_bytes", "bits_back_bytes")
    )
    bound = order_bits(count) / 8
    assert bound - 12 < listed - stacked < bound + 8
    assert abs(frame["sorted_bytes"][0] - stacked) < 0.25 * bound


def test_files_of_sets_are_dearer():
    result = bits_back(Clip("small", pictures(4), Fraction(30)), True)
    for (_, inter, adaptive, as_sets), select in zip(result.tables[1].rows, ("paper", "rate")):
        assert inter == 3
        assert adaptive < as_sets < 2 * adaptive, select


def test_one_frame_is_not_run():
    assert bits_back(Clip("still", pictures(1), Fraction(30)), True).not_run == "still: 1 frame"
