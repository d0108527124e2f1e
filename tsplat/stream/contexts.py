"""Chances that learn: counts of zeros and ones, brought up to date after every packet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsplat.stream.entropy import Bits

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

    def chances(self) -> np.ndarray:
        """Probability of a one in each context, (C,) float64."""
        return self.counts[:, 1] / self.counts.sum(1)

    def learned(self, seen: list[tuple[np.ndarray, np.ndarray]]) -> Contexts:
        """The contexts after a packet: pairs of contexts, (n,), and bits, (n,) bool."""
        cells = np.concatenate([np.zeros(0, np.int64), *(2 * c + b for c, b in seen)])
        found = np.bincount(cells, minlength=self.counts.size)
        counts = self.counts + found.reshape(self.counts.shape)
        while (over := counts.sum(1) > MOST).any():
            counts[over] = (counts[over] + 1) // 2
        return Contexts(counts)


class Coder:
    """Runs bits through the range coder and keeps what was seen in which context.

    ``kind`` is what they are spent on.
    """

    def __init__(self, through: Bits, contexts: Contexts, kind: str = ""):
        self.kind = kind
        self._through = through
        self._contexts = contexts
        self._chances = contexts.chances()
        self._seen: list[tuple[np.ndarray, np.ndarray]] = []

    def bits(self, contexts: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        out = self._through(self._chances[contexts], bits, self.kind)
        self.see(contexts, out)
        return out

    def even(self, n: int, bits: np.ndarray | None) -> np.ndarray:
        return self._through(np.full(n, 0.5), bits, self.kind)

    def see(self, contexts: np.ndarray, bits: np.ndarray) -> None:
        """Learn from bits as if they had been coded in these contexts."""
        self._seen.append((contexts, bits))

    def learned(self) -> Contexts:
        return self._contexts.learned(self._seen)
