"""Decoding streams made by hand: a few splats, no encoder."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.packets import packed
from tsplat.decoding.compositing import blur, fitted
from tsplat.decoding.decoder import Decoder
from tsplat.errors import BitstreamError, ConfigError, MediaError
from tsplat.files.reader import Reader
from tsplat.kernels.screen import Screen
from tsplat.media.background import BACKGROUND_CODECS, BackgroundEncoder
from tsplat.region import Region, grid
from tsplat.splats import MAX_PIXELS, QuantizedSplats, Steps
from tsplat.stream import container, payload
from tsplat.stream.container import BACKGROUND, INTER, INTRA, Packet
from tsplat.stream.header import HEADER_BYTES, Header
from tsplat.stream.index import pack_index

WIDTH, HEIGHT = 48, 32
HEADER = Header(WIDTH, HEIGHT, Fraction(25), Steps(128, 128, 786, 1050))
INTRA_AT = (0, 4, 7)
FRAMES = 9


def states() -> list[np.ndarray]:
    """Integers of the frames: a new scene at every I, a third of the splats moved at every P."""
    rng = np.random.default_rng(0)
    out: list[np.ndarray] = []
    for frame in range(FRAMES):
        if frame in INTRA_AT:
            low = (0, 0, 3, -4, 3, 5, -10, -10)
            values = rng.integers(low, (96, 64, 12, 5, 12, 40, 11, 11), (9, 8)).astype(np.int32)
            out.append(values[payload.order(values, HEADER)])
        else:
            moved = out[-1].copy()
            moved[frame % 3 :: 3, [0, 5]] += (1, 3)
            out.append(moved)
    return out


def payloads() -> list[bytes]:
    out: list[bytes] = []
    for frame, values in enumerate(states()):
        if frame in INTRA_AT:
            splats = QuantizedSplats(values, HEADER.steps)
            data, state = payload.encode_intra(splats, None, HEADER)
        else:
            stay = np.ones(len(values), bool)
            data, state = payload.encode_inter(state, stay, values, None, HEADER)
        out.append(data)
    return out


def kind(frame: int) -> int:
    return INTRA if frame in INTRA_AT else INTER


def packets(bodies: list[bytes] | None = None, ticks: tuple[int, ...] = ()) -> list[bytes]:
    return [
        packed(kind(k), k, body, ticks[k] if ticks else container.TICKS)
        for k, body in enumerate(bodies or payloads())
    ]


def starts(parts: list[bytes]) -> list[int]:
    return [HEADER_BYTES + sum(map(len, parts[:k])) for k in range(len(parts))]


def write(path: Path, parts: list[bytes], index: bool = True, last_ticks: int = 1000) -> Path:
    data = HEADER.pack() + b"".join(parts)
    if index:
        entries = [(k, starts(parts)[k]) for k in INTRA_AT]
        data += pack_index(FRAMES, last_ticks, entries)
    path.write_bytes(data)
    return path


@pytest.fixture
def path(tmp_path) -> Path:
    return write(tmp_path / "clip.tsplat", packets())


@pytest.fixture
def pictures() -> list[np.ndarray]:
    decoder = Decoder(HEADER.pack())
    return [decoder.decode(packet) for packet in packets()]


def test_every_packet_gives_its_integers_and_what_it_changed():
    decoder = Decoder(HEADER.pack())
    before = None
    for frame, (packet, state) in enumerate(zip(packets(), states())):
        assert decoder.decode(packet).shape == (HEIGHT, WIDTH, 3)
        assert np.array_equal(decoder.splats.values, state)
        moved = np.ones(9, bool) if frame in INTRA_AT else (state != before).any(1)
        assert np.array_equal(decoder.state.changed, moved)
        assert decoder.region is None
        assert (decoder.alpha() == 255).all()
        before = state


def test_advancing_is_decoding_without_a_picture(pictures):
    decoder = Decoder(HEADER)
    for packet in packets():
        decoder.advance(packet)
    assert np.array_equal(decoder.picture(), pictures[-1])


def test_no_splats_are_a_black_picture():
    decoder = Decoder(HEADER)
    assert not decoder.decode(container.pack_packet(INTRA, 0, b"\0")).any()
    assert not decoder.decode(packed(INTER, 1, b"\0")).any()


def test_a_fresh_decoder_has_nothing_to_show():
    for ask in (Decoder.picture, Decoder.cutout, Decoder.alpha, lambda d: d.state):
        with pytest.raises(BitstreamError, match="no frame was decoded yet"):
            ask(Decoder(HEADER))


def test_a_decoder_joins_at_any_i_packet(pictures):
    decoder = Decoder(HEADER)
    for frame in range(4, FRAMES):
        assert np.array_equal(decoder.decode(packets()[frame]), pictures[frame])


def test_a_p_packet_without_its_reference_is_refused():
    with pytest.raises(BitstreamError, match=r"waiting for an I-frame \(byte 0\)"):
        Decoder(HEADER).decode(packets()[1])


@pytest.mark.parametrize(
    "bad",
    [
        packets()[3],
        packed(INTER, 1, b"\0"),
        packets()[2][:-1] + b"?",
        packed(INTER, 2, b"\x20"),
        packed(INTER, 2, b"\x01\x01"),
        container.pack_packet(INTRA, 2, b"\xff\xff\x03"),
        b"\x02",
        b"",
    ],
    ids=[
        "skips one",
        "comes again",
        "checksum",
        "P parts",
        "region",
        "I payload",
        "cut off",
        "none",
    ],
)
def test_a_refused_packet_leaves_the_state_as_it_was(bad, pictures):
    decoder = Decoder(HEADER)
    decoder.decode(packets()[0])
    decoder.decode(packets()[1])
    history = decoder.state.history.copy()
    with pytest.raises(BitstreamError):
        decoder.decode(bad)
    assert np.array_equal(decoder.splats.values, states()[1])
    assert np.array_equal(decoder.state.history, history)
    assert np.array_equal(decoder.decode(packets()[2]), pictures[2])


def test_no_bytes_are_refused():
    with pytest.raises(BitstreamError, match="cut off"):
        Decoder(HEADER).decode(b"")


def test_only_i_and_p_packets_are_frames():
    """An index says the number of frames where a P-packet says the next frame's number."""
    decoder = Decoder(HEADER)
    decoder.decode(container.pack_packet(INTRA, 0, b"\0"))
    index = pack_index(1, 0, [])
    with pytest.raises(BitstreamError):
        decoder.decode(index[:-8])


