"""How near a ``.tsplat`` file comes to what it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tsplat.errors import BitstreamError, Fault, MediaError
from tsplat.files.decoding import lost
from tsplat.files.metrics import WHOLE, ms_ssim, psnr_of, squared_error
from tsplat.files.reader import Reader
from tsplat.files.run import Run
from tsplat.kernels import runtime
from tsplat.media.source import masks as masks_of
from tsplat.media.source import open_source
from tsplat.stream.header import Header


def evaluate(
    reference: str | Path,
    source: str | Path,
    *,
    masks: str | Path | None = None,
    run: Run | None = None,
) -> dict:
    """Compare a ``.tsplat`` file with its original, frame by frame.

    Parameters
    ----------
    reference : str or Path
        The original, scaled to the stream's height as ``encode --height`` does.
    source : str or Path
        The ``.tsplat`` file.
    masks : str or Path, optional
        Masks, a folder or a video, that say what is inside; the stream's own region by
        default. They let files with different regions, or none, be compared.
    run : Run, optional
        Backend, progress.

    Returns
    -------
    dict
        ``frames``, ``bytes``, ``bpp``, ``kbit_s``, ``psnr_db`` (RGB, from the mean squared error
        of all frames), ``ms_ssim``, ``psnr_worst_db`` (of the worst frame), ``worst_frame``; and
        ``psnr_region_db``, ``psnr_outside_db``, ``ms_ssim_region``, ``ms_ssim_outside`` over the
        pixels inside and outside the region, None where there are none.

    Raises
    ------
    MediaError
        The reference or the masks cannot be read, or have another shape.
    BitstreamError
        No frame of the file decodes.
    """
    run = run or Run()
    runtime.start(run.arch, run.threads)
    reader = Reader(source)
    header = reader.header
    compared = _Comparison()
    with ExitStack() as stack:
        pictures = stack.enter_context(open_source(reference, header.height))
        _check_width(reference, pictures.clip.width, source, header)
        given = _inside(masks, source, header) if masks is not None else None
        decoded = reader.frames()
        picture = next(decoded, None)
        for number, (_, frame) in enumerate(pictures):
            if picture is None:
                break
            inside = next(given, None) if given else picture.alpha == 255
            if inside is None:
                raise MediaError(f"{masks}: {number} masks, but {source} has more frames")
            if picture.frame > number:
                continue
            compared.add(number, picture.pixels, frame, inside if header.cell or given else None)
            picture = next(decoded, None)
            if run.progress:
                run.progress(compared.frames, reader.known_length)
        while picture is not None:
            # What is left counts for the length of a stream.
            picture = next(decoded, None)
    if not compared.frames:
        raise BitstreamError(Fault.MISSING, f"{source}: no frame of it could be compared")
    return {
        "reference": str(reference),
        "file": str(source),
        "width": header.width,
        "height": header.height,
        "bytes": reader.bytes,
        "bpp": reader.bytes * 8 / (header.width * header.height * len(reader)),
        "kbit_s": reader.bytes * 8 / float(reader.end()) / 1000,
        "truncated": reader.truncated,
        "damage": [str(d.error) for d in reader.damage],
        "notes": pictures.notes,
        "warnings": lost(reader, source),
    } | compared.figures()


def _inside(masks: str | Path, source: str | Path, header: Header) -> Iterator[np.ndarray]:
    """What masks say is inside, (H, W) bool each."""
    for mask in masks_of(masks, header.height):
        _check_width(masks, mask.shape[1], source, header)
        yield mask >= 128


def _check_width(path: str | Path, width: int, source: str | Path, header) -> None:
    if width != header.width:
        raise MediaError(
            f"{path}: {width}x{header.height} at that height, "
            f"but {source} is {header.width}x{header.height}"
        )


class _Comparison:
    """Frames beside their originals."""

    def __init__(self) -> None:
        self._sums = {place: _Sum() for place in (WHOLE, "region", "outside")}
        self._errors: list[tuple[float, int]] = []

    @property
    def frames(self) -> int:
        """How many were compared."""
        return len(self._errors)

    def add(
        self, number: int, shown: np.ndarray, frame: np.ndarray, inside: np.ndarray | None
    ) -> None:
        """Compare two pictures, (H, W, 3) uint8; inside: a region, (H, W) bool, if there is one."""
        parts = {} if inside is None else {"region": inside, "outside": ~inside}
        similarity = ms_ssim(shown, frame, parts)
        whole, pixels = squared_error(shown, frame), frame.shape[0] * frame.shape[1]
        self._sums[WHOLE].add(whole, pixels, similarity[WHOLE])
        for place, part in parts.items():
            if count := int(part.sum()):
                error = squared_error(shown, frame, part.astype(np.uint8))
                self._sums[place].add(error, count, similarity[place])
        self._errors.append((whole / pixels, number))

    def figures(self) -> dict:
        """Of one frame or more."""
        worst, worst_frame = max(self._errors)
        return {
            "frames": self.frames,
            "psnr_db": self._sums[WHOLE].psnr(),
            "psnr_region_db": self._sums["region"].psnr(),
            "psnr_outside_db": self._sums["outside"].psnr(),
            "ms_ssim": self._sums[WHOLE].similarity(),
            "ms_ssim_region": self._sums["region"].similarity(),
            "ms_ssim_outside": self._sums["outside"].similarity(),
            "psnr_worst_db": psnr_of(worst),
            "worst_frame": worst_frame,
        }


class _Sum:
    """Errors over a part of every frame."""

    def __init__(self) -> None:
        self._error, self._pixels = 0.0, 0
        self._similarities: list[float] = []

    def add(self, error: float, pixels: int, similarity: float) -> None:
        self._error += error
        self._pixels += pixels
        self._similarities.append(similarity)

    def psnr(self) -> float | None:
        return psnr_of(self._error / self._pixels) if self._pixels else None

    def similarity(self) -> float | None:
        return float(np.mean(self._similarities)) if self._similarities else None
