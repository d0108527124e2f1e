"""The user's own masks in place of a matting model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tsplat.errors import MediaError
from tsplat.region import Region, default_cell


class Masks:
    """Takes the region of each frame from a mask, in step; call it with every frame.

    Parameters
    ----------
    pictures : iterator of (H, W) uint8
        Light is inside.
    name : str
        Where they come from, for messages.
    width, height : int
        Size of the frames, pixels.

    Attributes
    ----------
    absent : list of int
        Numbers of the frames whose mask is empty.

    Raises
    ------
    MediaError
        From a call: the masks end before the frames, or are of another size. From
        :meth:`finish`: there are more of them, or all are empty.
    """

    def __init__(self, pictures: Iterator[np.ndarray], name: str, width: int, height: int):
        self.absent: list[int] = []
        self._pictures, self._name = pictures, name
        self._size = width, height
        self.cell = default_cell(width, height)
        self._count = self._lightest = 0

    def __call__(self, frame: np.ndarray) -> Region:
        mask = next(self._pictures, None)
        if mask is None:
            raise MediaError(f"{self._name}: {self._count} masks, but the clip has more frames")
        width, height = self._size
        if mask.shape[:2] != (height, width):
            raise MediaError(
                f"{self._name}: a mask of {mask.shape[1]}x{mask.shape[0]}, "
                f"but the frames are {width}x{height}"
            )
        self._lightest = max(self._lightest, int(mask.max()))
        region = Region.of(mask, self.cell)
        if region.empty:
            self.absent.append(self._count)
        self._count += 1
        return region

    def finish(self, clip_ended: bool) -> None:
        """All frames were taken; with the clip at its end the masks must be too."""
        if clip_ended and next(self._pictures, None) is not None:
            raise MediaError(f"{self._name}: more masks than the {self._count} frames")
        if len(self.absent) == self._count:
            raise MediaError(
                f"{self._name}: all masks are empty, nothing would be encoded; 128 of 255 is "
                f"inside, their lightest pixel is {self._lightest}"
            )
