"""Pictures from image files, one by one or as a folder."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tsplat.errors import MediaError, reason_of
from tsplat.media.clip import Clip, Source, scaled_size
from tsplat.media.timing import FALLBACK_RATE, estimated_rate, small_rate

IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
FOLDER_RATE = Fraction(30)
"""Frames a second of a folder of images, which cannot say."""
_ANIMATED = ("WEBP", "PNG")
_LENGTH = 100
"""Milliseconds for which browsers show a picture of an animation that does not say."""
_VIDEO_ENDINGS = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".y4m", ".ts", ".m4v", ".mpg", ".gif"}
_LOOP = 'one at a time: for f in *.mp4; do tsplat encode "$f" "${f%.*}.tsplat"; done'


def read_image(path: str | Path) -> np.ndarray:
    """A picture file, (H, W, 3) uint8 RGB, upright; what is transparent in it lies on black.

    Raises
    ------
    MediaError
        It is not an image.
    """
    return _rgb(_upright(Path(path)))


def _rgb(image: Image.Image) -> np.ndarray:
    if _is_transparent(image):
        image = image.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "black"), image))[
            ..., :3
        ].copy()
    if image.mode.startswith(("I", "F")):
        grey = _eight_bits(np.asarray(image))
        return np.repeat(grey[..., None], 3, 2)
    return np.array(image.convert("RGB"))


def open_image(file: Path, height: int | None) -> Source:
    """A single picture, as a clip of one frame; or an animated WebP or PNG."""
    with _reading(file), Image.open(file) as image:
        count, kind = getattr(image, "n_frames", 1), image.format
    if count > 1 and kind in _ANIMATED:
        return _animation(file, count, height)
    source = _pictures([file], height)
    if count > 1:
        source.notes.append(f"{file}: the first of its {count} pages is read")
    return source


def open_folder(folder: Path, height: int | None) -> Source:
    """The pictures of a folder, in the order of the numbers in their names; hidden files are
    none.

    Raises
    ------
    MediaError
        There is none, or they are of several sizes.
    """
    return _pictures(_files(folder), height)


def open_masks(path: Path, height: int | None) -> Iterator[np.ndarray]:
    """Masks, each (H, W) uint8, upright, 255 inside, of a folder or of one file.

    Their opacity, if some of them is transparent; or which entries of a coloured palette are not
    the first; or else how light the lightest channel is, where 1 is light if nothing in the whole
    folder is lighter.

    Raises
    ------
    MediaError
        There is none, or one is not an image.
    """
    files = _files(path) if path.is_dir() else [path]
    by_alpha = _has_alpha(_upright(files[0])) and any(_is_transparent(_upright(f)) for f in files)
    by_ones = all(_levels(f, by_alpha).max(initial=0) <= 1 for f in files)
    for file in files:
        mask = _levels(file, by_alpha)
        if by_ones:
            mask = 255 * mask
        width, lines = scaled_size(mask.shape[1], mask.shape[0], height)
        yield _scaled(mask, width, lines)


def _levels(file: Path, by_alpha: bool) -> np.ndarray:
    """(H, W) uint8: how far inside pixels are, as the file has it."""
    image = _upright(file)
    if by_alpha:
        return np.array(image.convert("RGBA"))[..., 3]
    if image.mode.startswith(("I", "F")):
        deep = np.asarray(image)
        return _eight_bits(deep) if deep.max(initial=0) > 255 else deep.astype(np.uint8)
    rgb = np.asarray(image.convert("RGB"))
    if image.mode == "P" and (rgb != rgb[..., :1]).any():
        return 255 * (np.asarray(image) > 0).astype(np.uint8)
    return rgb.max(-1)


def _files(folder: Path) -> list[Path]:
    entries = [f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")]
    files = sorted((f for f in entries if f.suffix.lower() in IMAGE_ENDINGS), key=_natural)
    if not files:
        videos = sum(f.suffix.lower() in _VIDEO_ENDINGS for f in entries)
        hint = f"; its {videos} videos are encoded {_LOOP}" if videos else ""
        raise MediaError(f"{folder}: no images in this folder{hint}")
    return files


def _pictures(files: list[Path], height: int | None) -> Source:
    first = read_image(files[0])
    lines, across = first.shape[:2]
    width, lines = scaled_size(across, lines, height)

    def pictures() -> Iterator[tuple[Fraction, np.ndarray]]:
        for k, file in enumerate(files):
            picture = read_image(file) if k else first
            if picture.shape != first.shape:
                raise MediaError(
                    f"{file}: {picture.shape[1]}x{picture.shape[0]}, but the first image of the "
                    f"folder is {first.shape[1]}x{first.shape[0]}"
                )
            yield k / FOLDER_RATE, _scaled(picture, width, lines)

    return Source(Clip(width, lines, FOLDER_RATE, frames=len(files)), pictures())


def _animation(file: Path, count: int, height: int | None) -> Source:
    with _reading(file), Image.open(file) as image:
        lengths = []
        for number in range(count):
            image.seek(number)
            image.load()
            milliseconds = Fraction(image.info.get("duration") or _LENGTH)
            lengths.append(milliseconds.limit_denominator(1000) / 1000)
    *times, end = accumulate(lengths, initial=Fraction(0))
    first = read_image(file)
    width, lines = scaled_size(first.shape[1], first.shape[0], height)

    def pictures() -> Iterator[tuple[Fraction, np.ndarray]]:
        with Image.open(file) as image:
            for number, time in enumerate(times):
                with _reading(file):
                    image.seek(number)
                    picture = _rgb(ImageOps.exif_transpose(image))
                source.last = lengths[number]
                yield time, _scaled(picture, width, lines)

    rate = small_rate(estimated_rate([*times, end]) or FALLBACK_RATE)
    source = Source(Clip(width, lines, rate, frames=count), iter(()))
    source._pictures = pictures()
    return source


def _scaled(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    if picture.shape[:2] == (height, width):
        return picture
    how = Image.Resampling.BOX if height < picture.shape[0] else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(picture).resize((width, height), how))


def _upright(file: Path) -> Image.Image:
    with _reading(file), Image.open(file) as image:
        image.load()
        return ImageOps.exif_transpose(image)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Whatever Pillow says of a file that is no image is one error."""
    try:
        with warnings.catch_warnings():
            # What is refused for its size is an error, not a warning.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)
            yield
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{file}: not an image ({reason_of(error)})") from error


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _is_transparent(image: Image.Image) -> bool:
    return _has_alpha(image) and int(np.asarray(image.convert("RGBA"))[..., 3].min()) < 255


def _eight_bits(grey: np.ndarray) -> np.ndarray:
    """(H, W) of 16 bits, or of floats up to 1, to uint8."""
    scale = 255.0 if grey.dtype.kind == "f" and grey.max(initial=0) <= 1 else 1 / 257
    return np.clip(np.rint(grey * scale), 0, 255).astype(np.uint8)


def _natural(file: Path) -> list[tuple[int, int | str]]:
    """Order of names whose numbers count as numbers.

    >>> sorted((Path("f10.png"), Path("f9.png")), key=_natural)[0].name
    'f9.png'
    """
    parts = re.split(r"([0-9]+)", file.name)
    return [(0, int(part)) if re.fullmatch("[0-9]+", part) else (1, part) for part in parts]
