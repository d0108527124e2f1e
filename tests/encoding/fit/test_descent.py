"""The descent lowers D + lambda R, as an oracle counts it."""

from __future__ import annotations

import numpy as np
import pytest

from tests import reference
from tests.clips import pictures
from tests.reference import random_splats
from tests.spent import Spent
from tsplat.encoding.fit.descent import Prices, descend, inter_table, intra_table, turns_of
from tsplat.encoding.quantise import quantise
from tsplat.kernels.canvas import Canvas
from tsplat.kernels.descent import CELL, Descent
from tsplat.kernels.rates import LARGEST
from tsplat.splats import QuantizedSplats, Splats, Steps
from tsplat.stream import delta
from tsplat.stream.contexts import Contexts
from tsplat.stream.rates import Rates

WIDTH, HEIGHT = 70, 44
STEPS = Steps(256, 300, 1200, 1300)
RATES = Rates.of(delta.INITIAL, LARGEST + 1)
TABLE = inter_table(RATES.flags, RATES.groups, RATES.nonzero, RATES.sizes)
EVEN_SIGNS = Contexts(delta.INITIAL.counts.copy())
for start in (delta.CHANNELS[6].negative, delta.CHANNELS[7].negative):
    EVEN_SIGNS.counts[start : start + 3] = 1
INTER = Prices(False, TABLE, 0.0, 1e9)


def bits_of(difference: np.ndarray, known: np.ndarray) -> float:
    """What the range coder would spend, from the chances alone, if signs were even."""
    spent = Spent()
    delta.code(spent, EVEN_SIGNS, known, difference)
    return spent.bits


