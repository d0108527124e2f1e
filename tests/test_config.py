"""Settings are validated where they are made."""

from __future__ import annotations

import pytest

from tsplat.config import EncoderConfig, FitConfig, default_gaussians, preset
from tsplat.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gaussians": 0}, "gaussians: got 0, expected 1..65535"),
        ({"gop": 0}, "gop: got 0, expected 1..65535"),
        ({"gop": 70000}, "gop: got 70000"),
        ({"threshold": float("nan")}, "threshold: got nan"),
        ({"threshold": -1}, "threshold: got -1"),
        ({"threshold": 256}, "threshold: got 256, expected 0..255"),
        ({"gaussians": 65536}, "gaussians: got 65536"),
        ({"seed": -1}, "seed: got -1"),
        ({"init": "magic"}, "init: got 'magic'"),
        ({"background": "beach"}, "background: got 'beach', expected one of splats, none, blur"),
        ({"backdrop": (0, 256, 0)}, "backdrop: got 256, expected 0..255"),
        ({"backdrop": (0.5, 0, 0)}, "backdrop: got 0.5"),
        ({"background": "video", "background_kbps": 0}, "background-kbps: got 0"),
        ({"background_kbps": 10.0}, "background-kbps: only for a background of video"),
        ({"psnr": 0.5}, "psnr: got 0.5, expected 1..60"),
        ({"psnr": float("inf")}, "psnr: got inf"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        preset("fast", **settings)


def test_unknown_presets_are_refused():
    with pytest.raises(ConfigError, match="expected fast or slow"):
        preset("furious")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("iterations", 1, 100_000),
        ("rate", 0, 1),
        ("colour_rate", 0, 1),
        ("final", 0, 1),
        ("densify", 0, 100),
        ("presolve", 0, 100),
        ("solve", 0, 100),
        ("target_db", 1, 60),
    ],
)
def test_fits_have_bounds(name, low, high):
    for legal in (low, high):
        assert getattr(FitConfig(**{"iterations": 1, name: legal}), name) == legal
    for illegal in (low - 1, high + 1, float("nan")):
        with pytest.raises(ConfigError, match=f"got {illegal}, expected {low}..{high}"):
            FitConfig(**{"iterations": 1, name: illegal})


def test_presets_differ_in_effort_alone():
    fast, slow = preset("fast"), preset("slow", gop=7)
    assert slow.intra.iterations > fast.intra.iterations
    assert slow.inter.iterations > fast.inter.iterations
    assert (slow.steps, slow.threshold, slow.gop) == (fast.steps, fast.threshold, 7)
    assert fast == EncoderConfig()


def test_a_target_reaches_both_fits():
    config = preset("slow", psnr=31.0)
    assert config.intra.target_db == config.inter.target_db == 31.0


def test_more_pixels_get_more_splats():
    sizes = ((0, 0), (1, 1), (160, 90), (640, 360), (3840, 2160))
    counts = [default_gaussians(w * h) for w, h in sizes]
    assert counts == sorted(counts)
    assert counts[:2] == [1, 1]
    assert counts[3] == 1000
    assert default_gaussians(0.3 * 640 * 360) < default_gaussians(640 * 360)
