"""The region's smooth edge, against an oracle, and its cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsplat.region import MAX_CELL, MAX_CELLS, MIN_CELL, Region, default_cell, grid
from tsplat.splats import MAX_PIXELS, MAX_SIDE


def cells(rows: int, columns: int, seed: int, density: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, columns)) < density


def box(rows: int, columns: int, *part: slice | int) -> Region:
    out = np.zeros((rows, columns), bool)
    out[part] = True
    return Region(out)


def oracle(cells: np.ndarray, width: int, height: int, cell: tuple[float, float]) -> np.ndarray:
    """Pixel by pixel: 3x3 binomial, edges repeated; bilinear between centres; clip(4 v - 1)."""
    rows, columns = cells.shape

    def at(y: int, x: int) -> float:
        return float(cells[min(max(y, 0), rows - 1), min(max(x, 0), columns - 1)])

    taps = {-1: 0.25, 0: 0.5, 1: 0.25}
    soft = np.zeros(cells.shape)
    for y, x in np.ndindex(rows, columns):
        soft[y, x] = sum(taps[v] * taps[u] * at(y + v, x + u) for v in taps for u in taps)

    def smooth(y: float, x: float) -> float:
        y, x = min(max(y, 0), rows - 1), min(max(x, 0), columns - 1)
        j, i = min(int(y), max(rows - 2, 0)), min(int(x), max(columns - 2, 0))
        b, r = min(j + 1, rows - 1), min(i + 1, columns - 1)
        v, u = y - j, x - i
        above = (1 - u) * soft[j, i] + u * soft[j, r]
        return (1 - v) * above + v * ((1 - u) * soft[b, i] + u * soft[b, r])

    out = np.zeros((height, width))
    for y, x in np.ndindex(height, width):
        value = smooth((y + 0.5) / cell[1] - 0.5, (x + 0.5) / cell[0] - 0.5)
        out[y, x] = min(max(4 * value - 1, 0), 1)
    return out


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(0, 10**6),
    st.tuples(st.floats(0.6, 9), st.floats(0.6, 9)),
    st.sampled_from([0.1, 0.5, 0.9]),
)
def test_alpha_equals_the_oracle_at_any_scale(rows, columns, seed, cell, density):
    mask = cells(rows, columns, seed, density)
    width, height = max(1, int(columns * cell[0])), max(1, int(rows * cell[1]))
    got = Region(mask).alpha(width, height, cell)
    assert got.shape == (height, width)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, oracle(mask, width, height, cell), atol=2e-5)


@pytest.mark.parametrize(("width", "height", "cell"), [(37, 29, 4), (5, 64, 4), (3, 3, 255)])
def test_a_last_cell_may_lie_half_outside_the_picture(width, height, cell):
    mask = cells(*grid(width, height, cell), 0)
    got = Region(mask).alpha(width, height, (cell, cell))
    np.testing.assert_allclose(got, oracle(mask, width, height, (cell, cell)), atol=2e-5)


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (41, 333)])
@pytest.mark.parametrize("on", [False, True])
def test_whole_and_empty_regions_have_no_edge(size, on):
    region = Region(np.full((6, 9), on))
    width, height = size
    assert (region.alpha(width, height, (width / 9, height / 6)) == on).all()
    assert (region.whole, region.empty, region.share) == (on, not on, float(on))


@pytest.mark.parametrize("cell", [(4, 4), (12, 12), (8, 3), (2.5, 7.25), (0.5, 0.5)])
def test_alpha_is_1_inside_and_0_far_outside(cell):
    region = box(10, 14, slice(3, 7), slice(4, 10))
    width, height = math.ceil(14 * cell[0]), math.ceil(10 * cell[1])
    alpha = region.alpha(width, height, cell)
    x, y = (np.arange(width) + 0.5) / cell[0], (np.arange(height) + 0.5) / cell[1]
    inside = ((y > 3) & (y < 7))[:, None] & ((x > 4) & (x < 10))
    far = ((y < 2) | (y > 8))[:, None] | ((x < 3) | (x > 11))
    # Corners are rounded: half a cell beyond a corner's cell the edge is straight.
    straight = ((y > 4.5) & (y < 5.5))[:, None] | ((x > 5.5) & (x < 8.5))
    assert (alpha[inside & straight] == 1).all()
    assert (alpha[far] == 0).all()
    beyond = ((y > 4) & (y < 6))[:, None] & ((x < 3.5) | (x > 10.5))
    assert (alpha[beyond] == 0).all()


def test_alpha_falls_steadily_across_an_edge():
    region = box(8, 20, slice(None), slice(0, 10))
    line = region.alpha(200, 80, (10, 10))[40]
    assert (np.diff(line) <= 0).all()
    assert line[99] == 1
    assert line[105] == 0
    assert 0 < line[102] < 1
    assert np.diff(line).min() > -0.3


def test_a_lone_cell_fades_and_four_do_not():
    assert not box(9, 9, 4, 4).alpha(90, 90, (10, 10)).any()
    alpha = box(9, 9, slice(4, 6), slice(4, 6)).alpha(90, 90, (10, 10))
    assert (alpha[45:55, 45:55] == 1).all()


def test_alpha_at_another_size_is_the_same_edge():
    region = Region(cells(9, 16, 1))
    small = region.alpha(64, 36, (4, 4))
    large = region.alpha(320, 180, (20, 20))
    np.testing.assert_allclose(large[2::5, 2::5], small, atol=1e-5)


def test_alpha_turns_and_mirrors_with_its_cells():
    mask = cells(7, 12, 2)
    alpha = Region(mask).alpha(84, 35, (7, 5))
    np.testing.assert_allclose(
        Region(mask[:, ::-1]).alpha(84, 35, (7, 5)), alpha[:, ::-1], atol=1e-5
    )
    np.testing.assert_allclose(Region(mask[::-1]).alpha(84, 35, (7, 5)), alpha[::-1], atol=1e-5)
    np.testing.assert_allclose(Region(mask.T).alpha(35, 84, (5, 7)), alpha.T, atol=1e-5)


def test_regions_are_equal_where_their_cells_are():
    one = cells(4, 6, 0)
    assert Region(one) == Region(one.copy())
    assert Region(one) != Region(~one)
    assert Region(np.ones((4, 6), bool)) != Region(np.ones((6, 4), bool))
    assert Region(one) != one.tolist()
    assert Region(one) != None  # noqa: E711
    assert Region.everywhere(37, 29, 4) == Region(np.ones((8, 10), bool))


def test_the_share_is_of_cells():
    assert box(4, 5, 0).share == 0.25


@given(st.integers(1, MAX_SIDE), st.integers(1, MAX_SIDE), st.integers(1, MAX_CELL))
def test_a_grid_covers_its_picture_and_no_more(width, height, cell):
    rows, columns = grid(width, height, cell)
    assert (rows - 1) * cell < height <= rows * cell
    assert (columns - 1) * cell < width <= columns * cell


@given(st.integers(1, MAX_SIDE), st.integers(1, MAX_SIDE))
def test_the_default_cell_respects_the_cap(width, height):
    cell = default_cell(width, height)
    rows, columns = grid(width, height, cell)
    assert MIN_CELL <= cell <= MAX_CELL
    assert rows * columns <= MAX_CELLS


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (MAX_SIDE, 1), (1, MAX_SIDE), (MAX_SIDE, 100), (MAX_SIDE, MAX_PIXELS // MAX_SIDE)],
)
def test_the_default_cell_respects_the_cap_at_extreme_sizes(width, height):
    rows, columns = grid(width, height, default_cell(width, height))
    assert rows * columns <= MAX_CELLS


def test_the_default_cell_grows_with_the_picture():
    cells_ = [default_cell(16 * h // 9, h) for h in (90, 180, 360, 720, 1080, 2160)]
    assert cells_ == sorted(cells_)
    assert cells_[2:5] == [4, 8, 12]