@pytest.fixture
def scene(normalised):
    rng = np.random.default_rng(3)
    canvas = Canvas(WIDTH, HEIGHT, normalised=normalised)
    canvas.set_target(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    weight = rng.uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    canvas.set_weight(weight)
    canvas.begin()
    splats = quantise(canvas, Splats(random_splats(24, HEIGHT, WIDTH, 5)), STEPS)
    return canvas, splats, weight


@pytest.fixture
def said(monkeypatch) -> list[float]:
    """What each pass says that the cost has lost."""
    found: list[float] = []
    step = Descent.step
    monkeypatch.setattr(Descent, "step", lambda self, *a: found.append(step(self, *a)) or found[-1])
    return found


def cost(canvas, splats, reference_values, history, lagrange, frozen=None) -> float:
    canvas.begin(frozen)
    canvas.load(splats.dequantise().params)
    return canvas.squared_error() + lagrange * priced(splats.values - reference_values, history)


def priced(difference: np.ndarray, known: np.ndarray) -> float:
    """What the table says of it, and of sizes beyond it."""
    bits = 0.0
    for row, there in zip(difference, known):
        groups = [row[g].any() for g in delta.GROUPS]
        bits += RATES.flags[there & 15, int(any(groups))]
        if any(groups):
            bits += RATES.groups[groups[0] + 2 * groups[1] + 4 * groups[2]]
            for g, changes in zip(delta.GROUPS, groups):
                bits += group_bits(row, g, there >> 4) if changes else 0
    return bits + beyond(difference)


def group_bits(row: np.ndarray, group: slice, area: int) -> float:
    bits = 0.0
    for k in range(group.start, group.stop):
        after = int(k > group.start and row[k - 1] != 0)
        if k == group.stop - 1 and not row[group.start : k].any():
            after = 2
        sizes = RATES.sizes[k + 3 * area if group.start == 5 else k]
        bits += RATES.nonzero[k, after, int(row[k] != 0)] + sizes[min(abs(row[k]), LARGEST)]
    return bits


def beyond(difference: np.ndarray) -> float:
    """Bits of what exceeds the table's largest size."""
    return float(2 * np.log2(np.maximum(np.abs(difference), LARGEST) / LARGEST).sum())


def test_rates_are_what_the_coder_spends(scene):
    _, splats, _ = scene
    rng = np.random.default_rng(0)
    known = rng.integers(0, 12, len(splats)) + 16 * rng.integers(0, 3, len(splats))
    difference = rng.integers(-3, 4, splats.values.shape) * (rng.random(splats.values.shape) < 0.3)
    spent = bits_of(difference, known.astype(np.uint8))
    assert priced(difference, known) == pytest.approx(spent, rel=1e-5)


@pytest.mark.parametrize("lagrange", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("others", [0, 30])
def test_every_pass_lowers_the_cost_by_what_it_says(scene, said, lagrange, others):
    """Beside splats that stay as they are, too; the cost is counted anew each time."""
    canvas, splats, _ = scene
    history = np.zeros(len(splats), np.uint8)
    proposal = splats.values + np.random.default_rng(1).integers(-2, 3, splats.values.shape)
    proposal = proposal.astype(np.int32)
    frozen = random_splats(others, HEIGHT, WIDTH, 6)
    now, costs = splats, [cost(canvas, splats, splats.values, history, lagrange, frozen)]
    for _ in range(3):
        canvas.begin(frozen)
        now, alive = descend(canvas, now, splats.values, proposal, history, INTER, lagrange, 1)
        assert alive.all()
        costs.append(cost(canvas, now, splats.values, history, lagrange, frozen))
    assert said[0] > 0.05 * costs[0]
    np.testing.assert_allclose(-np.diff(costs), said, rtol=1e-3, atol=1e-5 * costs[0])


@pytest.mark.parametrize("drop", [0.0, 7.0])
def test_what_goes_is_counted_too(scene, said, drop):
    """Of an I-frame, at 2 bits a channel and 20 a splat."""
    canvas, splats, _ = scene
    prices, lagrange = Prices(True, intra_table(np.full((8, 1), 2.0)), 20.0, drop), 0.02
    nothing = np.zeros_like(splats.values)

    def spent(values: np.ndarray, alive: np.ndarray) -> float:
        canvas.begin()
        canvas.load(QuantizedSplats(values[alive], STEPS).dequantise().params)
        bits = beyond(values[alive, 2:]) + (6 * 2 + 20) * alive.sum() + drop * (~alive).sum()
        return canvas.squared_error() + lagrange * bits

    before = spent(splats.values, np.ones(len(splats), bool))
    canvas.begin()
    known = np.zeros(len(splats), np.uint8)
    found, alive = descend(canvas, splats, nothing, splats.values, known, prices, lagrange, 1)
    assert 0 < alive.sum() < len(splats)
    assert before - spent(found.values, alive) == pytest.approx(said[0], rel=1e-3)


def test_dear_bits_change_nothing_and_free_ones_much(scene):
    canvas, splats, _ = scene
    history = np.zeros(len(splats), np.uint8)
    canvas.begin()
    still, _ = descend(canvas, splats, splats.values, splats.values, history, INTER, 1e6, 2)
    assert np.array_equal(still.values, splats.values)
    canvas.begin()
    moved, _ = descend(canvas, splats, splats.values, splats.values, history, INTER, 0.0, 2)
    assert (moved.values != splats.values).any(1).mean() > 0.9


def test_splats_that_do_not_pay_go(scene):
    canvas, splats, _ = scene
    prices = Prices(True, intra_table(np.ones((8, 4))), 10.0, 0.0)
    dark = splats.values.copy()
    dark[::3, 5:] = 0
    canvas.begin()
    _, alive = descend(
        canvas,
        QuantizedSplats(dark, STEPS),
        dark,
        dark,
        np.zeros(len(dark), np.uint8),
        prices,
        1e3,
        1,
    )
    assert not alive.any()


def test_the_result_does_not_depend_on_threads(normalised):
    from tsplat.kernels import runtime

    results = []
    for threads in (1, 2):
        runtime.start("cpu", threads)
        canvas = Canvas(96, 54, normalised=normalised)
        canvas.set_target(pictures(1)[0])
        canvas.begin()
        splats = quantise(canvas, Splats(random_splats(60, 54, 96, 2)), STEPS)
        found, _ = descend(
            canvas,
            splats,
            splats.values,
            splats.values,
            np.zeros(60, np.uint8),
            INTER,
            0.01,
            3,
        )
        results.append(found.values)
    assert np.array_equal(*results)


def test_who_shares_pixels_has_different_turns(scene):
    canvas, splats, _ = scene
    turns = turns_of(canvas, splats.values[None], STEPS)
    assert sorted(turns.order) == list(range(len(splats)))
    falloff = reference.falloff(
        splats.dequantise().params.astype(float), HEIGHT, -(-WIDTH // 8) * 8
    )
    columns, rows = -(-WIDTH // CELL), -(-HEIGHT // CELL)
    assert turns.count == columns * rows
    visited = np.zeros(turns.count, int)
    batches = [set(turns.order[a:b]) for a, b in turns.batches]
    for k, i in enumerate(turns.order):
        ours = slice(turns.first[k], turns.first[k + 1])
        assert np.array_equal(turns.turns[ours], visited[turns.cells[ours]])
        visited[turns.cells[ours]] += 1
        inside = np.isin(np.arange(turns.count), turns.cells[ours]).reshape(rows, columns)
        wide = inside.repeat(CELL, 0).repeat(CELL, 1)[:HEIGHT, : falloff.shape[2]]
        assert not (falloff[i] > 0)[~wide].any()
    reached = [set(turns.cells[turns.first[k] : turns.first[k + 1]]) for k in range(len(splats))]
    at = {i: reached[k] for k, i in enumerate(turns.order)}
    for batch in batches:
        assert sum(len(at[i]) for i in batch) == len(set().union(*(at[i] for i in batch)))


def test_turns_leave_room_for_a_place_and_a_shape_of_different_candidates(scene):
    canvas, splats, _ = scene
    wide = splats.values.copy()
    wide[:, 2:5] *= 3
    aside = splats.values.copy()
    aside[:, 0] -= 20
    mixed = wide.copy()
    mixed[:, :2] = aside[:, :2]
    both = turns_of(canvas, np.stack([wide, aside]), STEPS)
    alone = turns_of(canvas, mixed[None], STEPS)

    def cells(turns, i):
        k = list(turns.order).index(i)
        return set(turns.cells[turns.first[k] : turns.first[k + 1]])

    assert all(cells(alone, i) <= cells(both, i) for i in range(len(splats)))
