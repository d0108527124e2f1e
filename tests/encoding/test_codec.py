"""Encoder and decoder together: what one writes the other shows."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import tsplat
import tsplat.config
import tsplat.encoding.coder
from tests.clips import HEIGHT, WIDTH, pictures, psnr, write_clip
from tests.coding import encode
from tests.packets import parsed
from tsplat.encoding.predict.moving import reaching
from tsplat.errors import BitstreamError, ConfigError
from tsplat.kernels import runtime
from tsplat.region import Region, default_cell, grid
from tsplat.splats import CUTOFF
from tsplat.stream import container, scan
from tsplat.stream.index import read_index

CONFIG = tsplat.preset("fast", gaussians=100, gop=5)


@pytest.fixture(scope="module")
def encoded():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
    frames = pictures(12)
    packets, states = [], []
    for frame in frames:
        packets.append(encoder.encode(frame))
        states.append(encoder.splats.values)
    return encoder, frames, packets, states


@pytest.fixture
def path(encoded, tmp_path):
    encoder, _, packets, _ = encoded
    out = tmp_path / "clip.tsplat"
    out.write_bytes(encoder.header + b"".join(packets) + encoder.finish())
    return out


def test_the_decoder_has_the_encoders_integers(encoded):
    encoder, frames, packets, states = encoded
    decoder = tsplat.Decoder(encoder.header)
    for frame, packet, state in zip(frames, packets, states):
        assert psnr(decoder.decode(packet), frame) > 19
        assert np.array_equal(decoder.splats.values, state)
    assert (encoder.statistics.i_frames, encoder.statistics.p_frames) == (3, 9)


def test_p_frames_cost_less_and_keep_most_splats_exact(encoded):
    _, _, packets, states = encoded
    sizes = [len(p) for p in packets]
    assert np.mean(sizes[1:5]) < 0.7 * sizes[0]
    assert (states[1][: len(states[0])] == states[0]).all(1).any()


def test_a_still_picture_gets_better_until_it_costs_a_few_bytes():
    """By rate and distortion, what the first frame left out is made up for, where it pays."""
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, tsplat.preset("fast", gaussians=100))
    frame = pictures(1)[0]
    sizes = [len(encoder.encode(frame)) for _ in range(24)]
    assert max(sizes[1:]) < 0.2 * sizes[0]
    assert np.mean(sizes[-4:]) < 12


def test_a_scene_cut_and_a_wish_make_i_frames():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, tsplat.preset("fast", gaussians=60))
    frame = pictures(1)[0]
    for picture, wish in ((frame, False), (255 - frame, False), (255 - frame, True)):
        packet = parsed(encoder.encode(picture, keyframe=wish))[-1]
        assert packet.kind == container.INTRA


def test_streams_do_not_depend_on_threads():
    frames = pictures(4)
    streams = []
    for threads in (1, 2):
        runtime.start("cpu", threads)
        encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
        streams.append(b"".join(encoder.encode(f) for f in frames))
    assert streams[0] == streams[1]


def test_any_frame_can_be_asked_for(encoded, path):
    reader = tsplat.Reader(path)
    whole = list(reader)
    assert len(reader) == len(whole) == 12
    order = [*range(12), -1, 11, 3, 4, 0]
    random.Random(0).shuffle(order)
    for k in order:
        assert np.array_equal(reader[k], whole[k])
    with pytest.raises(IndexError):
        reader[12]


@pytest.mark.parametrize("keyframe", [4, 5, 6])
def test_the_index_says_where_i_packets_are(keyframe):
    """Also where frames that waited are coded with the I-frame."""
    frames = pictures(8, 48, 27)
    encoder = tsplat.Encoder(48, 27, 30, tsplat.preset("fast", gaussians=20, max_span=3))
    data = encoder.header
    for k, frame in enumerate(frames):
        data += encoder.encode(frame, keyframe=k == keyframe)
    data += encoder.finish()
    _, _, listed = read_index(data)
    found = [p for p in scan.packets(data) if p.kind == container.INTRA]
    assert listed == [(p.frame, p.offset) for p in found]
    assert [frame for frame, _ in listed] == [0, keyframe]


def test_without_its_index_a_file_is_whole(encoded, path):
    encoder, _, packets, _ = encoded
    whole = list(tsplat.Reader(path))
    path.write_bytes(encoder.header + b"".join(packets))
    reader = tsplat.Reader(path)
    assert len(reader) == 12
    assert all(np.array_equal(a, b) for a, b in zip(reader, whole))
    assert np.array_equal(reader[7], whole[7])
    assert reader.truncated


def test_p_frames_without_their_reference_are_refused(encoded):
    encoder, _, packets, _ = encoded
    decoder = tsplat.Decoder(encoder.header)
    with pytest.raises(BitstreamError, match="waiting for an I-frame"):
        decoder.decode(packets[1])
    picture = decoder.decode(packets[0])
    with pytest.raises(BitstreamError, match="frame before is missing"):
        decoder.decode(packets[2])
    assert np.array_equal(decoder.picture(), picture)


def test_another_size_is_rendered(encoded):
    encoder, frames, packets, _ = encoded
    large = tsplat.Decoder(encoder.header, (2 * WIDTH, 2 * HEIGHT)).decode(packets[0])
    assert large.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    small = large.reshape(HEIGHT, 2, WIDTH, 2, 3).mean((1, 3))
    assert psnr(small, frames[0]) > 19
    with pytest.raises(ConfigError, match="size"):
        tsplat.Decoder(encoder.header, (9000, 10))


def test_frames_must_fit_the_encoder():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
    with pytest.raises(ConfigError, match="frame: got"):
        encoder.encode(np.zeros((10, 10, 3), np.uint8))
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for ticks in (-1, 1 << 35):
        with pytest.raises(ConfigError, match=f"ticks: got {ticks}"):
            encoder.encode(frame, ticks)
    with pytest.raises(ConfigError, match="none without it"):
        encoder.encode(frame, region=np.ones((HEIGHT, WIDTH)))
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG, regions=True)
    with pytest.raises(ConfigError, match=r"region: got \(3, 3\) cells, expected \(27, 48\)"):
        encoder.encode(frame, region=Region(np.ones((3, 3), bool)))
    with pytest.raises(ConfigError, match="one a frame is needed"):
        encoder.encode(frame)
    with pytest.raises(ConfigError, match=r"region: got \(9, 9\), expected a Region or opacities"):
        encoder.encode(frame, region=np.ones((9, 9)))


@pytest.mark.parametrize(("kind", "full"), [(bool, 1), (np.uint8, 255), (np.float32, 1)])
def test_opacities_are_a_region(kind, full):
    alpha = np.zeros((HEIGHT, WIDTH), kind)
    alpha[10:40, 30:60] = full
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, NONE, regions=True)
    encoder.encode(pictures(1)[0], region=alpha)
    rows, columns = np.nonzero(encoder.region.cells)
    assert (rows.min(), rows.max()) == (10 // CELL, 40 // CELL - 1)
    assert (columns.min(), columns.max()) == (30 // CELL, 60 // CELL - 1)


def test_one_array_may_hold_every_frame_in_turn():
    """Frames that wait for others are what they were when they were given."""
    frames = pictures(7)
    frames[4:] = [255 - frame for frame in frames[4:]]
    config = tsplat.preset("fast", gaussians=60, max_span=3)
    streams = []
    for refilled in (False, True):
        encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, config)
        array, data = np.empty_like(frames[0]), b""
        for frame in frames:
            array[:] = frame
            data += encoder.encode(array if refilled else frame)
        streams.append(data + encoder.finish())
    assert streams[0] == streams[1]


@pytest.mark.parametrize("background", ["none", "blur", "video"])
def test_a_background_needs_a_region(background):
    with pytest.raises(ConfigError, match=f"background: {background} needs a region of interest"):
        tsplat.Encoder(WIDTH, HEIGHT, 30, tsplat.preset("fast", background=background))


@pytest.mark.parametrize("picture", [0, 255])
@pytest.mark.parametrize("size", [(16, 16), (1, 1), (9, 300)])
def test_flat_and_tiny_pictures_work(size, picture):
    width, height = size
    encoder = tsplat.Encoder(width, height, 30, tsplat.preset("fast"))
    frame = np.full((height, width, 3), picture, np.uint8)
    decoder = tsplat.Decoder(encoder.header)
    assert psnr(decoder.decode(encoder.encode(frame)), frame) > 25


def test_files_go_round_from_python(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", pictures(3))
    out = tmp_path / "clip.tsplat"
    result = encode(clip, out, gaussians=80, psnr=20.0)
    assert result["psnr_db"] > 19.5
    assert tsplat.evaluate(clip, out)["psnr_db"] == pytest.approx(result["psnr_db"])
    assert tsplat.decode(out, tmp_path / "frames", size=0.5)["frames"] == 3


CELL = default_cell(WIDTH, HEIGHT)
SHAPE = grid(WIDTH, HEIGHT, CELL)
NONE = tsplat.preset("fast", gaussians=90, background="none", backdrop=(0, 90, 0))


def person(x: float, y: float = 30, radius: float = 17) -> Region:
    """A disc, in pixels."""
    v, u = (np.indices(SHAPE) + 0.5) * CELL
    return Region(np.hypot(u - x, v - y) < radius)


def run(regions: Callable[[int], Region], frames: list[np.ndarray], config=NONE):
    """Frame by frame: the encoder, its packet's parts, and a decoder that shows them."""
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, config, regions=True)
    decoder = tsplat.Decoder(encoder.header)
    for k, frame in enumerate(frames):
        data = encoder.encode(frame, region=regions(k))
        decoder.advance(data)
        yield encoder, data, decoder


