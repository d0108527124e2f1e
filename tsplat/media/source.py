"""Pictures from whatever FFmpeg's libraries open, from a folder of images, or from a pipe."""

from __future__ import annotations

import itertools
import re
import sys
import time as clock
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from tsplat.errors import ConfigError, MediaError, reason_of
from tsplat.media.camera import is_camera, open_camera
from tsplat.media.clip import UNSPECIFIED, Clip, Source, scaled_size
from tsplat.media.images import open_folder
from tsplat.media.pipe import Pipe
from tsplat.media.rgb import to_rgb
from tsplat.media.timing import nominal_rate, small_terms

_POLL = 0.002
"""Seconds to wait where a camera has no new frame yet and says so."""


def open_source(path: str | Path, height: int | None = None) -> Source:
    """Open a clip.

    Parameters
    ----------
    path : str or Path
        A file, a folder of images (in the order of the numbers in their names), ``-`` for
        y4m on standard input, or ``camera:0``, ``camera:/dev/video0``.
    height : int, optional
        Scale pictures to this many lines; the width follows from the aspect ratio.

    Raises
    ------
    MediaError
        There is no picture to be had from it; the message says what was found instead.
    """
    if height is not None and not 1 <= height <= 8192:
        raise ConfigError(f"height: got {height}, expected 1..8192")
    if str(path) != "-" and Path(path).is_dir():
        return open_folder(Path(path), height)
    return _open_pipe(height) if str(path) == "-" else _open_video(path, height)


def _open_pipe(height: int | None) -> Source:
    pipe = Pipe(sys.stdin.fileno())
    try:
        return _open_video("-", height, pipe)
    except MediaError:
        if pipe.interrupted:
            raise pipe.interrupted from None
        raise


def _open_video(path: str | Path, height: int | None, pipe: Pipe | None = None) -> Source:
    name = "standard input" if pipe else str(path)
    container = _open_container(path, name, pipe)
    try:
        if not container.streams.video:
            found = ", ".join(sorted({str(s.type) for s in container.streams})) or "no streams"
            raise MediaError(f"{name}: no video in it, found {found}")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        damage: list[str] = []
        frames = _decoded(container, stream, damage)
        first = next(frames, None)
        if first is None:
            reason = f": {damage[0]}" if damage else ""
            raise MediaError(f"{name}: no frame could be read from the video{reason}")
    except BaseException:
        container.close()
        raise
    turn = first.rotation % 360 // 90 * 90
    sideways = turn in (90, 270)
    aspect = stream.codec_context.sample_aspect_ratio or stream.sample_aspect_ratio or Fraction(1)
    aspect = aspect if aspect > 0 else Fraction(1)
    size = (first.height, first.width) if sideways else (first.width, first.height)
    width, height = scaled_size(*size, height)
    clip = Clip(
        width,
        height,
        nominal_rate(stream),
        small_terms(1 / aspect if sideways else aspect),
        (
            int(stream.codec_context.color_primaries or UNSPECIFIED),
            int(stream.codec_context.color_trc or UNSPECIFIED),
            int(stream.codec_context.colorspace or UNSPECIFIED),
        ),
        stream.frames or None,
    )
    raw = stream.codec_context.name in ("rawvideo", "wrapped_avframe")
    source = Source(clip, iter(()), container, _pipe=pipe)

    def pictures() -> Iterator[tuple[Fraction, np.ndarray]]:
        start, count, at = _time(first, stream), 0, Fraction(0)
        for frame in itertools.chain([first], frames):
            time = _time(frame, stream)
            if count:
                least = at + Fraction(1, 1000) / clip.rate
                shown = count / clip.rate if time is None or start is None else time - start
                at = max(shown, least)
            yield at, to_rgb(frame, clip, turn, raw)
            count += 1
        length = _declared_length(container, stream)
        if damage and is_camera(path):
            source.warnings.append(f"{name}: lost after {count} frames: {damage[0]}")
        elif damage:
            source.warnings.append(f"{name}: damaged, {count} frames could be read: {damage[0]}")
        elif clip.frames and count < clip.frames:
            source.warnings.append(
                f"{name}: breaks off after {count} frames, its header says {clip.frames}"
            )
        elif length and at + 2 / clip.rate < length:
            source.warnings.append(
                f"{name}: breaks off after {count} frames, {float(at):.2f} of {float(length):.2f} s"
            )

    source._pictures = pictures()
    return source


def _open_container(path: str | Path, name: str, pipe: Pipe | None) -> av.container.InputContainer:
    if is_camera(path):
        return open_camera(path)
    try:
        if pipe is not None:
            return av.open(pipe, "r", format="yuv4mpegpipe")
        if not Path(path).exists():
            raise MediaError(f"{name}: no such file")
        if Path(path).stat().st_size == 0:
            raise MediaError(f"{name}: the file is empty")
        return av.open(str(path), "r")
    except (av.error.FFmpegError, ValueError) as error:
        wanted = "not y4m" if pipe is not None else "not a video that FFmpeg can open"
        raise MediaError(f"{name}: {wanted} ({reason_of(error)})") from error


def _decoded(container, stream, damage: list[str]) -> Iterator[av.VideoFrame]:
    """Frames that decode; notes what does not, and ends where the file breaks off."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.BlockingIOError:
            clock.sleep(_POLL)
            packets = container.demux(stream)
            continue
        except av.error.FFmpegError as error:
            if not isinstance(error, av.error.EOFError):
                damage.append(reason_of(error))
            return
        if packet is None:
            return
        if packet.is_corrupt:
            damage.append("a packet is cut off or damaged")
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            damage.append(reason_of(error))


def _declared_length(container, stream) -> Fraction | None:
    """How long the video should be, seconds, where the container says so."""
    if stream.duration:
        return stream.duration * Fraction(stream.time_base)
    named = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if named:
        hours, minutes, seconds = named.groups()
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    if container.duration and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)
    return None


def _time(frame: av.VideoFrame, stream) -> Fraction | None:
    if frame.pts is None:
        return None
    return frame.pts * Fraction(frame.time_base or stream.time_base)
