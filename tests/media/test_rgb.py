"""Frames to RGB and back: accurate, upright, of one size, of one range."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.clips import pictures, psnr, write_clip
from tsplat.media.rgb import BT601, BT709, FromRgb, FromYuv, ToRgb, orientation, upright_size
from tsplat.media.source import open_source

MATRICES = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722)}
NUMBERS = {BT601: 6, BT709: 1}
WIDTH, HEIGHT = 64, 48


def smooth(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Every channel a ramp of its own, (H, W, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    x, y = x / (width - 1), y / (height - 1)
    return np.rint(255 * np.dstack([x, y, 1 - (x + y) / 2])).astype(np.uint8)


def to_yuv(rgb: np.ndarray, matrix: str) -> np.ndarray:
    """Limited range, (H, W, 3) float: the formula of the standards."""
    kr, kb = MATRICES[matrix]
    r, g, b = np.moveaxis(rgb / 255.0, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    return np.dstack([16 + 219 * y, 128 + 112 * (b - y) / (1 - kb), 128 + 112 * (r - y) / (1 - kr)])


def frame_of(planes: list[np.ndarray], format: str, **properties: int) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, format)
    for plane, values in zip(frame.planes, planes):
        room = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        room[:, : values.shape[1]] = values
        plane.update(room.tobytes())
    for name, value in properties.items():
        setattr(frame, name, value)
    return frame


def converted(*frames: av.VideoFrame, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[np.ndarray]:
    return list(ToRgb(*size).convert(frames))


@pytest.mark.parametrize("matrix", MATRICES)
def test_yuv_is_what_the_standards_say(matrix):
    picture = smooth()
    planes = [np.rint(p).astype(np.uint8) for p in np.moveaxis(to_yuv(picture, matrix), -1, 0)]
    frame = frame_of(planes, "yuv444p", colorspace=NUMBERS[matrix], color_range=1)
    assert psnr(converted(frame)[0], picture) > 47
    back = FromRgb("yuv444p", matrix).frame(picture).to_ndarray()
    assert np.abs(back - np.stack(planes).astype(float)).max() <= 1


def test_chroma_of_half_size_is_interpolated():
    """swscale's quick way repeats it, which is ten decibels worse."""
    picture = smooth()
    frame = FromRgb("yuv420p", BT601).frame(picture)
    assert psnr(converted(frame)[0], picture) > 42


def test_a_known_matrix_counts_whatever_frames_say():
    """As in backgrounds and in streams of peers, whose decoders may say what they like."""
    picture = smooth()
    frame = FromRgb("yuv420p", BT601).frame(picture)
    frame.colorspace, frame.color_range, frame.color_trc = NUMBERS[BT709], 2, 16
    from_yuv = FromYuv(BT601, (WIDTH, HEIGHT))
    assert psnr(from_yuv.picture(frame), picture) > 42
    large = FromRgb("yuv444p", BT601, (2 * WIDTH, 2 * HEIGHT)).frame(picture)
    assert psnr(from_yuv.picture(large), picture) > 38


def test_full_range_is_full():
    grey = np.arange(0, 256, 4, dtype=np.uint8)[None].repeat(HEIGHT, 0)
    half = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    for format, area in (("yuvj420p", 2), ("yuv420p", 2)):
        frame = frame_of([grey, half, half], format, color_range=area)
        assert np.abs(converted(frame)[0][..., 1].astype(int) - grey).max() <= 1
    limited = converted(frame_of([grey, half, half], "yuv420p", color_range=1))[0][0, :, 0]
    assert (limited[:4] == 0).all()
    assert limited[-1] == 255


@pytest.mark.parametrize("layout", ["gray", "gray10le", "yuv444p10le"])
def test_levels_of_grey_and_of_ten_bits(layout):
    deep = "10" in layout
    luma = np.array([16, 126, 235]).repeat(20)[None].repeat(HEIGHT, 0) << (2 * deep)
    luma = luma.astype(np.uint16 if deep else np.uint8)
    planes = (
        [luma, *[np.full(luma.shape, 512, np.uint16)] * 2] if layout.startswith("yuv") else [luma]
    )
    for area, levels in ((1, [0, 128, 255]), (2, [16, 126, 235])):
        (shown,) = converted(frame_of(planes, layout, color_range=area), size=(60, HEIGHT))
        assert np.ptp(shown, axis=2).max() <= 1
        assert shown[9, [9, 29, 49], 1].tolist() == pytest.approx(levels, abs=1)


def test_rgb_stays_as_it_is():
    picture = pictures(1, WIDTH, HEIGHT)[0]
    for format in ("rgb24", "bgr0", "gbrp"):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=format)
        assert np.array_equal(converted(frame)[0], picture)


