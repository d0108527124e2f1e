"""The container: its specification, and a bad file for every way to be wrong."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.independent import SPECIFICATION
from tests.packets import packed
from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.region import MAX_CELLS, grid
from tsplat.splats import Steps
from tsplat.stream import container, scan
from tsplat.stream.container import BACKGROUND, INDEX, INTER, INTRA, Packet
from tsplat.stream.header import FIELDS, HEADER_BYTES, OFFSETS, OUTSIDE, Header
from tsplat.stream.index import pack_index, read_index
from tsplat.stream.scan import Damage

HEADER = Header(640, 360, Fraction(30), Steps(128, 128, 786, 1050), cell=4)


def crc(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))


def check(packet: bytes, frame: int) -> bytes:
    """Of a P-packet."""
    return crc(packet + struct.pack("<I", frame))[:2]


def sealed(data: bytearray) -> bytes:
    """A header with its checksum made right again."""
    return bytes(data[:52]) + crc(bytes(data[:52]))


def stream(index: bool = True) -> tuple[bytes, list[int]]:
    """I P P I P, and where each packet starts."""
    data, starts = HEADER.pack(), []
    for frame, kind in enumerate((INTRA, INTER, INTER, INTRA, INTER)):
        starts.append(len(data))
        data += packed(kind, frame, bytes([frame]) * 20, 1500 if frame == 2 else 1000)
    if index:
        data += pack_index(5, 700, [(0, starts[0]), (3, starts[3])])
    return data, starts


def frames(data: bytes) -> list[int]:
    found = scan.packets(data)
    return [p.frame for p in found if isinstance(p, Packet) and p.kind != INDEX]


def test_the_worked_example_is_what_is_written():
    example = SPECIFICATION.read_text().split("### 1.6 Example")[1].split("```")[1]
    words = re.findall(r"\b(?:[0-9A-F]{2}|CRC_\w+|CHECK)\b", example)
    parts: list[bytes] = [b""]
    for word in words:
        if word.startswith("C") and len(word) > 2:
            parts[-1] += check(parts[-1], 6) if word == "CHECK" else crc(parts[-1])
            parts.append(b"")
        else:
            parts[-1] += bytes.fromhex(word)
    header, packet, rest = parts
    assert header == HEADER.pack()
    assert len(header) == HEADER_BYTES
    assert packet == container.pack_inter(6, b"\0", [1000, 1000])
    assert rest == b""


@given(
    st.integers(1, 4096),
    st.integers(1, 4096),
    st.fractions(Fraction(1, 1000), 1000, max_denominator=100000),
    st.fractions(Fraction(1, 100), 100, max_denominator=500),
    st.tuples(*[st.integers(1, 65535)] * 4),
    st.tuples(*[st.integers(0, 255)] * 3),
)
def test_headers_come_back(width, height, rate, aspect, steps, colour):
    header = Header(width, height, rate, Steps(*steps), aspect, colour)
    assert Header.unpack(header.pack() + b"more") == header


@given(
    st.integers(1, 8192),
    st.integers(1, 2048),
    st.integers(2, 255),
    st.sampled_from(OUTSIDE),
    st.tuples(*[st.integers(0, 255)] * 3),
    st.integers(1, 2),
)
def test_headers_of_regions_come_back(width, height, cell, outside, backdrop, codec):
    codec = codec if outside == "video" else 0
    rows, columns = grid(width, height, cell)
    assume(rows * columns <= MAX_CELLS)
    header = Header(
        width,
        height,
        Fraction(25),
        HEADER.steps,
        cell=cell,
        outside=outside,
        backdrop=backdrop,
        codec=codec,
    )
    assert Header.unpack(header.pack()) == header
    assert len(header.pack()) == HEADER_BYTES


@given(
    st.sampled_from([INTRA, BACKGROUND]),
    st.integers(0, 2**31 - 1),
    st.binary(max_size=300),
    st.integers(0, 2**31),
)
def test_packets_come_back(kind, frame, payload, ticks):
    data = b"??" + container.pack_packet(kind, frame, payload, ticks)
    packet = container.unpack_packet(data, 2)
    assert (packet.kind, packet.frame, packet.payload, packet.ticks) == (
        kind,
        frame,
        payload,
        (ticks,),
    )
    assert (packet.offset, packet.size) == (2, len(data) - 2)


@given(
    st.integers(-1, 2**31 - 300),
    st.binary(max_size=300),
    st.one_of(
        st.integers(1, 255).map(lambda n: [1000] * n),
        st.lists(st.integers(0, 2**31), min_size=1, max_size=255),
    ),
)
def test_p_packets_come_back(before, payload, ticks):
    frame = before + len(ticks)
    data = b"??" + container.pack_inter(frame, payload, ticks)
    packet = container.unpack_packet(data, 2, before)
    assert (packet.kind, packet.frame, packet.payload) == (INTER, frame, payload)
    assert (packet.ticks, packet.span) == (tuple(ticks), len(ticks))
    assert (packet.offset, packet.size) == (2, len(data) - 2)
    if set(ticks) == {1000} and len(ticks) <= 7 and len(payload) < 128:
        assert packet.size == len(payload) + 4


@pytest.mark.parametrize("missing", [*range(1, 36), 255, 256, 257, 12_800])
def test_a_lost_p_packet_is_noticed(missing):
    """The four bits come round after 16 frames; the checksum does not."""
    data = container.pack_inter(200 + missing, b"\0", [1000])
    if missing < 16:
        packet = container.unpack_packet(data, 0, 199)
        assert (packet.frame, packet.follows(199)) == (200 + missing, False)
    else:
        with pytest.raises(BitstreamError, match="wrong checksum") as caught:
            container.unpack_packet(data, 0, 199)
        assert caught.value.frame == 200


SPANS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.one_of(
            st.integers(1, 255).map(lambda n: (1000,) * n),
            st.lists(st.integers(0, 2**31), min_size=1, max_size=9).map(tuple),
        ),
    ),
    max_size=20,
)
"""Coded frames after the first: I if the first number is 0; ticks of each frame."""


def spanned(coded) -> list[tuple[Packet, bytes]]:
    """What is to be read, and the bytes; I-packets have a background packet before them."""
    out, number = [], -1
    for k, (drawn, ticks) in enumerate([(0, (1000,)), *coded]):
        if drawn:
            number += len(ticks)
            data = container.pack_inter(number, bytes([k % 256]) * drawn, ticks)
            out.append((Packet(INTER, number, ticks, bytes([k % 256]) * drawn), data))
            continue
        number += 1
        for kind in (BACKGROUND, INTRA):
            data = container.pack_packet(kind, number, b"i")
            out.append((Packet(kind, number, (1000,), b"i"), data))
    return out


def read(data: bytes) -> tuple[list[Packet], list[Damage]]:
    """Packets, without their places in the data, and damage."""
    found = list(scan.packets(data, 0))
    packets = [replace(p, offset=0, size=0) for p in found if isinstance(p, Packet)]
    return packets, [d for d in found if isinstance(d, Damage)]


@settings(deadline=None)
@given(SPANS)
def test_streams_of_spans_come_back(coded):
    parts = spanned(coded)
    assert read(b"".join(data for _, data in parts)) == ([p for p, _ in parts], [])


@settings(deadline=None)
@given(SPANS, st.data())
def test_any_lost_packets_cost_the_p_packets_until_the_next_i(coded, data):
    """Whichever are lost, one or a run: nothing that is read was made for another reference."""
    parts = spanned(coded)
    first = data.draw(st.integers(2, max(2, len(parts) - 1)))
    last = data.draw(st.integers(first, max(first, len(parts) - 1)))
    left = parts[:first] + parts[last + 1 :]
    expected, damaged, waiting = [], 0, False
    before = None
    for packet, _ in left:
        if packet.kind == INTRA:
            waiting = False
        elif packet.kind == INTER:
            gap = packet.frame - packet.span != before
            damaged += gap and not waiting
            waiting = waiting or gap
        if packet.kind != BACKGROUND:
            before = packet.frame
        if packet.kind != INTER or not waiting:
            expected.append(packet)
    got, damage = read(b"".join(raw for _, raw in left))
    if sum(p.span for p, _ in parts[first : last + 1] if p.kind == INTER) < 16:
        assert got == expected
        assert len(damage) == damaged
    assert all(p in expected for p in got)
    assert bool(damage) == bool(damaged)


@pytest.mark.parametrize("span", [1, 2, 7, 8, 16, 127, 255])
def test_numbers_go_round_many_times(span):
    parts = spanned([(1, (1000,) * span)] * 300)
    packets, damage = read(b"".join(data for _, data in parts))
    assert ([p.frame for p in packets[2:]], damage) == ([span * (k + 1) for k in range(300)], [])
    extended = 0 if span < 8 else 1 if span < 65 else 2
    assert all(len(data) == 5 + extended for _, data in parts[2:])
    for lost in (2, 3, 150, 301):
        without = b"".join(data for k, (_, data) in enumerate(parts) if k != lost)
        packets, damage = read(without)
        assert [p.frame for p in packets[1:]] == [span * k for k in range(lost - 1)]
        assert len(damage) == (lost < 301)


def test_reading_goes_on_from_a_frame_that_is_known():
    data = b"".join(packed(INTER, frame, b"\0") for frame in (700, 701, 703))
    found = list(scan.packets(data, 0, 699))
    assert [p.frame for p in found if isinstance(p, Packet)] == [700, 701]
    assert [d.error.frame for d in found if isinstance(d, Damage)] == [703]
    unknown = list(scan.packets(data, 0))
    assert ["missing" in d.error.message for d in unknown] == [True]


@settings(deadline=None)
@given(SPANS, st.data())
def test_damaged_spans_are_reported(coded, data):
    parts = spanned(coded)
    raw = bytearray(b"".join(part for _, part in parts))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    packets, damage = read(bytes(raw))
    assert damage
    right = [p for p, _ in parts]
    assert all(p in right for p in packets)


@pytest.mark.parametrize("ticks", [[1000] * 7, [1000] * 200, [2**31] * 7, [2**31] * 200])
def test_a_p_packet_cut_anywhere_is_cut_off(ticks):
    data = container.pack_inter(len(ticks), b"abc", ticks)
    for cut in range(1, len(data)):
        found = list(scan.packets(data[:cut], 0, 0))
        assert [d.cut_off for d in found if isinstance(d, Damage)] == [True]
        assert len(found) == 1


def test_frames_have_their_places_in_time():
    assert Packet(INTER, 9, (1000, 1000, 2000), b"").places == (0.25, 0.5, 1.0)
    assert Packet(INTER, 9, (0, 0), b"").places == (0.5, 1.0)
    assert Packet(INTRA, 9, (0,), b"").places == (1.0,)
    for span in range(1, 256):
        places = Packet(INTER, 999, (1000,) * span, b"").places
        assert places == tuple((k + 1) / span for k in range(span))


def test_hostile_p_packets_are_refused():
    for head, message in (
        (b"\x80\x03\xfe\x03", "claims 256 frames"),
        (b"\x80\x03\xff\xff\xff\xff\x7f", "claims 17179869184 frames"),
        (b"\x89\xff\xff\xff\xff\x0f", "claims"),
        (b"\x89", "cut off"),
        (b"\x02\x01\x01\x00", "no packet"),
    ):
        with pytest.raises(BitstreamError, match=message):
            container.unpack_packet(head + bytes(8) if len(head) > 1 else head, 0, 0)


def test_streams_are_read_with_and_without_index():
    for index in (True, False):
        data, starts = stream(index)
        assert frames(data) == [0, 1, 2, 3, 4]
        expected = (5, 700, [(0, starts[0]), (3, starts[3])]) if index else None
        assert read_index(data) == expected


@pytest.mark.parametrize(
    ("change", "message", "offset"),
    [
        (lambda d: b"", "not a .tsplat file", 0),
        (lambda d: b"RIFF" + d, "not a .tsplat file", 0),
        (lambda d: d[:20], "header cut off: 20 of 56 bytes", 0),
        (lambda d: d[:20] + b"\x55" + d[21:], "header is damaged", 52),
        (lambda d: sealed(d[:8] + b"\x01" + d[9:]), "version 1.*knows version 5.*use", 8),
        (lambda d: d[:8] + b"\x01" + d[9:48], "version 1.*knows version 5.*use", 8),
        (lambda d: sealed(d[:12] + b"\x00\x20\x00\x20" + d[16:]), "at most 16777216 pixels", 12),
        (lambda d: sealed(d[:36] + b"\x08\0\0\0" + d[40:]), "needs feature 3.*newer", 36),
        (lambda d: sealed(d[:36] + b"\x03\0\0\0" + d[40:]), "needs feature 1.*newer", 36),
        (lambda d: sealed(d[:44] + b"\x01" + d[45:]), "header: cell: got 1, expected 2..255", 44),
        (
            lambda d: sealed(d[:12] + b"\xe8\x03" + d[14:44] + b"\x02" + d[45:]),
            "cell: got 2 for 1000x360, at most 65536 cells",
            44,
        ),
        (lambda d: sealed(d[:44] + b"\0\x01" + d[46:]), "header: a background needs a region", 45),
        (lambda d: sealed(d[:44] + b"\0" + d[45:49] + b"\x01\x01\0"), "needs a region", 45),
        (lambda d: sealed(d[:49] + b"\x01\x01\0"), "background: got 'splats' with codec 1", 45),
    ],
)
def test_bad_headers_are_refused(change, message, offset):
    with pytest.raises(BitstreamError, match=message) as caught:
        Header.unpack(change(bytearray(HEADER.pack())))
    assert caught.value.offset == offset


SPECIAL = ("version", "required features")
"""Fields that have errors of their own."""


@pytest.mark.parametrize("field", [f for f in FIELDS if f.range and f.name not in SPECIAL])
def test_fields_out_of_range_are_named(field):
    at, size = OFFSETS[field.name], struct.calcsize(field.code)
    least, most = field.range
    for value in (least - 1, most + 1):
        if not 0 <= value < 256**size:
            continue
        data = bytearray(HEADER.pack())
        data[at : at + size] = value.to_bytes(size, "little")
        with pytest.raises(BitstreamError) as caught:
            Header.unpack(sealed(data))
        error = caught.value
        assert error.message == f"header: {field.name}: got {value}, expected {least}..{most}"
        assert (error.kind, error.field, error.offset) == (Fault.HEADER, field.name, at)


def test_a_required_feature_is_bit_0_of_the_header():
    header = replace(HEADER, bits_back=True)
    assert header.pack()[36:40] == b"\1\0\0\0"
    assert Header.unpack(header.pack()) == header != HEADER


def test_ignorable_features_are_ignored():
    data = bytearray(HEADER.pack())
    data[40:44] = b"\xff\xff\xff\xff"
    assert Header.unpack(sealed(data)) == HEADER


def test_headers_are_validated_where_they_are_made():
    with pytest.raises(ConfigError, match="width: got 0"):
        Header(0, 10, Fraction(30), HEADER.steps)
    with pytest.raises(ConfigError, match="rate numerator: got 0"):
        Header(10, 10, Fraction(0), HEADER.steps)
    for cell in (1, 256, -4):
        with pytest.raises(ConfigError, match=f"cell: got {cell}, expected 2..255"):
            Header(10, 10, Fraction(30), HEADER.steps, cell=cell)
    with pytest.raises(ConfigError, match="background: got 'beach'"):
        Header(10, 10, Fraction(30), HEADER.steps, cell=2, outside="beach")


def unknown(kind: int) -> bytes:
    body = bytes([kind, 9, 3]) + b"abc"
    return body + crc(body)


def test_unknown_packets_are_skipped_or_refused_as_they_say():
    data, starts = stream()
    ignorable = data[: starts[1]] + unknown(0x20 | 17) + data[starts[1] :]
    assert frames(ignorable) == [0, 1, 2, 3, 4]
    with pytest.raises(BitstreamError, match=r"kind 17.*newer"):
        container.unpack_packet(unknown(17))


def test_a_stream_cut_anywhere_gives_its_whole_packets():
    data, starts = stream(index=False)
    ends = [*starts[1:], len(data)]
    for cut in range(HEADER_BYTES, len(data)):
        found = list(scan.packets(data[:cut]))
        whole = sum(end <= cut for end in ends)
        assert [p.frame for p in found if isinstance(p, Packet)] == list(range(whole))
        damage = [d for d in found if isinstance(d, Damage)]
        inside = cut not in (HEADER_BYTES, *ends)
        assert len(damage) == inside
        assert all(d.cut_off for d in damage)


def test_any_flipped_byte_is_reported_and_reading_goes_on_at_an_i_packet():
    data, starts = stream(index=False)
    for at in range(HEADER_BYTES, len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x10
        found = list(scan.packets(bytes(bad)))
        hit = max(k for k, start in enumerate(starts) if start <= at)
        damage = [d.error for d in found if isinstance(d, Damage)]
        got = [p.frame for p in found if isinstance(p, Packet)]
        assert damage[0].offset == starts[hit]
        assert got[:hit] == list(range(hit))
        assert hit > 2 or got[hit:] == [3, 4]


def test_damage_names_the_frame():
    data, starts = stream()
    bad = bytearray(data)
    bad[starts[2] + 8] ^= 1
    error = next(d.error for d in scan.packets(bytes(bad)) if isinstance(d, Damage))
    assert str(error) == f"packet is damaged: wrong checksum (frame 2, byte {starts[2]})"


def test_a_damaged_index_is_no_index():
    data, _ = stream()
    for at in range(len(data) - 20, len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x40
        assert read_index(bytes(bad)) is None
        assert frames(bytes(bad)) == [0, 1, 2, 3, 4]
    far = stream(False)[0] + pack_index(1, 1, [(0, 10**6)])
    assert read_index(far) is None
    assert read_index(b"\0" * 56 + struct.pack("<I", 2**31) + b"\x1aXST") is None


def test_a_huge_claim_is_refused_before_it_is_read():
    with pytest.raises(BitstreamError, match="claims"):
        container.unpack_packet(bytes([INTRA]) + b"TSI\0" + b"\xff\xff\xff\xff\x0f" + bytes(40))


def test_false_joins_cost_bounded_work():
    junk = HEADER.pack() + b"\x01TSI\x00\xff\xff\x7f" * 20_000
    found = list(scan.packets(junk))
    assert len(found) == 1
    assert isinstance(found[0], Damage)


@pytest.mark.parametrize("frame", [0, 127, 128, 2**14, 2**21, 2**28, 2**31 - 1])
@pytest.mark.parametrize("ticks", [0, 999, 1000, 1001, 2**32])
def test_packets_come_back_at_every_size_of_their_head(frame, ticks):
    for kind in (INTRA, INTER, BACKGROUND):
        data = packed(kind, frame, b"abc", ticks)
        packet = container.unpack_packet(data, 0, frame - 1)
        assert (packet.kind, packet.frame, packet.ticks, packet.payload, packet.size) == (
            kind,
            frame,
            (ticks,),
            b"abc",
            len(data),
        )


@given(
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 400)), max_size=20),
)
def test_indexes_come_back(frames, last_ticks, steps):
    entries = [(sum(a for a, _ in steps[:k]), sum(b for _, b in steps[:k])) for k in range(20)]
    data = HEADER.pack() + bytes(8000) + pack_index(frames, last_ticks, entries)
    assert read_index(data) == (frames, last_ticks, entries)


def test_reading_may_start_at_any_i_packet():
    data, starts = stream()
    joined = scan.packets(data, starts[3])
    assert [p.frame for p in joined if p.kind != INDEX] == [3, 4]


def test_what_is_written_grows_and_is_read_as_it_grows():
    """A reader of a pipe sees the same packets whatever follows them."""
    data, starts = stream()
    for k, start in enumerate(starts[1:], 1):
        whole, grown = scan.packets(data[:start]), scan.packets(data)
        assert list(whole) == [next(grown) for _ in range(k)]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_no_bytes_are_no_packet(at):
    with pytest.raises(BitstreamError):
        container.unpack_packet(b"??"[:at], at)


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (bytes([INTRA]) + b"TSX" + bytes(40), "no packet where one should start"),
        (bytes([INDEX]) + b"\xff" * 40, "head is damaged"),
        (bytes([INDEX, 0x80, 0x80, 0x80, 0x80, 0x08, 0]) + bytes(40), "claims frame 2147483648"),
        (bytes([INDEX, 0, 0x81, 0x80, 0x80, 0x08]) + bytes(40), "claims frame 0, 16777217 bytes"),
        (bytes([INDEX, 0, 0x80, 0x80, 0x80, 0x08]) + bytes(40), "packet cut off"),
        (bytes([129]) + b"\xff" * 40, "head is damaged"),
        (bytes([128, 0]) + b"\xff" * 40, "head is damaged"),
        (bytes([129, 0x81, 0x80, 0x80, 0x08]) + bytes(40), "claims 16777217 bytes"),
        (bytes([129, 0x80, 0x80, 0x80, 0x08]) + bytes(40), "packet cut off"),
        (unknown(0), "kind 0, which this version.*newer"),
        (unknown(31), "kind 31, which this version.*newer"),
    ],
)
def test_bad_packets_are_refused_where_they_start(packet, message):
    with pytest.raises(BitstreamError, match=message) as caught:
        container.unpack_packet(b"????" + packet, 4)
    assert caught.value.offset == 4


def test_an_unknown_packet_that_must_be_known_is_reported_and_passed():
    data, starts = stream()
    found = list(scan.packets(data[: starts[2]] + unknown(17) + data[starts[2] :]))
    damage = [d for d in found if isinstance(d, Damage)]
    assert [(d.error.offset, d.cut_off) for d in damage] == [(starts[2], False)]
    assert [p.frame for p in found if isinstance(p, Packet)] == [0, 1, 3, 4, 5]


def test_a_damaged_checksum_counts_as_damage_of_an_ignorable_packet():
    data, starts = stream()
    broken = bytearray(unknown(0x20 | 17))
    broken[4] ^= 1
    found = scan.packets(data[: starts[2]] + broken + data[starts[2] :])
    assert [d.error.offset for d in found if isinstance(d, Damage)] == [starts[2]]


def test_a_file_cut_inside_its_index_has_all_frames_and_no_index():
    data, _ = stream()
    end = len(stream(index=False)[0])
    for cut in range(end + 1, len(data)):
        assert frames(data[:cut]) == [0, 1, 2, 3, 4]
        assert read_index(data[:cut]) is None
        cuts = [d.cut_off for d in scan.packets(data[:cut]) if isinstance(d, Damage)]
        assert cuts == [True] * (cut < len(data) - 8)


@pytest.mark.parametrize("claim", [0, 1, 8, 4000, 2**32 - 1])
def test_a_footer_with_a_wrong_size_leads_to_no_index(claim):
    data, _ = stream()
    assert read_index(data[:-8] + struct.pack("<I", claim) + data[-4:]) is None


def test_a_footer_that_leads_to_a_frame_leads_to_no_index():
    data, starts = stream(index=False)
    claim = struct.pack("<I", len(data) - starts[4])
    assert read_index(data + claim + b"\x1aXST") is None


def test_an_index_that_announces_more_than_it_holds_is_no_index():
    payload = b"\x00\xff\xff\xff\xff\x0f" + b"\x00\x38"
    packet = container.pack_packet(INDEX, 1, payload)
    footer = struct.pack("<I", len(packet)) + b"\x1aXST"
    assert read_index(HEADER.pack() + packet + footer) is None


def test_false_joins_with_large_claims_are_checksummed_a_bounded_number_of_times(monkeypatch):
    """Work is counted, not timed: bytes that go through the checksum."""
    claim = 200_000
    mark = b"\x01TSI\x00" + bytes([claim & 127 | 128, claim >> 7 & 127 | 128, claim >> 14])
    summed = []
    monkeypatch.setattr(container, "checksum", lambda data: summed.append(len(data)) or b"none")
    data = HEADER.pack() + mark * 60_000
    found = list(scan.packets(data, HEADER_BYTES))
    assert [type(item) for item in found] == [Damage]
    assert len(summed) > 100
    assert sum(summed) < 4 * (len(data) + 2**24) + 2**24
    assert max(summed) < claim + 20


def test_a_claim_beyond_the_end_is_no_cut_off_if_an_i_packet_follows():
    data, starts = stream(index=False)
    bad = bytearray(data)
    bad[starts[1] + 1] = bad[starts[4] + 1] = 126
    found = [d for d in scan.packets(bytes(bad)) if isinstance(d, Damage)]
    assert [(d.error.offset, d.cut_off) for d in found] == [(starts[1], False), (starts[4], True)]
    assert frames(bytes(bad)) == [0, 3]
