"""Whom a clip shows: the region of interest of each frame, from a model or from masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tsplat.errors import ConfigError, MediaError
from tsplat.media.source import masks
from tsplat.region import Region
from tsplat.roi.masks import Masks
from tsplat.roi.tracker import POLICIES, Matte, Tracker

OFF = "off"


@dataclass(frozen=True)
class Person:
    """What is the region of interest.

    Attributes
    ----------
    roi : {"auto", "person", "off"} or path
        The person where there is one, else the whole frame; the person, always; the whole frame;
        or masks, a folder or a video, one for each frame (which then are all coded, none
        interpolated).
    matting : str, path or callable
        What finds the person: a model's name, "auto", an ONNX file, or a function from a frame,
        (H, W, 3) uint8 RGB, to opacities, (H, W) float in 0..1.
    """

    roi: str | Path = "auto"
    matting: str | Path | Matte = "auto"

    @property
    def has_masks(self) -> bool:
        return str(self.roi) not in (*POLICIES, OFF)

    def behind(self, background: str) -> Person:
        """With this background: where the room is not to be seen, ``auto`` must not show it when
        the person has left.

        Raises
        ------
        ConfigError
            There is a background, and no region before it.
        """
        if background == "splats":
            return self
        if self.roi == OFF:
            raise ConfigError(f"background: {background} needs a region of interest, not --roi off")
        return replace(self, roi="person") if self.roi == "auto" else self

    def finder(self, width: int, height: int, lines: int | None) -> Finder | None:
        """What finds the regions of frames of a size; lines: that they were scaled to.

        Raises
        ------
        ConfigError, MediaError, ModelError
            There are no such masks; they cannot be read; the model does not work.
        """
        if self.roi == OFF:
            return None
        if self.has_masks:
            if not str(self.roi) or not Path(self.roi).exists():
                raise ConfigError(
                    f"roi: got {str(self.roi)!r}, expected auto, person, off, or masks"
                )
            return Finder(Masks(masks(self.roi, lines), str(self.roi), width, height))
        matting = self.matting
        if not callable(matting):
            from tsplat.roi.matting import Matting

            matting = Matting(matting)
        return Finder(Tracker(width, height, matting, str(self.roi)))


class Finder:
    """Finds the region of each frame, in order, and remembers where there was none.

    Parameters
    ----------
    source : Tracker or Masks

    Attributes
    ----------
    absent : list of int
        Numbers of the frames without a person.
    """

    def __init__(self, source: Tracker | Masks):
        self._source = source
        self._count = 0
        self.absent = source.absent

    def __call__(self, frame: np.ndarray) -> tuple[Region, str]:
        """The region, and a line of text where it is decided anew."""
        region, number = self._source(frame), self._count
        self._count += 1
        decisions = self._source.decisions if isinstance(self._source, Tracker) else []
        if decisions and decisions[-1][0] == number:
            return region, f"roi: the {decisions[-1][1]}, from frame {number}"
        return region, ""

    def finish(self, most: int | None, count: int, name: str) -> None:
        """All frames were taken, ``count`` of at most ``most``.

        Raises
        ------
        MediaError
            There are more masks, or all are empty; or no frame has a person, and one was wanted.
        """
        if isinstance(self._source, Masks):
            self._source.finish(clip_ended=most is None or count < most)
        elif self._wanted and count and len(self.absent) >= count:
            raise MediaError(
                f"{name}: no person found in any of {count} frames; --roi off encodes them whole"
            )

    def warnings(self, name: str) -> list[str]:
        """What there is to say of frames without a person."""
        if not self.absent or not self._wanted:
            return []
        what = "empty masks" if isinstance(self._source, Masks) else "no person found"
        return [f"{name}: {what} in frames {ranges(self.absent)}"]

    @property
    def _wanted(self) -> bool:
        return isinstance(self._source, Masks) or self._source.policy != "auto"


def ranges(numbers: list[int]) -> str:
    """Runs of numbers, in ascending order.

    >>> ranges([0, 1, 2, 7, 9, 10])
    '0-2, 7, 9-10'
    """
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}-{b}" if a < b else str(a) for a, b in runs)
