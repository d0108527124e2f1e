"""Scene cuts, by what the source shows."""

from __future__ import annotations

import cv2
import numpy as np

_SIZE = (64, 36)
_LEVELS, _SHARE = 24, 0.55
"""A cut: this share of the thumbnail changes by more than so many grey levels."""


class Cuts:
    """Compares every frame with the one before."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None

    def is_cut(self, frame: np.ndarray, inside: np.ndarray | None = None) -> bool:
        """The frame, (H, W, 3) uint8, begins another scene; the first one does not.

        Only pixels ``inside``, (H, W) bool, count, if that is given.
        """
        small = cv2.resize(frame, _SIZE, interpolation=cv2.INTER_AREA)
        before, self._before = self._before, small
        if before is None:
            return False
        changed = cv2.absdiff(small, before).max(2) > _LEVELS
        if inside is not None:
            cells = cv2.resize(inside.astype(np.uint8), _SIZE, interpolation=cv2.INTER_AREA)
            changed = changed[cells > 0]
        return bool(changed.size and changed.mean() > _SHARE)
