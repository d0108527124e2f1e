"""Coordinate descent over a canvas's splats' integers on D + lambda R.

Splats whose candidates reach the same pixels must be visited in one order, the same on every
machine: the picture is cut into cells of :data:`CELL` pixels, and a splat has a turn in each cell
that its candidates reach. On a GPU, a launch works on a batch of splats of which no two share a
cell; on a CPU, one launch visits all of them. What a visit does: :mod:`tsplat.kernels.visit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import taichi as ti

from tsplat.kernels import cpu_descent, gpu_descent
from tsplat.kernels.rates import INTER, INTRA

if TYPE_CHECKING:
    from tsplat.kernels.canvas import Canvas

CELL = 16
"""Side of a cell, pixels; a multiple of 8, since a splat's pixels come in blocks of 8."""


@dataclass(frozen=True)
class Turns:
    """In which order a descent visits splats; see :mod:`tsplat.kernels.descent`.

    Attributes
    ----------
    order : (n,) int32
        Numbers of the splats.
    batches : list of (int, int)
        Parts of the order whose splats share no cell.
    first : (n + 1,) int32
        Where the cells of each splat of the order begin.
    cells, turns : (m,) int32
        The cells that a splat's candidates reach, and how many splats have their turn there
        before it.
    count : int
        Number of cells of the picture.
    """

    order: np.ndarray
    batches: list[tuple[int, int]]
    first: np.ndarray
    cells: np.ndarray
    turns: np.ndarray
    count: int


class Descent:
    """Integers of a canvas's splats on their way down; see :mod:`tsplat.kernels.descent`."""

    def __init__(self, canvas: Canvas, values: np.ndarray):
        self._canvas, self._n = canvas, len(values)
        self._values = self._array(values.astype(np.int32))
        self._alive = self._array(np.ones(self._n, np.int32))
        self._gains = self._array(np.zeros(self._n, np.float32))

    def set(
        self,
        reference: np.ndarray,
        proposal: np.ndarray,
        contexts: np.ndarray,
        steps: np.ndarray,
        rates: np.ndarray,
        bounds: np.ndarray,
    ) -> None:
        """What integers are compared with, (n, 8), (n, 8), (n,); what they are and cost."""
        integers = (reference, proposal, contexts, bounds)
        given = (self._array(a.astype(np.int32)) for a in integers)
        self._reference, self._proposal, self._contexts, self._bounds = given
        self._steps = self._array(steps.astype(np.float32))
        self._rates = self._array(rates.astype(np.float32))

    def step(
        self,
        turns: Turns,
        intra: bool,
        lagrange: float,
        keep_bits: float,
        drop_bits: float,
    ) -> float:
        """Visit every splat once; what the cost has lost."""
        canvas = self._canvas
        splats = (
            self._values,
            self._reference,
            self._proposal,
            self._contexts,
            self._alive,
            self._gains,
            self._array(turns.order),
        )
        costs = (
            self._steps,
            self._rates,
            self._bounds,
            canvas._error,
            canvas._target,
            canvas.normalised,
            canvas._weight,
            canvas.columns,
            canvas.rows,
            INTRA if intra else INTER,
            lagrange,
            keep_bits,
            drop_bits,
        )
        if canvas.backend.on_cpu:
            order = (turns.first, turns.cells, turns.turns, np.zeros(turns.count + 1, np.int32))
            waiting = (self._array(a.astype(np.int32)) for a in order)
            cpu_descent.descend(*splats, *waiting, self._n, *costs, canvas.backend.threads)
        else:
            for start, end in turns.batches:
                gpu_descent.descend(*splats, start, end - start, *costs)
        return float(_on_host(self._gains).sum(dtype=np.float64))

    def values(self) -> np.ndarray:
        """The integers as they are now, (n, 8) int32."""
        return _on_host(self._values)

    def _array(self, values: np.ndarray) -> ti.Ndarray | np.ndarray:
        """A buffer with these values: on a CPU, the array itself, which costs a launch less."""
        values = np.ascontiguousarray(values)
        if self._canvas.backend.on_cpu:
            return values
        out = ti.ndarray(ti.i32 if values.dtype == np.int32 else ti.f32, values.shape)
        out.from_numpy(values)
        return out

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """The integers, (n, 8) int32, and which splats are left, (n,) bool."""
        return self.values(), _on_host(self._alive) > 0


def _on_host(array: ti.Ndarray | np.ndarray) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.to_numpy()
