"""Decoding streams made by hand: a few splats, no encoder."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tsplat.code import container, payload
from tsplat.code.container import INTER, INTRA, Header, Packet
from tsplat.decoder import Decoder, Reader
from tsplat.errors import BitstreamError, ConfigError, MediaError
from tsplat.splats import MAX_PIXELS, QuantizedSplats, Steps

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
            order = payload.order(QuantizedSplats(values, HEADER.steps), WIDTH, HEIGHT)
            out.append(values[order])
        else:
            moved = out[-1].copy()
            moved[frame % 3 :: 3, [0, 5]] += (1, 3)
            out.append(moved)
    return out


def payloads() -> list[bytes]:
    out, before, changed = [], None, np.zeros(0, bool)
    for frame, values in enumerate(states()):
        splats = QuantizedSplats(values, HEADER.steps)
        if frame in INTRA_AT:
            out.append(payload.encode_intra(splats, WIDTH, HEIGHT))
            changed = np.ones(len(splats), bool)
        else:
            data, changed = payload.encode_inter(splats, before, changed)
            out.append(data)
        before = splats
    return out


def kind(frame: int) -> int:
    return INTRA if frame in INTRA_AT else INTER


def packets(bodies: list[bytes] | None = None, ticks: tuple[int, ...] = ()) -> list[bytes]:
    return [
        container.pack_packet(kind(k), k, body, ticks[k] if ticks else container.TICKS)
        for k, body in enumerate(bodies or payloads())
    ]


def starts(parts: list[bytes]) -> list[int]:
    return [container.HEADER_BYTES + sum(map(len, parts[:k])) for k in range(len(parts))]


def write(path: Path, parts: list[bytes], index: bool = True, last_ticks: int = 1000) -> Path:
    data = HEADER.pack() + b"".join(parts)
    if index:
        entries = [(k, starts(parts)[k]) for k in INTRA_AT]
        data += container.pack_index(FRAMES, last_ticks, entries)
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
        assert np.array_equal(decoder.changed, moved)
        before = state


def test_advancing_is_decoding_without_a_picture(pictures):
    decoder = Decoder(HEADER)
    for packet in packets():
        decoder.advance(packet)
    assert np.array_equal(decoder.picture(), pictures[-1])


def test_no_splats_are_a_black_picture():
    decoder = Decoder(HEADER)
    assert not decoder.decode(container.pack_packet(INTRA, 0, b"\0")).any()
    assert not decoder.decode(container.pack_packet(INTER, 1, b"\0\0")).any()


def test_a_fresh_decoder_has_nothing_to_show():
    with pytest.raises(BitstreamError, match="no frame was decoded yet"):
        Decoder(HEADER).picture()


def test_a_decoder_joins_at_any_i_packet(pictures):
    decoder = Decoder(HEADER)
    for frame in range(4, FRAMES):
        assert np.array_equal(decoder.decode(packets()[frame]), pictures[frame])


def test_a_p_packet_without_its_reference_is_refused():
    with pytest.raises(BitstreamError, match=r"waiting for an I-frame \(frame 1, byte 0\)"):
        Decoder(HEADER).decode(packets()[1])


@pytest.mark.parametrize(
    "bad",
    [
        packets()[3],
        container.pack_packet(INTER, 1, b"\0\0"),
        packets()[2][:-1] + b"?",
        container.pack_packet(INTER, 2, b"\0\0\xff\xff\x03"),
        container.pack_packet(INTRA, 2, b"\xff\xff\x03"),
        b"\x02",
    ],
    ids=["skips one", "comes again", "checksum", "P payload", "I payload", "cut off"],
)
def test_a_refused_packet_leaves_the_state_as_it_was(bad, pictures):
    decoder = Decoder(HEADER)
    decoder.decode(packets()[0])
    decoder.decode(packets()[1])
    changed = decoder.changed.copy()
    with pytest.raises(BitstreamError):
        decoder.decode(bad)
    assert np.array_equal(decoder.splats.values, states()[1])
    assert np.array_equal(decoder.changed, changed)
    assert np.array_equal(decoder.decode(packets()[2]), pictures[2])


def test_no_bytes_are_refused():
    with pytest.raises(BitstreamError):
        Decoder(HEADER).decode(b"")


def test_only_i_and_p_packets_are_frames():
    """An index says the number of frames where a P-packet says the next frame's number."""
    decoder = Decoder(HEADER)
    decoder.decode(container.pack_packet(INTRA, 0, b"\0"))
    index = container.pack_index(1, 0, [])
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
    assert all(np.array_equal(p.rgb, pictures[p.frame]) for p in part)


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
    for cut in range(container.HEADER_BYTES + 1, len(data), 7):
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
    assert all(np.array_equal(p.rgb, pictures[p.frame]) for p in shown)
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
    bodies[5] = b"\0\0\xff\xff\x03"

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
        with pytest.raises(BitstreamError):
            reader[frame]
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
    packet = Packet(INTRA, 0, 1000, payloads()[0])
    assert np.array_equal(Decoder(HEADER).decode(packet), pictures[0])


def test_importing_the_decoder_loads_no_encoding_part():
    program = (
        "import sys, tsplat.decoder\n"
        "bad = {'onnxruntime', 'skimage', 'cv2', 'av', 'tsplat.encoder', 'tsplat.fit',"
        " 'tsplat.init', 'tsplat.predict', 'tsplat.frames'}\n"
        "print(sorted(bad & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
