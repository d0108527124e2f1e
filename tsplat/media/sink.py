"""Pictures out: video files, raw frames, folders of PNG, or a pipe.

Files and folders are written beside their place and moved there when they are whole.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol

import av
import av.error
import numpy as np

from tsplat.errors import MediaError
from tsplat.media.clip import Clip

_BT709, _BT601 = 1, 5


@dataclass(frozen=True)
class _Kind:
    """How a video is written.

    Attributes
    ----------
    muxer, codec : str
        FFmpeg's names.
    opaque, odd, alpha : str
        Pixel formats: as a rule, where a side is odd, and with alpha (empty: there is none).
    options, alpha_options : dict
        Of the codec; the latter with alpha, besides or instead.
    muxing : dict
        Options of the muxer.
    """

    muxer: str
    codec: str
    opaque: str
    odd: str
    options: dict[str, str]
    alpha: str = ""
    alpha_options: dict[str, str] = field(default_factory=dict)
    muxing: dict[str, str] = field(default_factory=dict)


_X264 = {"crf": "12", "preset": "medium"}
_VIDEOS = {
    ".mp4": _Kind("mp4", "libx264", "yuv420p", "yuv444p", _X264, muxing={"movflags": "+faststart"}),
    ".mkv": _Kind("matroska", "libx264", "yuv420p", "yuv444p", _X264),
    # Browsers know alpha with 4:2:0 only, and VP9 takes odd sizes so.
    ".webm": _Kind(
        "webm",
        "libvpx-vp9",
        "yuv420p",
        "yuv420p",
        {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"},
        alpha="yuva420p",
        # Frames that are never shown have no alpha.
        alpha_options={"auto-alt-ref": "0"},
    ),
    ".mov": _Kind(
        "mov",
        "prores_ks",
        "yuv422p10le",
        "yuv444p10le",
        {"vendor": "apl0"},
        alpha="yuva444p10le",
        alpha_options={"alpha_bits": "16"},
    ),
}
VIDEO_ENDINGS = tuple(_VIDEOS)
ALPHA_ENDINGS = (*(ending for ending, kind in _VIDEOS.items() if kind.alpha), "")
"""Endings of what can be transparent; the empty one is a folder."""


class Sink(Protocol):
    """Takes pictures in order."""

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        """Take the next picture.

        Parameters
        ----------
        picture : (H, W, 3) uint8, RGB, or with alpha (H, W, 4) uint8, RGBA
            Alpha is straight: colours are not multiplied by it.
        time : Fraction
            Seconds from the first picture.
        """

    def close(self, end: Fraction) -> None:
        """Finish; end: when the last picture ends, seconds."""


@contextmanager
def replacing(path: Path, overwrite: bool):
    """A path to write to, beside ``path``, and moved there if the block succeeds.

    Raises
    ------
    MediaError
        ``path`` exists and may not be overwritten, or its folder does not exist.
    """
    check_free(path, overwrite)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        if path.is_dir() and beside.is_dir():
            shutil.rmtree(path)
        os.replace(beside, path)
    except OSError as error:
        if isinstance(error, (MediaError, BrokenPipeError)):
            raise
        raise MediaError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)


@contextmanager
def written(target: str | Path, overwrite: bool, following: bool):
    """A binary file to write to, that becomes ``target`` if the block succeeds.

    With ``following``, ``-`` is standard output and a named pipe is written to as it is: others
    read there while it is being written.

    Raises
    ------
    MediaError
        As :func:`replacing`.
    """
    if following and str(target) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif following and Path(target).is_fifo():
        with open(target, "wb") as file:
            yield file
    else:
        with replacing(Path(target), overwrite) as beside, open(beside, "wb") as file:
            yield file


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse what must not be overwritten, before any work is done."""
    if not path.parent.is_dir():
        raise MediaError(f"{path}: the folder {path.parent} does not exist")
    if path.exists() and not overwrite:
        raise MediaError(f"{path}: exists already; --overwrite replaces it")


def check_distinct(source: str | Path, target: str | Path) -> None:
    """Refuse to write over what is being read."""
    named = "-" not in (str(source), str(target))
    if named and Path(source).exists() and Path(target).exists() and Path(source).samefile(target):
        raise MediaError(f"{target}: output and input are the same file")


@contextmanager
def open_sink(path: str, clip: Clip, overwrite: bool = False, alpha: bool = False):
    """Open an output by its ending; yields a :class:`Sink`.

    Parameters
    ----------
    path : str
        ``.mp4`` or ``.mkv``: H.264, visually lossless. ``.webm``: VP9, 4:2:0; it says nothing of
        the shape of pixels. ``.mov``: ProRes 422, or 4444 with alpha and where a side is odd.
        ``.y4m``: 4:4:4. ``.rgb``: raw rgb24 frames. ``-``: y4m on standard output. Anything
        without an ending: a folder of PNG.
    clip : Clip
        Size, rate, aspect and colour of the pictures.
    overwrite : bool
        Replace the output if it exists.
    alpha : bool
        Pictures are RGBA; only ``.webm``, ``.mov`` and folders can hold them.

    Raises
    ------
    MediaError
        The ending is not known or has no alpha, the output exists, or it cannot be written.
    """
    ending = Path(path).suffix.lower()
    if path != "-" and ending not in (*VIDEO_ENDINGS, ".y4m", ".rgb", ""):
        endings = ", ".join(VIDEO_ENDINGS)
        raise MediaError(f"{path}: cannot write {ending}; use {endings}, .y4m, .rgb, a folder or -")
    if alpha and (path == "-" or ending not in ALPHA_ENDINGS):
        endings = ", ".join(filter(None, ALPHA_ENDINGS))
        raise MediaError(f"{path}: cannot be transparent; use {endings} or a folder")
    if path == "-":
        sink: Sink = Y4m(sys.stdout.buffer, clip)
        yield sink
        sys.stdout.buffer.flush()
        return
    with replacing(Path(path), overwrite) as beside:
        if ending in VIDEO_ENDINGS:
            with _Guard(Video(beside, ending, clip, alpha)) as sink:
                yield sink
        elif ending in (".y4m", ".rgb"):
            with open(beside, "wb") as file:
                yield Y4m(file, clip) if ending == ".y4m" else Raw(file)
        else:
            beside.mkdir()
            yield Pngs(beside, alpha)