def kinds(data: bytes) -> list[int]:
    return [packet.kind for packet in parsed(data)]


def same_state(encoder: tsplat.Encoder, decoder: tsplat.Decoder) -> bool:
    ours, theirs = encoder._coder.state, decoder.state
    return (
        np.array_equal(ours.splats.values, theirs.splats.values)
        and np.array_equal(ours.history, theirs.history)
        and np.array_equal(ours.contexts.counts, theirs.contexts.counts)
        and np.array_equal(ours.model.modes, theirs.model.modes)
        and np.array_equal(ours.model.contexts.counts, theirs.model.contexts.counts)
        and encoder.region == ours.region == theirs.region
    )


def inside_psnr(decoder: tsplat.Decoder, frame: np.ndarray) -> float:
    opaque = decoder.alpha() == 255
    return psnr(decoder.picture()[opaque], frame[opaque])


@pytest.mark.parametrize("background", tsplat.config.BACKGROUNDS)
def test_both_sides_agree_while_splats_go_and_come(background):
    config = tsplat.preset("fast", gaussians=90, background=background, gop=9)
    went = came = 0
    before = None
    frames = pictures(14)
    for k, (encoder, data, decoder) in enumerate(
        run(lambda k: person(34 + 1.5 * k), frames, config)
    ):
        assert same_state(encoder, decoder)
        assert decoder.region == person(34 + 1.5 * k)
        assert inside_psnr(decoder, frames[k]) > 18.5
        kind = kinds(data)[-1]
        assert kind == (container.INTRA if k in (0, 9) else container.INTER)
        expected = background == "video" and k in (0, 8, 9)
        assert (container.BACKGROUND in kinds(data)) == expected
        payload = parsed(data)[-1].payload
        if kind == container.INTER and container.BACKGROUND not in kinds(data):
            went, came = went + (payload[0] >> 1 & 1), came + (payload[0] >> 3 & 1)
        before = data
    assert before
    moving = background in ("none", "video")
    assert (went > 3) == moving
    assert came > 1
    assert encoder.statistics.i_frames == 2
    assert 0.1 < encoder.statistics.region_share / 14 < 0.3
    assert (encoder.statistics.background_bytes > 0) == (background == "video")


