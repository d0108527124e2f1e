"""Settings are validated where they are made."""

from __future__ import annotations

import pytest

from tsplat.config import ANCHOR, EncoderConfig, FitConfig, Quality, RateConfig, Tuning, preset
from tsplat.encoding.control import Control
from tsplat.errors import ConfigError
from tsplat.splats import Steps


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gaussians": 0}, "gaussians: got 0, expected 1..65535"),
        ({"gop": 0}, "gop: got 0, expected 1..65535"),
        ({"gop": 70000}, "gop: got 70000"),
        ({"gaussians": 65536}, "gaussians: got 65536"),
        ({"motion": "waltz"}, "motion: got 'waltz', expected one of flow, grid, none"),
        ({"background": "beach"}, "background: got 'beach', expected one of splats, none, blur"),
        ({"backdrop": (0, 256, 0)}, "backdrop: got 256, expected 0..255"),
        ({"backdrop": (0.5, 0, 0)}, "backdrop: got 0.5"),
        ({"background": "video", "background_kbps": 0}, "background-kbps: got 0"),
        ({"background_kbps": 10.0}, "background-kbps: only for a background of video"),
        ({"psnr": 0.5}, "psnr: got 0.5, expected 1..60"),
        ({"psnr": float("inf")}, "psnr: got inf"),
        ({"crf": 64}, "crf: got 64, expected 0..63"),
        ({"bitrate": 0}, "bitrate: got 0"),
        ({"bitrate": 20, "psnr": 30}, "bitrate and psnr exclude each other"),
        ({"window": 0}, "window: got 0"),
        ({"max_span": 0}, "max_span: got 0, expected 1..255"),
        ({"max_span": 256}, "max_span: got 256"),
        ({"blend": "maximum"}, "blend: got 'maximum', expected one of sum, normalised"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        preset("fast", **settings)


def test_unknown_presets_are_refused():
    with pytest.raises(ConfigError, match="expected one of realtime, fast, slow"):
        preset("furious")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("iterations", 0, 100_000),
        ("rate", 0, 1),
        ("colour_rate", 0, 1),
        ("final", 0, 1),
        ("grow", 0, 100),
        ("presolve", 0, 100),
        ("solve", 0, 100),
    ],
)
def test_fits_have_bounds(name, low, high):
    for legal in (low, high):
        assert getattr(FitConfig(**{"iterations": 1, name: legal}), name) == legal
    for illegal in (low - 1, high + 1, float("nan")):
        with pytest.raises(ConfigError, match=f"got {illegal}, expected {low}..{high}"):
            FitConfig(**{"iterations": 1, name: illegal})


@pytest.mark.parametrize("name", ["intra_passes", "passes", "motion", "added"])
def test_efforts_have_bounds(name):
    fields = {"intra_passes": 1, "passes": 1, "proposal": FitConfig(1), "motion": 1}
    with pytest.raises(ConfigError, match=f"{name}: got -1"):
        RateConfig(**fields | {name: -1})


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("lagrange", 0, 1000), ("intra_lagrange", 0, 1000), ("gaussians", 1, 65535)],
)
def test_tunings_have_bounds(name, low, high):
    for legal in (low, high):
        assert getattr(Tuning(**{name: legal}), name) == legal
    for illegal in (low - 1, high + 1, float("nan")):
        with pytest.raises(ConfigError, match=f"{name}: got {illegal}, expected {low}..{high}"):
            Tuning(**{name: illegal})


def test_presets_differ_in_effort_alone():
    fast, slow = preset("fast"), preset("slow", gop=7)
    assert slow.intra.iterations > fast.intra.iterations
    assert slow.rates.passes > fast.rates.passes
    assert (slow.steps, slow.crf, slow.gop) == (fast.steps, fast.crf, 7)
    assert fast == EncoderConfig()


def test_a_part_of_a_fit_keeps_its_rates():
    part = FitConfig(100, rate=0.07, grow=3, solve=9).part(0.25, 0.4)
    assert (part.iterations, part.final, part.grow) == (25, 0.4, 0)
    assert (part.rate, part.solve) == (0.07, 9)
    assert FitConfig(0).part(0.5, 0.1).iterations == 0


def test_more_pixels_get_more_splats_and_dearer_bits():
    sizes = ((0, 0), (1, 1), (160, 90), (640, 360), (3840, 2160))
    qualities = [Quality.of(30, w * h, Tuning()) for w, h in sizes]
    counts = [q.gaussians for q in qualities]
    assert counts == sorted(counts)
    assert counts[:2] == [1, 1]
    prices = [q.lagrange for q in qualities]
    assert prices == sorted(prices)


def test_a_larger_crf_has_fewer_splats_dearer_bits_and_coarser_steps():
    fine, coarse = (Quality.of(crf, 640 * 360, Tuning()) for crf in (20, 32))
    assert coarse.gaussians < fine.gaussians
    assert coarse.lagrange > fine.lagrange
    assert coarse.steps.mean > fine.steps.mean
    for crf in (0, 63):
        Quality.of(crf, 8192 * 2048, Tuning())


def test_at_the_anchor_a_quality_is_its_tuning():
    tuning = Tuning(0.25, 0.5, 321, Steps(11, 12, 13, 14))
    assert Quality.of(ANCHOR, 640 * 360, tuning) == Quality(0.25, 321, tuning.steps)


def test_bits_of_i_frames_are_priced_apart():
    config = EncoderConfig(tuning=Tuning(lagrange=0.25, intra_lagrange=0.5), crf=ANCHOR)
    control = Control(config, 640 * 360, 30.0)
    assert control.inter(640 * 360) == 0.25
    assert control.intra(640 * 360).lagrange == 0.125


def test_settings_that_are_not_there_are_named():
    with pytest.raises(ConfigError, match=r"no setting gausians; did you mean gaussians"):
        preset("fast", gausians=3)
    with pytest.raises(ConfigError, match=r"crf: got 24, expected 0\.\.63"):
        preset("fast", crf="24")
