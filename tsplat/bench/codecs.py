"""Other codecs, as a user who wants few bytes would run them: what the codec is measured against.

Pictures are 4:2:0, 8 bits, BT.601, limited range, one keyframe and no other, with all the
reordering and looking ahead that an encoder does by default, or, of low delay, with none. Bytes
are of the elementary stream: what an MP4 holds, without the MP4. Left out of it, as no decoder
needs them: the settings that x264 and x265 write into the first picture (SEI), and AV1's temporal
delimiters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tsplat.errors import ConfigError, MediaError
from tsplat.media.rgb import BT601, FromRgb, FromYuv

_LIMITED = 1


@dataclass(frozen=True)
class Codec:
    """An encoder and a decoder of FFmpeg.

    Attributes
    ----------
    encoder, decoder : str
        Their names.
    least, narrowest : int
        Pixels a side, and across, below which the encoder does not work.
    unneeded : frozenset of int
        Types of units that no decoder needs.
    shrinks : tuple of int
        Parts of the clip's size at which a user at a low rate would try it.
    crfs : tuple of int
        Constant qualities to try, worst first.
    """

    encoder: str
    decoder: str
    least: int
    narrowest: int
    unneeded: frozenset[int]
    shrinks: tuple[int, ...]
    crfs: tuple[int, ...]


H264 = Codec(
    "libx264", "h264", 16, 16, frozenset({6}), (1, 2), (51, 47, 43, 39, 35, 31, 27, 23, 19)
)
# x265's memory is corrupted by pictures of 40 or 48 pixels across.
HEVC = Codec("libx265", "hevc", 32, 64, frozenset({39, 40}), H264.shrinks, H264.crfs)
AV1 = Codec(
    "libsvtav1",
    # FFmpeg's own "av1" needs hardware.
    "libdav1d",
    64,
    64,
    frozenset({2}),
    (1, 2, 3),
    # Above 63 where SVT-AV1 is recent enough; otherwise they are 63 again.
    (70, 67, 64, 63, 61, 58, 54, 48, 40, 30, 20),
)


@dataclass(frozen=True)
class Peer:
    """A codec to be compared with, and how it is run.

    Attributes
    ----------
    codec : Codec
    about : str
        How, in words.
    options : dict
    """

    codec: Codec
    about: str
    options: dict[str, str]


_X264 = {"preset": "medium", "tune": "psnr", "x264-params": "keyint=infinite:scenecut=0"}
_X265 = {
    "preset": "medium",
    "tune": "psnr",
    "x265-params": "log-level=none:info=0:keyint=-1:scenecut=0",
}
_SVTAV1 = {"preset": "8", "svtav1-params": "tune=1:keyint=-1:scd=0"}
_LOW_DELAY = {
    "x264": {"tune": "psnr,zerolatency"},
    # It takes one tune: the other is spelt out.
    "x265": {
        "tune": "zerolatency",
        "x265-params": f"{_X265['x265-params']}:aq-strength=0:psy-rd=0:psy-rdoq=0",
    },
    "svtav1": {"svtav1-params": f"{_SVTAV1['svtav1-params']}:pred-struct=1"},
}
PEERS = {
    "x264": Peer(H264, "medium, tuned for PSNR", _X264),
    "x265": Peer(HEVC, "medium, tuned for PSNR", _X265),
    "x265-slow": Peer(HEVC, "slow, tuned for PSNR", _X265 | {"preset": "slow"}),
    "svtav1-p8": Peer(AV1, "SVT-AV1, preset 8, tuned for PSNR", _SVTAV1),
    "svtav1-p4": Peer(AV1, "SVT-AV1, preset 4, tuned for PSNR", _SVTAV1 | {"preset": "4"}),
    "x264-ld": Peer(H264, "medium, low delay (zerolatency)", _X264 | _LOW_DELAY["x264"]),
    "x265-ld": Peer(HEVC, "medium, low delay (zerolatency)", _X265 | _LOW_DELAY["x265"]),
    "svtav1-p8-ld": Peer(
        AV1, "SVT-AV1, preset 8, low delay (pred-struct 1)", _SVTAV1 | _LOW_DELAY["svtav1"]
    ),
    "svtav1-p4-ld": Peer(
        AV1,
        "SVT-AV1, preset 4, low delay (pred-struct 1)",
        _SVTAV1 | _LOW_DELAY["svtav1"] | {"preset": "4"},
    ),
}
"""Of low delay are those that show a frame before they are given the next."""


@dataclass(frozen=True)
class Stream:
    """What an encoder made.

    Attributes
    ----------
    peer : str
    shape : (int, int)
        Height and width of the pictures that went in, pixels.
    packets : list of bytes
        In the order of decoding.
    keyframes : int
    """

    peer: str
    shape: tuple[int, int]
    packets: list[bytes]
    keyframes: int

    @property
    def bytes(self) -> int:
        """Length of the stream."""
        return sum(map(len, self.packets))


def coded_size(width: int, height: int, shrink: int) -> tuple[int, int]:
    """Width and height at which pictures are coded, pixels: a part of theirs, even.

    >>> coded_size(640, 359, 1), coded_size(640, 359, 2), coded_size(202, 360, 3)
    ((640, 360), (320, 180), (68, 120))
    """
    return 2 * round(width / shrink / 2 + 1e-9), 2 * round(height / shrink / 2 + 1e-9)


def fits(peer: str, width: int, height: int, shrink: int) -> bool:
    """Whether a peer codes pictures at this part of their size."""
    size = coded_size(width, height, shrink)
    codec = PEERS[peer].codec
    return min(size) >= codec.least and size[0] >= codec.narrowest


def encode(
    frames: Iterable[np.ndarray],
    peer: str,
    crf: int,
    shrink: int = 1,
    rate: Fraction | int = 30,
    threads: int = 1,
) -> Stream:
    """Code pictures.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8, RGB
    peer : str
        Of :data:`PEERS`.
    crf : int
        The peer's constant quality, less is better; up to 51, and up to 70 for SVT-AV1.
    shrink : int
        Code pictures at this part of their width and height, averaged down. At full size an odd
        side is continued by a line, which the decoder takes off.
    rate : Fraction
        Frames a second.
    threads : int
        Of the encoder; more of them cost bits.

    Raises
    ------
    ConfigError
        There is no such peer, no picture, or it is too small.
    MediaError
        This build of FFmpeg's libraries has no such encoder, or it failed.
    """
    if peer not in PEERS:
        raise ConfigError(f"peers: got {peer!r}, expected some of {','.join(PEERS)}")
    shape: tuple[int, int] | None = None
    packets: list[av.Packet] = []
    try:
        for number, picture in enumerate(frames):
            if shape is None:
                shape = picture.shape[0], picture.shape[1]
                size = coded_size(shape[1], shape[0], shrink)
                if not fits(peer, shape[1], shape[0], shrink):
                    raise ConfigError(f"{peer}: got pictures of {size[0]}x{size[1]}, too small")
                context = _encoder(PEERS[peer], size, crf, Fraction(rate), threads)
                to_yuv = FromRgb("yuv420p", BT601, size)
            if shrink == 1:
                odd = ((0, size[1] - shape[0]), (0, size[0] - shape[1]), (0, 0))
                picture = np.pad(picture, odd, "edge")
            frame = to_yuv.frame(picture)
            frame.pts, frame.time_base = number, context.time_base
            packets += context.encode(frame)
        if shape is None:
            raise ConfigError(f"{peer}: no pictures to encode")
        packets += context.encode(None)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise MediaError(f"{peer}: cannot encode here ({_reason(error)})") from error
    keyframes = sum(packet.is_keyframe for packet in packets)
    return Stream(peer, shape, [_needed(bytes(p), PEERS[peer].codec) for p in packets], keyframes)


def decode(stream: Stream, threads: int = 1) -> Iterator[np.ndarray]:
    """Decode what :func:`encode` made, picture by picture, at the size that went in.

    Parameters
    ----------
    stream : Stream
    threads : int
        Of the decoder.

    Yields
    ------
    (H, W, 3) uint8
        RGB, scaled up by bicubic interpolation.

    Raises
    ------
    MediaError
        This build of FFmpeg's libraries has no such decoder, or it failed.
    """
    height, width = stream.shape
    to_rgb: FromYuv | None = None
    for frame in _frames(stream, threads):
        if to_rgb is None:
            coded = (frame.width, frame.height)
            padded = (coded[0] - width, coded[1] - height) in {(0, 1), (1, 0), (1, 1)}
            to_rgb = FromYuv(BT601, coded if padded else (width, height))
        yield to_rgb.picture(frame)[:height, :width]


def decode_only(stream: Stream, threads: int = 1) -> int:
    """As :func:`decode`, but pictures stay as the decoder has them, 4:2:0; how many they are."""
    return sum(1 for _ in _frames(stream, threads))


def _frames(stream: Stream, threads: int) -> Iterator[av.VideoFrame]:
    try:
        context = VideoCodecContext.create(PEERS[stream.peer].codec.decoder, "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count, context.thread_type = threads, "AUTO"
        for data in stream.packets:
            yield from context.decode(av.Packet(data))
        yield from context.decode(None)
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(f"{stream.peer}: cannot decode here ({_reason(error)})") from error


def _encoder(
    peer: Peer, size: tuple[int, int], crf: int, rate: Fraction, threads: int
) -> VideoCodecContext:
    # SVT-AV1 reports every encoder that it starts on stderr; errors only.
    os.environ.setdefault("SVT_LOG", "1")
    context = VideoCodecContext.create(peer.codec.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.framerate, context.time_base = rate, 1 / rate
    context.color_range = _LIMITED
    context.thread_count, context.thread_type = threads, "AUTO"
    context.options = _options(peer, crf)
    context.open()
    return context


def _options(peer: Peer, crf: int) -> dict[str, str]:
    options = peer.options | {"crf": str(min(crf, 63))}
    if crf > 63:
        # FFmpeg's own option ends at 63.
        options["svtav1-params"] = f"{options['svtav1-params']}:crf={crf}"
    return options


def _needed(data: bytes, codec: Codec) -> bytes:
    """A packet without the units that no decoder needs."""
    if codec is AV1:
        # A temporal delimiter is the first unit, and empty; AV1 specification, 5.3 and 5.6.
        while len(data) > 1 and data[0] >> 3 & 15 in codec.unneeded and not data[1]:
            data = data[2:]
        return data
    starts = [m.start() for m in re.finditer(b"\0?\0\0\1", data)]
    units = [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)])]
    return b"".join(u for u in units if _type(u, codec) not in codec.unneeded)


def _type(unit: bytes, codec: Codec) -> int:
    """Type of a NAL unit with its start code; ITU-T H.264 and H.265, 7.3.1."""
    head = unit[unit.index(1) + 1]
    return head & 31 if codec is H264 else head >> 1 & 63


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0]
