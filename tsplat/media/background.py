"""What lies behind the person, as a small stream of ordinary video.

Pictures are coded at 640 pixels a side at most, each in the call that hands it over, and without
the pixels that the person covers: those are filled with what was seen there last, or else smoothly
from around, so that they cost next to nothing. The decoder scales what it decodes.

A coded picture is a temporal unit of AV1 (OBUs with their sizes) or an access unit of H.264
(Annex B, parameter sets in the stream): 4:2:0, 8 bits, BT.601, limited range, 1024 pixels a side
at most. One packet holds one picture, and pictures come out in the order in which they went in.
"""

from __future__ import annotations

import io
import math
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from tsplat.errors import BitstreamError, ConfigError, Fault, MediaError
from tsplat.media.fill import fill
from tsplat.media.rgb import BT601, FromRgb, FromYuv

BACKGROUND_CODECS = {"av1": 1, "h264": 2}
"""Numbers of the codecs in a stream."""
_MOST_SIDE, _LEAST_SIDE = 640, 64
"""Pixels a side, as coded; AV1 encoders take no less than 64."""
MOST_DECODED = 1024
"""Of a picture that is decoded, pixels a side."""
_LIMITED = 1
_BT601_H273 = 6
_BUFFER_SECONDS = 4
"""By how much a stream may run ahead of its bit rate."""
_FRAME_HEADER, _FRAME = 3, 6
"""Types of OBUs of which a picture has one or the other, once; AV1 specification, 6.2.2."""


@dataclass(frozen=True)
class _Codec:
    """Names in FFmpeg, options, and qualities: the default, then worse ones."""

    encoder: str
    decoder: str
    crfs: tuple[int, ...]
    options: dict[str, str]


_CODECS = {
    "av1": _Codec(
        "libsvtav1",
        # FFmpeg's own "av1" needs hardware.
        "libdav1d",
        (57, 60, 63),
        {
            "preset": "8",
            "svtav1-params": "pred-struct=1:lookahead=0:enable-tf=0:scd=0:scm=0:keyint=-1:lp=1",
        },
    ),
    "h264": _Codec(
        "libx264",
        "h264",
        (43, 46, 49, 51),
        {
            "preset": "medium",
            "tune": "zerolatency",
            "forced-idr": "1",
            # Coarser pictures between keyframes by far: noise must not be coded again and again.
            "x264-params": "keyint=infinite:scenecut=0:ipratio=4",
        },
    ),
}