def test_the_picture_inside_stays_good_while_the_region_moves():
    """Splats that come for uncovered pixels: hardly worse than an I-frame of the same region."""
    frames = pictures(12)
    for k, (_, _, decoder) in enumerate(run(lambda k: person(34 + 1.5 * k), frames)):
        last = inside_psnr(decoder, frames[k])
    fresh = next(run(lambda k: person(34 + 1.5 * 11), frames[-1:]))[2]
    assert last > inside_psnr(fresh, frames[-1]) - 3


def test_a_person_who_sways_takes_no_more_splats_each_time():
    """Of those for what enters the region: added ones for quality are counted elsewhere."""
    counts = []
    frame = pictures(1)[0]
    config = replace(NONE, rates=replace(NONE.rates, added=0))
    regions = lambda k: person(48 + 8 * (k // 2 % 2))  # noqa: E731
    for encoder, _, decoder in run(regions, [frame] * 24, config):
        assert same_state(encoder, decoder)
        counts.append(len(decoder.splats))
        assert inside_psnr(decoder, frame) > 18.5
    assert max(counts) < 1.2 * counts[0]


def test_outside_the_region_there_are_no_splats():
    frames = pictures(10)
    for _, _, decoder in run(lambda k: person(34 + 1.5 * k), frames):
        inside = decoder.alpha() > 0
        wide = decoder.splats.dequantise().params
        wide[:, 2:5] *= CUTOFF / 2
        assert reaching(wide, inside).all()
        assert (decoder.picture()[~inside] == (0, 90, 0)).all()


def test_a_region_of_interest_costs_less_than_the_picture():
    frames = pictures(8)
    sizes = {}
    for name, settings in (
        ("none", {"background": "none"}),
        ("blur", {"background": "blur"}),
        ("splats", {"background": "splats"}),
    ):
        config = tsplat.preset("fast", **settings)
        sizes[name] = sum(len(data) for _, data, _ in run(lambda k: person(48), frames, config))
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, tsplat.preset("fast"))
    whole = sum(len(encoder.encode(frame)) for frame in frames)
    # The few splats that "blur" may have out there seldom pay: it costs about what "none" does.
    assert max(sizes["none"], sizes["blur"]) < sizes["splats"] < whole


def test_a_whole_region_is_the_whole_picture():
    frames = pictures(3)
    plain = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
    everywhere = run(lambda k: Region(np.ones(SHAPE, bool)), frames, CONFIG)
    for frame, (encoder, data, _) in zip(frames, everywhere):
        other = plain.encode(frame)
        assert np.array_equal(encoder.splats.values, plain.splats.values)
        assert len(data) <= len(other) + 1


@pytest.mark.parametrize("background", ["none", "splats"])
def test_a_region_that_vanishes_costs_a_few_bytes_a_frame(background):
    """And one that comes back is an I-frame where nothing was kept of it."""
    config = tsplat.preset("fast", gaussians=90, background=background, backdrop=(0, 90, 0))
    nobody = Region(np.zeros(SHAPE, bool))
    frames = pictures(12) if background == "none" else [pictures(1)[0]] * 12
    gone = range(3, 10)
    for k, (encoder, data, decoder) in enumerate(
        run(lambda k: nobody if k in gone else person(48), frames, config)
    ):
        assert same_state(encoder, decoder)
        if k in gone:
            most = (24, 16) if background == "none" else (56, 40)
            assert len(data) < most[k != 3]
        if background == "none":
            assert (len(decoder.splats) == 0) == (k in gone)
            assert kinds(data) == [container.INTRA if k in (0, 10) else container.INTER]
            assert k not in gone or (decoder.picture() == (0, 90, 0)).all()
    assert inside_psnr(decoder, frames[-1]) > 18.5


def test_nobody_from_the_first_frame_on_is_a_few_bytes():
    nobody = Region(np.zeros(SHAPE, bool))
    for k, (encoder, data, decoder) in enumerate(
        run(lambda k: nobody if k < 3 else person(48), pictures(5))
    ):
        assert same_state(encoder, decoder)
        assert len(data) < 16 or k >= 3
        assert (len(decoder.splats) == 0) == (k < 3)
        assert kinds(data) == [container.INTRA if k in (0, 3) else container.INTER]


def test_a_region_that_jumps_makes_an_i_frame():
    frames = pictures(6)
    found = [kinds(data)[0] for _, data, _ in run(lambda k: person(30 if k < 3 else 66), frames)]
    assert found == [container.INTRA if k in (0, 3) else container.INTER for k in range(6)]


def test_a_region_that_grows_by_a_little_makes_no_i_frame():
    frames = pictures(4)
    still = [frames[0]] * 4
    for k, (encoder, data, decoder) in enumerate(
        run(lambda k: person(48, radius=16 + 1.2 * k), still)
    ):
        assert same_state(encoder, decoder)
        assert kinds(data) == [container.INTER if k else container.INTRA]
        assert inside_psnr(decoder, still[k]) > 18.5


def test_more_splats_than_a_stream_may_have_make_an_i_frame(monkeypatch):
    monkeypatch.setattr(tsplat.encoding.coder, "MAX_SPLATS", 100)
    frames = [pictures(1)[0]] * 6
    found = []
    for encoder, data, decoder in run(lambda k: person(48, radius=14 + 1.2 * k), frames):
        assert same_state(encoder, decoder)
        assert len(decoder.splats) <= 100
        found += kinds(data)
    assert found[0] == container.INTRA
    assert 1 <= found[1:].count(container.INTRA) < 5


def test_a_cut_inside_the_region_makes_an_i_frame():
    """However small the region is beside the picture."""
    frame = pictures(1)[0]
    found = [kinds(data)[0] for _, data, _ in run(lambda k: person(48), [frame, 255 - frame])]
    assert found == [container.INTRA] * 2


def test_a_cut_outside_the_region_is_nothing_where_nothing_is_shown():
    frame = pictures(1)[0]
    region = person(48)
    other = frame.copy()
    outside = region.alpha(WIDTH, HEIGHT, (CELL, CELL)) == 0
    other[outside] = 255 - other[outside]
    sizes = [
        [len(data) for _, data, _ in run(lambda k: region, clip)]
        for clip in ([frame, other, other], [frame] * 3)
    ]
    assert sizes[0][0] == sizes[1][0]
    assert max(sizes[0][1:]) <= max(sizes[1][1:]) + 12


def test_a_whole_picture_after_a_person_and_back():
    """What ``auto`` decides in the middle of a clip."""
    frames = pictures(8)
    regions = [person(48)] * 3 + [Region(np.ones(SHAPE, bool))] * 3 + [person(48)] * 2
    for k, (encoder, data, decoder) in enumerate(run(lambda k: regions[k], frames)):
        assert same_state(encoder, decoder)
        assert inside_psnr(decoder, frames[k]) > 18
        assert (kinds(data) == [container.INTRA]) == (k in (0, 3))


def test_streams_with_regions_do_not_depend_on_threads():
    frames = pictures(6)
    for background in ("none", "blur"):
        config = tsplat.preset("fast", gaussians=90, background=background)
        streams = []
        for threads in (1, 2):
            runtime.start("cpu", threads)
            found = run(lambda k: person(34 + 2 * k), frames, config)
            streams.append(b"".join(data for _, data, _ in found))
        assert streams[0] == streams[1]


@pytest.mark.parametrize(("motion", "moves"), [("flow", True), ("grid", True), ("none", False)])
def test_splats_move_by_the_vectors_that_were_asked_for(motion, moves):
    """A picture that slides: some P-packet has vectors (part 16), unless there are to be none."""
    wide = pictures(1, 200, 72)[0]
    config = replace(tsplat.preset("fast", gaussians=120), motion=motion)
    encoder = tsplat.Encoder(128, 72, 30, config)
    decoder = tsplat.Decoder(encoder.header)
    parts = []
    for k in range(5):
        packet = encoder.encode(wide[:, 4 * k : 4 * k + 128])
        decoder.advance(packet)
        assert same_state(encoder, decoder)
        parts += [p.payload[0] for p in parsed(packet) if p.kind == container.INTER]
    assert any(part & 16 for part in parts) == moves


def test_a_target_is_of_the_region():
    config = tsplat.preset("slow", gaussians=200, background="none", psnr=21.0)
    frames = pictures(3)
    for k, (_, _, decoder) in enumerate(run(lambda k: person(48), frames, config)):
        assert inside_psnr(decoder, frames[k]) > 20.8


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (9, 300), (97, 55)])
@pytest.mark.parametrize("background", ["none", "splats"])
def test_regions_of_any_size_of_picture(size, background):
    width, height = size
    shape = grid(width, height, default_cell(width, height))
    y, x = np.indices(shape)
    config = tsplat.preset("fast", background=background)
    regions = [Region((y + x + k) % 9 < 6) for k in range(3)]
    encoder = tsplat.Encoder(width, height, 30, config, regions=True)
    decoder = tsplat.Decoder(encoder.header)
    for k in range(3):
        frame = np.full((height, width, 3), 60 + 40 * k, np.uint8)
        decoder.advance(encoder.encode(frame, region=regions[k]))
        assert same_state(encoder, decoder)
        assert decoder.picture().shape == frame.shape


def test_any_frame_of_a_stream_with_a_background_can_be_asked_for(tmp_path):
    config = tsplat.preset("fast", gaussians=60, background="video", gop=10)
    frames = pictures(20)
    found = list(run(lambda k: person(34 + k), frames, config))
    encoder = found[0][0]
    path = tmp_path / "clip.tsplat"
    data = encoder.header + b"".join(data for _, data, _ in found) + encoder.finish()
    path.write_bytes(data)
    reader = tsplat.Reader(path)
    whole = list(reader)
    assert len(reader) == len(whole) == 20
    for k in (19, 3, 10, 11, 9, 0):
        assert np.array_equal(reader[k], whole[k])
    assert not reader.damage
    for start in (0, 8, 10, 15):
        part = list(tsplat.Reader(path).frames(start, 3))
        assert all(np.array_equal(p.pixels, whole[p.frame]) for p in part)
        assert [p.frame for p in part] == list(range(start, start + 3))
