"""P-frames by rate and distortion: what changes is worth its bits, and what does not stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.clips import pictures
from tests.encoding.scene import scene_of, squared_error
from tsplat.config import preset
from tsplat.encoding.inter import ByRate
from tsplat.encoding.intra import grown
from tsplat.splats import QuantizedSplats
from tsplat.stream import payload

CONFIG = preset("fast", crf=20.0, gaussians=100)
ROOM = 130


@pytest.fixture(scope="module")
def sliding():
    """Two pictures of a scene that slides by four pixels, and a state that shows the first."""
    wide = pictures(1, 200, 72)[0]
    frames = [wide[:, k : k + 128].copy() for k in (0, 4)]
    scene, quality = scene_of(frames[0], CONFIG)
    splats = grown(scene, frames[0], quality, CONFIG)
    _, state = payload.encode_intra(splats, None, scene.header)
    return scene, frames, splats, state, quality.lagrange


def changed(sliding, motion: str, price: float = 1.0, **rates):
    """A P-frame of the second picture, and its squared error; a bit at so many times the usual."""
    scene, (first, second), splats, state, lagrange = sliding
    way = ByRate(motion)
    way.begin(scene, first, splats)
    scene.canvas.set_target(second)
    config = replace(CONFIG, rates=replace(CONFIG.rates, **rates))
    found = way.change(scene, state, second, config, price * lagrange, ROOM)
    shown = QuantizedSplats(found.values, scene.header.steps).dequantise().params
    return found, squared_error(scene, shown)


def before(sliding) -> float:
    scene, (_, second), splats, *_ = sliding
    scene.canvas.set_target(second)
    return squared_error(scene, splats.dequantise().params)


@pytest.mark.parametrize("motion", ["flow", "grid", "none"])
def test_a_change_is_worth_its_bits_and_is_what_the_decoder_gets(sliding, motion):
    scene, _, _, state, lagrange = sliding
    found, error = changed(sliding, motion)
    data, after = payload.encode_inter(
        state, found.stay, found.values, None, scene.header, found.vectors
    )
    assert error + lagrange * 8 * len(data) < before(sliding)
    assert np.array_equal(after.splats.values, found.values)
    assert (found.vectors is None) == (motion == "none")


def test_vectors_follow_what_slides(sliding):
    found, error = changed(sliding, "flow")
    assert np.median(found.vectors[..., 0]) == pytest.approx(-8, abs=2)
    assert error < 0.8 * changed(sliding, "none")[1]


def test_splats_change_where_they_are_wrong(sliding):
    _, _, splats, *_ = sliding
    found, error = changed(sliding, "none", added=0)
    dear, poor = changed(sliding, "none", price=50, added=0)
    moved = (found.values != splats.values).any(1)
    assert 0 < (dear.values != splats.values).any(1).mean() < moved.mean()
    assert error < poor < before(sliding)
    assert error < 0.9 * before(sliding)


def test_bits_that_are_too_dear_change_nothing(sliding):
    _, _, splats, *_ = sliding
    found, error = changed(sliding, "flow", price=1e6)
    assert found.vectors is None
    assert found.stay.all()
    assert np.array_equal(found.values, splats.values)
    assert error == pytest.approx(before(sliding))


def test_splats_are_added_where_there_is_room(sliding):
    _, _, splats, *_ = sliding
    assert len(changed(sliding, "none", price=0.01, added=8)[0].values) > len(splats)
    assert len(changed(sliding, "none", price=0.01, added=0)[0].values) == len(splats)


def test_nothing_is_no_reference_and_no_error(sliding):
    scene, (first, second), splats, _, lagrange = sliding
    nothing = QuantizedSplats(splats.values[:0], scene.header.steps)
    _, state = payload.encode_intra(nothing, None, scene.header)
    way = ByRate("flow")
    way.begin(scene, first, nothing)
    found = way.change(scene, state, second, CONFIG, lagrange, ROOM)
    assert (len(found.stay), found.values.shape, found.vectors) == (0, (0, 8), None)
