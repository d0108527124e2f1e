"""A ``.tsplat`` file in, a clip out."""

from __future__ import annotations

import itertools
import math
import time
from fractions import Fraction
from pathlib import Path

from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.files.backgrounds import to_show
from tsplat.files.reader import Picture, Reader
from tsplat.files.run import Run
from tsplat.kernels import runtime
from tsplat.media.clip import Clip
from tsplat.media.places import check_distinct
from tsplat.media.sink import Sink, check_target, open_sink
from tsplat.stream.header import Header

_EVEN = Fraction(3, 2)
"""Frames that a time may be off an even spacing without a word."""


def decode(
    source: str | Path,
    target: str | Path,
    *,
    start: int = 0,
    frames: int | None = None,
    size: tuple[int, int] | float | None = None,
    rate: float | Fraction | None = None,
    background: str = "keep",
    alpha: bool = False,
    run: Run | None = None,
) -> dict:
    """Decode a ``.tsplat`` file.

    Parameters
    ----------
    source : str or Path
        A file; a pipe, a device, or ``-``, standard input, whose pictures are written as they come.
    target : str or Path
        ``.mp4`` or ``.mkv`` (H.264, visually lossless), ``.webm`` (VP9), ``.mov`` (ProRes),
        ``.y4m`` (4:4:4), ``.rgb`` (raw rgb24), a folder (PNG), or ``-`` (y4m on standard
        output): see :func:`tsplat.media.sink.open_sink`.
    start, frames : int
        First frame, and how many; all by default.
    size : (int, int) or float, optional
        Width and height to render at, pixels, or a multiple of the stream's.
    rate : float or Fraction, optional
        Frames a second to render; those of the clip by default. ``start`` and ``frames`` count
        at this rate.
    background : str
        What to show outside the region: "keep" as the stream says, "none" black, "blur", a
        colour ("#rrggbb" or a name), or an image file.
    alpha : bool
        Write the region alone, with straight alpha: PNG, ``.webm`` or ``.mov``.
    run : Run, optional
        Backend, overwriting, progress.

    Returns
    -------
    dict
        What ``tsplat decode --json`` prints: ``frames``, ``lost_frames``, ``truncated``,
        ``damage`` (one line for each place), ``notes`` and more.

    Raises
    ------
    ConfigError, MediaError, BackendError
        A setting is out of range; a file cannot be read or written; the backend is not there.
    BitstreamError
        It is not a ``.tsplat`` file of a version known here, or no frame of it decodes.
    """
    run = run or Run()
    if start < 0 or (frames is not None and frames < 1):
        raise ConfigError(f"start, frames: got {start}, {frames}, expected 0.. and 1..")
    check_distinct(source, target)
    check_target(str(target), alpha, run.overwrite)
    reader = Reader(source)
    header = reader.header
    if alpha and not header.cell:
        raise ConfigError(f"alpha: {source} has no region of interest")
    size = _size(size, header)
    reader.show(size, to_show(background), cutout=alpha)
    aspect = header.aspect * Fraction(size[1] * header.width, size[0] * header.height)
    shown = _rate(rate, header)
    clip = Clip(*size, shown, aspect.limit_denominator(10000), header.colour)
    count = reader.known_length
    if count is not None and rate is not None:
        count = math.ceil(reader.end() * shown)
    total = None if count is None else max(0, min(count - start, frames or count))
    with open_sink(str(target), clip, run.overwrite, alpha) as sink:
        backend = runtime.start(run.arch, run.threads)
        pictures = reader.frames(start, frames)
        if rate is not None:
            pictures = itertools.islice(reader.frames_at(shown, start), frames)
        written = _Written(sink, shown)
        began = time.perf_counter()
        for picture in pictures:
            written.put(picture)
            if run.progress:
                run.progress(written.count, total)
        if not written.count:
            raise _nothing(reader, start, len(reader) if count is None else count, source)
        written.close(reader.end() if frames is None else None)
        elapsed = time.perf_counter() - began
    return {
        "input": str(source),
        "output": str(target),
        "width": size[0],
        "height": size[1],
        "rate": str(shown),
        "frames": written.count,
        "lost_frames": sum(last - first + 1 for first, last in reader.lost),
        "decode_frames_per_s": written.count / elapsed,
        "truncated": reader.truncated,
        "damage": [str(d.error) for d in reader.damage],
        "notes": written.notes(str(target)),
        "warnings": [*lost(reader, source), *backend.warnings],
        "arch": backend.arch,
        "threads": backend.threads,
        "seconds": {
            "decode": round(elapsed - written.seconds, 4),
            "write": round(written.seconds, 4),
            "total": round(elapsed, 4),
        },
    }


def lost(reader: Reader, source: str | Path) -> list[str]:
    """Warnings of what could not be read of a file, and of the frames that are missing for it."""
    found = [f"{source}: {damage.error}" for damage in reader.damage]
    if reader.lost:
        count = sum(last - first + 1 for first, last in reader.lost)
        spans = ", ".join(f"{a}-{b}" if a < b else str(a) for a, b in reader.lost)
        found.append(f"{source}: {count} frames lost: {spans}")
    if reader.truncated:
        found.append(f"{source}: cut off")
    return found


class _Written:
    """Pictures on their way into a sink, counted and timed."""

    def __init__(self, sink: Sink, rate: Fraction):
        self._sink, self._rate = sink, rate
        self._first: Fraction | None = None
        self._last = Fraction(0)
        self._uneven = False
        self.count, self.seconds = 0, 0.0

    def put(self, picture: Picture) -> None:
        clock = time.perf_counter()
        if self._first is None:
            self._first = picture.time
        self._last = picture.time - self._first
        self._uneven |= abs(self._last * self._rate - self.count) > _EVEN
        self._sink.write(picture.pixels, self._last)
        self.count += 1
        self.seconds += time.perf_counter() - clock

    def close(self, end: Fraction | None) -> None:
        """End: of the clip, if it was written to there."""
        shown = (end or Fraction(0)) - (self._first or 0)
        self._sink.close(max(shown, self._last + 1 / self._rate))

    def notes(self, target: str) -> list[str]:
        if not self._uneven or self._sink.keeps_times:
            return []
        return [f"{target}: frames are not evenly spaced, and it has one rate; .mp4 keeps times"]


def _size(wanted: tuple[int, int] | float | None, header: Header) -> tuple[int, int]:
    if wanted is None:
        return header.width, header.height
    if isinstance(wanted, tuple):
        return wanted
    if not 0 < wanted <= 64:
        raise ConfigError(f"size: got {wanted}x, expected more than 0x, up to 64x")
    return max(1, round(header.width * wanted)), max(1, round(header.height * wanted))


def _rate(wanted: float | Fraction | None, header: Header) -> Fraction:
    if wanted is None:
        return header.rate
    finite = math.isfinite(wanted)
    rate = Fraction(wanted).limit_denominator(1_000_000) if finite else Fraction(0)
    if not 0 < rate <= 1000:
        raise ConfigError(f"rate: got {wanted}, expected more than 0, up to 1000")
    return rate


def _nothing(reader: Reader, start: int, count: int, source: str | Path) -> Exception:
    if start and not reader.damage and start >= count:
        return ConfigError(f"start: got {start}, {source} has {count} frames")
    why = f": {reader.damage[0].error}" if reader.damage else ""
    return BitstreamError(Fault.MISSING, f"{source}: no frame of it can be decoded{why}")
