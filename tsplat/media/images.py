"""Pictures from image files, one by one or as a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from tsplat.errors import MediaError, reason_of
from tsplat.media.clip import Clip, Source, scaled_size
from tsplat.media.rgb import matrix, to_rgb

IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
FOLDER_RATE = Fraction(30)
"""Frames a second of a folder of images, which cannot say."""


def open_folder(folder: Path, height: int | None) -> Source:
    files = sorted((f for f in folder.iterdir() if f.suffix.lower() in IMAGE_ENDINGS), key=_natural)
    if not files:
        raise MediaError(f"{folder}: no images in this folder")
    first = _read_image(files[0])
    width, lines = scaled_size(first.width, first.height, height)
    clip = Clip(width, lines, FOLDER_RATE, frames=len(files))

    def pictures() -> Iterator[tuple[Fraction, np.ndarray]]:
        for k, file in enumerate(files):
            frame = _read_image(file)
            if (frame.width, frame.height) != (first.width, first.height):
                raise MediaError(
                    f"{file}: {frame.width}x{frame.height}, but the first image of the folder "
                    f"is {first.width}x{first.height}"
                )
            yield k / FOLDER_RATE, to_rgb(frame, clip, 0, False)

    return Source(clip, pictures())


def _read_image(file: Path) -> av.VideoFrame:
    try:
        with av.open(str(file), "r") as container:
            return next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError, OSError) as error:
        raise MediaError(f"{file}: not an image ({reason_of(error)})") from error


def read_image(path: str | Path) -> np.ndarray:
    """A picture file, (H, W, 3) uint8 RGB.

    Raises
    ------
    MediaError
        It is not an image.
    """
    frame = _read_image(Path(path))
    return frame.reformat(format="rgb24", src_colorspace=matrix(frame, False)).to_ndarray()


def _natural(file: Path) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", file.name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
