"""A range coder's place is taken by one that counts what it would spend."""

from __future__ import annotations

import numpy as np


class Spent:
    """Codes booleans as :meth:`tsplat.stream.entropy.Writer.bits` does, and adds up their
    information.

    Attributes
    ----------
    bits : float
    """

    def __init__(self) -> None:
        self.bits = 0.0

    def __call__(self, chances: np.ndarray, values: np.ndarray | None, _: str) -> np.ndarray:
        assert values is not None
        self.bits -= float(np.log2(np.where(values, chances, 1 - chances)).sum())
        return values
