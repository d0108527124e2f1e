"""FFmpeg's frames to RGB and back: matrix, range, size, orientation, interlacing, HDR.

swscale rounds and interpolates chroma coarsely unless it is told otherwise: 45 dB from what is
right. It is told otherwise here, both ways.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
from av.filter import Graph

from tsplat.media.hdr import BT2020, HLG, PQ, ToSdr

HD_LINES = 720
"""Height from which what says nothing is taken as BT.709."""
ACCURATE = "accurate_rnd+full_chroma_int+full_chroma_inp"
BT709, BT601 = "bt709", "smpte170m"
SDR = (1, 1)
"""BT.709's primaries and transfer, ITU-T H.273."""
_MATRICES = {
    1: BT709,
    4: "fcc",
    5: "bt470bg",
    6: BT601,
    7: "smpte240m",
    9: "bt2020nc",
    10: "bt2020nc",
}
_HDR = {PQ: "PQ", HLG: "HLG"}
_LIMITED = 1
# swscale takes grey for full range, whatever it is told.
_GREY_TO_FULL = np.rint((np.arange(256.0) - 16) * (255 / 219)).clip(0, 255).astype(np.uint8)
_TIME_BASE = Fraction(1, 1000)
Filters = list[tuple[str, str]]


class Chain:
    """A row of filters, through which frames go.

    Parameters
    ----------
    frame : av.VideoFrame
        What all frames are like.
    filters : list of (str, str)
        FFmpeg's names, and their options.
    """

    def __init__(self, frame: av.VideoFrame, filters: Filters):
        self._graph = Graph()
        self._graph.threads = 1
        source = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
            f":time_base={_TIME_BASE}:colorspace={int(frame.colorspace)}"
            f":range={int(frame.color_range)}"
        )
        nodes = [self._graph.add("buffer", source)]
        for name, options in (*filters, ("buffersink", "")):
            node = self._graph.add(name, options or None)
            nodes[-1].link_to(node)
            nodes.append(node)
        self._graph.configure()
        self._count = 0

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """What comes out when a frame goes in; None: there are no more."""
        if frame is not None:
            frame.pts, frame.time_base = self._count * 1000, _TIME_BASE
            self._count += 1
        self._graph.push(frame)
        while True:
            try:
                yield self._graph.pull()  # type: ignore[misc]
            except (av.error.BlockingIOError, av.error.EOFError):
                return


class ToRgb:
    """Frames to upright RGB of one size.

    Parameters
    ----------
    width, height : int
        Of the pictures.
    alpha : bool
        Pictures of frames with alpha are RGBA.

    Attributes
    ----------
    notes : list of str
        What was done to pictures besides; grows as they come.
    """

    def __init__(self, width: int, height: int, alpha: bool = False):
        self._size, self._alpha = (width, height), alpha
        self._like: tuple | None = None
        self._chain: Chain | None = None
        self._interlaced = self._limited_grey = self._resized = False
        self._to_sdr: ToSdr | None = None
        self.notes: list[str] = []

    def convert(self, frames: Iterable[av.VideoFrame]) -> Iterator[np.ndarray]:
        """Pictures, (H, W, 3) uint8 RGB, one for each frame; (H, W, 4) with alpha."""
        for number, frame in enumerate(frames):
            self._interlaced |= frame.interlaced_frame
            like = (_like(frame), self._interlaced)
            if like != self._like:
                yield from self._drain()
                self._tell(frame, number)
                self._like, self._chain = like, Chain(frame, self._filters(frame))
                self._to_sdr = ToSdr.needed(int(frame.color_primaries), int(frame.color_trc))
                grey = frame.format.name.startswith("gray")
                self._limited_grey = grey and frame.color_range == _LIMITED
            assert self._chain is not None
            yield from self._through(frame)
        yield from self._drain()

    def _drain(self) -> Iterator[np.ndarray]:
        """A filter that looks ahead has the last frame still."""
        if self._chain is not None:
            yield from self._through(None)

    def _through(self, frame: av.VideoFrame | None) -> Iterator[np.ndarray]:
        assert self._chain is not None
        for out in self._chain.push(frame):
            picture = out.to_ndarray()
            if self._to_sdr is not None:
                picture = self._to_sdr(picture)
            yield _GREY_TO_FULL[picture] if self._limited_grey else picture

    def _tell(self, frame: av.VideoFrame, number: int) -> None:
        found = []
        if self._interlaced and not (self._like and self._like[1]):
            found.append("interlaced, was deinterlaced")
        if not (self._like and self._like[0][-2:] == _like(frame)[-2:]):
            if is_hdr(frame):
                found.append(f"HDR ({_HDR[frame.color_trc]}), was tone-mapped to SDR BT.709")
            elif is_wide(frame):
                found.append("of BT.2020's colours, was converted to BT.709")
        before = self._like and self._like[0][:2]
        if before and before != (frame.width, frame.height) and not self._resized:
            self._resized = True
            width, height = self._size
            found.append(
                f"pictures change their size, first to {frame.width}x{frame.height} at frame "
                f"{number}; all are scaled to {width}x{height}"
            )
        self.notes += found

    def _filters(self, frame: av.VideoFrame) -> Filters:
        """What makes such a frame an upright RGB picture."""
        width, height = self._size
        turned = orientation(frame)
        shown = upright_size(frame)
        filters: Filters = []
        if self._interlaced:
            filters.append(("bwdif", "mode=send_frame:deint=interlaced"))
        filters += turned
        scale = [f"w={width}:h={height}:flags={_interpolation(shown, self._size)}+{ACCURATE}"]
        if not _is_rgb(frame):
            scale.append(f"in_color_matrix={_matrix(frame)}")
        fits = abs(math.log(shown[0] * height / (shown[1] * width))) < 0.02
        if not fits:
            scale.append("force_original_aspect_ratio=decrease")
        filters.append(("scale", ":".join(scale)))
        deep = is_hdr(frame) or is_wide(frame)
        alpha = self._alpha and any(c.is_alpha for c in frame.format.components)
        if deep:
            filters.append(("format", "pix_fmts=gbrp16le"))
        else:
            filters += _packed("rgba" if alpha else "rgb24")
        if not fits:
            filters.append(("pad", f"{width}:{height}:-1:-1"))
        return filters


