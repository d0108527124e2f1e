"""I-frames: as many splats as pay, rounded, in the order of their packet."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.clips import pictures
from tests.encoding.scene import scene_of, squared_error
from tsplat.config import FitConfig, preset
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.intra import grown, in_order, place_bits, rounded, together
from tsplat.encoding.quantise import quantise
from tsplat.region import Region, default_cell, grid
from tsplat.splats import QuantizedSplats, Splats, Steps
from tsplat.stream import payload

CONFIG = preset("realtime", crf=20.0)


def test_the_price_of_a_bit_decides_how_many_splats_stay():
    picture = pictures(1)[0]
    scene, quality = scene_of(picture, CONFIG)
    found = {}
    for price in (0.0, 10 * quality.lagrange, 100 * quality.lagrange):
        splats = grown(scene, picture, replace(quality, lagrange=price, gaussians=120), CONFIG)
        size = len(payload.encode_intra(splats, None, scene.header)[0])
        found[price] = (len(splats), size, squared_error(scene, splats.dequantise().params))
    counts, sizes, errors = zip(*found.values())
    assert 120 >= counts[0] > counts[1] > counts[2]
    assert sizes[0] > sizes[1] > sizes[2]
    assert errors[0] < errors[1] < errors[2]


def test_of_several_sizes_the_one_that_pays_best_is_kept():
    picture = pictures(1)[0]
    scene, quality = scene_of(picture, CONFIG)
    costs, sizes = [], []
    for tries in (1, 4):
        config = replace(CONFIG, rates=replace(CONFIG.rates, sizes=tries))
        splats = grown(scene, picture, replace(quality, gaussians=60), config)
        data, _ = payload.encode_intra(splats, None, scene.header)
        error = squared_error(scene, splats.dequantise().params)
        costs.append(error + quality.lagrange * 8 * len(data))
        sizes.append(len(splats))
    assert costs[1] < costs[0]
    assert sizes[1] > sizes[0]


def test_an_i_frame_is_in_the_order_of_its_packet():
    picture = pictures(1)[0]
    scene, quality = scene_of(picture, CONFIG)
    splats = grown(scene, picture, quality, CONFIG)
    assert np.array_equal(payload.order(splats.values, scene.header), np.arange(len(splats)))
    shuffled = np.random.default_rng(0).permutation(splats.values)
    again = in_order(QuantizedSplats(shuffled, splats.steps), scene.header)
    assert np.array_equal(again.values, splats.values)


def test_outside_a_cut_out_region_there_is_nothing_to_code():
    picture = pictures(1)[0]
    height, width = picture.shape[:2]
    rows, columns = grid(width, height, default_cell(width, height))
    cells = np.zeros((rows, columns), bool)
    config = replace(CONFIG, background="none")
    scene, quality = scene_of(picture, config, Region(cells))
    assert len(grown(scene, picture, quality, config)) == 0
    cells[:, : columns // 2] = True
    scene, quality = scene_of(picture, config, Region(cells))
    splats = grown(scene, picture, quality, config)
    assert len(splats) > 10
    assert (splats.dequantise().params[:, 0] < width / 2 + 12).all()


def test_colours_make_up_for_rounded_geometry(canvas):
    steps = Steps(600, 600, 400, 400)
    fitted = fit(canvas, superpixel(pictures(1)[0], 80), FitConfig(60, presolve=3))
    found = rounded(canvas, fitted, steps, 8)
    plain = quantise(canvas, fitted, steps)
    assert np.array_equal(found.values[:, :5], plain.values[:, :5])
    errors = []
    for splats in (found, plain):
        canvas.load(splats.dequantise().params)
        errors.append(canvas.squared_error())
    assert errors[0] < 0.9 * errors[1]


def test_parts_are_put_together_and_may_be_none():
    parts = [Splats(np.full((count, 8), count, np.float32)) for count in (2, 0, 3)]
    assert together(parts).params[:, 0].tolist() == [2, 2, 3, 3, 3]
    assert len(together([])) == 0


@pytest.mark.parametrize("count", [1, 2, 50])
def test_places_are_a_set_of_cells(count):
    """log2 of cells^n / n! bits, shared by n places."""
    scene, _ = scene_of(pictures(1)[0], CONFIG)
    header = scene.header
    cells = header.width * header.height * (256 / header.steps.mean) ** 2
    expected = math.log2(cells) - math.log2(math.factorial(count)) / count
    assert place_bits(count, header) == pytest.approx(expected)
