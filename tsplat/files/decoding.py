"""A ``.tsplat`` file in, a clip out."""

from __future__ import annotations

import itertools
import math
import time
from fractions import Fraction
from pathlib import Path

from tsplat.decoding.decoder import Reader
from tsplat.errors import BitstreamError, ConfigError
from tsplat.files import Announce, Progress
from tsplat.files.backgrounds import to_show
from tsplat.kernels import runtime
from tsplat.media.clip import Clip
from tsplat.media.sink import check_distinct, open_sink


def decode(
    source: str | Path,
    target: str | Path,
    *,
    start: int = 0,
    frames: int | None = None,
    scale: float | None = None,
    size: tuple[int, int] | None = None,
    rate: float | Fraction | None = None,
    background: str = "keep",
    alpha: bool = False,
    arch: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> dict:
    """Decode a ``.tsplat`` file.

    Parameters
    ----------
    source : str or Path
    target : str or Path
        ``.mp4`` or ``.mkv`` (H.264, visually lossless), ``.webm`` (VP9), ``.mov`` (ProRes),
        ``.y4m`` (4:4:4), ``.rgb`` (raw rgb24), a folder (PNG), or ``-`` (y4m on standard
        output).
    start, frames : int
        First frame, and how many; all by default.
    scale : float, optional
        Render at this multiple of the stream's size.
    size : (int, int), optional
        Render at this width and height, pixels.
    rate : float or Fraction, optional
        Frames a second to render; those of the clip by default. ``start`` and ``frames`` count
        at this rate.
    background : str
        What to show outside the region: "keep" as the stream says, "none" black, "blur", a
        colour ("#rrggbb" or a name), or an image file.
    alpha : bool
        Write the region alone, with straight alpha: PNG, ``.webm`` or ``.mov``.
    arch, threads, overwrite, progress, announce
        As for :func:`tsplat.encode`.

    Returns
    -------
    dict
        What ``tsplat decode --json`` prints: ``frames``, ``decode_frames_per_s``,
        ``truncated``, ``damage`` (one line for each place) and more.

    Raises
    ------
    ConfigError, MediaError, BackendError
        A setting is out of range; a file cannot be read or written; the backend is not there.
    BitstreamError
        It is not a ``.tsplat`` file of a version known here, or no frame of it decodes.
    """
    if start < 0 or (frames is not None and frames < 1):
        raise ConfigError(f"start, frames: got {start}, {frames}, expected 0.. and 1..")
    if scale is not None and size is not None:
        raise ConfigError("scale and size exclude each other")
    check_distinct(source, target)
    reader = Reader(source)
    header = reader.header
    if alpha and not header.cell:
        raise ConfigError(f"alpha: {source} has no region of interest")
    if scale is not None:
        if not 0 < scale <= 64:
            raise ConfigError(f"scale: got {scale}, expected more than 0, up to 64")
        size = (max(1, round(header.width * scale)), max(1, round(header.height * scale)))
    size = size or (header.width, header.height)
    aspect = header.aspect * Fraction(size[1] * header.width, size[0] * header.height)
    shown = Fraction(rate).limit_denominator(1_000_000) if rate is not None else header.rate
    if not 0 < shown <= 1000:
        raise ConfigError(f"rate: got {rate}, expected more than 0, up to 1000")
    clip = Clip(*size, shown, aspect.limit_denominator(10000), header.colour)
    reader = Reader(source, size, to_show(background), cutout=alpha)
    count = len(reader) if rate is None else math.ceil(reader.end() * shown)
    total = max(0, min(count - start, frames or count))
    seconds = {"decode": 0.0, "write": 0.0}
    with open_sink(str(target), clip, overwrite, alpha) as sink:
        backend = runtime.start(arch, threads)
        runtime.announce_fallback(backend, announce)
        done, first, time_now = 0, None, Fraction(0)
        began = clock = time.perf_counter()
        pictures = reader.frames(start, frames)
        if rate is not None:
            pictures = itertools.islice(reader.frames_at(shown, start), frames)
        for picture in pictures:
            decoded = time.perf_counter()
            first = picture.time if first is None else first
            time_now = picture.time - first
            sink.write(picture.pixels, time_now)
            seconds["decode"] += decoded - clock
            clock = time.perf_counter()
            seconds["write"] += clock - decoded
            done += 1
            if progress:
                progress(done, total)
        if not done:
            raise _nothing(reader, start, count, source)
        end = reader.end() - (first or 0) if frames is None else None
        sink.close(max(end or 0, time_now + 1 / shown))
        elapsed = time.perf_counter() - began
    return {
        "input": str(source),
        "output": str(target),
        "width": size[0],
        "height": size[1],
        "rate": str(shown),
        "frames": done,
        "decode_frames_per_s": done / elapsed,
        "truncated": reader.truncated,
        "damage": [str(d.error) for d in reader.damage],
        "arch": backend.arch,
        "threads": backend.threads,
        "seconds": {k: round(v, 4) for k, v in (seconds | {"total": elapsed}).items()},
    }


def _nothing(reader: Reader, start: int, count: int, source: str | Path) -> Exception:
    if start and not reader.damage and start >= count:
        return ConfigError(f"start: got {start}, {source} has {count} frames")
    why = f": {reader.damage[0].error}" if reader.damage else ""
    return BitstreamError(f"{source}: no frame of it can be decoded{why}")
