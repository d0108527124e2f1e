"""Splats of the networks: as many as asked, near what they should show, and errors of one line."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.clips import pictures, psnr
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.init.superpixel import superpixel
from tsplat.errors import ModelError
from tsplat.kernels.canvas import Canvas
from tsplat.paper import regressor as module
from tsplat.paper.cells import cells
from tsplat.paper.regressor import corrected, regressor
from tsplat.paper.scatter import scatter


@pytest.mark.parametrize("start", [regressor, corrected])
@pytest.mark.parametrize(("width", "height"), [(96, 54), (16, 16), (1, 1), (200, 9)])
@pytest.mark.parametrize("count", [1, 7, 150])
def test_there_are_as_many_as_asked(start, width, height, count):
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    params = start(frame, count).params
    assert params.shape == (count, 8)
    assert params.dtype == np.float32
    assert np.isfinite(params).all()
    assert (params[:, [2, 4]] > 0).all()


@pytest.mark.parametrize("start", [regressor, corrected])
def test_splats_lie_in_the_region(start):
    frame = pictures(1)[0]
    weight = np.zeros(frame.shape[:2], np.float32)
    weight[10:40, 30:70] = 1
    x, y = start(frame, 60, weight).params[:, :2].T
    assert len(x) == 60
    assert ((x > 25) & (x < 75) & (y > 5) & (y < 45)).mean() > 0.9
    assert len(start(frame, 60, np.zeros_like(weight))) == 0


def test_they_show_the_picture_better_than_random_ones():
    frame = pictures(1, 192, 108)[0]
    canvas = Canvas(192, 108)
    canvas.set_target(frame)
    canvas.begin()

    def shown(params: np.ndarray) -> float:
        return psnr(canvas.picture(solve(canvas, params, 8)), frame)

    random = shown(scatter(frame, 200, 0).params)
    assert shown(regressor(frame, 200).params) > random + 1
    assert shown(corrected(frame, 200).params) > random + 1


def test_no_correction_leaves_the_superpixels():
    frame = pictures(1)[0]
    start, seen = superpixel(frame, 90), cells(frame, 90)
    own, cell = seen.described(start.params)
    same = module._applied(seen, own, cell, np.zeros((90, 5)))
    np.testing.assert_allclose(same, start.params, rtol=1e-4, atol=1e-4)


def test_a_correction_is_in_the_splat_s_own_units():
    """mean + L u and L (I + D), in square cells, where L is the splat's own."""
    seen = cells(np.zeros((64, 64, 3), np.uint8), 64)
    params = np.array([[20, 30, 6, 3, 5, 1, 1, 1]], np.float32)
    own, cell = seen.described(params)
    found = module._applied(seen, own, cell, np.array([[0.5, -0.3, 0.2, 0.4, -0.1]]))[0]
    factor = np.array([[6, 0], [3, 5.0]])
    bent = factor @ np.array([[1.2, 0], [0.4, 0.9]])
    np.testing.assert_allclose(found[:2], (20, 30) + factor @ (0.5, -0.3), rtol=1e-5)
    np.testing.assert_allclose(found[2:5], bent[[0, 1, 1], [0, 0, 1]], rtol=1e-5)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The shipped networks, in a folder of their own."""
    source = module.importlib.resources.files("tsplat_models")
    for name in ("manifest.json", "splat_regressor.onnx"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    monkeypatch.setattr(module.importlib.resources, "files", lambda _: tmp_path)
    module._session.cache_clear()
    yield tmp_path
    module._session.cache_clear()


def test_a_network_that_is_missing_or_damaged_is_named(copy):
    network = copy / "splat_regressor.onnx"
    network.write_bytes(network.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"splat_regressor\.onnx: wrong checksum"):
        regressor(pictures(1)[0], 20)
    network.unlink()
    with pytest.raises(ModelError, match=r"splat-regressor: .* is missing; install tsplat again"):
        regressor(pictures(1)[0], 20)


def test_importing_it_does_not_load_onnxruntime():
    program = "import sys, tsplat.paper.regressor; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
