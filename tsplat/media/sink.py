"""Pictures out: video files, raw frames, folders of PNG, or a pipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Protocol

import av
import av.error
import numpy as np

from tsplat.errors import MediaError, reason_of
from tsplat.media.clip import Clip
from tsplat.media.places import (
    STANDARD,
    check_free,
    is_written_through,
    replacing,
    replacing_folder,
    written,
)
from tsplat.media.rgb import BT601, BT709, HD_LINES, FromRgb
from tsplat.media.timing import small_rate, tick

_NUMBERED = re.compile(r"[0-9]{6,}\.png")


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

    @property
    def keeps_times(self) -> bool:
        """Uneven times are kept, or no time is."""


def check_target(path: str, alpha: bool = False, overwrite: bool = False) -> None:
    """Refuse what cannot be written, before any work is done.

    Raises
    ------
    MediaError
        The ending is not known or has no alpha, or the output exists.
    """
    ending = _ending(path)
    if ending not in (*_VIDEOS, ".y4m", ".rgb", "", None):
        endings = ", ".join(VIDEO_ENDINGS)
        raise MediaError(
            f"{path}: cannot write {ending}; use {endings}, .y4m, .rgb, a folder ({path}/) or -"
        )
    if alpha and ending not in ALPHA_ENDINGS:
        endings = ", ".join(filter(None, ALPHA_ENDINGS))
        raise MediaError(f"{path}: cannot be transparent; use {endings} or a folder")
    if ending in _VIDEOS and is_written_through(Path(path)):
        raise MediaError(f"{path}: {ending} cannot be written to a pipe; y4m can: use - or .y4m")
    if ending:
        check_free(Path(path), overwrite)


def _ending(path: str) -> str | None:
    """That decides what is written; empty for a folder, None for y4m to a pipe or a device."""
    if path == STANDARD:
        return None
    if path.endswith(("/", "\\")) or Path(path).is_dir():
        return ""
    ending = Path(path).suffix.lower()
    if not ending and is_written_through(Path(path)):
        return None
    return ending


@contextmanager
def open_sink(path: str, clip: Clip, overwrite: bool = False, alpha: bool = False):
    """Open an output by its ending; yields a :class:`Sink`.

    Parameters
    ----------
    path : str
        ``.mp4`` or ``.mkv``: H.264, visually lossless. ``.webm``: VP9, 4:2:0; it says nothing of
        the shape of pixels. ``.mov``: ProRes 422, or 4444 with alpha and where a side is odd.
        ``.y4m``: 4:4:4. ``.rgb``: raw rgb24 frames. ``-``, or a pipe without one of these endings:
        y4m. Anything without an ending, with a slash at its end, or that is a folder: a folder of
        PNG, which must hold nothing else.
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
    check_target(path, alpha, overwrite)
    ending = _ending(path)
    if ending in _VIDEOS:
        with (
            replacing(Path(path), overwrite) as beside,
            _guarded(Video(beside, path, clip, alpha)) as sink,
        ):
            yield sink
    elif ending == "":
        with replacing_folder(Path(path), overwrite, _foreign) as beside:
            yield Pngs(beside, alpha)
    else:
        with written(path, overwrite, following=False) as file:
            yield Raw(file) if ending == ".rgb" else Y4m(file, clip)


def _foreign(names: list[str]) -> str | None:
    """What is in a folder beside 000000.png, 000001.png, ..., without gaps."""
    ours = {f"{k:06d}.png" for k in range(sum(1 for n in names if _NUMBERED.fullmatch(n)))}
    return next((name for name in sorted(names) if name not in ours), None)


class Raw:
    """rgb24 frames, one after the other."""

    keeps_times = False

    def __init__(self, file: BinaryIO):
        self._file = file

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        self._file.write(picture.data)

    def close(self, end: Fraction) -> None:
        self._file.flush()


class Y4m:
    """YUV4MPEG2, 4:4:4, 8 bits, limited range; BT.601, or BT.709 from 720 lines on, as its readers
    assume. It has one rate: uneven times are lost."""

    keeps_times = False

    def __init__(self, file: BinaryIO, clip: Clip):
        self._file = file
        rate, aspect = small_rate(clip.rate), clip.aspect
        self._frames = FromRgb("yuv444p", BT709 if clip.height >= HD_LINES else BT601)
        head = f"YUV4MPEG2 W{clip.width} H{clip.height} F{rate.numerator}:{rate.denominator}"
        head += f" Ip A{aspect.numerator}:{aspect.denominator} C444 XCOLORRANGE=LIMITED\n"
        file.write(head.encode())

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        self._file.write(b"FRAME\n")
        self._file.write(self._frames.frame(picture).to_ndarray().tobytes())

    def close(self, end: Fraction) -> None:
        self._file.flush()


class Pngs:
    """000000.png, 000001.png, ... in a folder."""

    keeps_times = True

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

    keeps_times = True

    def __init__(self, path: Path, name: str, clip: Clip, alpha: bool = False):
        ending = Path(name).suffix.lower()
        kind, self._name = _VIDEOS[ending], name
        try:
            # A name with a protocol's look is a file's all the same.
            place, rate = f"file:{path}", small_rate(clip.rate)
            self._container = av.open(place, "w", format=kind.muxer, options=kind.muxing)
            stream = self._container.add_stream(kind.codec, rate=rate)
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"{path}: cannot be written ({reason_of(error)})") from error
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = clip.width, clip.height
        odd = clip.width % 2 or clip.height % 2
        stream.pix_fmt = kind.alpha if alpha else kind.odd if odd else kind.opaque
        stream.options = {**kind.options, **(kind.alpha_options if alpha else {})}
        if alpha and kind.muxer == "webm":
            stream.metadata["alpha_mode"] = "1"
        hd = clip.height >= HD_LINES
        self._frames = FromRgb(stream.pix_fmt, BT709 if hd else BT601)
        context = stream.codec_context
        context.sample_aspect_ratio = clip.aspect
        # Without reordering, MP4 can say how long the last frame is.
        context.max_b_frames = 0
        context.colorspace = 1 if hd else 6
        context.color_range = 1
        context.color_primaries, context.color_trc = clip.colour[0], clip.colour[1]
        context.time_base = self._tick = tick(rate)
        self._stream, self._colour = stream, clip.colour[:2]
        self._pending: av.VideoFrame | None = None
        self._pending_at = 0
        self._durations: dict[int, int] = {}

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        frame = self._frames.frame(picture)
        # ProRes takes them from frames.
        frame.color_primaries, frame.color_trc = self._colour
        at = round(time / self._tick)
        frame.pts, frame.time_base = at, self._tick
        self._flush(at)
        self._pending, self._pending_at = frame, at

    def _flush(self, until: int) -> None:
        """Write the frame that waits for its duration to be known."""
        if self._pending is not None:
            self._durations[self._pending_at] = max(1, until - self._pending_at)
            self._mux(self._pending)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                # The encoder forgets how long a frame is.
                packet.duration = self._durations.pop(packet.pts or 0, 0)
                self._container.mux(packet)
        except (av.error.FFmpegError, OverflowError, ValueError) as error:
            raise MediaError(f"{self._name}: cannot be written ({reason_of(error)})") from error

    def close(self, end: Fraction) -> None:
        self._flush(round(end / self._tick))
        self._mux(None)
        self._container.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._container.close()


@contextmanager
def _guarded(sink: Video) -> Iterator[Video]:
    """Closes a video's file if the block fails, so that it can be removed."""
    try:
        yield sink
    except BaseException:
        with suppress(av.error.FFmpegError, OSError):
            sink.abort()
        raise
