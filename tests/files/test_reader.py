"""A file as pictures, and a stream of one while it comes."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.cli.commands import TSPLAT
from tests.clips import pictures
from tests.golden.regenerate import FOLDER
from tests.pipes import piped
from tsplat.config import preset
from tsplat.encoding.clip import encode_clip
from tsplat.errors import BitstreamError, Fault, MediaError
from tsplat.files.reader import Reader
from tsplat.stream.arriving import Arriving
from tsplat.stream.container import INTRA
from tsplat.stream.header import HEADER_BYTES
from tsplat.stream.index import pack_index
from tsplat.stream.scan import Damage, packets

SMALL = FOLDER / "small.tsplat"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")


@pytest.fixture(scope="module")
def encoded():
    return encode_clip(pictures(20), preset("fast", gaussians=60, max_span=3, gop=8))


def dripping(data: bytes, step: int) -> Arriving:
    """Data that comes a few bytes at a time."""
    parts = [data[k : k + step] for k in range(0, len(data), step)]
    coming = iter([*parts, b""])
    return Arriving(lambda size: next(coming))


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 16])
def test_packets_are_the_same_however_they_come(encoded, step):
    data = encoded.stream
    whole = list(packets(data))
    assert list(packets(dripping(data, step))) == whole
    for cut in (len(data) - 9, len(data) // 2, HEADER_BYTES + 3):
        found = list(packets(dripping(data[:cut], step)))
        expected = list(packets(data[:cut]))
        assert [type(x) for x in found] == [type(x) for x in expected]
        assert [x for x in found if not isinstance(x, Damage)] == [
            x for x in expected if not isinstance(x, Damage)
        ]


@pytest.mark.parametrize("step", [3, 500])
def test_damage_is_passed_over_alike(encoded, step):
    rng = np.random.default_rng(5)
    for _ in range(60):
        data = bytearray(encoded.stream)
        for at in rng.integers(HEADER_BYTES, len(data), 3):
            data[at] ^= int(rng.integers(1, 256))
        ways = [list(packets(d)) for d in (bytes(data), dripping(bytes(data), step))]
        told = [[str(x.error) if isinstance(x, Damage) else x for x in way] for way in ways]
        assert told[0] == told[1]


def test_a_packet_is_there_before_the_next_one_is(encoded):
    """Of a live stream nothing waits for bytes to come."""
    coming = [encoded.header, *encoded.packets]
    asked = iter(coming)
    arriving = Arriving(lambda size: next(asked, b""))
    while len(arriving) < HEADER_BYTES:
        arriving.more()
    for packet in packets(arriving):
        assert len(arriving) == packet.offset + packet.size or packet.kind == 3


def test_only_what_is_needed_is_kept(encoded, monkeypatch):
    monkeypatch.setattr("tsplat.stream.arriving._TAIL", 200)
    arriving = dripping(encoded.stream, 50)
    largest = max(p.size for p in packets(encoded.stream))
    held = 0
    for _ in packets(arriving):
        held = max(held, len(arriving._held))
    assert held <= largest + 300 < len(encoded.stream)


def test_a_pipe_gives_the_pictures_of_the_file(tmp_path):
    with piped(SMALL.read_bytes()) as pipe:
        reader = Reader(pipe)
        assert reader.sequential
        assert reader.known_length is None
        shown = list(reader.frames())
    whole = Reader(SMALL)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(shown, whole.frames()))
    assert (len(reader), reader.end(), reader.truncated) == (16, whole.end(), False)
    with pytest.raises(MediaError, match="can be read only once"):
        list(reader)
    with pytest.raises(MediaError, match="is a stream"):
        reader[0]


def test_frames_that_are_not_there_are_named():
    reader = Reader(SMALL)
    assert np.array_equal(reader[-1], reader[15])
    for wrong in (16, -17, 120):
        with pytest.raises(IndexError, match=f"frame {wrong}: .* has 16"):
            reader[wrong]


def test_lost_frames_are_counted(encoded, tmp_path):
    data = bytearray(encoded.stream)
    found = [p for p in packets(encoded.stream) if p.kind == 2]
    data[found[1].offset + 5] ^= 255
    path = tmp_path / "bad.tsplat"
    path.write_bytes(data)
    reader = Reader(path)
    shown = [p.frame for p in reader.frames()]
    missing = sorted(set(range(20)) - set(shown))
    assert missing
    assert [n for a, b in reader.lost for n in range(a, b + 1)] == missing


@pytest.mark.parametrize("place", ["checksum", "size"])
def test_a_pipe_tells_of_damage_what_the_file_does(encoded, tmp_path, place):
    """After the last I-frame there is none to go on at: the index is at the end all the same."""
    data = bytearray(encoded.stream)
    last = [p for p in packets(encoded.stream) if p.kind == INTRA][-1]
    at = last.offset + last.size
    data[at + 1 if place == "size" else at + 4] ^= 0x7E
    path = tmp_path / "bad.tsplat"
    path.write_bytes(data)
    told = []
    with piped(bytes(data)) as pipe:
        for source in (path, pipe):
            reader = Reader(source)
            shown = [p.frame for p in reader.frames()]
            damage = [(d.error.offset, d.cut_off) for d in reader.damage]
            told.append((shown, reader.lost, damage, reader.truncated, len(reader), reader.end()))
    assert told[0] == told[1]
    assert told[0][1:4] == ([(last.frame + 1, 19)], [(at, False)], False)


@pytest.mark.parametrize(
    "entries", [[(0, 5)], [(5, HEADER_BYTES)], [(0, 10**6)], [(2**31 - 1, 56)], [(3, 400)] * 9]
)
def test_an_index_that_lies_costs_no_frame_that_is_read_in_order(encoded, tmp_path, entries):
    """Of what it says nothing but the number of frames is taken on trust."""
    path = tmp_path / "lies.tsplat"
    body = encoded.stream[: len(encoded.stream) - len(encoded.index)]
    path.write_bytes(body + pack_index(2**31 - 1, 2**35 - 1, entries))
    reader = Reader(path)
    whole = [p.pixels for p in reader.frames()]
    assert len(whole) == 20
    for frame in (0, 7, 19, len(reader) - 1):
        try:
            assert np.array_equal(reader[frame], whole[frame])
        except BitstreamError as error:
            assert error.kind is Fault.MISSING  # noqa: PT017
    for start in (0, 7, 19, 10**9):
        shown = [p.frame for p in reader.frames(start)]
        assert shown == [*range(start, 20)][len(range(start, 20)) - len(shown) :]


def test_nothing_at_all_is_no_stream():
    read, write = os.pipe()
    os.close(write)
    with pytest.raises(BitstreamError, match=r"not a \.tsplat file"):
        Reader(f"/dev/fd/{read}")
    os.close(read)


@pytest.mark.parametrize("words", [("info", "-"), ("decode", "-", "-")])
def test_commands_read_standard_input(words):
    with open(SMALL, "rb") as file:
        done = subprocess.run(
            [TSPLAT, *words], stdin=file, capture_output=True, check=True, timeout=60
        )
    with subprocess.Popen(["cat", SMALL], stdout=subprocess.PIPE) as cat:
        piped = subprocess.run(
            [TSPLAT, *words], stdin=cat.stdout, capture_output=True, check=True, timeout=60
        )
    assert done.stdout == piped.stdout
    assert done.stdout.startswith(b"YUV4MPEG2" if words[0] == "decode" else b"-: format")


def test_pictures_come_out_while_packets_come_in(encoded):
    """encode --live - | decode - -: nobody waits for the end."""
    command = [TSPLAT, "decode", "-", "-", "--arch", "cpu"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        process.stdin.write(encoded.header + encoded.packets[0])
        first = b""
        while first.count(b"FRAME\n") < 1:
            first += os.read(process.stdout.fileno(), 1 << 16)
        process.stdin.write(b"".join(encoded.packets[1:]) + encoded.index)
        process.stdin.close()
        rest = process.stdout.read()
    assert (first + rest).count(b"FRAME\n") == 20