class Raw:
    """rgb24 frames, one after the other."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        self._file.write(picture.data)

    def close(self, end: Fraction) -> None:
        self._file.flush()


class Y4m:
    """YUV4MPEG2, 4:4:4, 8 bits, limited-range BT.601, as its readers assume."""

    def __init__(self, file: BinaryIO, clip: Clip):
        self._file = file
        rate, aspect = clip.rate, clip.aspect
        head = f"YUV4MPEG2 W{clip.width} H{clip.height} F{rate.numerator}:{rate.denominator}"
        head += f" Ip A{aspect.numerator}:{aspect.denominator} C444 XCOLORRANGE=LIMITED\n"
        file.write(head.encode())

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        planes = frame.reformat(format="yuv444p", dst_colorspace=_BT601, dst_color_range=1)
        self._file.write(b"FRAME\n")
        self._file.write(planes.to_ndarray().tobytes())

    def close(self, end: Fraction) -> None:
        self._file.flush()


class Pngs:
    """000000.png, 000001.png, ... in a folder."""

    def __init__(self, folder: Path, alpha: bool = False):
        self._folder = folder
        self._format = "rgba" if alpha else "rgb24"
        self._count = 0

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height = picture.shape[1], picture.shape[0]
        encoder.pix_fmt, encoder.time_base = self._format, Fraction(1, 25)
        frame = av.VideoFrame.from_ndarray(picture, format=self._format)
        data = b"".join(bytes(p) for p in (*encoder.encode(frame), *encoder.encode(None)))
        (self._folder / f"{self._count:06d}.png").write_bytes(data)
        self._count += 1

    def close(self, end: Fraction) -> None:
        pass


class Video:
    """A video file, of the kind that its ending says."""

    def __init__(self, path: Path, ending: str, clip: Clip, alpha: bool = False):
        kind = _VIDEOS[ending]
        try:
            self._container = av.open(str(path), "w", format=kind.muxer, options=kind.muxing)
            stream = self._container.add_stream(kind.codec, rate=clip.rate)
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"{path}: cannot be written ({error})") from error
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = clip.width, clip.height
        odd = clip.width % 2 or clip.height % 2
        stream.pix_fmt = kind.alpha if alpha else kind.odd if odd else kind.opaque
        stream.options = {**kind.options, **(kind.alpha_options if alpha else {})}
        if alpha and kind.muxer == "webm":
            stream.metadata["alpha_mode"] = "1"
        self._format = "rgba" if alpha else "rgb24"
        hd = clip.height >= 720
        self._matrix = _BT709 if hd else _BT601
        context = stream.codec_context
        context.sample_aspect_ratio = clip.aspect
        # Without reordering, MP4 can say how long the last frame is.
        context.max_b_frames = 0
        context.colorspace = 1 if hd else 6
        context.color_range = 1
        context.color_primaries, context.color_trc = clip.colour[0], clip.colour[1]
        # A thousandth of a frame, as the container's ticks.
        context.time_base = 1 / (clip.rate * 1000)
        self._stream = stream
        self._rate = clip.rate
        self._pending: av.VideoFrame | None = None
        self._pending_at = 0
        self._durations: dict[int, int] = {}

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format=self._format).reformat(
            format=self._stream.pix_fmt, dst_colorspace=self._matrix, dst_color_range=1
        )
        at = round(time * self._rate * 1000)
        frame.pts = at
        frame.time_base = self._stream.codec_context.time_base
        self._flush(at)
        self._pending, self._pending_at = frame, at

    def _flush(self, until: int) -> None:
        """Write the frame that waits for its duration to be known."""
        if self._pending is not None:
            self._durations[self._pending_at] = max(1, until - self._pending_at)
            self._mux(self._pending)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            # The encoder forgets how long a frame is.
            packet.duration = self._durations.pop(packet.pts or 0, 0)
            self._container.mux(packet)

    def close(self, end: Fraction) -> None:
        self._flush(round(end * self._rate * 1000))
        self._mux(None)
        self._container.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._container.close()


class _Guard:
    """Closes a video's file if the block fails, so that it can be removed."""

    def __init__(self, sink: Video):
        self._sink = sink

    def __enter__(self) -> Video:
        return self._sink

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            with suppress(av.error.FFmpegError, OSError):
                self._sink.abort()
