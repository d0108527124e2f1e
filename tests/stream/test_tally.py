"""What is counted is what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.clips import pictures, write_clip
from tests.coding import encode
from tests.golden.regenerate import FOLDER
from tsplat.decoding.decoder import Decoder
from tsplat.files.inspect import inspect
from tsplat.files.reader import Reader
from tsplat.splats import QuantizedSplats
from tsplat.stream import payload
from tsplat.stream.container import INTRA
from tsplat.stream.entropy import Writer
from tsplat.stream.tally import KINDS, Tally


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tally")
    clip = write_clip(folder / "talk.mkv", pictures(9, 320, 180))
    encode(clip, folder / "out.tsplat", crf=14, gop=6)
    return folder / "out.tsplat"


def test_real_bytes_are_within_three_percent_of_the_information(stream):
    reader = Reader(stream)
    decoder = Decoder(reader.header)
    real, information = 0, 0.0
    for packet in reader.packets():
        tally = Tally(packet.payload)
        if packet.kind == INTRA:
            state = payload.decode_intra(tally, reader.header)
        else:
            state = payload.decode_inter(tally, decoder.state, reader.header)
        decoder.advance(packet)
        assert np.array_equal(state.splats.values, decoder.splats.values)
        real += len(packet.payload)
        information += sum(tally.spent.values()) / 8
    assert information <= real < 1.03 * information


@pytest.mark.parametrize("source", ["small", "bits_back", "encoded"])
def test_kinds_add_up_to_every_packet(source, stream):
    path = stream if source == "encoded" else FOLDER / f"{source}.tsplat"
    found = inspect(path, each=True)
    for frame in found["frame_list"]:
        spent = frame["bytes_by_kind"]
        assert tuple(spent) == KINDS
        assert sum(spent.values()) == pytest.approx(frame["bytes"], abs=1e-6)
        assert all(size >= 0 for size in spent.values())
        assert spent["header"] >= 4
    for kind in "ip":
        total = sum(found[f"{kind}_bytes_by_kind"].values())
        assert total == pytest.approx(found[f"{kind}_bytes"], abs=1e-6)


def test_a_part_is_spent_on_what_it_says():
    listed = inspect(FOLDER / "small.tsplat", each=True)["frame_list"]
    there = [{k for k, size in f["bytes_by_kind"].items() if size} - {"header"} for f in listed]
    splats = {"position", "shape", "colour"}
    assert there == [
        splats | {"mask"},
        splats | {"flags"},
        set(),
        {"mask", "added", "dropped"},
        {"mask", "dropped", "flags", "colour"},
        {"flags", "colour", "motion"},
        {"mask", "dropped"},
        splats | {"mask"},
        splats | {"flags"},
    ]


def test_a_set_costs_what_its_models_say_less_its_order():
    header = replace(Reader(FOLDER / "bits_back.tsplat").header, width=2048, cell=0)
    rng = np.random.default_rng(0)
    values = np.tile(np.array([0, 0, 9, 0, 9, 0, 0, 0], np.int32), (400, 1))
    values[:, 0] = 8 * np.arange(400)
    values = values[payload.order(values, header)]
    _, state = payload.encode_intra(QuantizedSplats(values, header.steps), None, header)
    changed = values + (rng.random((400, 1)) < 0.6) * rng.integers(-3, 4, (400, 8), np.int32)
    data, _ = payload.encode_inter(state, np.ones(400, bool), changed, None, header)
    tally = Tally(data)
    payload.decode_inter(tally, state, header)
    assert sum(tally.spent.values()) / 8 == pytest.approx(len(data), abs=16)
    assert min(tally.spent[kind] for kind in ("flags", "position", "shape", "colour")) > 300


def test_information_is_what_the_range_coder_writes():
    rng = np.random.default_rng(0)
    peaked = np.rint(rng.laplace(0, 9, 4000)).astype(np.int64)
    large = rng.integers(0, 1 << 20, 2000) >> rng.integers(0, 20, 2000)
    chances = rng.uniform(0.001, 0.999, 8000)
    flags = rng.random(8000) < chances
    for name, count in (("peak", 4000), ("gamma", 2000), ("bits", 8000)):
        writer = Writer()
        if name == "bits":
            writer.bits(chances, flags)
        else:
            getattr(writer, name)(peaked if name == "peak" else large)
        data = writer.finish()
        tally = Tally(data)
        take = getattr(tally, name)(count, "shape") if name != "bits" else None
        tally.open()
        _ = take() if take else tally.bits(chances, kind="shape")
        assert tally.spent["shape"] / 8 == pytest.approx(len(data), abs=5)