def nits(code: np.ndarray) -> np.ndarray:
    """PQ's inverse, as 10-bit limited luma of light in cd/m2; SMPTE ST 2084."""
    y = np.asarray(code) / 10000
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    return np.rint(64 + 876 * ((c1 + c2 * y**m1) / (1 + c3 * y**m1)) ** m2).astype(np.uint16)


def test_hdr_is_tone_mapped_and_said_once():
    light = np.array([0, 1, 10, 50, 100, 200, 500, 1000])
    luma = nits(light).repeat(WIDTH // 8)[None].repeat(HEIGHT, 0)
    half = np.full((HEIGHT // 2, WIDTH // 2), 512, np.uint16)
    properties = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16}
    frames = [frame_of([luma, half, half], "yuv420p10le", **properties) for _ in range(2)]
    rgb = ToRgb(WIDTH, HEIGHT)
    shown = list(rgb.convert(frames))[1][HEIGHT // 2, 4 :: WIDTH // 8].astype(int)
    assert rgb.notes == ["HDR (PQ), was tone-mapped to SDR BT.709"]
    assert np.ptp(shown, axis=1).max() <= 2
    grey = shown[:, 1]
    assert (np.diff(grey) > 0).all()
    # Diffuse white is light, and there is room above it; the code itself would be 130 at 100.
    assert 110 < grey[4] < 200
    assert 180 < grey[6] < grey[7] == 255
    assert grey[0] <= 2


def matrix_of(turns: int, flipped: bool) -> bytes:
    """A display matrix: mirrored about the vertical if flipped, then turned clockwise."""
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][turns]
    mirror = -1 if flipped else 1
    values = [mirror * cos, mirror * sin, 0, -sin, cos, 0, 0, 0, 1]
    scales = [65536, 65536, 1 << 30] * 3
    return np.array([v * s for v, s in zip(values, scales)], "<i4").tobytes()


class Turned:
    """A frame whose display matrix is what a container said."""

    def __init__(self, frame: av.VideoFrame, matrix: bytes):
        self._frame, self._matrix = frame, matrix

    @property
    def side_data(self):
        return {"DISPLAYMATRIX": self._matrix}

    def __getattr__(self, name: str):
        return getattr(self._frame, name)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_all_eight_orientations(turns, flipped):
    picture = pictures(1, WIDTH, HEIGHT)[0]
    expected = np.rot90(picture[:, ::-1] if flipped else picture, -turns)
    frame = Turned(av.VideoFrame.from_ndarray(picture, format="rgb24"), matrix_of(turns, flipped))
    assert upright_size(frame) == expected.shape[1::-1]
    filters = orientation(frame)
    graph = av.filter.Graph()
    nodes = [graph.add("buffer", f"video_size={WIDTH}x{HEIGHT}:pix_fmt=rgb24:time_base=1/25")]
    for name, options in (*filters, ("buffersink", "")):
        nodes.append(graph.add(name, options or None))
        nodes[-2].link_to(nodes[-1])
    graph.configure()
    frame._frame.pts, frame._frame.time_base = 0, Fraction(1, 25)
    graph.push(frame._frame)
    assert np.array_equal(graph.pull().to_ndarray(), expected)


def test_pictures_that_change_size_keep_their_shape_and_are_told_of():
    first, second = (
        av.VideoFrame.from_ndarray(pictures(1, *size)[0], format="rgb24")
        for size in ((WIDTH, HEIGHT), (2 * WIDTH, 3 * HEIGHT))
    )
    rgb = ToRgb(WIDTH, HEIGHT)
    shown = list(rgb.convert([first, second, second, first]))
    assert [p.shape for p in shown] == [(HEIGHT, WIDTH, 3)] * 4
    assert rgb.notes == [
        "pictures change their size, first to 128x144 at frame 1; all are scaled to 64x48"
    ]
    # It is narrower: black at its sides, and nothing of it is stretched.
    assert shown[1][:, :8].max() == 0
    assert shown[1][:, WIDTH // 2].max() > 0


def test_interlaced_frames_are_deinterlaced_and_told_of(tmp_path):
    """Two fields of different times in each: what moves has combs no more."""
    woven = [np.roll(smooth(), 12 * k, 1) for k in range(5)]
    for k, frame in enumerate(woven):
        frame[1::2] = np.roll(smooth(), 12 * k + 6, 1)[1::2]
    options = {"crf": "4", "x264-params": "tff=1"}
    clip = write_clip(tmp_path / "fields.mkv", woven, pix_fmt="yuv444p", options=options)
    with open_source(clip) as source:
        shown = [picture for _, picture in source]
    assert len(shown) == 5
    assert source.notes == [f"{clip}: interlaced, was deinterlaced"]
    combs = [np.abs(np.diff(p.astype(int), axis=0)).mean() for p in (woven[2], shown[2])]
    assert combs[1] < 0.5 * combs[0]
