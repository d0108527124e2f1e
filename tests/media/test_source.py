"""Pictures in: every kind of file gives upright RGB at the right times, or says what it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import HEIGHT, WIDTH, pictures, psnr, write_clip
from tsplat.errors import ConfigError, MediaError
from tsplat.media.sink import Pngs
from tsplat.media.source import open_source
from tsplat.media.timing import timeline

FRAMES = 6


@pytest.fixture(scope="module")
def original() -> list[np.ndarray]:
    return pictures(FRAMES)


def read(path: Path, height: int | None = None):
    with open_source(path, height) as source:
        return source, list(source)


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "libx264"), ("mkv", "libx265"), ("mp4", "libsvtav1")]
)
def test_reads_common_codecs(tmp_path, original, ending, codec):
    options = {"libx265": {"x265-params": "log-level=none:crf=10"}}.get(codec, {"crf": "10"})
    source, got = read(
        write_clip(tmp_path / f"clip.{ending}", original, codec=codec, options=options)
    )
    assert (source.clip.width, source.clip.height, source.clip.rate) == (WIDTH, HEIGHT, 30)
    assert len(got) == FRAMES
    assert source.warnings == []
    assert min(psnr(a, b) for (_, a), b in zip(got, original)) > 28


def test_times_of_a_variable_rate_are_kept(tmp_path, original):
    times = [Fraction(t) for t in (0, 1, 3, 4, 7, 8)]
    _, got = read(write_clip(tmp_path / "clip.mp4", original, times=times))
    assert [t * 30 for t, _ in got] == times


def test_aspect_and_odd_sizes_are_kept(tmp_path, original):
    odd = [p[:-1, :-1] for p in original]
    clip = write_clip(tmp_path / "clip.mkv", odd, pix_fmt="yuv444p", aspect=Fraction(4, 3))
    source, got = read(clip)
    assert (source.clip.width, source.clip.height) == (WIDTH - 1, HEIGHT - 1)
    assert source.clip.aspect == Fraction(4, 3)
    assert got[0][1].shape == (HEIGHT - 1, WIDTH - 1, 3)


def test_scaling_keeps_the_shape(tmp_path, original):
    source, got = read(write_clip(tmp_path / "clip.mp4", original), 27)
    assert (source.clip.width, source.clip.height) == (48, 27)
    assert got[0][1].shape == (27, 48, 3)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_metadata_turns_the_picture_upright(tmp_path, original, turn):
    upright = original[0]
    clip = write_clip(tmp_path / "clip.mp4", [np.ascontiguousarray(np.rot90(upright, turn // 90))])
    set_rotation(clip, turn)
    source, got = read(clip)
    assert (source.clip.width, source.clip.height) == (WIDTH, HEIGHT)
    assert psnr(got[0][1], upright) > 28


def set_rotation(clip: Path, turn: int) -> None:
    """Write a display matrix into the track header of an MP4: show it turned clockwise."""
    data = bytearray(clip.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one, zero, minus = (v.to_bytes(4, "big", signed=True) for v in (1 << 16, 0, -(1 << 16)))
    matrix = {
        90: (zero, one, minus, zero),
        180: (minus, zero, zero, minus),
        270: (zero, minus, one, zero),
    }[turn]
    for place, value in zip((0, 4, 12, 16), matrix):
        data[at + place : at + place + 4] = value
    clip.write_bytes(data)


def test_a_folder_of_images_is_read_in_the_order_of_its_numbers(tmp_path, original):
    pngs = Pngs(tmp_path)
    for picture in original[:2]:
        pngs.write(picture, Fraction(0))
    (tmp_path / "000000.png").rename(tmp_path / "frame10.png")
    (tmp_path / "000001.png").rename(tmp_path / "frame9.png")
    (tmp_path / "notes.txt").write_text("not an image")
    _, got = read(tmp_path)
    assert np.array_equal(got[0][1], original[1])
    assert np.array_equal(got[1][1], original[0])
    assert got[1][0] == Fraction(1, 30)


def test_a_folder_of_images_of_two_sizes_names_the_odd_one(tmp_path, original):
    Pngs(tmp_path).write(original[0], Fraction(0))
    (tmp_path / "000000.png").rename(tmp_path / "a.png")
    Pngs(tmp_path).write(original[0][:20], Fraction(0))
    with pytest.raises(MediaError, match=r"000000\.png: 96x20|a\.png: 96x54"):
        read(tmp_path)


def test_what_is_not_a_video_is_named(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "nothing").mkdir()
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    for name, message in {
        "empty.mp4": "the file is empty",
        "text.mp4": "not a video",
        "nothing": "no images in this folder",
        "sound.wav": "no video in it, found audio",
        "missing.mp4": "no such file",
    }.items():
        with pytest.raises(MediaError, match=f"{name}: {message}"):
            open_source(tmp_path / name)


def test_height_out_of_range_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="height"):
        open_source(tmp_path, 0)


def test_a_video_that_breaks_off_gives_what_there_is_and_a_warning(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", pictures(24), gop=2)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 6 // 10])
    source, got = read(clip)
    assert 0 < len(got) < 24
    assert len(source.warnings) == 1
    assert str(len(got)) in source.warnings[0]


def test_damage_inside_a_video_is_warned_of(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", pictures(24), gop=2)
    data = bytearray(clip.read_bytes())
    data = data[: len(data) // 2]
    clip.write_bytes(data)
    source, got = read(clip)
    assert 0 < len(got) < 24
    assert source.warnings


def test_a_rounded_constant_rate_is_put_on_its_grid():
    milliseconds = [Fraction(round(1000 * k / 30), 1000) for k in range(300)]
    assert list(timeline(iter(milliseconds), Fraction(30))) == [0] + [1000] * 299


def test_a_variable_rate_keeps_its_times_without_drift():
    rng = np.random.default_rng(0)
    times = [Fraction(0)]
    for step in rng.integers(1, 200, 200):
        times.append(times[-1] + Fraction(int(step), 1000))
    ticks = np.cumsum(list(timeline(iter(times), Fraction(30))))
    exact = [float(t * 30 * 1000) for t in times]
    assert np.abs(ticks - exact).max() < 1000 * 0.05
