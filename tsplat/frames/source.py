"""Pictures from whatever FFmpeg's libraries open, from a folder of images, or from a pipe."""

from __future__ import annotations

import itertools
import math
import re
import sys
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np

from tsplat.errors import ConfigError, MediaError
from tsplat.frames.camera import is_camera, open_camera
from tsplat.frames.pipe import Pipe

IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
FOLDER_RATE = Fraction(30)
"""Frames a second of a folder of images, which cannot say."""
UNSPECIFIED = 2
_HD_LINES = 720
_POLL = 0.002
"""Seconds to wait where a camera has no new frame yet and says so."""


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

    Yields
    ------
    (Fraction, (H, W, 3) uint8)
        Time in seconds from the first picture, and RGB.
    """

    clip: Clip
    _pictures: Iterator[tuple[Fraction, np.ndarray]]
    _container: av.container.InputContainer | None = None
    warnings: list[str] = field(default_factory=list)
    _pipe: Pipe | None = None

    def __iter__(self) -> Iterator[tuple[Fraction, np.ndarray]]:
        return self._pictures

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

    def stop(self) -> None:
        """Let a read that waits for a pipe, in another thread, find its end."""
        if self._pipe is not None:
            self._pipe.stop()

    def abandon(self) -> None:
        """Leave it open: a thread still waits in it, and closing would take it from under it."""
        self._container = None


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
        return _open_folder(Path(path), height)
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
    width, height = _scaled_size(*size, height)
    clip = Clip(
        width,
        height,
        _rate(stream),
        _small_terms(1 / aspect if sideways else aspect),
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
            yield at, _to_rgb(frame, clip, turn, raw)
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
        raise MediaError(f"{name}: {wanted} ({_reason(error)})") from error


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
                damage.append(_reason(error))
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
            damage.append(_reason(error))


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


def _open_folder(folder: Path, height: int | None) -> Source:
    files = sorted((f for f in folder.iterdir() if f.suffix.lower() in IMAGE_ENDINGS), key=_natural)
    if not files:
        raise MediaError(f"{folder}: no images in this folder")
    first = _read_image(files[0])
    width, lines = _scaled_size(first.width, first.height, height)
    clip = Clip(width, lines, FOLDER_RATE, frames=len(files))

    def pictures() -> Iterator[tuple[Fraction, np.ndarray]]:
        for k, file in enumerate(files):
            frame = _read_image(file)
            if (frame.width, frame.height) != (first.width, first.height):
                raise MediaError(
                    f"{file}: {frame.width}x{frame.height}, but the first image of the folder "
                    f"is {first.width}x{first.height}"
                )
            yield k / FOLDER_RATE, _to_rgb(frame, clip, 0, False)

    return Source(clip, pictures())


def _read_image(file: Path) -> av.VideoFrame:
    try:
        with av.open(str(file), "r") as container:
            return next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError, OSError) as error:
        raise MediaError(f"{file}: not an image ({_reason(error)})") from error


def read_image(path: str | Path) -> np.ndarray:
    """A picture file, (H, W, 3) uint8 RGB.

    Raises
    ------
    MediaError
        It is not an image.
    """
    frame = _read_image(Path(path))
    return frame.reformat(format="rgb24", src_colorspace=_matrix(frame, False)).to_ndarray()


def _natural(file: Path) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", file.name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def _scaled_size(width: int, height: int, wanted: int | None) -> tuple[int, int]:
    if wanted is None or wanted == height:
        return width, height
    return max(1, round(width * wanted / height)), wanted


def _rate(stream) -> Fraction:
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return rate.limit_denominator(2**31 - 1)
    return Fraction(25)


def _small_terms(ratio: Fraction) -> Fraction:
    if max(ratio.numerator, ratio.denominator) <= 65535:
        return ratio
    return ratio.limit_denominator(1001) or Fraction(1)


def _time(frame: av.VideoFrame, stream) -> Fraction | None:
    if frame.pts is None:
        return None
    return frame.pts * Fraction(frame.time_base or stream.time_base)


def _to_rgb(frame: av.VideoFrame, clip: Clip, turn: int, raw: bool) -> np.ndarray:
    """(H, W, 3) uint8, upright and scaled."""
    width, height = (clip.height, clip.width) if turn in (90, 270) else (clip.width, clip.height)
    scaled = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=_matrix(frame, raw),
        interpolation="AREA" if height < frame.height else "BICUBIC",
    )
    picture = scaled.to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, turn // 90)) if turn else picture


def _matrix(frame: av.VideoFrame, raw: bool) -> int:
    """swscale's number of the YUV matrix. Where a video does not say, HD is taken as BT.709."""
    named = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
    if frame.colorspace in named:
        return named[frame.colorspace]
    return 1 if frame.height >= _HD_LINES and not raw else 5


def _reason(error: BaseException | None) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0]


def timeline(times: Iterator[Fraction], rate: Fraction) -> Iterator[int]:
    """Ticks from each picture to the one before, 1/1000 of a frame.

    Times that lie within a container's rounding of the nominal grid are put on it, so that
    a constant rate costs nothing.

    >>> list(timeline(iter([Fraction(0), Fraction(33, 1000), Fraction(67, 1000)]), Fraction(30)))
    [0, 1000, 1000]
    """
    slack = 1.1 * float(rate) / 1000
    position = 0
    for count, time in enumerate(times):
        exact = float(time * rate) * 1000
        ticks = max(1, round(exact - position)) if count else 0
        if count and math.isclose(exact - position, 1000, abs_tol=max(20.0, 1000 * slack)):
            ticks = 1000
        position += ticks
        yield ticks
