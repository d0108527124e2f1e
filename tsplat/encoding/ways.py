"""How an I-frame and a P-frame get their integers: what an encoder is given, and what it gives.

The codec's own ways are :mod:`~tsplat.encoding.intra` and :mod:`~tsplat.encoding.inter`;
:mod:`tsplat.paper` has the paper's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tsplat.config import EncoderConfig, Quality
from tsplat.encoding.focus import Focus
from tsplat.kernels.canvas import Canvas
from tsplat.splats import QuantizedSplats
from tsplat.stream.header import Header
from tsplat.stream.payload import State


@dataclass(frozen=True)
class Scene:
    """What all frames of a stream are coded with.

    Attributes
    ----------
    canvas : Canvas
        Its target is the frame in work.
    focus : Focus
        Turned to that frame's region.
    header : Header
    timed : callable
        Given the name of a stage, counts the time of a block.
    """

    canvas: Canvas
    focus: Focus
    header: Header
    timed: Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Change:
    """What a P-packet says.

    Attributes
    ----------
    stay : (N,) bool
        Splats that stay; M of them.
    values : (M + K, 8) int32
        Theirs, and those of K added ones.
    vectors : (GRID, GRID, 2) int or None
        Motion.
    """

    stay: np.ndarray
    values: np.ndarray
    vectors: np.ndarray | None


class Intra(Protocol):
    """How an I-frame gets its integers."""

    def __call__(
        self, scene: Scene, picture: np.ndarray, quality: Quality, config: EncoderConfig
    ) -> QuantizedSplats:
        """Splats of a picture, (H, W, 3) uint8 RGB, in the order of its packet."""


class Inter(Protocol):
    """How a P-frame gets its integers; one for each stream, told of every coded frame."""

    def begin(self, scene: Scene, picture: np.ndarray, splats: QuantizedSplats) -> None:
        """An I-frame was coded as these splats: P-frames build on it from now on."""

    def coded(self, scene: Scene, picture: np.ndarray, splats: QuantizedSplats) -> None:
        """The change last said of this picture was coded, as these splats: likewise."""

    def change(
        self,
        scene: Scene,
        before: State,
        picture: np.ndarray,
        config: EncoderConfig,
        lagrange: float,
        room: int,
    ) -> Change | None:
        """What a picture changes; None where so much has changed that it is a new scene.

        ``lagrange`` is the price of a bit, weighted squared error, full scale 1; ``room`` the
        most splats to have in the end, if none enter the region.
        """
