"""The paper's codec: its choices go together, and what it writes is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tsplat
from tests.clips import HEIGHT, WIDTH, pictures, psnr, write_clip
from tests.coding import encode
from tsplat.config import FitConfig
from tsplat.encoding.clip import encode_clip
from tsplat.encoding.coder import Ways
from tsplat.encoding.encoder import Encoder
from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.files.reader import Reader
from tsplat.media.source import open_source
from tsplat.paper.adan import AdanConfig
from tsplat.paper.codec import codec
from tsplat.region import Region, default_cell, grid
from tsplat.stream.header import Header

SETTINGS = {"gaussians": 100, "gop": 5, "intra": FitConfig(80, presolve=3)}
FOREVER = 255.0
"""A threshold that nothing exceeds."""


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"init": "grid"}, "init: got 'grid', expected one of superpixel, lsc, regressor, random"),
        ({"optimizer": "sgd"}, "optimizer: got 'sgd', expected one of adam, adan"),
        ({"quant": "none"}, "quant: got 'none', expected one of ptq, qat"),
        ({"entropy": "zip"}, "entropy: got 'zip', expected one of vanilla, bits-back"),
        ({"threshold": -1}, "threshold: got -1, expected 0..255"),
        ({"blend": "normalised"}, "blend: got 'normalised', the paper's splats are summed"),
    ],
)
def test_unknown_choices_are_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        codec(**setting)


@pytest.mark.parametrize("own", [True, False])
def test_sets_carry_the_same_changes(own):
    decoders, sizes = [], []
    for bits_back in (False, True):
        config, ways = codec(entropy="bits-back" if bits_back else "vanilla", **SETTINGS)
        encoded = encode_clip(pictures(4), config, ways=Ways(bits_back=bits_back) if own else ways)
        decoder = tsplat.Decoder(encoded.header)
        for packet in filter(None, encoded.packets):
            decoder.decode(packet)
        assert decoder.header.bits_back == bits_back
        assert encoded.statistics.p_frames == 3
        decoders.append(decoder)
        sizes.append(encoded.statistics.bytes)
    assert sizes[0] != sizes[1]
    if not own:
        assert np.array_equal(decoders[0].splats.values, decoders[1].splats.values)


def test_a_change_that_no_set_can_hold_makes_an_i_frame(monkeypatch):
    def refuse(*_) -> None:
        raise BitstreamError(Fault.PAYLOAD, "values span 65537, at most 65536")

    monkeypatch.setattr("tsplat.stream.delta_set.encode", refuse)
    config = tsplat.preset("fast", gaussians=100)
    encoded = encode_clip(pictures(3), config, ways=Ways(bits_back=True))
    assert (encoded.statistics.i_frames, encoded.statistics.p_frames) == (3, 0)


def test_a_still_picture_costs_a_few_bytes():
    """At once: only what changed more than before is worked on."""
    config, ways = codec(selection="growth", **SETTINGS)
    encoder = Encoder(WIDTH, HEIGHT, 30, config, ways=ways)
    frame = pictures(1)[0]
    encoder.encode(frame)
    assert len(encoder.encode(frame)) < 12


@pytest.mark.parametrize("selection", ["literal", "growth"])
def test_the_threshold_decides_what_changes(selection):
    frames = pictures(3)
    changed = []
    for threshold in (2.0, 11.5, FOREVER):
        config, ways = codec(threshold=threshold, selection=selection, **SETTINGS)
        changed.append(encode_clip(frames, config, ways=ways).statistics.changed_splats)
    assert changed[0] >= changed[1] > changed[2] == 0


@pytest.mark.parametrize("init", ["superpixel", "lsc", "regressor", "random"])
def test_first_splats_lie_in_the_region(init):
    rows, columns = grid(WIDTH, HEIGHT, default_cell(WIDTH, HEIGHT))
    cells = np.zeros((rows, columns), bool)
    cells[:, columns // 3 : 2 * columns // 3] = True
    config, ways = codec(init=init, background="none", **SETTINGS)
    frame = pictures(1)[0]
    encoder = Encoder(WIDTH, HEIGHT, 30, config, ways=ways, regions=True)
    decoder = tsplat.Decoder(encoder.header)
    shown = decoder.decode(encoder.encode(frame, region=Region(cells)))
    inside = decoder.alpha() == 255
    assert psnr(shown[inside], frame[inside]) > 17
    means = decoder.splats.dequantise().params[:, 0]
    assert (means > WIDTH / 3 - 12).all()
    assert (means < 2 * WIDTH / 3 + 12).all()


def test_optimisers_and_rounding_are_what_was_asked_for():
    frame = pictures(1)[0]
    found = {}
    for name, choice in {
        "usual": {},
        "adan": {"init": "random", "optimizer": "adan"},
        "qat": {"quant": "qat"},
    }.items():
        config, ways = codec(**choice, **SETTINGS)
        ways = replace(ways, intra=replace(ways.intra, adan=AdanConfig(50)))
        encoder = Encoder(WIDTH, HEIGHT, 30, config, ways=ways)
        shown = tsplat.Decoder(encoder.header).decode(encoder.encode(frame))
        found[name] = psnr(shown, frame)
    assert found["adan"] < found["usual"] - 1
    assert found["qat"] != found["usual"]


def test_the_header_has_the_steps_that_training_found(tmp_path):
    clip = write_clip(tmp_path / "talk.mp4", pictures(3))
    steps = {}
    for quant in ("ptq", "qat"):
        out = tmp_path / f"{quant}.tsplat"
        answer = encode(clip, out, preset="paper", quant=quant, max_span=1, **SETTINGS)
        reader = Reader(out)
        assert answer["frames"] == len(list(reader)) == 3
        steps[quant] = reader.header.steps
    with open_source(clip) as source:
        picture = source.peek()
    config, ways = codec(quant="qat", **SETTINGS)
    assert ways.learn(picture, config).steps == steps["qat"] != steps["ptq"]
    in_memory = Header.unpack(encode_clip([picture], config, ways=ways).header)
    assert in_memory.steps == steps["qat"]
    own = replace(config, steps=steps["ptq"])
    assert ways.learn(picture, own) == own
