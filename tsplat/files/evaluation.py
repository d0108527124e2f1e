"""How near a ``.tsplat`` file comes to what it was made from."""

from __future__ import annotations

from pathlib import Path

from tsplat.decoder import Reader
from tsplat.errors import BitstreamError, MediaError
from tsplat.files import Announce, Progress
from tsplat.files.metrics import mean_squared_error, psnr_of
from tsplat.frames.source import open_source
from tsplat.kernels import runtime


def evaluate(
    reference: str | Path,
    source: str | Path,
    *,
    arch: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> dict:
    """Compare a ``.tsplat`` file with its original, frame by frame.

    Parameters
    ----------
    reference : str or Path
        The original, scaled to the stream's height as ``encode --height`` does.
    source : str or Path
        The ``.tsplat`` file.

    Returns
    -------
    dict
        ``frames``, ``bytes``, ``bpp``, ``kbit_s``, ``psnr_db`` (RGB, from the mean squared error
        of all frames) and ``psnr_worst_db`` (of the worst frame), ``worst_frame``.

    Raises
    ------
    MediaError
        The reference cannot be read, or has another shape.
    BitstreamError
        No frame of the file decodes.
    """
    runtime.announce_fallback(runtime.start(arch, threads), announce)
    reader = Reader(source)
    header = reader.header
    errors: list[tuple[float, int]] = []
    with open_source(reference, header.height) as pictures:
        if pictures.clip.width != header.width:
            raise MediaError(
                f"{reference}: {pictures.clip.width}x{pictures.clip.height} at that height, "
                f"but {source} is {header.width}x{header.height}"
            )
        decoded = reader.frames()
        picture = next(decoded, None)
        for number, (_, frame) in enumerate(pictures):
            if picture is None:
                break
            if picture.frame > number:
                continue
            errors.append((mean_squared_error(picture.rgb, frame), number))
            picture = next(decoded, None)
            if progress:
                progress(len(errors), len(reader))
    if not errors:
        raise BitstreamError(f"{source}: no frame of it could be compared")
    worst, worst_frame = max(errors)
    length = float(reader.end())
    return {
        "reference": str(reference),
        "file": str(source),
        "width": header.width,
        "height": header.height,
        "frames": len(errors),
        "bytes": reader.bytes,
        "bpp": reader.bytes * 8 / (header.width * header.height * len(reader)),
        "kbit_s": reader.bytes * 8 / length / 1000,
        "psnr_db": psnr_of(sum(e for e, _ in errors) / len(errors)),
        "psnr_worst_db": psnr_of(worst),
        "worst_frame": worst_frame,
        "truncated": reader.truncated,
        "damage": [str(d.error) for d in reader.damage],
    }
