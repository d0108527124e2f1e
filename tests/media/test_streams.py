"""Containers as people have them: which stream, at what rate, at which times, to what end."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.clips import HEIGHT, WIDTH, pictures, write_clip
from tests.coding import encode
from tsplat.errors import MediaError
from tsplat.files.decoding import decode
from tsplat.files.run import Run
from tsplat.media.clip import Source
from tsplat.media.source import open_source
from tsplat.media.timing import Clock, estimated_rate, small_rate


def read(path: Path) -> tuple[Source, list[Fraction], list[np.ndarray]]:
    with open_source(path) as source:
        found = list(source)
    return source, [t for t, _ in found], [p for _, p in found]


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Types and whole boxes of ISO 14496-12, on one level."""
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        found.append((kind, data[at : at + size]))
        at += size
    return found


def with_cover(path: Path, first: bool) -> Path:
    """An MP4 of eight frames with a cover, stored before the track or behind it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for k, picture in enumerate(pictures(8)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        red = av.VideoFrame.from_ndarray(np.full((32, 32, 3), (255, 0, 0), np.uint8), "rgb24")
        container.mux(cover.encode(red))
        container.mux(cover.encode(None))
    if first:
        parts = dict(boxes(path.read_bytes()))
        inner = dict(boxes(parts[b"moov"][8:]))
        order = [b"mvhd", b"udta", b"trak"]
        moov = b"".join(inner[kind] for kind in order if kind in inner)
        parts[b"moov"] = struct.pack(">I4s", len(moov) + 8, b"moov") + moov
        path.write_bytes(b"".join(parts.values()))
    return path


@pytest.mark.parametrize("first", [False, True])
def test_a_cover_is_not_the_video(tmp_path, first):
    source, _, shown = read(with_cover(tmp_path / "song.mp4", first))
    assert len(shown) == 8
    assert (source.clip.width, source.clip.height) == (WIDTH, HEIGHT)


def test_a_cover_alone_is_no_video(tmp_path):
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44100)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        red = av.VideoFrame.from_ndarray(np.full((32, 32, 3), (255, 0, 0), np.uint8), "rgb24")
        container.mux([*cover.encode(red), *cover.encode(None)])
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 2304), np.int16), "s16p", "mono")
        silence.sample_rate = 44100
        container.mux([*sound.encode(silence), *sound.encode(None)])
    with pytest.raises(MediaError, match="a cover picture and no video"):
        open_source(path)


def test_of_several_videos_the_one_that_players_show_is_read(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=30) for _ in range(2)]
        for stream, size in zip(streams, ((32, 32), (WIDTH, HEIGHT))):
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
        streams[0].disposition = av.stream.Disposition(0)
        streams[1].disposition = av.stream.Disposition.default
        for k in range(3):
            for stream in streams:
                picture = pictures(1, stream.width, stream.height)[0]
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = k
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    assert read(path)[0].clip.width == WIDTH


def test_a_rate_that_is_a_clock_s_fineness_is_estimated(tmp_path):
    """Browsers and webcams write milliseconds, which jitter, and no rate."""
    rng = np.random.default_rng(0)
    times = [Fraction(int(33 * k + rng.integers(-4, 5)), 1) for k in range(20)]
    path = write_clip(
        tmp_path / "call.webm",
        pictures(20),
        codec="libvpx",
        rate=Fraction(1000),
        times=times,
        options={"deadline": "realtime"},
    )
    source, shown, _ = read(path)
    assert 25 <= source.clip.rate <= 31
    assert [float(t) for t in shown] == pytest.approx(
        [float(t - times[0]) / 1000 for t in times], abs=0.002
    )


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        ([0, 40, 80, 120, 160], 25),
        ([0, 33, 67, 100, 133, 1900], 30),
        ([0, 100, 200, 300], 10),
        ([0, 17, 33, 50], 60),
        ([0, 41, 83, 125, 166, 208], 24),
    ],
)
def test_estimated_rates(times, rate):
    found = estimated_rate([Fraction(t, 1000) for t in times])
    assert float(found) == pytest.approx(rate, rel=0.002)
    assert estimated_rate([Fraction(0)]) is None


@pytest.mark.parametrize("rate", ["10000000/333333", "4294967291/143165577", "1/4294967295", "30"])
def test_rates_of_large_terms_reach_every_output(tmp_path, rate):
    exact = Fraction(rate)
    small = small_rate(exact)
    assert max(small.numerator, small.denominator) * 1000 <= 10**9
    if exact > 1:
        assert abs(small / exact - 1) * 3600 < 0.001
    clip = write_clip(tmp_path / "clip.mkv", pictures(3))
    out = tmp_path / "clip.tsplat"
    encode(clip, out, gaussians=20)
    data = bytearray(out.read_bytes())
    terms = (min(exact.numerator, 2**31 - 1), min(exact.denominator, 2**31 - 1))
    data[16:24] = struct.pack("<II", *terms)
    data[52:56] = struct.pack("<I", zlib.crc32(data[:52]))
    out.write_bytes(data)
    if exact > 1:
        for ending in ("mp4", "mkv", "webm", "mov", "y4m"):
            made = decode(out, tmp_path / f"out.{ending}", run=Run(overwrite=True))
            assert made["frames"] == 3


def test_recordings_that_were_joined_go_on(tmp_path):
    parts = []
    for k in range(2):
        path = write_clip(tmp_path / f"{k}.ts", pictures(10), options={"bf": "0"})
        parts.append(path.read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    source, times, _ = read(tmp_path / "joined.ts")
    assert len(times) == 20
    assert np.diff([float(t) for t in times]) == pytest.approx([1 / 30] * 19, abs=0.002)
    assert any("jumps back at frame 10" in note for note in source.notes)
    assert source.warnings == []


def test_reordered_frames_without_times_of_their_own_are_even(tmp_path):
    path = write_clip(tmp_path / "b.avi", pictures(12), options={"bf": "3", "crf": "20"})
    source, times, _ = read(path)
    assert len(times) == 12
    assert np.diff([float(t) for t in times]) == pytest.approx([1 / 30] * 11, abs=0.001)
    assert source.notes == []


def test_a_clock_that_jumps_far_is_taken_as_going_on(tmp_path):
    far = [Fraction(0), *(Fraction(20 * 24 * 3600 * 30 + k) for k in range(4))]
    path = write_clip(tmp_path / "jump.mkv", pictures(5), times=far, options={"bf": "0"})
    source, times, _ = read(path)
    assert float(times[-1]) == pytest.approx(4 / 30, abs=0.002)
    assert "jumps forward by 1728000 s at frame 1" in source.notes[0]
    assert source.warnings == []
    out = tmp_path / "out.tsplat"
    assert encode(path, out, gaussians=20)["duration_s"] == pytest.approx(5 / 30, abs=0.01)
    assert decode(out, tmp_path / "out.mkv")["frames"] == 5


def test_a_clock_counts_stamps_of_any_kind():
    clock = Clock(Fraction(10))
    stamps = [5, Fraction(51, 10), None, Fraction(53, 10), 9000, Fraction(90001, 10), 3]
    shown = [clock.show(None if s is None else Fraction(s)) for s in stamps]
    assert [float(t) for t in shown] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert [frame for frame, _ in clock.jumps] == [4, 6]


def test_the_last_picture_is_shown_as_long_as_it_was(tmp_path):
    path = tmp_path / "slides.gif"
    slides = [Image.fromarray(p) for p in pictures(4)]
    slides[0].save(path, save_all=True, append_images=slides[1:], duration=[100, 100, 100, 1500])
    source, times, _ = read(path)
    assert source.clip.rate == 10
    assert (times[-1], source.last) == (Fraction(3, 10), Fraction(3, 2))
    out = tmp_path / "slides.tsplat"
    assert encode(path, out, gaussians=20)["duration_s"] == pytest.approx(1.8)
    decode(out, tmp_path / "slides.mp4")
    with av.open(str(tmp_path / "slides.mp4")) as made:
        assert made.duration / 1e6 == pytest.approx(1.8, abs=0.01)


def test_an_edit_list_that_hides_frames_is_no_damage(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", pictures(30), gop=12)
    cut = tmp_path / "cut.mp4"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            # Frames before 0 are hidden by an edit list.
            shift = round(Fraction(6, 30) / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = stream
            made.mux(packet)
    source, times, _ = read(cut)
    assert len(times) == 24
    assert source.warnings == []


@pytest.mark.parametrize("ending", ["mkv", "mp4", "y4m"])
def test_what_breaks_off_is_said(tmp_path, ending):
    whole = tmp_path / f"whole.{ending}"
    if ending == "y4m":
        frame = b"FRAME\n" + bytes(WIDTH * HEIGHT * 3 // 2)
        head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 C420jpeg\n".encode()
        whole.write_bytes(head + frame * 20)
    else:
        write_clip(whole, pictures(20))
    assert read(whole)[0].warnings == []
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 6 // 10])
    source, times, _ = read(whole)
    assert 5 < len(times) < 20
    assert len(source.warnings) == 1


def test_the_container_s_pixel_aspect_counts_before_the_bitstream_s(tmp_path):
    path = write_clip(tmp_path / "wide.mp4", pictures(3))
    data = bytearray(path.read_bytes())
    at = data.index(b"pasp") + 4
    data[at : at + 8] = struct.pack(">II", 4, 3)
    path.write_bytes(data)
    assert read(path)[0].clip.aspect == Fraction(4, 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes")
@pytest.mark.parametrize("ending", ["mkv", "ts", "y4m"])
def test_a_named_pipe_is_read_as_a_stream(tmp_path, ending):
    clip = write_clip(tmp_path / "clip.mkv", pictures(6))
    if ending == "y4m":
        out = tmp_path / "clip.tsplat"
        encode(clip, out, gaussians=20)
        decode(out, tmp_path / "clip.y4m")
    elif ending == "ts":
        write_clip(tmp_path / "clip.ts", pictures(6))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    data = (tmp_path / f"clip.{ending}").read_bytes()
    writing = threading.Thread(target=lambda: fifo.write_bytes(data))
    writing.start()
    assert len(read(fifo)[1]) == 6
    writing.join()


def test_sound_is_left_out_with_a_word(tmp_path):
    path = tmp_path / "talk.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=44100)
        for k, picture in enumerate(pictures(3)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        container.mux([*stream.encode(None), *sound.encode(silence), *sound.encode(None)])
    assert read(path)[0].notes == [f"{path}: its sound is not coded"]
    assert encode(path, tmp_path / "out.tsplat", gaussians=20)["notes"] == read(path)[0].notes


def test_uneven_times_are_lost_in_y4m_with_a_word(tmp_path):
    times = [Fraction(t) for t in (0, 1, 2, 9, 10)]
    clip = write_clip(tmp_path / "slow.mkv", pictures(5), times=times)
    out = tmp_path / "slow.tsplat"
    encode(clip, out, gaussians=20, max_span=1)
    assert "one rate" in decode(out, tmp_path / "slow.y4m")["notes"][0]
    assert decode(out, tmp_path / "slow.mkv", run=Run(overwrite=True))["notes"] == []


def test_standard_input_takes_more_than_y4m(tmp_path):
    clip = write_clip(tmp_path / "clip.ts", pictures(5))
    program = "from tsplat.media.source import open_source\nprint(len(list(open_source('-'))))\n"
    import sys

    done = subprocess.run(
        [sys.executable, "-c", program], input=clip.read_bytes(), capture_output=True, check=True
    )
    assert done.stdout == b"5\n"
