"""Chances that learn: counts of zeros and ones, brought up to date after every packet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST = 320
"""Counts of a context are halved until they do not exceed this, so that it can forget."""


@dataclass(frozen=True)
class Contexts:
    """Chances of C contexts, made of integers alone.

    Parameters
    ----------
    counts : (C, 2) int64
        Zeros and ones seen, each plus what was believed at first.
    """

    counts: np.ndarray

    @classmethod
    def believing(cls, chances: np.ndarray, weight: int) -> Contexts:
        """Chances of a one, (C,), in 1/256, believed as if after ``weight`` bits."""
        ones = np.maximum(1, np.asarray(chances) * weight // 256)
        return cls(np.stack([np.maximum(1, weight - ones), ones], 1).astype(np.int64))

    def chances(self, contexts: np.ndarray) -> np.ndarray:
        """Probability of a one in each of some contexts, (n,) float64."""
        p = self.counts[:, 1] / self.counts.sum(1)
        return p[contexts]

    def learned(self, seen: list[tuple[np.ndarray, np.ndarray]]) -> Contexts:
        """The contexts after a packet: pairs of contexts, (n,), and bits, (n,) bool."""
        counts = self.counts.copy()
        for contexts, bits in seen:
            np.add.at(counts, (contexts, bits.astype(np.int64)), 1)
        while (over := counts.sum(1) > MOST).any():
            counts[over] = (counts[over] + 1) // 2
        return Contexts(counts)
