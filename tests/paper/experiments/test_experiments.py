"""The other experiments, on a small clip."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.clips import pictures as portrait
from tsplat.kernels.canvas import Canvas
from tsplat.paper.experiments import encodings, latency, pictures, quantisation, rates, shimmer
from tsplat.paper.experiments.result import Clip, Result

EXPERIMENTS = (
    latency.latency,
    rates.rates,
    rates.rate_distortion,
    pictures.pictures,
    quantisation.quantisation,
    shimmer.shimmer,
)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip("talk", portrait(6, 96, 54), Fraction(30))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(encodings, "_QUICK_TRAINING", 20)
    monkeypatch.setattr(rates, "QUICK_COUNTS", (20, 80))
    monkeypatch.setattr(rates, "_QUICK_BASELINE", (20, 80, 320))


def test_one_tiny_frame_is_nothing_to_experiment_on():
    clip = Clip("dot", [np.zeros((16, 16, 3), np.uint8)], Fraction(30))
    for experiment in EXPERIMENTS:
        result = experiment(clip, True)
        assert result.not_run, result.name
        assert [result.tables, result.figures, result.values] == [[], [], {}]


def check_form(result: Result) -> None:
    assert not result.not_run
    assert result.tables
    for table in result.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    for figure in result.figures:
        assert cv2.imdecode(np.frombuffer(figure.png, np.uint8), 1) is not None


def test_rates(clip, small):
    result = rates.rates(clip, True)
    check_form(result)
    rows = {(name, splats): rest for name, splats, *rest in result.tables[1].rows}
    assert {name for name, _ in rows} == {
        *("tsplat", "tsplat, --preset paper", "GaussianImage, account", "GaussianImage, stream")
    }
    # GaussianImage's curve reaches the quality of 20 splats, and not that of 80.
    few, many = (rows["tsplat", count][2] for count in (20, 80))
    assert many is None
    assert (result.values["points"], result.values["bits_saved"]) == (1, few)
    assert 0.5 < result.values["bits_saved_at_least"] < few < 1


def test_savings_are_interpolated_and_never_beyond_the_curve(clip):
    theirs = [
        encodings.Alone(n, 10.0 * n, 12.0 * n, db, db + 1) for n, db in ((10, 15.0), (40, 25.0))
    ]
    found = encodings.ours(clip, "fast", gaussians=40)
    middle = encodings.Coding(60, found.quality, 1, 1)
    assert 15 < found.quality.psnr_db < 25
    share = (found.quality.psnr_db - 15) / 10
    size = 6 * 100 * 4**share
    assert rates.saved(clip, middle, theirs) == pytest.approx(1 - 60 / size, rel=1e-3)
    assert rates.saved_at_least(clip, middle, theirs) < rates.saved(clip, middle, theirs)
    assert rates.saved(clip, middle, theirs[:1]) is None


def test_rate_and_distortion(clip, small):
    result = rates.rate_distortion(clip, True)
    check_form(result)
    by_name: dict = {}
    for name, bpp, psnr in result.tables[0].rows:
        by_name.setdefault(name, []).append((bpp, psnr))
    assert {"tsplat fast", "tsplat slow", "x264 medium"} <= set(by_name)
    for points in by_name.values():
        assert points[0][1] < points[-1][1]


def test_latency_and_shimmer(clip):
    result = latency.latency(clip, True)
    check_form(result)
    measured = {row[0]: row[1:] for row in result.tables[0].rows}
    assert all(value > 0 for value in (*measured["tsplat fast"], *measured["x264"][:2]))
    assert measured["svtav1-p8"] == [None] * 6
    restless = shimmer.shimmer(clip, True)
    check_form(restless)
    predicted = [restless.values[name] for name in ("fast", "slow", "paper")]
    assert max(predicted) < restless.values["I-frames"] / 4


def test_quantisation(clip):
    result = quantisation.measure(clip.frames[0], [60, 120], (40,), 30)
    check_form(result)
    assert result.values["qat_gain_db"] > 0
    assert result.values["solve_gain_db"] > 0


def test_pictures_after_equal_iterations():
    frame = portrait(1, 192, 108)[0]
    canvas = Canvas(192, 108)
    canvas.set_target(frame)
    canvas.begin()
    errors = []
    for after in (pictures.tsplat_after, pictures.gaussianimage_after):
        shown = after(canvas, frame, 150, 30)
        assert shown.shape == frame.shape
        errors.append(float(np.mean((shown.astype(float) - frame) ** 2)))
    assert errors[0] < 0.3 * errors[1]
