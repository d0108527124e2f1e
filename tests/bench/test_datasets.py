"""Data sets of which users have copies: what is found of them, and raw pictures read."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import pictures, psnr
from tsplat.bench.datasets import clips_in, readable
from tsplat.errors import ConfigError, MediaError
from tsplat.media.source import open_source

VCD = "54e9f7b6a15b07e90b4836eb6ffb58ae_1920x1080_30"


def made(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_a_dataset_is_known_by_the_names_of_its_clips(tmp_path):
    made(tmp_path, "Johnny_1280x720_60.yuv", "FourPeople_1280x720_60.y4m", "Vidyo1_1280x720_60.yuv")
    about, clips = clips_in(tmp_path)
    assert about == "Class E, 2 of 3 clips, as .y4m, .yuv"
    assert [c.name for c in clips] == ["FourPeople_1280x720_60.y4m", "Johnny_1280x720_60.yuv"]


def test_sources_go_before_recodings(tmp_path):
    made(tmp_path, f"mp4/th/{VCD}.mp4", f"yuv/th/{VCD}.yuv", "readme.mp4")
    about, clips = clips_in(tmp_path)
    assert about == "VCD, 1 of 160 clips, as .yuv"
    assert clips == [tmp_path / f"yuv/th/{VCD}.yuv"]


def test_none_or_two_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no clip, expected VCD or Class E"):
        clips_in(tmp_path)
    made(tmp_path, f"{VCD}.mp4", "Johnny_1280x720_60.yuv")
    with pytest.raises(ConfigError, match="more than one"):
        clips_in(tmp_path)


def raw(path: Path, frames: list[np.ndarray]) -> Path:
    planes = [av.VideoFrame.from_ndarray(f, "rgb24").reformat(format="yuv420p") for f in frames]
    path.write_bytes(b"".join(p.to_ndarray().tobytes() for p in planes))
    return path


def test_raw_pictures_are_read_as_their_name_says(tmp_path):
    frames = pictures(5, 96, 54)
    clip = raw(tmp_path / "talk_96x54_60.yuv", frames)
    with readable(clip, 3) as path, open_source(path) as source:
        assert source.clip.rate == 60
        shown = [picture for _, picture in islice(source, 9)]
    assert len(shown) == 3
    assert all(psnr(a, b) > 28 for a, b in zip(shown, frames))
    assert not path.exists()


def test_raw_pictures_without_a_size_are_refused(tmp_path):
    with pytest.raises(MediaError, match="_1280x720_60"), readable(tmp_path / "a.yuv", 1):
        pass


def test_other_files_are_themselves(tmp_path):
    with readable(tmp_path / "a.mp4", 1) as path:
        assert path == tmp_path / "a.mp4"
