"""Clocks that start again, err or end early, pipes as well as files, and pauses as long as any."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.clips import HEIGHT, WIDTH, pictures, write_clip
from tests.coding import encode
from tsplat.errors import MediaError
from tsplat.media.clip import Clip, Source
from tsplat.media.sink import open_sink
from tsplat.media.source import open_source
from tsplat.media.timing import Clock

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes")


def read(path: Path) -> tuple[Source, list[Fraction]]:
    with open_source(path) as source:
        return source, [time for time, _ in source]


def piped(data: bytes, folder: Path) -> tuple[Source, list[Fraction]]:
    """What is read of bytes that come through a named pipe."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)

    def write() -> None:
        # Who has seen enough closes its end.
        with suppress(BrokenPipeError):
            fifo.write_bytes(data)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        return read(fifo)
    finally:
        writing.join()


def y4m(frames: int) -> bytes:
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 C420jpeg\n".encode()
    return head + (b"FRAME\n" + bytes(WIDTH * HEIGHT * 3 // 2)) * frames


def shown(stamps: list[int]) -> tuple[list[float], list[int]]:
    """When frames are shown, seconds, and which of them are taken for jumps, at 1 frame/s."""
    clock = Clock(Fraction(1))
    return [float(clock.show(Fraction(s))) for s in stamps], [k for k, _ in clock.jumps]


@pytest.mark.parametrize("wrong", [0, 90_000])
def test_one_wrong_stamp_moves_no_other_frame(wrong):
    assert shown([0, 1, 2, wrong, 4, 5]) == ([0, 1, 2, 3, 4, 5], [3])


def test_two_frames_of_one_time_are_spread_and_no_jump():
    assert shown([0, 0, 2, 2, 4, 4]) == ([0, 1, 2, 3, 4, 5], [])


def test_stamps_that_go_to_and_fro_do_not_make_a_clip_longer():
    times, _ = shown([1, 3, 4, 2, 5, 7, 8, 6, 9, 11, 12, 10])
    assert times == sorted(set(times))
    assert times[-1] <= 13


def test_a_clock_that_starts_again_between_the_frames_of_before_is_no_higher_rate(tmp_path):
    half = [k + Fraction(1, 2) for k in range(20)]
    joined = b""
    for name, times in (("a", None), ("b", half)):
        path = tmp_path / f"{name}.ts"
        joined += write_clip(path, pictures(20), times=times, options={"bf": "0"}).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(joined)
    source, times = read(path)
    assert source.clip.rate == 30
    assert float(times[-1]) == pytest.approx(39 / 30, abs=0.002)


@needs_pipes
def test_through_a_pipe_a_rate_is_estimated_too(tmp_path):
    rng = np.random.default_rng(0)
    times = [Fraction(int(33 * k + rng.integers(-4, 5))) for k in range(24)]
    options = {"deadline": "realtime"}
    path = write_clip(
        tmp_path / "call.webm",
        pictures(24),
        codec="libvpx",
        rate=Fraction(1000),
        times=times,
        options=options,
    )
    source, found = piped(path.read_bytes(), tmp_path)
    assert 25 <= source.clip.rate <= 31
    assert len(found) == 24


@needs_pipes
def test_through_a_pipe_frames_without_times_of_their_own_are_even_too(tmp_path):
    path = write_clip(tmp_path / "b.avi", pictures(12), options={"bf": "3", "crf": "20"})
    source, times = piped(path.read_bytes(), tmp_path)
    assert np.diff([float(t) for t in times]) == pytest.approx([1 / 30] * 11, abs=0.001)
    assert source.notes == []


@needs_pipes
def test_through_a_pipe_a_cut_frame_is_said_too(tmp_path):
    source, times = piped(y4m(8)[:-100], tmp_path)
    assert len(times) == 7
    assert "breaks off within a frame, after 7" in source.warnings[0]
    (tmp_path / "fifo").unlink()
    assert piped(y4m(8), tmp_path)[0].warnings == []


@needs_pipes
def test_a_pipe_that_ends_because_nobody_wants_more_does_not_break_off(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    data = y4m(3) + b"FRAME\nthe next one is still being written"
    done = threading.Event()

    def write() -> None:
        with open(fifo, "wb", buffering=0) as file:
            file.write(data)
            done.wait()

    writing = threading.Thread(target=write)
    writing.start()
    with open_source(fifo) as source:
        threading.Timer(0.3, source.stop).start()
        assert len(list(source)) == 3
    done.set()
    writing.join()
    assert source.warnings == []


@needs_pipes
def test_pipes_are_closed(tmp_path):
    before = len(os.listdir("/dev/fd"))
    piped(y4m(2), tmp_path)
    (tmp_path / "fifo").unlink()
    with pytest.raises(MediaError, match="not a video"):
        piped(b"not a video at all", tmp_path)
    assert len(os.listdir("/dev/fd")) == before


@needs_pipes
def test_an_mp4_that_cannot_be_streamed_says_why(tmp_path):
    path = tmp_path / "large.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (8, HEIGHT, WIDTH, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"qp": "0"}
        for k, picture in enumerate(noise):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="index is at its end"):
        piped(path.read_bytes(), tmp_path)


@pytest.mark.parametrize("ending", ["flv", "mkv", "webm"])
def test_what_breaks_off_does_not_show_its_last_picture_for_the_rest(tmp_path, ending):
    codec, options = ("libvpx", {"deadline": "realtime"}) if ending == "webm" else ("libx264", None)
    path = write_clip(tmp_path / f"clip.{ending}", pictures(40), codec=codec, options=options)
    source, times = read(path)
    assert source.warnings == []
    assert source.last == pytest.approx(1 / 30, abs=0.002)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    source, times = read(path)
    assert 5 < len(times) < 40
    assert len(source.warnings) == 1
    assert source.last is None or source.last < 0.1


def test_a_clock_without_lengths_does_not_cut_the_last_picture_short(tmp_path):
    """WebM says when the last frame starts, and a thousandth of a second more."""
    path = write_clip(
        tmp_path / "call.webm",
        pictures(9),
        codec="libvpx",
        rate=Fraction(1000),
        times=[Fraction(t) for t in (0, 33, 64, 99, 130, 197, 230, 265, 301)],
        options={"deadline": "realtime"},
    )
    source, _ = read(path)
    assert source.last is None or source.last > Fraction(1, 100)


def test_a_transport_stream_that_ends_within_a_packet_is_said(tmp_path):
    path = write_clip(tmp_path / "clip.ts", pictures(20))
    assert read(path)[0].warnings == []
    path.write_bytes(path.read_bytes()[:-100])
    assert "breaks off" in read(path)[0].warnings[0]


@pytest.mark.parametrize("rate", ["30", "30000/1001", "999991/33333", "1000", "1/10"])
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_the_longest_pause_fits_every_container(tmp_path, rate, ending):
    clip = Clip(32, 32, Fraction(rate))
    picture = np.zeros((32, 32, 3), np.uint8)
    frame, pause = 1 / clip.rate, max(Fraction(3599), 3 / clip.rate)
    times = [Fraction(0), frame, frame + pause, 2 * frame + pause]
    with open_sink(str(tmp_path / f"out.{ending}"), clip) as sink:
        for time in times:
            sink.write(picture, time)
        sink.close(times[-1] + frame)

    with av.open(str(tmp_path / f"out.{ending}")) as container:
        found = [
            f.pts * Fraction(f.time_base.numerator, f.time_base.denominator)
            for f in container.decode(video=0)
        ]
    assert [float(t) for t in found] == pytest.approx([float(t) for t in times], abs=0.001)


@pytest.mark.parametrize("ending", ["gif", "webp"])
@pytest.mark.parametrize(("frames", "length"), [(1, 0.9), (2, 1.0), (3, 1.7), (9, 1.7)])
def test_of_a_clip_that_is_cut_short_the_last_picture_keeps_its_length(
    tmp_path, ending, frames, length
):
    path = tmp_path / f"slides.{ending}"
    slides = [Image.fromarray(p) for p in pictures(3)]
    slides[0].save(path, save_all=True, append_images=slides[1:], duration=[900, 100, 700])
    out = tmp_path / "slides.tsplat"
    made = encode(path, out, frames=frames, gaussians=20)
    assert made["duration_s"] == pytest.approx(length, abs=0.01)


@pytest.mark.parametrize("ending", ["webp", "png"])
def test_an_animated_picture_is_a_clip(tmp_path, ending):
    path = tmp_path / f"moving.{ending}"
    slides = [Image.fromarray(p) for p in pictures(3)]
    options = {"lossless": True} if ending == "webp" else {}
    lengths = [100, 100, 700]
    slides[0].save(path, save_all=True, append_images=slides[1:], duration=lengths, **options)
    with open_source(path) as source:
        found = list(source)
    assert [t for t, _ in found] == [0, Fraction(1, 10), Fraction(1, 5)]
    assert (source.clip.rate, source.last) == (10, Fraction(7, 10))
    assert all(np.array_equal(a, b) for (_, a), b in zip(found, pictures(3)))


def test_a_document_of_several_pages_is_its_first_with_a_word(tmp_path):
    pages = [Image.fromarray(p) for p in pictures(2)]
    pages[0].save(tmp_path / "scan.tiff", save_all=True, append_images=pages[1:])
    source, times = read(tmp_path / "scan.tiff")
    assert len(times) == 1
    assert source.notes == [f"{tmp_path / 'scan.tiff'}: the first of its 2 pages is read"]


def test_names_are_neither_protocols_nor_patterns(tmp_path):
    data = write_clip(tmp_path / "clip.mp4", pictures(2)).read_bytes()
    (tmp_path / "a001.mp4").write_bytes(b"another")
    names = ["10:30", "a%03d", "-x", "concat:a|b", "a?*", "x" * 245]
    for name in (f"{name}.mp4" for name in names):
        (tmp_path / name).write_bytes(data)
        assert len(read(tmp_path / name)[1]) == 2
    with pytest.raises(MediaError, match="no such file"):
        open_source("http://127.0.0.1/clip.mp4")