class FromRgb:
    """RGB pictures to frames of FFmpeg's.

    Parameters
    ----------
    format : str
        Pixel format wanted.
    matrix : str
        :data:`BT709` or :data:`BT601`; limited range.
    size : (int, int), optional
        Width and height to scale to.
    """

    def __init__(self, format: str, matrix: str, size: tuple[int, int] | None = None):
        self._format, self._matrix, self._size = format, matrix, size
        self._chain: Chain | None = None

    def frame(self, picture: np.ndarray) -> av.VideoFrame:
        """A picture, (H, W, 3) or, with alpha, (H, W, 4) uint8; all of one size."""
        frame = av.VideoFrame.from_ndarray(
            picture, format="rgb24" if picture.shape[2] == 3 else "rgba"
        )
        if self._chain is None:
            size = self._size or (frame.width, frame.height)
            how = _interpolation((frame.width, frame.height), size)
            options = f"w={size[0]}:h={size[1]}:flags={how}+{ACCURATE}"
            options += f":out_color_matrix={self._matrix}:out_range=tv"
            self._chain = Chain(frame, [("scale", options), ("format", f"pix_fmts={self._format}")])
        return next(self._chain.push(frame))


class FromYuv:
    """Frames of a matrix that is known to RGB pictures: inverse of :class:`FromRgb`.

    Parameters
    ----------
    matrix : str
        :data:`BT709` or :data:`BT601`; limited range, whatever frames say.
    size : (int, int)
        Width and height to scale to.
    """

    def __init__(self, matrix: str, size: tuple[int, int]):
        self._matrix, self._size = matrix, size
        self._like: tuple[int, int, str] | None = None
        self._chain: Chain | None = None

    def picture(self, frame: av.VideoFrame) -> np.ndarray:
        """A frame's picture, (H, W, 3) uint8.

        Raises
        ------
        av.error.FFmpegError, ValueError
            Its pixels cannot be converted.
        """
        like = (frame.width, frame.height, frame.format.name)
        if like != self._like or self._chain is None:
            how = _interpolation((frame.width, frame.height), self._size)
            options = f"w={self._size[0]}:h={self._size[1]}:flags={how}+{ACCURATE}"
            options += f":in_color_matrix={self._matrix}:in_range=tv"
            self._like, self._chain = like, Chain(frame, [("scale", options), *_packed("rgb24")])
        (out,) = self._chain.push(frame)
        return out.to_ndarray()


def is_hdr(frame: av.VideoFrame) -> bool:
    """Coded by a transfer function of high dynamic range."""
    return frame.color_trc in _HDR


def is_wide(frame: av.VideoFrame) -> bool:
    """Of BT.2020's primaries."""
    return frame.color_primaries == BT2020


def orientation(frame: av.VideoFrame) -> Filters:
    """Filters that turn a frame as its display matrix says, as FFmpeg's own autorotation does."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return []
    m = np.frombuffer(bytes(data), "<i4")[:9].astype(float).tolist()
    across, down = math.hypot(m[0], m[3]), math.hypot(m[1], m[4])
    if not across or not down:
        return []
    angle = round(math.degrees(math.atan2(m[1] / down, m[0] / across))) % 360
    if angle == 90:
        return [("transpose", "cclock_flip" if m[3] > 0 else "clock")]
    if angle == 180:
        flips: Filters = [("hflip", "")] if m[0] < 0 else []
        return [*flips, ("vflip", "")] if m[4] < 0 else flips
    if angle == 270:
        return [("transpose", "clock_flip" if m[3] < 0 else "cclock")]
    if angle > 1:
        return [("rotate", f"{math.radians(angle)}")]
    return [("vflip", "")] if m[4] < 0 else []


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height of a frame once it is turned."""
    if any(name == "transpose" for name, _ in orientation(frame)):
        return frame.height, frame.width
    return frame.width, frame.height


def _like(frame: av.VideoFrame) -> tuple:
    """What a chain of filters is set up for."""
    return (
        frame.width,
        frame.height,
        frame.format.name,
        tuple(orientation(frame)),
        int(frame.colorspace),
        int(frame.color_range),
        int(frame.color_primaries),
        int(frame.color_trc),
    )


def _is_rgb(frame: av.VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.name.startswith(("gbr", "pal", "gray", "mono"))


def _matrix(frame: av.VideoFrame) -> str:
    """Of YUV; where a video does not say, HD is taken as BT.709."""
    return _MATRICES.get(frame.colorspace, BT709 if frame.height >= HD_LINES else BT601)


def _packed(format: str) -> Filters:
    """To rgb24 or rgba by way of planar RGB; swscale's straight way takes three times as long."""
    planar = "gbrap" if format == "rgba" else "gbrp"
    accurate = ("scale", f"flags={ACCURATE}")
    return [("format", f"pix_fmts={planar}"), accurate, ("format", f"pix_fmts={format}")]


def _interpolation(size: tuple[int, int], wanted: tuple[int, int]) -> str:
    return "area" if wanted[1] < size[1] else "bicubic"
