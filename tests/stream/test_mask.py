"""The region's cells come back, whatever they are, and cost little where they stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.region import Region
from tsplat.stream import mask
from tsplat.stream.entropy import Reader, Writer
from tsplat.stream.tally import Tally


def blob(shape: tuple[int, int], seed: int) -> Region:
    """A head with shoulders, roughly, at a random place."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape) / np.array(shape).reshape(2, 1, 1)
    cy, cx = rng.uniform(0.2, 0.5), rng.uniform(0.3, 0.7)
    head = (y - cy) ** 2 / 0.03 + (x - cx) ** 2 / 0.015 < 1
    body = (y - 1.1) ** 2 / 0.3 + (x - cx) ** 2 / 0.06 < 1
    return Region(head | body)


def kinds(shape: tuple[int, int], kind: str, seed: int) -> Region:
    rng = np.random.default_rng(seed)
    if kind == "blob":
        return blob(shape, seed)
    density = {"empty": 0.0, "sparse": 0.05, "noise": 0.5, "whole": 1.0}[kind]
    return Region(rng.random(shape) < density)


def packed(region: Region, past: Region | None) -> bytes:
    writer = Writer()
    assert mask.code(writer.bits, region.cells.shape, past, region) == region
    return writer.finish()


def unpacked(data: bytes, shape: tuple[int, int], past: Region | None) -> Region:
    reader = Reader(data)
    reader.open()
    return mask.code(reader.bits, shape, past)


KINDS = ("empty", "sparse", "noise", "blob", "whole")


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 50)),
    st.sampled_from(KINDS),
    st.sampled_from(("none", *KINDS)),
    st.integers(0, 10**6),
)
def test_masks_come_back_with_and_without_a_past(shape, kind, past_kind, seed):
    region = kinds(shape, kind, seed)
    past = None if past_kind == "none" else kinds(shape, past_kind, seed + 1)
    assert unpacked(packed(region, past), shape, past) == region


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_small_mask_comes_back(data):
    rows, columns = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    cells = st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns)
    region, past = (Region(np.array(data.draw(cells)).reshape(rows, columns)) for _ in "ab")
    for before in (None, past, region):
        assert unpacked(packed(region, before), (rows, columns), before) == region


@pytest.mark.parametrize("seed", range(4))
def test_a_mask_costs_little_and_less_with_its_past(seed):
    shape = (90, 160)
    region = blob(shape, seed)
    cells = region.cells.copy()
    cells[50:54, 40:44] ^= True
    alone = len(packed(Region(cells), None))
    moved = len(packed(Region(cells), region))
    stays = len(packed(region, region))
    assert alone < 80
    assert moved < 0.7 * alone
    assert stays < 16


@pytest.mark.parametrize("kind", ["sparse", "blob", "noise"])
def test_the_cost_is_what_is_spent(kind):
    shape = (60, 70)
    region = kinds(shape, kind, 3)
    for past in (None, blob(shape, 3), region):
        data = packed(region, past)
        tally = Tally(data)
        tally.open()
        assert mask.code(tally.bits, shape, past) == region
        assert tally.spent["mask"] == pytest.approx(8 * len(data), rel=0.01, abs=33)


def test_the_past_matters():
    """Another past gives other cells: both sides must have the same one."""
    region, past = blob((20, 30), 0), blob((20, 30), 1)
    data = packed(region, past)
    assert unpacked(data, (20, 30), past) == region
    assert unpacked(data, (20, 30), None) != region


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 50), (40, 1), (2, 2), (3, 17), (16, 16), (17, 33), (40, 50), (90, 160)]
)
def test_every_cell_comes_once_and_after_its_neighbours(shape):
    rows, columns = shape
    known = np.zeros(rows * columns + 1, bool)
    known[-1] = True
    for k, (cells, neighbours, row) in enumerate(mask.steps(rows, columns)):
        assert len(np.unique(cells)) == len(cells)
        assert not known[cells].any()
        assert known[neighbours].all()
        assert neighbours.shape == (len(cells), 4)
        assert k <= row < len(mask.CHANCES)
        known[cells] = True
    assert known.all()


def test_neighbours_are_at_the_step_s_distance():
    rows, columns = 21, 37
    distances = {1: 8, 2: 8, 3: 4, 4: 4, 5: 2, 6: 2, 7: 1, 8: 1}
    for cells, neighbours, row in mask.steps(rows, columns):
        if row == 0:
            assert (neighbours == rows * columns).all()
            continue
        s = distances[row]
        inside = neighbours < rows * columns
        y, x = np.divmod(neighbours, columns)
        dy, dx = np.abs(y - cells[:, None] // columns), np.abs(x - cells[:, None] % columns)
        expected = (s, s) if row % 2 else (s, 0)
        got = {tuple(sorted(pair, reverse=True)) for pair in zip(dy[inside], dx[inside])}
        assert got <= {expected}


def test_pasts_are_what_the_module_says():
    region = Region(np.array([[0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]], bool))
    expected = [[1, 1, 2, 3], [2, 2, 2, 3], [3, 3, 3, 4]]
    assert mask.pasts(region, (3, 4)).reshape(3, 4).tolist() == expected
    assert not mask.pasts(None, (3, 4)).any()


def test_chances_are_chances_and_grow_with_the_neighbours():
    assert mask.CHANCES.shape == (9, 5, 5)
    assert mask.CHANCES.dtype == np.int64
    assert mask.CHANCES.min() > 0
    assert mask.CHANCES.max() < 65536
    assert (mask.CHANCES[:, 4] > mask.CHANCES[:, 0]).all()
