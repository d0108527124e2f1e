"""Pictures out: what is written reads back, and nothing half-written stays."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.clips import HEIGHT, WIDTH, pictures, psnr
from tsplat.errors import MediaError
from tsplat.frames.sink import open_sink
from tsplat.frames.source import Clip, open_source

RATE = Fraction(30000, 1001)
CLIP = Clip(WIDTH, HEIGHT, RATE, Fraction(4, 3), (1, 1, 1))


@pytest.fixture(scope="module")
def original() -> list[np.ndarray]:
    return pictures(4)


def write(path: str, frames: list[np.ndarray], clip: Clip = CLIP, **options) -> None:
    with open_sink(path, clip, **options) as sink:
        for k, frame in enumerate(frames):
            sink.write(frame, k / clip.rate)
        sink.close(len(frames) / clip.rate)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "y4m"])
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


def test_mp4_keeps_times_and_duration(tmp_path, original):
    path = tmp_path / "out.mp4"
    with open_sink(str(path), CLIP) as sink:
        for frame, at in zip(original, (0, 1, 4, 5)):
            sink.write(frame, at / RATE)
        sink.close(8 / RATE)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [f.pts * f.time_base * RATE for f in container.decode(stream)]
        assert [round(float(t), 2) for t in times] == [0, 1, 4, 5]
        assert float(stream.duration * stream.time_base * RATE) == pytest.approx(8, abs=0.02)


def test_odd_sizes_are_written_whole(tmp_path, original):
    odd = [np.ascontiguousarray(f[:-1, :-1]) for f in original]
    path = tmp_path / "out.mp4"
    write(str(path), odd, Clip(WIDTH - 1, HEIGHT - 1, Fraction(30)))
    with open_source(path) as source:
        assert next(iter(source))[1].shape == (HEIGHT - 1, WIDTH - 1, 3)


def test_raw_frames_are_exact(tmp_path, original):
    path = tmp_path / "out.rgb"
    write(str(path), original)
    assert path.read_bytes() == b"".join(f.tobytes() for f in original)


def test_a_folder_of_png_is_exact(tmp_path, original):
    write(str(tmp_path / "out"), original)
    with open_source(tmp_path / "out") as source:
        assert all(np.array_equal(a, b) for (_, a), b in zip(source, original))


@pytest.mark.parametrize("name", ["out.mp4", "out.y4m", "out.rgb", "out"])
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
