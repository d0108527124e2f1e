"""Odd clips, and qualities that cannot be reached: the closest file, and a word about it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tsplat as tsplat_api
from tests.cli.commands import fails, tsplat
from tests.clips import HEIGHT, WIDTH, pictures, psnr, write_clip
from tsplat.config import FitConfig
from tsplat.paper.codec import codec

SHARED = ("--json", "--quiet", "--overwrite", "--arch", "cpu", "--roi", "off")


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(count)]


CLIPS = {
    "one": lambda: pictures(1),
    "black": lambda: [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 8,
    "noise": lambda: noise(4),
    "tiny": lambda: pictures(6, 16, 16),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("limits")
    for name, make in CLIPS.items():
        write_clip(folder / f"{name}.mkv", make())
    write_clip(folder / "talk.mkv", pictures(9))
    return folder


def encoded(folder: Path, name: str, *words: object) -> tuple[dict, str]:
    """The result, and what was said on stderr."""
    out = folder / f"{name}.tsplat"
    result = tsplat("encode", folder / f"{name}.mkv", out, *SHARED, *words)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout), result.stderr.decode()


@pytest.mark.parametrize("name", CLIPS)
def test_odd_clips_are_encoded_and_decoded(folder, name):
    result, said = encoded(folder, name)
    assert result["frames"] == len(CLIPS[name]())
    assert said == ""
    raw = folder / f"{name}.rgb"
    words = ("--json", "--overwrite", "--arch", "cpu")
    answer = tsplat("decode", folder / f"{name}.tsplat", raw, *words)
    assert answer.returncode == 0
    frames = np.fromfile(raw, np.uint8).reshape(result["frames"], -1)
    if name == "black":
        assert not frames.any()


@pytest.mark.parametrize("name", ["black", "talk", "noise"])
def test_a_bit_rate_below_what_is_possible_is_approached_with_a_warning(folder, name):
    result, said = encoded(folder, name, "--bitrate", "0.2k")
    plain, _ = encoded(folder, name)
    assert result["bytes"] <= plain["bytes"]
    assert said.count("\n") == 1
    assert f"{result['kbit_s']:.1f} kbit/s, more than the 0.2 asked for" in said
    assert [said.strip()] == [f"tsplat: {warning}" for warning in result["warnings"]]


@pytest.mark.parametrize(
    ("name", "words"),
    [("noise", ("--psnr", 60, "--frames", 1)), ("talk", ("--psnr", 35, "--set", "gaussians=10"))],
)
def test_a_psnr_beyond_what_is_possible_is_approached_with_a_warning(folder, name, words):
    result, said = encoded(folder, name, *words)
    assert said.count("\n") == 1
    assert f"PSNR {result['psnr_db']:.2f} dB, less than the {words[1]} asked for" in said


def test_a_bit_rate_with_nothing_to_spend_it_on_is_said(folder):
    result, said = encoded(folder, "talk", "--bitrate", "2000k")
    assert f"{result['kbit_s']:.1f} kbit/s, less than the 2000 asked for" in said


def test_what_is_reached_is_not_warned_of(folder):
    for words in (("--psnr", 15), ("--crf", 63)):
        result, said = encoded(folder, "talk", *words)
        assert said == ""
        assert result["warnings"] == []


@pytest.mark.slow
def test_a_large_picture_is_encoded_and_decoded(tmp_path):
    """4096x2160, with the shortest of fits: what a machine may take a minute for otherwise."""
    frames = [np.kron(f, np.ones((16, 16, 1), np.uint8)) for f in pictures(2, 256, 135)]
    fit = FitConfig(2, solve=2)
    config, ways = codec(gaussians=3000, intra=fit)
    encoded = tsplat_api.encode_clip(frames, config, ways=ways)
    (tmp_path / "large.tsplat").write_bytes(encoded.stream)
    raw = tmp_path / "large.rgb"
    answer = tsplat("decode", tmp_path / "large.tsplat", raw, "--json", "--arch", "cpu")
    assert json.loads(answer.stdout)["frames"] == 2
    shown = np.fromfile(raw, np.uint8).reshape(2, 2160, 4096, 3)
    assert all(psnr(a, b) > 15 for a, b in zip(shown[:, ::8, ::8], (f[::8, ::8] for f in frames)))


def test_a_picture_beyond_the_limit_is_refused_in_a_line(tmp_path):
    clip = tmp_path / "clip"
    clip.mkdir()
    Image.new("RGB", (8192, 2049)).save(clip / "0.png")
    words = ("8192x2049 is too large", "16777216 pixels")
    fails(tsplat("encode", clip, tmp_path / "no.tsplat"), 1, *words)
    assert not (tmp_path / "no.tsplat").exists()
