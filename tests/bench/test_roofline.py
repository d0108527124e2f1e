"""Pairs against brute force, and bounds against what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from tsplat.bench import peak
from tsplat.bench.roofline import BACKWARD, RENDER, count, roofline
from tsplat.kernels.splatting import BLUR, CUTOFF

WIDTH, HEIGHT = 61, 43


def some(n: int, seed: int = 0) -> np.ndarray:
    """Splats in, across and beyond the edge of the picture, (n, 8) float32."""
    rng = np.random.default_rng(seed)
    means = rng.uniform((-15, -15), (WIDTH + 15, HEIGHT + 15), (n, 2))
    shapes = np.stack([rng.uniform(0.5, 9, n), rng.normal(0, 4, n), rng.uniform(0.5, 9, n)], 1)
    return np.concatenate([means, shapes, np.ones((n, 3))], 1).astype(np.float32)


def inside(splat: np.ndarray) -> np.ndarray:
    """Which pixels, of a picture continued to whole tiles, lie in its ellipse."""
    x, y, l11, l21, l22 = splat[:5].astype(np.float64)
    lower = np.array([[l11, 0], [l21, l22]])
    conic = np.linalg.inv(lower @ lower.T + BLUR * np.eye(2))
    yy, xx = np.mgrid[: -(-HEIGHT // 8) * 8, : -(-WIDTH // 8) * 8] + 0.5
    d = np.stack([xx - x, yy - y])
    return np.einsum("iyx,ij,jyx->yx", d, conic, d) <= CUTOFF**2


def test_pairs_are_the_pixels_in_ellipses_and_kernels_walk_all_of_them():
    for splat in some(60):
        found = count(splat[None], WIDTH, HEIGHT)
        there = inside(splat)
        assert found.inside == there[:HEIGHT, :WIDTH].sum()
        blocks = there.reshape(there.shape[0] // 8, 8, -1, 8).any((1, 3)).sum()
        assert found.render >= 64 * blocks
        vectors = there.reshape(there.shape[0], -1, 8).any(2).sum()
        assert found.backward >= 8 * vectors
        # Between pixels, an ellipse may touch a block or a vector of which it holds no pixel.
        assert found.render <= 64 * (blocks + 10)
        assert found.backward <= 8 * (vectors + 12)


def test_pairs_of_splats_add_up():
    splats = some(5)
    alone = [count(splat[None], WIDTH, HEIGHT) for splat in splats]
    together = count(splats, WIDTH, HEIGHT)
    for name in ("inside", "render", "backward"):
        assert getattr(together, name) == sum(getattr(pairs, name) for pairs in alone)
    assert count(splats[:0], WIDTH, HEIGHT).render == 0


@pytest.mark.parametrize("bound_by", ["operations", "bytes"])
def test_bounds_are_pairs_times_operations_over_the_peak(monkeypatch, bound_by):
    """On a machine that is known: two threads, either of whose peaks is far away."""
    operations, moved = (1e9, 1e15) if bound_by == "operations" else (1e15, 1e9)
    measured = {"render": 400.0, "backward": 500.0, "iteration": 1000.0}
    monkeypatch.setattr(peak, "operations_per_s", lambda: operations)
    monkeypatch.setattr(peak, "bytes_per_s", lambda: moved)
    monkeypatch.setattr("tsplat.bench.roofline.measure", lambda threads, of: measured)
    found = roofline(2)
    assert (found["operations_per_s"], found["bytes_per_s"]) == (2 * operations, 2 * moved)
    kernels = {row["kernel"]: row for row in found["kernels"]}
    for name, cost in (("render", RENDER), ("backward", BACKWARD)):
        row = kernels[name]
        assert row["bound_by"] == bound_by
        assert row["bound_ms"] == pytest.approx(row["walked"] * getattr(cost, bound_by) / 2e6)
        assert row["walked"] > row["pairs"] > 1e6
    both = kernels["render"]["bound_ms"] + kernels["backward"]["bound_ms"]
    assert kernels["iteration"]["bound_ms"] == pytest.approx(both)
    for name, row in kernels.items():
        assert row["measured_ms"] == measured[name]
        assert row["share"] == pytest.approx(row["bound_ms"] / measured[name])