def coded_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which a background is coded, pixels: even, 64 to 640.

    >>> coded_size(480, 359), coded_size(1280, 720), coded_size(96, 54)
    ((480, 360), (640, 360), (96, 64))
    """
    scale = min(1, _MOST_SIDE / max(width, height))
    even = (2 * math.ceil(side * scale / 2) for side in (width, height))
    return max(_LEAST_SIDE, next(even)), max(_LEAST_SIDE, next(even))


class BackgroundEncoder:
    """Codes pictures of a background, one packet each.

    Parameters
    ----------
    width, height : int
        Size of the pictures handed over, pixels.
    rate : Fraction
        Pictures a second that will be handed over; matters where ``kbps`` is given.
    kbps : float, optional
        Bit rate not to exceed, kbit/s, but for four seconds' worth. A keyframe that would take
        more than that is coded more coarsely, and a picture that the rate has no room for repeats
        the one before. By default quality is constant, and a static room takes a few kbit/s.
    codec : {"av1", "h264"}

    Raises
    ------
    ConfigError
        A setting is out of range.
    MediaError
        This build of FFmpeg's libraries has no such encoder.
    """

    def __init__(
        self,
        width: int,
        height: int,
        rate: Fraction,
        *,
        kbps: float | None = None,
        codec: str = "av1",
    ):
        _check(width, height, codec)
        if not 0 < rate <= 1000:
            raise ConfigError(f"rate: got {rate}, expected more than 0, up to 1000")
        if kbps is not None and not 1 <= kbps <= 100_000:
            raise ConfigError(f"kbps: got {kbps}, expected 1..100000")
        self._shape = (height, width)
        self._size = coded_size(width, height)
        self._rate = rate
        self._bits_a_second = None if kbps is None else kbps * 1000
        self._codec = codec
        self._strip = _without_messages() if codec == "h264" else None
        self._to_yuv = FromRgb("yuv420p", BT601)
        self._filled: np.ndarray | None = None
        self._shown: np.ndarray | None = None
        self._debt = 0.0
        self._end: Callable[[], object] | None = None
        self._start(_CODECS[codec].crfs[0])

    def encode(self, picture: np.ndarray, keep: np.ndarray, keyframe: bool = False) -> bytes:
        """Code a picture.

        Parameters
        ----------
        picture : (H, W, 3) uint8, RGB
        keep : (H, W) bool
            Pixels that matter: those outside the person.
        keyframe : bool
            A decoder can join here; the first picture is a keyframe in any case.

        Returns
        -------
        bytes
            The whole coded picture.

        Raises
        ------
        ConfigError
            Picture or mask have another shape than the encoder was made for.
        MediaError
            The encoder failed.
        """
        if picture.shape != (*self._shape, 3) or keep.shape != self._shape:
            raise ConfigError(
                f"background: got {picture.shape} and a mask of {keep.shape}, "
                f"expected {(*self._shape, 3)} and {self._shape}"
            )
        self._filled = fill(picture, keep, self._size, self._filled)
        if self._bits_a_second is None:
            return self._code(self._filled, keyframe)
        burst = self._bits_a_second * _BUFFER_SECONDS
        self._debt = max(0.0, self._debt - self._bits_a_second / float(self._rate))
        if keyframe or self._shown is None:
            self._shown = self._filled
            data = self._fitting_keyframe(self._shown, burst)
        else:
            self._shown = self._shown if self._debt > burst else self._filled
            data = self._code(self._shown, False)
        self._debt += 8 * len(data)
        return data

    def _fitting_keyframe(self, filled: np.ndarray, bits: float) -> bytes:
        """A keyframe of the best quality that fits, or else of the worst."""
        data = b""
        for crf in _CODECS[self._codec].crfs:
            if crf != self._crf:
                self._start(crf)
            data = self._code(filled, True)
            if 8 * len(data) <= bits:
                break
        return data

    def _start(self, crf: int) -> None:
        """Begin to code anew."""
        if self._end:
            self._end()
        # SVT-AV1 reports every encoder that it starts on stderr; errors only.
        os.environ.setdefault("SVT_LOG", "1")
        try:
            self._context = _encoding(self._size, self._rate, self._codec, crf)
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(
                f"background: {self._codec} cannot be encoded here ({_reason(error)})"
            ) from error
        self._crf, self._count = crf, 0
        # SVT-AV1 complains of an encoder that goes without having been told of its end.
        self._end = weakref.finalize(self, _drain, self._context)

    def _code(self, filled: np.ndarray, keyframe: bool) -> bytes:
        frame = self._to_yuv.frame(np.rint(filled).astype(np.uint8))
        frame.pts, frame.time_base = self._count, self._context.time_base
        frame.pict_type = PictureType.I if keyframe or not self._count else PictureType.NONE
        self._count += 1
        try:
            packets = self._context.encode(frame)
        except av.error.FFmpegError as error:
            raise MediaError(f"background: cannot be encoded ({_reason(error)})") from error
        if len(packets) != 1:
            raise MediaError(f"background: {self._context.name} holds pictures back")
        return bytes(self._strip.filter(packets[0])[0] if self._strip else packets[0])


class BackgroundDecoder:
    """Decodes what :class:`BackgroundEncoder` codes.

    Parameters
    ----------
    width, height : int
        Size to which pictures are scaled, pixels.
    codec : {"av1", "h264"}
    most_side : int
        Of a coded picture, pixels.

    Raises
    ------
    ConfigError
        A setting is out of range.
    MediaError
        This build of FFmpeg's libraries has no such decoder.
    """

    def __init__(self, width: int, height: int, codec: str, most_side: int = MOST_DECODED):
        _check(width, height, codec)
        self._codec, self._most_side = codec, most_side
        self._to_rgb = FromYuv(BT601, (width, height))
        self._context: VideoCodecContext | None = self._fresh()

    def decode(self, data: bytes) -> np.ndarray:
        """Decode one coded picture.

        After an error the decoder goes on at the next keyframe; until there, every picture is
        an error.

        Returns
        -------
        (H, W, 3) uint8
            RGB, scaled to the size asked for.

        Raises
        ------
        BitstreamError
            The bytes are not one picture, or need pictures that are not there, or claim a
            picture larger than ``most_side``.
        """
        context = self._context or self._fresh()
        self._context = context
        try:
            return self._picture(context, data)
        except BaseException:
            # Whatever the decoder still refers to may be wrong.
            self._context = None
            raise

    def _picture(self, context: VideoCodecContext, data: bytes) -> np.ndarray:
        if self._codec == "av1":
            _check_units(data)
        try:
            frames = context.decode(av.Packet(data)) if data else []
        except (av.error.FFmpegError, ValueError, OverflowError) as error:
            # What dav1d says of a picture that is too large; H.264 is not told from damage.
            kind = Fault.LIMIT if isinstance(error, OverflowError) else Fault.BACKGROUND
            raise BitstreamError(kind, f"background: not a picture ({_reason(error)})") from error
        if len(frames) != 1:
            raise BitstreamError(
                Fault.BACKGROUND, f"background: {len(frames)} pictures where there should be one"
            )
        frame = frames[0]
        if max(frame.width, frame.height) > self._most_side:
            message = f"background: a coded picture of {frame.width}x{frame.height}"
            raise BitstreamError(Fault.LIMIT, message, field="background_side")
        if frame.is_corrupt:
            raise BitstreamError(Fault.BACKGROUND, "background: the picture is damaged")
        try:
            return self._to_rgb.picture(frame)
        except (av.error.FFmpegError, ValueError) as error:
            raise BitstreamError(
                Fault.BACKGROUND, f"background: odd pixels ({_reason(error)})"
            ) from error

    def _fresh(self) -> VideoCodecContext:
        name = _CODECS[self._codec].decoder
        try:
            context = av.CodecContext.create(name, "r")
        except ValueError as error:
            raise MediaError(f"background: this FFmpeg has no {name} to decode with") from error
        assert isinstance(context, VideoCodecContext)
        # More threads hold pictures back, and dav1d's wait for each other for ever when a decoder
        # goes in the middle of a stream.
        context.thread_count = 1
        context.options = {
            "max_pixels": str(self._most_side**2),
            "flags": "low_delay",
            "err_detect": "explode",
        }
        return context


def _encoding(size: tuple[int, int], rate: Fraction, codec: str, crf: int) -> VideoCodecContext:
    """An encoder that returns each picture at once, and makes keyframes only when told."""
    kind = _CODECS[codec]
    context = VideoCodecContext.create(kind.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.framerate, context.time_base = rate, 1 / rate
    context.colorspace, context.color_range = _BT601_H273, _LIMITED
    context.thread_count = 1
    context.options = kind.options | {"crf": str(crf)}
    context.open()
    return context


def _drain(context: VideoCodecContext) -> None:
    with suppress(av.error.FFmpegError):
        context.encode(None)


def _check(width: int, height: int, codec: str) -> None:
    if codec not in BACKGROUND_CODECS:
        raise ConfigError(f"background: got {codec}, expected {' or '.join(BACKGROUND_CODECS)}")
    if not (1 <= width <= 8192 and 1 <= height <= 8192):
        raise ConfigError(f"background: got {width}x{height}, each side must be 1..8192")


def _check_units(data: bytes) -> None:
    """Refuse a temporal unit of no frame or several: dav1d would keep them for the next calls."""
    at, frames = 0, 0
    while at < len(data):
        kind, extension, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extension
        if not sized:
            raise BitstreamError(Fault.BACKGROUND, "background: a unit without its size")
        size, shift, more = 0, 0, True
        while more and at < len(data) and shift < 56:
            size |= (data[at] & 127) << shift
            more = data[at] > 127
            at, shift = at + 1, shift + 7
        at += size
        frames += kind in (_FRAME_HEADER, _FRAME)
    if frames != 1 or at > len(data):
        raise BitstreamError(
            Fault.BACKGROUND, f"background: cut off, or {frames} pictures where there should be one"
        )


def _without_messages() -> BitStreamFilterContext:
    """Takes SEI from H.264 access units: x264 puts its settings there, 600 bytes."""
    with av.open(io.BytesIO(), "w", format="h264") as container:
        # The filter asks a stream for the codec, and for nothing else.
        stream = container.add_data_stream("h264")
        return BitStreamFilterContext("filter_units=remove_types=6", stream)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
