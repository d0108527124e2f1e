"""What is known of a clip, and its pictures one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from types import TracebackType

import av
import numpy as np

from tsplat.media.pipe import Pipe

UNSPECIFIED = 2


@dataclass(frozen=True)
class Clip:
    """What is known of a clip before its pictures.

    Attributes
    ----------
    width, height : int
        Size of the pictures as they will be delivered: turned upright, scaled.
    rate : Fraction
        Nominal frames a second.
    aspect : Fraction
        Width of a pixel over its height.
    colour : (int, int, int)
        Primaries, transfer and matrix, ITU-T H.273.
    frames : int or None
        Number of frames, where the container says so.
    """

    width: int
    height: int
    rate: Fraction
    aspect: Fraction = Fraction(1)
    colour: tuple[int, int, int] = (UNSPECIFIED,) * 3
    frames: int | None = None


@dataclass
class Source:
    """Pictures of a clip, one after the other. Use as a context manager, iterate once.

    Attributes
    ----------
    clip : Clip
    warnings : list of str
        What went wrong without ending the clip; complete after iteration.
    notes : list of str
        What was done to the clip, or left out of it; complete after iteration.
    last : Fraction or None
        Seconds for which the picture that came last is shown; None is as long as the others.
        Complete after iteration.

    Yields
    ------
    (Fraction, (H, W, 3) uint8)
        Time in seconds from the first picture, and RGB.
    """

    clip: Clip
    _pictures: Iterator[tuple[Fraction, np.ndarray]]
    _container: av.container.InputContainer | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: Fraction | None = None
    _pipe: Pipe | None = None

    def __iter__(self) -> Iterator[tuple[Fraction, np.ndarray]]:
        return self._pictures

    def peek(self) -> np.ndarray:
        """The picture that comes next, (H, W, 3) uint8, and still does."""
        coming = next(self._pictures)
        self._pictures = chain([coming], self._pictures)
        return coming[1]

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._container is not None:
            self._container.close()
        if self._pipe is not None:
            self._pipe.close()

    def stop(self) -> None:
        """Let a read that waits for a pipe, in another thread, find its end."""
        if self._pipe is not None:
            self._pipe.stop()

    def abandon(self) -> None:
        """Leave it open: a thread still waits in it, and closing would take it from under it."""
        self._container = self._pipe = None


def scaled_size(width: int, height: int, wanted: int | None) -> tuple[int, int]:
    if wanted is None or wanted == height:
        return width, height
    return max(1, round(width * wanted / height)), wanted
