"""GaussianImage's quantisers and stream."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import pictures
from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.errors import BitstreamError
from tsplat.kernels.canvas import Canvas
from tsplat.paper.experiments.gaussianimage import LEVELS, Quantisers, pack, unpack


@pytest.fixture(scope="module")
def trained() -> tuple[Canvas, Quantisers, float, float]:
    """Quantisers before and after training, and the squared errors."""
    frame = pictures(1)[0]
    canvas = Canvas(96, 54)
    canvas.set_target(frame)
    canvas.begin()
    fitted = fit(canvas, superpixel(frame, 120), FitConfig(100, presolve=3))
    quantisers = Quantisers(fitted, 96, 54)
    before = error(canvas, quantisers)
    quantisers.train(canvas, 300)
    return canvas, quantisers, before, error(canvas, quantisers)


def error(canvas: Canvas, quantisers: Quantisers) -> float:
    canvas.load(quantisers.coded().splats(96, 54).params)
    return canvas.squared_error()


def test_training_lowers_the_error_of_what_is_shown(trained):
    _, _, before, after = trained
    assert after < 0.8 * before


def test_a_stream_comes_back_whole(trained):
    coded = trained[1].coded()
    found = unpack(pack(coded))
    for name in ("means", "shapes", "scale", "offset", "colours", "codebooks"):
        assert np.array_equal(getattr(found, name), getattr(coded, name)), name
    assert np.array_equal(found.splats(96, 54).params, coded.splats(96, 54).params)


def test_shapes_have_six_bits_and_colours_two_entries_of_eight(trained):
    coded = trained[1].coded()
    assert coded.shapes.max() <= LEVELS
    assert coded.colours.max() < 8
    assert coded.codebooks.shape == (2, 8, 3)
    assert coded.means.dtype == np.float16


def test_the_account_is_that_of_the_release(trained):
    tables = 2 * 8 * 3 * 32 + 6 * 32
    assert trained[1].coded().account == pytest.approx((120 * 56 + tables) / 8)


def test_streams_of_one_value_and_streams_cut_off():
    coded = Quantisers(superpixel(np.full((40, 60, 3), 90, np.uint8), 16), 60, 40).coded()
    data = pack(coded)
    assert np.array_equal(unpack(data).shapes, coded.shapes)
    for bad in (data[:5], data[:-1], data + b"\0"):
        with pytest.raises(BitstreamError):
            unpack(bad)
