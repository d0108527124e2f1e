"""What a packet's bits are spent on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tsplat.stream.bits_back import Column, Even, order_bits
from tsplat.stream.entropy import Peak, Reader

KINDS = ("header", *("flags", "position", "shape", "colour", "motion", "mask", "added", "dropped"))
"""Header: counts and which parts there are. The parameters of a model belong to what it codes."""
_WHOLE = 1 << 24
"""The range coder's unit of probability is one over this; nothing has less than one unit."""


class Tally(Reader):
    """A reader that adds up the information in what it reads, -log2 of the chances, by kind.

    Attributes
    ----------
    spent : dict of str to float
        Bits spent so far on each of :data:`KINDS`.
    """

    def __init__(self, data: bytes):
        super().__init__(data)
        self.spent = dict.fromkeys(KINDS, 0.0)

    def integer(self, most: int, name: str, kind: str = "") -> int:
        start = self._at
        value = super().integer(most, name)
        self.spent[kind or "header"] += 8 * (self._at - start)
        return value

    def known_peak(self, n: int, model: Peak, kind: str = "") -> np.ndarray:
        values = super().known_peak(n, model)
        if model.span:
            weights = model.weights()
            self._spend(kind, (weights / weights.sum())[values - model.low], len(weights))
        return values

    def bits(
        self, chances: np.ndarray, values: np.ndarray | None = None, kind: str = ""
    ) -> np.ndarray:
        out = super().bits(chances)
        self._spend(kind, np.where(out, chances, 1 - chances), 2)
        return out

    def choices(
        self, weights: np.ndarray, n: int, values: np.ndarray | None = None, kind: str = ""
    ) -> np.ndarray:
        out = super().choices(weights, n)
        self._spend(kind, (weights / weights.sum())[out], len(weights))
        return out

    def read_set(self, rows: np.ndarray, columns: Sequence[Column], kinds: Sequence[str]) -> None:
        """What the order of the rows does not cost is taken off their first numbers."""
        self.spent[kinds[0]] -= order_bits(len(rows))
        for values, model, kind in zip(rows.T, columns, kinds):
            if isinstance(model, Even):
                self.spent[kind] += len(rows) * math.log2(model.span + 1)
            elif model.span:
                weights = model.weights()
                self._spend(kind, (weights / weights.sum())[values - model.low], len(weights))

    def _even(self, n: int, bits: int, kind: str) -> np.ndarray:
        self.spent[kind] += n * bits
        return super()._even(n, bits, kind)

    def _byte(self, kind: str) -> int:
        self.spent[kind] += 8
        return super()._byte(kind)

    def _spend(self, kind: str, chances: np.ndarray, symbols: int) -> None:
        """As the range coder rounds the chances of a model of so many symbols."""
        rounded = (chances * (_WHOLE - symbols) + 1) / _WHOLE
        self.spent[kind] -= float(np.log2(rounded).sum())
