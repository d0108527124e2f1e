"""Pictures out: what is written reads back, and nothing half-written stays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import HEIGHT, WIDTH, pictures, psnr
from tsplat.errors import MediaError
from tsplat.media.clip import Clip
from tsplat.media.sink import open_sink
from tsplat.media.source import open_source

RATE = Fraction(30000, 1001)
CLIP = Clip(WIDTH, HEIGHT, RATE, Fraction(4, 3), (1, 1, 1))


@pytest.fixture(scope="module")
def original() -> list[np.ndarray]:
    return pictures(4)


@pytest.fixture(scope="module")
def transparent(original) -> list[np.ndarray]:
    """The same with alpha: a soft ellipse that moves, opaque inside, clear outside."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frames = []
    for k, frame in enumerate(original):
        far = np.hypot(x - 40 - 3 * k, y - 27)
        frames.append(np.dstack([frame, np.uint8(np.clip(20 * (24 - far), 0, 255))]))
    return frames


def write(path: str, frames: list[np.ndarray], clip: Clip = CLIP, **options) -> None:
    with open_sink(path, clip, **options) as sink:
        for k, frame in enumerate(frames):
            sink.write(frame, k / clip.rate)
        sink.close(len(frames) / clip.rate)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "y4m"])
def test_videos_read_back(tmp_path, original, ending):
    path = tmp_path / f"out.{ending}"
    write(str(path), original)
    with open_source(path) as source:
        got = list(source)
    assert source.clip.rate == RATE
    assert source.clip.aspect == Fraction(4, 3)
    assert len(got) == len(original)
    floor = 45 if ending == "y4m" else 30
    assert min(psnr(a, b) for (_, a), b in zip(got, original)) > floor


def test_webm_reads_back(tmp_path, original):
    path = tmp_path / "out.webm"
    write(str(path), original)
    with open_source(path) as source:
        got = list(source)
    assert source.clip.rate == RATE
    assert len(got) == len(original)
    assert min(psnr(a, b) for (_, a), b in zip(got, original)) > 30


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_times_and_duration_are_kept(tmp_path, original, ending):
    path = tmp_path / f"out.{ending}"
    with open_sink(str(path), CLIP) as sink:
        for frame, at in zip(original, (0, 1, 4, 5)):
            sink.write(frame, at / RATE)
        sink.close(8 / RATE)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [f.pts * f.time_base * RATE for f in container.decode(stream)]
        assert [round(float(t), 2) for t in times] == [0, 1, 4, 5]
        assert float(stream.duration * stream.time_base * RATE) == pytest.approx(8, abs=0.02)


@pytest.mark.parametrize("alpha", [False, True])
def test_webm_keeps_times_and_duration(tmp_path, original, transparent, alpha):
    path = tmp_path / "out.webm"
    with open_sink(str(path), CLIP, alpha=alpha) as sink:
        for frame, at in zip(transparent if alpha else original, (0, 1, 4, 5)):
            sink.write(frame, at / RATE)
        sink.close(8 / RATE)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        times = [float(p.pts * p.time_base * RATE) for p in packets]
        assert times == pytest.approx([0, 1, 4, 5], abs=0.02)
        lengths = [float(p.duration * p.time_base * RATE) for p in packets]
        assert lengths == pytest.approx([1, 3, 1, 3], abs=0.02)


@pytest.mark.parametrize("ending", ["mp4", "mov", "webm"])
def test_odd_sizes_are_written_whole(tmp_path, original, ending):
    odd = [np.ascontiguousarray(f[:-1, :-1]) for f in original]
    path = tmp_path / f"out.{ending}"
    write(str(path), odd, Clip(WIDTH - 1, HEIGHT - 1, Fraction(30)))
    with open_source(path) as source:
        got = next(iter(source))[1]
    assert got.shape == (HEIGHT - 1, WIDTH - 1, 3)
    assert psnr(got, odd[0]) > 30


def read_alpha(path: Path) -> list[np.ndarray]:
    """(H, W, 4) uint8, straight alpha, of a video written here; FFmpeg's own VP9 drops it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        vp9 = stream.codec_context.name == "vp9"
        decoder = av.CodecContext.create("libvpx-vp9", "r") if vp9 else stream.codec_context
        frames = []
        for packet in container.demux(stream):
            frames += decoder.decode(packet if packet.size else None)
    return [f.reformat(format="rgba", src_colorspace=5).to_ndarray() for f in frames]


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize(("ending", "floor"), [("webm", 30), ("mov", 45)])
def test_videos_keep_alpha(tmp_path, transparent, ending, floor, odd):
    frames = [np.ascontiguousarray(f[:-1, :-1]) for f in transparent] if odd else transparent
    height, width = frames[0].shape[:2]
    path = tmp_path / f"out.{ending}"
    write(str(path), frames, Clip(width, height, RATE), alpha=True)
    got = read_alpha(path)
    assert len(got) == len(frames)
    for a, b in zip(got, frames):
        assert a.shape == b.shape
        assert psnr(a[..., :3], b[..., :3]) > floor
        assert np.abs(a[..., 3].astype(int) - b[..., 3]).max() <= 8
        # What is opaque or clear stays so, but for a grey level or two.
        assert a[..., 3][b[..., 3] == 255].min() >= 252
        assert a[..., 3][b[..., 3] == 0].max() <= 3


def test_a_folder_of_png_keeps_alpha_exactly(tmp_path, transparent):
    write(str(tmp_path / "out"), transparent, alpha=True)
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == len(transparent)
    for file, expected in zip(files, transparent):
        with av.open(str(file)) as container:
            frame = next(container.decode(video=0))
        assert frame.format.name == "rgba"
        assert np.array_equal(frame.to_ndarray(), expected)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.y4m", "out.rgb", "-"])
def test_what_has_no_alpha_is_refused_with_what_has(tmp_path, transparent, name):
    path = name if name == "-" else str(tmp_path / name)
    with pytest.raises(MediaError, match=r"^.*use \.webm, \.mov or a folder$"):
        write(path, transparent, alpha=True)
    assert list(tmp_path.iterdir()) == []


def test_raw_frames_are_exact(tmp_path, original):
    path = tmp_path / "out.rgb"
    write(str(path), original)
    assert path.read_bytes() == b"".join(f.tobytes() for f in original)


def test_a_folder_of_png_is_exact(tmp_path, original):
    write(str(tmp_path / "out"), original)
    with open_source(tmp_path / "out") as source:
        assert all(np.array_equal(a, b) for (_, a), b in zip(source, original))


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.mov", "out.y4m", "out.rgb", "out"])
def test_a_failure_leaves_nothing(tmp_path, original, name):
    with pytest.raises(RuntimeError), open_sink(str(tmp_path / name), CLIP) as sink:
        _write_and_fail(sink, original[0])
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_kept_unless_told(tmp_path, original):
    path = tmp_path / "out.rgb"
    path.write_text("precious")
    with pytest.raises(MediaError, match="exists already"):
        write(str(path), original)
    assert path.read_text() == "precious"
    write(str(path), original, overwrite=True)
    assert path.stat().st_size == sum(f.nbytes for f in original)


def test_unknown_endings_and_folders_are_refused(tmp_path, original):
    with pytest.raises(MediaError, match=r"cannot write \.avi"):
        write(str(tmp_path / "out.avi"), original)
    with pytest.raises(MediaError, match="does not exist"):
        write(str(tmp_path / "nowhere" / "out.mp4"), original)


def _write_and_fail(sink, picture: np.ndarray) -> None:
    sink.write(picture, Fraction(0))
    raise RuntimeError
