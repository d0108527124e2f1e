"""From mattes to regions: steady in time, clean at the edge, decided scene by scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from tsplat.errors import ConfigError, ModelError
from tsplat.region import Region, default_cell, grid

Matte = Callable[[np.ndarray], np.ndarray]
"""A picture, (H, W, 3) uint8 RGB, to opacities of the person, (H, W) float in 0..1."""

_RISE, _FALL = 0.8, 0.3
"""How fast a cell follows its matte up and down: late cuts show, late room does not."""
_ENTER, _LEAVE = 0.45, 0.2
"""Opacity at which a cell joins the region, and below which it leaves. The second is the margin
of a region that moves."""
_SPECK, _SPECK_SHARE, _HOLE = 0.004, 0.1, 0.003
"""Pieces smaller than the first share of the picture, or the second of the largest piece, go;
holes smaller than the third share of the picture are filled."""
_HOLD = 6
"""Frames for which a difference must last before cells change, unless it is large."""
_LARGE = 0.015
"""Part of the region's cells whose difference is large."""
_THUMB = (80, 45)
_STILL_LEVELS, _STILL_SHARE, _LONGEST = 5, 0.002, 5
"""A scene is still while at most this share of its thumbnail changes by so many grey levels; its
matte is then used again, for at most so many frames."""
_PRESENT = 0.01
"""A person covers at least this share of the picture."""
_SURE = 0.8
"""Mean opacity inside a region that is a person, rather than a model in doubt."""
_APPEAR, _VANISH = 5, 20
"""Frames after which ``auto`` believes that a person has come, or has gone."""
POLICIES = ("auto", "person")


@dataclass
class Tracker:
    """Follows the person through a clip: call it with every frame, in order.

    Parameters
    ----------
    width, height : int
        Size of the frames, pixels.
    matte : callable
        :class:`tsplat.roi.Matting`, or anything that maps a frame to opacities.
    policy : {"auto", "person"}
        ``auto``: the whole picture while there is no person; that is decided on the first frame
        and again when a person has come, or gone, for some frames. ``person``: an empty region
        then.

    Attributes
    ----------
    cell : int
        Side of a cell, pixels.
    absent : list of int
        Numbers of the frames without a person.
    decisions : list of (int, str)
        Frames from which on ``auto`` takes the "person" or the "whole frame".
    mattes : int
        How many mattes were computed.

    Raises
    ------
    ConfigError
        The policy is not known.
    """

    width: int
    height: int
    matte: Matte
    policy: str = "auto"
    cell: int = 0
    absent: list[int] = field(default_factory=list)
    decisions: list[tuple[int, str]] = field(default_factory=list)
    mattes: int = 0

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ConfigError(f"roi: got {self.policy!r}, expected auto or person")
        self.cell = self.cell or default_cell(self.width, self.height)
        self._shape = grid(self.width, self.height, self.cell)
        self._frame = -1
        self._thumb: np.ndarray | None = None
        self._age = 0
        self._opacity = np.zeros(self._shape, np.float32)
        self._smooth: np.ndarray | None = None
        self._held: np.ndarray | None = None
        self._waited = 0
        self._streak = 0
        self.person = self.policy == "person"

    def __call__(self, frame: np.ndarray) -> Region:
        """The region of the next frame, (H, W, 3) uint8 RGB."""
        self._frame += 1
        still = self._is_still(frame)
        if not still:
            self._opacity = self._cell_opacity(frame)
        cells = self._steady(self._follow(self._opacity), still)
        present = cells.mean() >= _PRESENT and self._opacity[cells].mean() >= _SURE
        if not present:
            self.absent.append(self._frame)
        if self.policy == "auto":
            self._decide(bool(present))
        if not self.person:
            return Region(np.ones(self._shape, bool))
        return Region(cells if present else np.zeros(self._shape, bool))

    def _is_still(self, frame: np.ndarray) -> bool:
        """The matte at hand will do."""
        thumb = cv2.resize(frame, _THUMB, interpolation=cv2.INTER_AREA)
        if self._thumb is not None and self._age < _LONGEST:
            change = cv2.absdiff(thumb, self._thumb).max(2) > _STILL_LEVELS
            if change.mean() <= _STILL_SHARE:
                self._age += 1
                return True
        self._thumb, self._age = thumb, 0
        return False

    def _cell_opacity(self, frame: np.ndarray) -> np.ndarray:
        """Mean opacity of each cell, (rows, columns) float32."""
        alpha = np.asarray(self.matte(frame), np.float32)
        self.mattes += 1
        if alpha.shape != frame.shape[:2] or not np.isfinite(alpha).all():
            raise ModelError(
                f"matte of frame {self._frame}: got {alpha.shape}, expected {frame.shape[:2]}, "
                "finite"
            )
        rows, columns = self._shape
        below, right = rows * self.cell - self.height, columns * self.cell - self.width
        padded = cv2.copyMakeBorder(alpha, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)

    def _follow(self, opacity: np.ndarray) -> np.ndarray:
        """Smooth opacities in time, and cut them with hysteresis; (rows, columns) bool."""
        if self._smooth is None:
            self._smooth = opacity.copy()
        change = opacity - self._smooth
        self._smooth += np.where(change > 0, _RISE, _FALL) * change
        held = np.zeros(self._shape, bool) if self._held is None else self._held
        return clean((self._smooth > _ENTER) | (held & (self._smooth > _LEAVE)))

    def _steady(self, cells: np.ndarray, still: bool) -> np.ndarray:
        """Keep the last cells until a difference is large or lasts, and while all is still."""
        if self._held is None:
            self._held = cells
        if still:
            return self._held
        differing = int((cells ^ self._held).sum())
        self._waited = self._waited + 1 if differing else 0
        if differing > _LARGE * max(cells.sum(), self._held.sum()) or self._waited >= _HOLD:
            self._held, self._waited = cells, 0
        return self._held

    def _decide(self, present: bool) -> None:
        if not self.decisions:
            self.person = present
        else:
            self._streak = self._streak + 1 if present != self.person else 0
            if self._streak < (_APPEAR if present else _VANISH):
                return
            self.person, self._streak = present, 0
        self.decisions.append((self._frame, "person" if self.person else "whole frame"))


def clean(cells: np.ndarray) -> np.ndarray:
    """Cells without specks and small holes, (rows, columns) bool."""
    labels, sizes = _pieces(cells, 8)
    large = sizes >= max(_SPECK * cells.size, _SPECK_SHARE * sizes.max(initial=0))
    kept = np.append(False, large)[labels]
    labels, sizes = _pieces(~kept, 4)
    return kept | np.append(False, sizes < _HOLE * cells.size)[labels]


def _pieces(cells: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray]:
    """Connected pieces: the number of each cell's, from 1, or 0 if it is off; and their sizes."""
    labels, stats = cv2.connectedComponentsWithStats(
        cells.astype(np.uint8), connectivity=connectivity
    )[1:3]
    return np.asarray(labels), np.asarray(stats)[1:, cv2.CC_STAT_AREA]