def test_another_size_is_the_same_picture(pictures):
    large = Decoder(HEADER, (3 * WIDTH, 3 * HEIGHT)).decode(packets()[0])
    assert large.shape == (3 * HEIGHT, 3 * WIDTH, 3)
    centres = large[1::3, 1::3].astype(int)
    assert np.abs(centres - pictures[0]).max() <= 1


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (8193, 1), (8192, MAX_PIXELS // 8192 + 1)])
def test_sizes_have_bounds(size):
    with pytest.raises(ConfigError, match=f"size: got {size[0]}x{size[1]}"):
        Decoder(HEADER, size)


@pytest.mark.parametrize("index", [True, False])
def test_a_file_gives_its_pictures_in_order(index, tmp_path, pictures):
    reader = Reader(write(tmp_path / "clip.tsplat", packets(), index))
    assert reader.header == HEADER
    assert len(reader) == FRAMES
    shown = list(reader)
    assert len(shown) == FRAMES
    assert all(np.array_equal(a, b) for a, b in zip(shown, pictures))
    assert reader.damage == []
    assert reader.truncated is (not index)


@pytest.mark.parametrize("index", [True, False])
def test_any_frame_can_be_asked_for_in_any_order(index, tmp_path, pictures):
    reader = Reader(write(tmp_path / "clip.tsplat", packets(), index))
    for frame in [*np.random.default_rng(0).permutation(FRAMES).tolist(), 0, 1, 1, -1, -FRAMES]:
        assert np.array_equal(reader[frame], pictures[frame])
    for frame in (FRAMES, -FRAMES - 1):
        with pytest.raises(IndexError):
            reader[frame]


@pytest.mark.parametrize(("start", "count"), [(0, 3), (2, 4), (5, None), (8, 9), (9, None)])
def test_a_part_is_the_same_as_that_part_of_the_whole(start, count, path, pictures):
    part = list(Reader(path).frames(start, count))
    end = FRAMES if count is None else min(FRAMES, start + count)
    assert [p.frame for p in part] == list(range(start, end))
    assert all(np.array_equal(p.pixels, pictures[p.frame]) for p in part)


def test_times_are_sums_of_ticks(tmp_path):
    ticks = (0, 1000, 2500, 1, *[1000] * (FRAMES - 4))
    path = write(tmp_path / "clip.tsplat", packets(ticks=ticks), last_ticks=500)
    expected = [Fraction(sum(ticks[: k + 1]), 25_000) for k in range(FRAMES)]
    assert [p.time for p in Reader(path).frames()] == expected
    assert [p.time for p in Reader(path).frames(5)] == expected[5:]
    assert Reader(path).end() == expected[-1] + Fraction(500, 25_000)


def test_the_first_frame_is_at_0_as_the_format_says(path):
    """Encoder.encode(frame) writes no ticks, so the first packet has the usual 1000."""
    assert next(Reader(path).frames()).time == 0


def test_a_file_cut_anywhere_gives_its_whole_frames(tmp_path, pictures):
    parts = packets()
    data = HEADER.pack() + b"".join(parts)
    ends = [*starts(parts)[1:], len(data)]
    for cut in range(HEADER_BYTES + 1, len(data), 7):
        path = tmp_path / "cut.tsplat"
        path.write_bytes(data[:cut])
        reader = Reader(path)
        whole = sum(end <= cut for end in ends)
        assert [p.frame for p in reader.frames()] == list(range(whole))
        assert reader.truncated
        assert len(reader) == whole
        if whole:
            assert np.array_equal(reader[whole - 1], pictures[whole - 1])


def test_a_flipped_byte_costs_the_frames_until_the_next_i(tmp_path, pictures):
    parts = packets()
    parts[1] = parts[1][:-1] + bytes([parts[1][-1] ^ 1])
    reader = Reader(write(tmp_path / "clip.tsplat", parts))
    shown = list(reader.frames())
    assert [p.frame for p in shown] == [0, 4, 5, 6, 7, 8]
    assert all(np.array_equal(p.pixels, pictures[p.frame]) for p in shown)
    at = starts(parts)[1]
    assert [(d.error.frame, d.error.offset) for d in reader.damage] == [(1, at)]
    assert not reader.truncated
    with pytest.raises(BitstreamError):
        reader[1]
    assert np.array_equal(reader[4], pictures[4])


@pytest.fixture
def undecodable(tmp_path):
    """A file whose frame 5 has a right checksum and a payload that is none."""
    bodies = payloads()
    bodies[5] = b"\x02\xff\xff\x03"

    def make(index: bool) -> tuple[Reader, int]:
        parts = packets(bodies)
        return Reader(write(tmp_path / "clip.tsplat", parts, index)), starts(parts)[5]

    return make


def test_a_payload_that_does_not_decode_costs_the_frames_until_the_next_i(undecodable):
    reader, at = undecodable(True)
    assert [p.frame for p in reader.frames()] == [0, 1, 2, 3, 4, 7, 8]
    assert [(d.error.frame, d.error.offset) for d in reader.damage] == [(5, at)]


@pytest.mark.parametrize("index", [True, False])
def test_frames_after_an_undecodable_one_can_be_asked_for(index, undecodable, pictures):
    reader, _ = undecodable(index)
    for frame in (5, 6):
        with pytest.raises(BitstreamError) as caught:
            reader[frame]
        assert caught.value.frame == 5
    assert np.array_equal(reader[7], pictures[7])


def test_an_undecodable_frame_is_refused_the_same_way_twice(undecodable):
    reader, _ = undecodable(True)
    for _ in range(2):
        with pytest.raises(BitstreamError) as caught:
            reader[5]
        assert caught.value.frame == 5


@pytest.mark.parametrize("ask", [len, Reader.end], ids=["len", "end"])
def test_asking_for_a_length_forgets_no_damage(ask, undecodable):
    reader, _ = undecodable(False)
    list(reader)
    met = [d.error.frame for d in reader.damage]
    assert met == [5]
    ask(reader)
    assert [d.error.frame for d in reader.damage] == met


def test_files_that_are_none_are_refused_by_name(tmp_path):
    with pytest.raises(MediaError, match=r"none\.tsplat: cannot be read"):
        Reader(tmp_path / "none.tsplat")
    with pytest.raises(MediaError, match="cannot be read"):
        Reader(tmp_path)
    for content in (b"", b"RIFF" * 20, HEADER.pack()[:30]):
        path = tmp_path / "bad.tsplat"
        path.write_bytes(content)
        with pytest.raises(BitstreamError, match=r"bad\.tsplat: ") as caught:
            Reader(path)
        assert caught.value.offset == 0


def test_a_header_alone_is_a_file_without_frames(tmp_path):
    path = tmp_path / "empty.tsplat"
    path.write_bytes(HEADER.pack())
    reader = Reader(path)
    assert len(reader) == 0
    assert list(reader) == []
    with pytest.raises(IndexError):
        reader[0]


def test_frame_numbers_may_have_gaps(tmp_path, pictures):
    """A sender may drop frames before an I-packet."""
    parts = [packets()[k] for k in (0, 1, 4, 5)]
    path = tmp_path / "gap.tsplat"
    path.write_bytes(HEADER.pack() + b"".join(parts))
    reader = Reader(path)
    assert [p.frame for p in reader.frames()] == [0, 1, 4, 5]
    with pytest.raises(BitstreamError, match="missing from the file"):
        reader[3]
    assert np.array_equal(reader[5], pictures[5])


def test_packets_may_come_already_parsed(pictures):
    packet = Packet(INTRA, 0, (1000,), payloads()[0])
    assert np.array_equal(Decoder(HEADER).decode(packet), pictures[0])


CELLS = replace(HEADER, cell=4)
SHAPE = grid(WIDTH, HEIGHT, 4)


def region(frame: int) -> Region:
    """A box that moves to the right; the whole picture; nothing."""
    cells = np.zeros(SHAPE, bool)
    cells[2:7, 1 + frame : 6 + frame] = True
    return Region(cells | (frame == 3)) if frame < 4 else Region(np.zeros(SHAPE, bool))


def stream(header: Header = CELLS, frames: int = 5) -> list[bytes]:
    """Packets of :func:`region`; from frame to frame a splat goes and two come."""
    first = states()[0]
    data, state = payload.encode_intra(QuantizedSplats(first, header.steps), region(0), header)
    out = [container.pack_packet(INTRA, 0, data)]
    for frame in range(1, frames):
        stay = np.arange(len(state.splats)) != frame
        come = states()[4][frame : frame + 2]
        values = np.concatenate([state.splats.values[stay], come])
        data, state = payload.encode_inter(state, stay, values, region(frame), header)
        out.append(packed(INTER, frame, data))
    return out


def rendered(decoder: Decoder) -> np.ndarray:
    """The picture of a decoder's splats in a stream without regions."""
    splats = QuantizedSplats(
        decoder.splats.values[payload.order(decoder.splats.values, HEADER)], HEADER.steps
    )
    plain = Decoder(HEADER, decoder.size)
    return plain.decode(Packet(INTRA, 0, (1000,), payload.encode_intra(splats, None, HEADER)[0]))


def shown(
    header: Header, size: tuple[int, int] | None = None, background="keep", frames: int = 5
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pictures, plain renders and opacities of a stream."""
    decoder = Decoder(header, size, background)
    for packet in stream(header, frames):
        yield decoder.decode(packet), rendered(decoder), decoder.alpha()


def mixed(picture: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    opacity = alpha[..., None] / 255
    return np.rint(picture * opacity + behind * (1 - opacity))


BEHIND = np.array([30, 200, 90], np.uint8)


@pytest.mark.parametrize("size", [None, (3 * WIDTH, 3 * HEIGHT), (31, 57)])
@pytest.mark.parametrize("override", [False, True])
def test_outside_is_the_colour_and_inside_the_plain_render(size, override):
    header = replace(CELLS, outside="splats" if override else "colour", backdrop=(30, 200, 90))
    background = (30, 200, 90) if override else "keep"
    for frame, (got, plain, alpha) in enumerate(shown(header, size, background)):
        assert (got[alpha == 0] == BEHIND).all()
        assert np.abs(got[alpha == 255].astype(int) - plain[alpha == 255]).max(initial=0) <= 1
        assert np.abs(got - mixed(plain, alpha, BEHIND)).max() <= 1
        assert (alpha == 255).all() == (frame == 3)
        assert (alpha == 0).all() == (frame == 4)
        assert frame > 2 or {0, 255} < set(np.unique(alpha))


def test_a_colour_in_the_call_goes_before_that_of_the_stream():
    header = replace(CELLS, outside="colour", backdrop=(1, 2, 3))
    for got, _, alpha in shown(header, background=np.array([7, 8, 9])):
        assert (got[alpha == 0] == (7, 8, 9)).all()


def test_kept_splats_are_shown_everywhere():
    for got, plain, _ in shown(CELLS):
        assert np.abs(got.astype(int) - plain).max() <= 1


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (10, 400), (333, 50)])
def test_an_image_in_the_call_covers_the_picture(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    behind = fitted(image, WIDTH, HEIGHT)
    for got, plain, alpha in shown(CELLS, background=image):
        assert np.array_equal(got[alpha == 0], behind[alpha == 0])
        assert np.abs(got - mixed(plain, alpha, behind)).max() <= 1


@pytest.mark.parametrize("override", [False, True])
def test_the_splats_outside_are_shown_out_of_focus(override):
    header = replace(CELLS, outside="splats" if override else "blur")
    background = "blur" if override else "keep"
    for frame, (got, plain, alpha) in enumerate(shown(header, background=background)):
        assert np.abs(got - mixed(plain, alpha, blur(plain, alpha))).max() <= 1
        if frame < 3:
            steps = [np.abs(np.diff(p.astype(int), axis=1))[:, -6:].sum() for p in (got, plain)]
            assert steps[0] < steps[1]


@pytest.mark.parametrize(
    ("header", "background", "message"),
    [
        (replace(CELLS, outside="colour"), "blur", "there is none in this stream to blur"),
        (CELLS, "beach", "got 'beach', expected keep or blur"),
        (HEADER, "blur", "no region of interest"),
        (HEADER, (1, 2, 3), "no region of interest"),
        (CELLS, (1, 2), "background: got"),
        (CELLS, (1, 2, 3, 4), "background: got"),
        (CELLS, (0, 0, 256), "background: got"),
        (CELLS, (0, 0, -1), "background: got"),
        (CELLS, np.zeros((4, 4), np.uint8), "background: got"),
        (CELLS, np.zeros((4, 4, 4), np.uint8), "background: got"),
        (CELLS, np.zeros((0, 4, 3), np.uint8), "background: got"),
        (CELLS, np.zeros((4, 4, 3), np.float32), "background: got"),
    ],
)
def test_backgrounds_that_are_none_are_refused(header, background, message):
    with pytest.raises(ConfigError, match=message):
        Decoder(header, background=background)


def test_keeping_what_a_stream_without_regions_has_is_no_error():
    assert Decoder(HEADER, background="keep").header == HEADER


@pytest.mark.parametrize("size", [None, (2 * WIDTH, 2 * HEIGHT)])
@pytest.mark.parametrize("outside", ["splats", "colour", "blur"])
def test_a_cutout_is_the_region_alone(size, outside):
    decoder = Decoder(replace(CELLS, outside=outside), size)
    for packet in stream(decoder.header):
        decoder.advance(packet)
        cutout, plain, alpha = decoder.cutout(), rendered(decoder), decoder.alpha()
        assert (cutout.shape, cutout.dtype) == ((*alpha.shape, 4), np.uint8)
        assert np.array_equal(cutout[..., 3], alpha)
        assert not cutout[alpha == 0].any()
        there = alpha > 0
        assert np.abs(cutout[there, :3].astype(int) - plain[there]).max(initial=0) <= 1


def test_a_cutout_of_a_stream_without_regions_is_opaque(pictures):
    decoder = Decoder(HEADER)
    decoder.advance(packets()[0])
    assert (decoder.cutout()[..., 3] == 255).all()
    assert np.array_equal(decoder.cutout()[..., :3], pictures[0])


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (5 * WIDTH, 3 * HEIGHT), (20, 90)])
def test_opacity_is_the_region_s_at_any_size(size):
    decoder = Decoder(CELLS, size)
    for frame, packet in enumerate(stream()):
        decoder.advance(packet)
        assert decoder.region == region(frame)
        width, height = size
        cell = 4 * width / WIDTH, 4 * height / HEIGHT
        expected = np.rint(255 * region(frame).alpha(width, height, cell))
        assert decoder.alpha().shape == size[::-1]
        assert np.abs(decoder.alpha() - expected).max() <= 1


def test_files_with_regions_give_pixels_and_opacity(tmp_path):
    header = replace(CELLS, outside="colour", backdrop=(30, 200, 90))
    path = tmp_path / "region.tsplat"
    path.write_bytes(header.pack() + b"".join(stream(header)))
    expected = list(shown(header))
    for number, picture in enumerate(Reader(path).frames()):
        assert picture.frame == number
        assert np.array_equal(picture.pixels, expected[number][0])
        assert np.array_equal(picture.alpha, expected[number][2])
    cut = Reader(path, cutout=True)
    for number, picture in enumerate(cut.frames()):
        assert np.array_equal(picture.pixels[..., 3], expected[number][2])
    assert cut[2].shape == (HEIGHT, WIDTH, 4)
    image = Reader(path, background=(9, 9, 9))[4]
    assert (image == 9).all()
    small = next(Reader(path, size=(24, 16)).frames())
    assert small.pixels.shape[:2] == small.alpha.shape == (16, 24)


SPANNED = replace(CELLS, outside="colour", backdrop=(30, 200, 90))
SPAN_TICKS = ((1000,), (1000, 1000), (500, 1000, 1500), (1000,), (1000,), (2000, 0), (1000, 1000))
"""Of coded frames 0, 2, 5, 6, then 7, an I-packet, 9 and 11."""
SPAN_INTRA = (0, 7)


def spanned(header: Header = SPANNED) -> list[bytes]:
    """Packets of coded frames of :func:`region`; at every P a splat goes and two come."""
    out, number = [], -1
    for k, ticks in enumerate(SPAN_TICKS):
        number += len(ticks)
        if number in SPAN_INTRA:
            first = QuantizedSplats(states()[0 if k == 0 else 4], header.steps)
            data, state = payload.encode_intra(first, region(k % 4), header)
            out.append(container.pack_packet(INTRA, number, data, ticks[0]))
            continue
        stay = np.arange(len(state.splats)) != k
        come = states()[7][k - 1 : k + 1]
        values = np.concatenate([state.splats.values[stay], come])
        values[:3, [0, 5]] += (3, 4)
        data, state = payload.encode_inter(state, stay, values, region(k % 4), header)
        out.append(container.pack_inter(number, data, ticks))
    return out


def write_spanned(path: Path, parts: list[bytes], index: bool = True) -> Path:
    data = SPANNED.pack() + b"".join(parts)
    if index:
        entries = [(0, starts(parts)[0]), (7, starts(parts)[4])]
        data += pack_index(12, 1000, entries)
    path.write_bytes(data)
    return path


@pytest.fixture
def between_path(tmp_path) -> Path:
    return write_spanned(tmp_path / "spans.tsplat", spanned())


@pytest.fixture
def all_pictures() -> list[np.ndarray]:
    """Each of its frames, mixed and rendered by hand."""
    out, decoder = [], Decoder(SPANNED)
    before = None
    for packet, ticks in zip(spanned(), SPAN_TICKS):
        decoder.advance(packet)
        now = decoder.splats.dequantise(), decoder.alpha().astype(float)
        for passed in np.cumsum(ticks):
            at = passed / sum(ticks)
            params, alpha = now[0].params, now[1]
            weights = np.ones(len(params))
            if before is not None and at < 1:
                origin = decoder.state.origin
                known = origin >= 0
                params = params.copy()
                params[known] *= at
                params[known] += (1 - at) * before[0].params[origin[known]]
                weights[~known] = at
                gone = before[0].params[~np.isin(np.arange(len(before[0].params)), origin)]
                params = np.concatenate([params, gone])
                weights = np.append(weights, [1 - at] * len(gone))
                alpha = np.rint(before[1] * (1 - at) + alpha * at)
            screen = Screen(WIDTH, HEIGHT, normalised=True)
            plain = screen.picture(params.astype(np.float32), weights)
            out.append(mixed(plain, alpha, BEHIND))
        before = now
    return out


def near(a: np.ndarray, b: np.ndarray, slack: int = 2) -> bool:
    return np.abs(a.astype(int) - b).max() <= slack


def test_all_frames_of_a_packet_are_rendered(all_pictures):
    decoder, got = Decoder(SPANNED), []
    for packet, ticks in zip(spanned(), SPAN_TICKS):
        pictures = list(decoder.pictures(packet))
        assert len(pictures) == len(ticks)
        assert np.array_equal(pictures[-1], decoder.picture())
        got += pictures
    assert len(got) == len(all_pictures) == 12
    assert all(near(*pair) for pair in zip(got, all_pictures))
    # They differ from one another: it is no frame that is shown twice, but the one of no ticks.
    same = [k for k in range(11) if np.array_equal(got[k], got[k + 1])]
    assert same == [8]


def test_a_picture_between_goes_from_the_one_before_to_the_last():
    decoder = Decoder(SPANNED)
    first, second = [decoder.decode(packet) for packet in spanned()[:2]]
    plain = Decoder(SPANNED)
    plain.advance(spanned()[0])
    assert near(decoder.picture(0), first, 1)
    assert near(decoder.alpha(0), plain.alpha(), 0)
    assert np.array_equal(decoder.picture(1), second)
    for at in (0.1, 0.5, 0.9):
        weight = float(np.abs(decoder.picture(at).astype(int) - first).sum())
        assert 0 < weight < np.abs(second.astype(int) - first).sum()
        alpha, cutout = decoder.alpha(at), decoder.cutout(at)
        expected = (1 - at) * decoder.alpha(0).astype(float) + at * decoder.alpha()
        assert np.abs(alpha - expected).max() <= 0.51
        assert np.array_equal(cutout[..., 3], alpha)
        assert not cutout[alpha == 0].any()
    assert np.array_equal(decoder.picture(1), second)


def test_there_is_nothing_between_an_i_frame_and_what_was_before_it():
    decoder = Decoder(SPANNED)
    for packet in spanned()[:5]:
        decoder.advance(packet)
    for at in (0, 0.5, 1):
        assert np.array_equal(decoder.picture(at), decoder.picture())
        assert np.array_equal(decoder.alpha(at), decoder.alpha())


@pytest.mark.parametrize("at", [-0.1, 1.1, float("nan"), float("inf")])
def test_times_that_are_none_are_refused(at):
    decoder = Decoder(SPANNED)
    decoder.advance(spanned()[0])
    for ask in (decoder.picture, decoder.cutout, decoder.alpha):
        with pytest.raises(ConfigError, match=r"expected 0\.\.1"):
            ask(at)


def test_bytes_of_many_packets_give_all_their_pictures(all_pictures):
    """As an encoder gives them: none while frames wait; then those that waited, and an I-frame."""
    parts = spanned()
    calls = [parts[0], b"", parts[1], b"", b"", parts[2], b"".join(parts[3:5]), b"", parts[5]]
    calls += [b"", parts[6] + pack_index(12, 1000, [(0, 56)])]
    decoder = Decoder(SPANNED)
    counts = [len(list(decoder.pictures(call))) for call in calls]
    assert counts == [1, 0, 2, 0, 0, 3, 2, 0, 2, 0, 2]
    assert near(decoder.picture(), all_pictures[-1])
    decoder = Decoder(SPANNED)
    got = [picture for call in calls for picture in decoder.pictures(call)]
    assert all(near(*pair) for pair in zip(got, all_pictures, strict=True))
    assert list(decoder.pictures(pack_index(12, 1000, []))) == []
    with pytest.raises(BitstreamError, match="neither an I- nor a P-packet"):
        decoder.decode(pack_index(12, 1000, []))


def test_the_i_packet_behind_a_p_packet_that_is_refused_is_taken_in(all_pictures):
    parts = spanned()
    decoder = Decoder(SPANNED)
    assert decoder.waiting
    decoder.advance(parts[0])
    assert not decoder.waiting
    with pytest.raises(BitstreamError, match=r"frame before is missing.*frame 5"):
        decoder.advance(parts[2])
    assert decoder.waiting
    assert decoder.frame == 0
    held = decoder.picture()
    assert near(held, all_pictures[0])
    shown = decoder.pictures(b"".join(parts[3:5]))
    assert near(next(shown), all_pictures[7])
    with pytest.raises(BitstreamError, match=r"frame before is missing.*frame 6"):
        next(shown)
    assert not decoder.waiting
    assert len(list(decoder.pictures(parts[5]))) == 2


def test_no_later_packet_is_taken_for_the_lost_one():
    """The four bits of frame 18 are those of frame 2."""
    packet = packets()[:2]
    decoder = Decoder(HEADER)
    for one in packet:
        decoder.advance(one)
    held = decoder.splats.values.copy()
    for frame in range(3, 400):
        with pytest.raises(BitstreamError):
            decoder.advance(packed(INTER, frame, payloads()[2]))
        assert decoder.waiting
    assert np.array_equal(decoder.splats.values, held)
    decoder.advance(packed(INTER, 2, payloads()[2]))
    assert not decoder.waiting


@pytest.mark.parametrize("index", [True, False])
def test_files_with_spans_give_all_frames(index, tmp_path, all_pictures):
    reader = Reader(write_spanned(tmp_path / "spans.tsplat", spanned(), index))
    assert len(reader) == 12
    got = list(reader.frames())
    assert [p.frame for p in got] == list(range(12))
    assert all(near(p.pixels, picture) for p, picture in zip(got, all_pictures))
    ticks = [t for each in SPAN_TICKS for t in each]
    assert [p.time for p in got] == [Fraction(sum(ticks[1 : k + 1]), 25_000) for k in range(12)]
    assert reader.end() == got[-1].time + Fraction(1, 25)
    assert reader.damage == []
    order = np.random.default_rng(1).permutation(12).tolist()
    for k in [*order, 3, 4, 4, 5, 6, 2, 1, 11, 0, -1]:
        assert near(reader[k], all_pictures[k])
    for start in range(12):
        part = list(reader.frames(start, 3))
        assert [p.frame for p in part] == list(range(start, min(12, start + 3)))
        assert all(np.array_equal(p.pixels, got[p.frame].pixels) for p in part)
        assert all(np.array_equal(p.alpha, got[p.frame].alpha) for p in part)


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("lost", [1, 2, 3, 5, 6])
def test_a_lost_packet_costs_its_frames_and_those_up_to_the_next_i(
    lost, index, tmp_path, all_pictures
):
    last = [0, 2, 5, 6, 7, 9, 11]
    parts = spanned()
    file = write_spanned(tmp_path / "lost.tsplat", [*parts[:lost], b"", *parts[lost + 1 :]], index)
    reader = Reader(file)
    got = list(reader.frames())
    gone = range(last[lost - 1] + 1, 7 if lost < 4 else 12)
    assert [p.frame for p in got] == [k for k in range(12) if k not in gone]
    assert all(near(p.pixels, all_pictures[p.frame]) for p in got)
    follows = lost not in (3, 6)
    assert [d.error.frame for d in reader.damage] == ([last[lost + 1]] if follows else [])
    for frame in range(len(reader)):
        if frame in gone:
            with pytest.raises(BitstreamError, match="missing"):
                reader[frame]
        else:
            assert near(reader[frame], all_pictures[frame])
    if lost < 4:
        # At a rate of their own, the last good frame stays.
        times = list(reader.frames_at(Fraction(25)))
        held = got[last[lost - 1]].pixels
        assert all(np.array_equal(times[k].pixels, held) for k in gone)


def test_at_its_own_rate_a_clip_is_itself(path, pictures):
    got = list(Reader(path).frames_at(Fraction(25)))
    assert [p.frame for p in got] == list(range(FRAMES))
    assert all(np.array_equal(p.pixels, picture) for p, picture in zip(got, pictures))


@pytest.mark.parametrize("rate", [Fraction(60), Fraction(25, 2), Fraction(30000, 1001), 1, 25_000])
def test_any_rate_shows_what_is_between(rate, between_path):
    reader = Reader(between_path)
    rate = Fraction(rate)
    got = list(itertools.islice(reader.frames_at(rate), 200))
    count = -(-reader.end() * rate // 1)
    assert [p.frame for p in got] == list(range(min(200, count)))
    assert [p.time for p in got] == [k / rate for k in range(len(got))]
    own = {p.time: p for p in reader.frames()}
    for picture in got:
        if picture.time in own:
            assert near(picture.pixels, own[picture.time].pixels, 0)
            assert np.array_equal(picture.alpha, own[picture.time].alpha)
    if rate == 25_000:
        # Every thousandth of a frame, and each a little on from the one before; only where there
        # was no splat, one that comes is there at once.
        steps = [np.abs(a.pixels.astype(int) - b.pixels) for a, b in itertools.pairwise(got)]
        assert max(step.mean() for step in steps) < 2
    assert [p.time for p in itertools.islice(reader.frames_at(rate, 2), 3)] == [
        k / rate for k in range(2, min(5, count))
    ]


def test_clips_without_motion_in_time_have_one_frame_at_any_rate(tmp_path):
    """All ticks 0: everything is at once, and its last frame is what is seen."""
    parts = [container.pack_packet(INTRA, 0, payloads()[0], 0)]
    parts.append(container.pack_inter(3, payloads()[1], (0, 0, 0)))
    data = HEADER.pack() + b"".join(parts) + pack_index(4, 1000, [(0, 56)])
    file = tmp_path / "still.tsplat"
    file.write_bytes(data)
    assert [p.time for p in Reader(file).frames()] == [0, 0, 0, 0]
    assert [p.time for p in Reader(file).frames_at(Fraction(25))] == [0]


def test_long_spans_are_rendered_as_they_are_asked_for(tmp_path, monkeypatch):
    """A few bytes claim 255 frames each; memory and work are those of the frames asked for."""
    data = HEADER.pack() + packets()[0]
    for k in range(2000):
        data += container.pack_inter(255 * (k + 1), b"\0", (1000,) * 255)
    file = tmp_path / "long.tsplat"
    file.write_bytes(data)
    rendered = []
    picture = Decoder.picture
    monkeypatch.setattr(
        Decoder, "picture", lambda self, at=1.0: rendered.append(at) or picture(self, at)
    )
    reader = Reader(file)
    assert len(reader) == 255 * 2000 + 1
    tracemalloc.start()
    try:
        frames = reader.frames()
        assert [next(frames).frame for _ in range(5)] == [0, 1, 2, 3, 4]
        frames_at = reader.frames_at(Fraction(1000))
        assert [next(frames_at).frame for _ in range(5)] == [0, 1, 2, 3, 4]
        decoder = Decoder(HEADER)
        decoder.advance(packets()[0])
        live = decoder.pictures(container.pack_inter(255, b"\0", (1000,) * 255))
        for _ in range(5):
            next(live)
        assert reader[255 * 100 + 7].shape == (HEIGHT, WIDTH, 3)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert len(rendered) < 20


def test_opacities_are_made_once_a_region(monkeypatch):
    made = []
    alpha = Region.alpha
    monkeypatch.setattr(
        Region, "alpha", lambda self, *size: made.append(self) or alpha(self, *size)
    )
    decoder = Decoder(SPANNED)
    for packet in spanned()[:4]:
        list(decoder.pictures(packet))
        decoder.cutout(0.5)
    assert len(made) == 4


def room(colour: tuple[int, int, int], stripes: int) -> np.ndarray:
    out = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    out[:, :: 2 * stripes] //= 2
    return out


ROOMS = [room((200, 40, 40), 4), room((40, 40, 200), 3)]


def behind(codec: str) -> list[bytes]:
    """Background packets: a red room, the same, a blue one; the first is a keyframe."""
    encoder = BackgroundEncoder(WIDTH, HEIGHT, Fraction(3), codec=codec)
    keep = np.ones((HEIGHT, WIDTH), bool)
    out = []
    for frame, (room, key) in enumerate(((0, True), (0, False), (1, False))):
        body = bytes([key]) + encoder.encode(ROOMS[room], keep, key)
        out.append(container.pack_packet(BACKGROUND, frame, body))
    return out


def far(picture: np.ndarray, room: int, alpha: np.ndarray) -> float:
    """How far what is shown outside the region is from a room, grey levels."""
    return float(np.abs(picture[alpha == 0].astype(int) - ROOMS[room][alpha == 0]).mean())


@pytest.mark.parametrize("codec", ["av1", "h264"])
@pytest.mark.parametrize("background", ["keep", "blur"])
def test_background_packets_are_shown_until_the_next_one(codec, background):
    header = replace(CELLS, outside="video", codec=BACKGROUND_CODECS[codec])
    decoder = Decoder(header, background=background)
    before = behind(codec)
    for frame, packet in enumerate(stream(header, 3)):
        got = decoder.decode(before[frame] + packet)
        assert far(got, frame == 2, decoder.alpha()) < 16
        inside = decoder.alpha() == 255
        assert np.abs(got[inside].astype(int) - rendered(decoder)[inside]).max() <= 1


def test_without_its_background_the_person_is_before_black():
    header = replace(CELLS, outside="video", codec=1)
    decoder = Decoder(header)
    got = decoder.decode(stream(header)[0])
    assert not got[decoder.alpha() == 0].any()
    with pytest.raises(BitstreamError, match="background's keyframe is missing"):
        decoder.decode(behind("av1")[1] + stream(header)[1])
    assert decoder.region == region(1)
    with pytest.raises(BitstreamError, match="background packet is empty"):
        decoder.advance(container.pack_packet(BACKGROUND, 2, b""))


def test_background_packets_do_not_count_where_another_is_wanted():
    header = replace(CELLS, outside="video", codec=1)
    decoder = Decoder(header, background=(1, 2, 3))
    got = decoder.decode(container.pack_packet(BACKGROUND, 0, b"\0junk") + stream(header)[0])
    assert (got[decoder.alpha() == 0] == (1, 2, 3)).all()


@pytest.mark.parametrize("lost", [0, 1])
def test_a_damaged_background_costs_no_frame(lost, tmp_path):
    header = replace(CELLS, outside="video", codec=1)
    bodies = behind("av1")
    bodies[lost] = container.pack_packet(BACKGROUND, lost, bytes([lost == 0]) + b"junk")
    parts = [p for pair in zip(bodies, stream(header, 3)) for p in pair]
    path = tmp_path / "clip.tsplat"
    path.write_bytes(header.pack() + b"".join(parts))
    reader = Reader(path)
    assert len(reader) == 3
    frames = list(reader.frames())
    assert [p.frame for p in frames] == [0, 1, 2]
    assert [p.time for p in frames] == [0, Fraction(1, 25), Fraction(2, 25)]
    assert lost in [d.error.frame for d in reader.damage]
    if lost:
        assert all(far(p.pixels, 0, p.alpha) < 16 for p in frames)
    else:
        assert not any(p.pixels[p.alpha == 0].any() for p in frames)
    assert np.array_equal(Reader(path)[2], frames[2].pixels)


def test_after_damage_no_background_builds_on_a_lost_keyframe(tmp_path):
    """The search for an I-packet passes over the keyframe before it."""
    header = replace(CELLS, outside="video", codec=1)
    encoder = BackgroundEncoder(WIDTH, HEIGHT, Fraction(3))
    keep = np.ones((HEIGHT, WIDTH), bool)
    data = header.pack()
    starts = []
    for frame, number in enumerate((0, 0, 1, 1, 1)):
        key = frame in (0, 2)
        picture = ROOMS[number].copy()
        picture[frame::5] //= 2
        body = bytes([key]) + encoder.encode(picture, keep, key)
        starts.append(len(data))
        data += container.pack_packet(BACKGROUND, frame, body)
        splats = QuantizedSplats(states()[0], header.steps)
        intra, _ = payload.encode_intra(splats, region(0), header)
        data += packed(*((INTRA, frame, intra) if key else (INTER, frame, b"\0")))
    damaged = bytearray(data)
    damaged[starts[1] + 8] ^= 1
    path = tmp_path / "clip.tsplat"
    path.write_bytes(damaged)
    reader = Reader(path)
    frames = list(reader.frames())
    assert [p.frame for p in frames] == [0, 2, 3, 4]
    # The last red room still: nothing newer can be right.
    outside = frames[0].alpha == 0
    assert all(np.array_equal(p.pixels[outside], frames[0].pixels[outside]) for p in frames)
    assert [d.error.frame for d in reader.damage] == [1, 3, 4]
    path.write_bytes(data)
    rooms = [far(p.pixels, 1, p.alpha) < far(p.pixels, 0, p.alpha) for p in Reader(path).frames()]
    assert rooms == [False, False, True, True, True]


def test_importing_the_decoder_loads_no_encoding_part():
    program = (
        "import sys, tsplat.decoding.decoder\n"
        "bad = {'onnxruntime', 'skimage', 'cv2', 'av', 'tsplat.encoding', 'tsplat.media',"
        " 'tsplat.roi'}\n"
        "print(sorted(bad & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
