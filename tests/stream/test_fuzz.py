"""Any bytes give a frame or a BitstreamError."""

from __future__ import annotations

import itertools
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.packets import packed
from tests.stream.test_mask import blob
from tests.stream.test_payload import CELLS, GRID, HEIGHT, PLAIN, WHOLE, WIDTH, splats
from tsplat.decoding.decoder import Decoder
from tsplat.errors import BitstreamError
from tsplat.files.reader import Reader
from tsplat.region import MAX_CELLS, Region
from tsplat.splats import MAX_SPLATS
from tsplat.stream import container, mask, payload, scan, varint
from tsplat.stream.container import BACKGROUND, INTER, INTRA, Packet
from tsplat.stream.entropy import Writer
from tsplat.stream.header import HEADER_BYTES, Header
from tsplat.stream.index import pack_index, read_index

Packets = tuple[Header, list[bytes]]


@pytest.fixture(scope="module", params=["plain", "regions"])
def packets(request) -> Packets:
    """An I-packet and a P-packet; where there are cells, the second has all parts."""
    first, second = splats(60, 0, 0.5), splats(60, 1, 0.5)
    chosen = np.random.default_rng(0).random(60) < 0.5
    values = np.where(chosen[:, None], second.values, first.values)
    if request.param == "plain":
        intra, state = payload.encode_intra(first, None, PLAIN)
        inter, _ = payload.encode_inter(state, np.ones(60, bool), values, None, PLAIN)
        return PLAIN, [intra, inter]
    intra, state = payload.encode_intra(first, blob(GRID, 0), CELLS)
    stay = np.arange(60) % 4 > 0
    added = splats(8, 2, 0.5).values
    values = np.concatenate([values[stay], added])
    inter, _ = payload.encode_inter(state, stay, values, blob(GRID, 1), CELLS)
    assert inter[0] == 15
    return replace(CELLS, outside="blur"), [intra, inter]


def mutated(rng: np.random.Generator, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, len(out) + 1))
        choice = rng.integers(0, 4)
        if choice == 0 and at < len(out):
            out[at] = int(rng.integers(0, 256))
        elif choice == 1:
            out[at:at] = rng.bytes(int(rng.integers(1, 5)))
        elif choice == 2:
            del out[at : at + int(rng.integers(1, 5))]
        elif at:
            del out[at:]
    return bytes(out)


def test_hostile_payloads_with_right_checksums(packets):
    header, (intra, inter) = packets
    rng = np.random.default_rng(1)
    decoder = Decoder(header)
    decoded = refused = 0
    for case in range(1500):
        decoder.advance(Packet(INTRA, 0, (1000,), intra))
        kind, source = ((INTRA, intra), (INTER, inter))[case % 2]
        try:
            decoder.advance(Packet(kind, 1, (1000,), mutated(rng, source)))
            decoded += 1
            if decoded % 40 == 0:
                assert decoder.picture().shape == (HEIGHT, WIDTH, 3)
                assert decoder.cutout().shape == (HEIGHT, WIDTH, 4)
        except BitstreamError:
            refused += 1
    assert decoded > 50
    assert refused > 50


def test_hostile_files(packets):
    header, (intra, inter) = packets
    data = header.pack() + container.pack_packet(INTRA, 0, intra)
    data += packed(INTER, 1, inter)
    data += pack_index(2, 1000, [(0, HEADER_BYTES)])
    rng = np.random.default_rng(2)
    for _ in range(500):
        hostile = mutated(rng, data)
        try:
            decoder = Decoder(Header.unpack(hostile))
        except BitstreamError:
            continue
        read_index(hostile)
        for item in scan.packets(hostile):
            if isinstance(item, Packet) and item.kind in (INTRA, INTER, BACKGROUND):
                try:
                    decoder.advance(item)
                except BitstreamError:
                    break


def resealed(data: bytes) -> bytes:
    """Packets with their checksums made right, as far as they can be told apart."""
    out, at, before = b"", 0, -1
    while at < len(data):
        try:
            head = container.packet_head(data, at)
        except BitstreamError:
            return out
        end = head.start + head.size
        body = data[at:end]
        if head.kind == INTER:
            before += len(head.ticks)
            body = bytes([128 | before % 16 << 3 | body[0] & 7]) + body[1:]
            out += body + container._inter_check(body, before)
            at = end + 2
        else:
            before = head.frame if head.kind == INTRA else before
            out += body + container.checksum(body)
            at = end + 4
    return out


def test_hostile_spans_through_a_reader(packets, tmp_path):
    """Heads of P-packets changed and sealed: spans and times of any kind, rendered lazily."""
    header, (intra, inter) = packets
    rng = np.random.default_rng(8)
    path = tmp_path / "hostile.tsplat"
    shown = spans = 0
    for case in range(100):
        body, number = container.pack_packet(INTRA, 0, intra), 0
        heads = len(body)
        for k in range(4):
            ticks = [int(t) for t in rng.choice([0, 1, 1000, 2**35 - 1], rng.integers(1, 5))]
            number += len(ticks)
            data = inter if k == 3 else b"\0"
            body += container.pack_inter(number, data, ticks)
        body = body[:heads] + mutated(rng, body[heads : heads + 60]) + body[heads + 60 :]
        path.write_bytes(header.pack() + (resealed(body) if case % 5 else body))
        reader = Reader(path)
        found = list(itertools.islice(reader.frames(), 5))
        numbers = [p.frame for p in found]
        assert numbers == sorted(set(numbers))
        assert [p.time for p in found] == sorted(p.time for p in found)
        shown += len(found)
        spans += sum(p.span > 1 for p in reader.packets())
        list(itertools.islice(reader.frames(int(rng.integers(0, 300))), 2))
        list(itertools.islice(reader.frames_at(Fraction(int(rng.integers(1, 99)))), 3))
        with suppress(BitstreamError):
            last = int(rng.integers(0, len(reader)))
            assert reader[last].shape == (HEIGHT, WIDTH, 3)
    assert shown > 250
    assert spans > 60


def survives(decoder: Decoder, kind: int, payload: bytes) -> bool:
    """Whether a payload decodes; any error but a BitstreamError goes through."""
    try:
        decoder.advance(Packet(kind, decoder._frame + 1, (1000,), payload))
    except BitstreamError:
        return False
    return True


@pytest.mark.parametrize("kind", [INTRA, INTER])
@pytest.mark.parametrize("count", [0, 4])
@pytest.mark.parametrize("header", [PLAIN, CELLS], ids=["plain", "regions"])
def test_every_short_payload(header, count, kind):
    region = WHOLE if header.cell else None
    start = payload.decode_intra(payload.encode_intra(splats(count, 0), region, header)[0], header)
    alphabet = b"\x00\x01\x03\x04\x08\x7f\x80\xff"
    for length in range(5):
        for data in itertools.product(alphabet, repeat=length):
            with suppress(BitstreamError):
                if kind == INTRA:
                    payload.decode_intra(bytes(data), header)
                else:
                    payload.decode_inter(bytes(data), start, header)


def number(rng: np.random.Generator) -> bytes:
    """A varint that is small, or large, or at the edge of something."""
    edges = (0, 0, 1, 2, 48, 49, 60, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**35 - 1)
    value = rng.choice(edges) if rng.random() < 0.4 else rng.integers(0, 2 ** rng.integers(1, 17))
    return varint.pack(int(value))


@pytest.mark.parametrize("kind", [INTRA, INTER])
def test_heads_of_any_numbers_before_tails_of_any_bytes(packets, kind):
    """Random bytes rarely get past the head; numbers that are legal one by one do."""
    header, (intra, _) = packets
    rng = np.random.default_rng(3)
    decoder = Decoder(header)
    drawn = 0
    for case in range(700):
        decoder.advance(Packet(INTRA, 0, (1000,), intra))
        head = b"".join(number(rng) for _ in range(rng.integers(1, 40)))
        if case % 2:
            head = bytes([case // 2 % 16, 3]) + head
        if survives(decoder, kind, head + rng.bytes(int(rng.integers(0, 200)))) and drawn < 25:
            assert decoder.picture().dtype == np.uint8
            drawn += 1


@pytest.mark.parametrize("kind", [INTRA, INTER])
def test_right_heads_before_tails_of_any_bytes(packets, kind):
    """Symbols that no encoder wrote; what they name must still be legal to be shown."""
    header, bodies = packets
    body = bodies[kind == INTER]
    rng = np.random.default_rng(4)
    decoder = Decoder(header)
    drawn = 0
    for case in range(300):
        decoder.advance(Packet(INTRA, 0, (1000,), bodies[0]))
        kept = int(rng.integers(len(body) // 2, len(body))) if case % 2 else len(body) - 8
        if survives(decoder, kind, body[:kept] + rng.bytes(len(body) - kept)) and drawn < 25:
            assert decoder.picture().shape == (HEIGHT, WIDTH, 3)
            drawn += 1
    assert drawn == 25


def test_hostile_packets_one_by_one(packets):
    """What a socket delivers: one packet, cut or changed, checksum and all."""
    header, (intra, inter) = packets
    whole = [container.pack_packet(INTRA, 0, intra), packed(INTER, 1, inter)]
    rng = np.random.default_rng(5)
    decoder = Decoder(header)
    for case in range(600):
        decoder.advance(whole[0])
        hostile = whole[1][:case] if case < len(whole[1]) else mutated(rng, whole[case % 2])
        if hostile not in whole:
            with pytest.raises(BitstreamError):
                decoder.advance(hostile)
            expected = payload.decode_intra(intra, header)
            assert np.array_equal(decoder.splats.values, expected.splats.values)
            assert decoder.region == expected.region


def peak_memory(call) -> int:
    """Bytes that a call which is refused takes at most."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def crowd_in_few_bytes() -> bytes:
    """65535 splats in one place, of a luma that is not allowed."""
    return varint.pack(MAX_SPLATS) + varint.pack(varint.fold(1 << 20)) + b"\0" * 16


@pytest.mark.parametrize("tail", [b"\0" * 40, b"\xff" * 40, b"\x5a" * 400])
def test_a_crowd_in_few_bytes_takes_bounded_memory(tail):
    def refused() -> None:
        with pytest.raises(BitstreamError, match=r"splat 0: luma is|do not decode"):
            payload.decode_intra(crowd_in_few_bytes() + tail, PLAIN)

    assert peak_memory(refused) < 64 << 20


def test_crowds_that_were_refused_are_not_kept(tmp_path):
    """Damage is listed to the end of the file; what each packet was decoded to must not be."""
    path = tmp_path / "crowds.tsplat"
    packets = [container.pack_packet(INTRA, k, crowd_in_few_bytes()) for k in range(4)]
    path.write_bytes(PLAIN.pack() + b"".join(packets))
    tracemalloc.start()
    try:
        reader = Reader(path)
        assert (list(reader), len(reader.damage)) == ([], 4)
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_crowd_without_data_is_refused_before_memory_is_taken():
    def refused() -> None:
        with pytest.raises(BitstreamError, match="ends inside"):
            payload.decode_intra(varint.pack(MAX_SPLATS) + b"\0\0", PLAIN)

    assert peak_memory(refused) < 1 << 16


def test_a_crowd_that_is_added_takes_bounded_memory():
    """In a dozen bytes, after every packet again: never more than are allowed in all."""
    state = payload.decode_intra(b"\x01" + b"\0" * 14, PLAIN)
    data = b"\x08" + varint.pack(MAX_SPLATS) + b"\0\0"

    def refused() -> None:
        with pytest.raises(BitstreamError, match="splats: got 65536, at most 65535"):
            payload.decode_inter(data, state, PLAIN)

    assert peak_memory(refused) < 64 << 20


def test_changes_of_a_crowd_take_bounded_memory():
    """A tail of ones: every splat changes, in every channel, by as much as can be said."""
    state = payload.decode_intra(varint.pack(MAX_SPLATS) + b"\0" * 14, PLAIN)

    def refused() -> None:
        for tail in (b"\xff" * 40, b"\0" * 40, b"\x5a" * 4000):
            with suppress(BitstreamError):
                payload.decode_inter(b"\x04" + tail, state, PLAIN)

    assert peak_memory(refused) < 64 << 20


def test_the_finest_mask_takes_bounded_memory():
    header = Header(8192, 2048, Fraction(30), PLAIN.steps, cell=16)
    shape = (2048 // 16, 8192 // 16)
    assert shape[0] * shape[1] == MAX_CELLS
    noise = np.random.default_rng(0).random(shape) < 0.5
    writer = Writer()
    writer.integer(3)
    writer.integer(0)
    mask.code(writer.bits, shape, None, Region(noise))
    mask.steps.cache_clear()

    def decoded() -> None:
        got = payload.decode_intra(writer.finish(), header)
        assert got.region == Region(noise)

    assert peak_memory(decoded) < 64 << 20


@pytest.mark.parametrize("codec", [1, 2])
def test_hostile_background_packets(codec):
    """Random bytes, and keyframes that claim to be; the person is shown all the same."""
    header = replace(CELLS, outside="video", codec=codec)
    intra, _ = payload.encode_intra(splats(20, 0), blob(GRID, 0), header)
    decoder = Decoder(header)
    decoder.advance(Packet(INTRA, 0, (1000,), intra))
    shown = decoder.picture()
    rng = np.random.default_rng(6)
    refused = 0
    for case in range(150):
        body = bytes([case % 3]) + rng.bytes(int(rng.integers(0, 200)))
        try:
            decoder.advance(Packet(BACKGROUND, 0, (1000,), body if case else b""))
        except BitstreamError:
            refused += 1
    assert refused > 140
    assert np.array_equal(decoder.picture()[decoder.alpha() == 255], shown[decoder.alpha() == 255])


@pytest.mark.parametrize("codec", ["av1", "h264"])
def test_changed_background_packets(codec):
    """Real packets, changed: a picture or a BitstreamError, of the decoder's size."""
    from tsplat.media.background import BACKGROUND_CODECS, BackgroundEncoder

    header = replace(CELLS, outside="video", codec=BACKGROUND_CODECS[codec])
    encoder = BackgroundEncoder(WIDTH, HEIGHT, Fraction(4), codec=codec)
    rng = np.random.default_rng(7)
    room = (
        rng.integers(0, 256, (HEIGHT // 10, WIDTH // 10, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    )
    keep = np.ones((HEIGHT, WIDTH), bool)
    real = [bytes([k == 0]) + encoder.encode(room, keep, k == 0) for k in range(3)]
    intra, _ = payload.encode_intra(splats(20, 0), blob(GRID, 0), header)
    decoder = Decoder(header)
    decoder.advance(Packet(INTRA, 0, (1000,), intra))
    for packet in real:
        decoder.advance(Packet(BACKGROUND, 0, (1000,), packet))
    for case in range(200):
        try:
            decoder.advance(Packet(BACKGROUND, 0, (1000,), mutated(rng, real[case % 3])))
        except BitstreamError:
            continue
        assert decoder.picture().shape == (HEIGHT, WIDTH, 3)
    decoder.advance(Packet(BACKGROUND, 0, (1000,), real[0]))
    outside = decoder.alpha() == 0
    assert np.abs(decoder.picture()[outside].astype(int) - room[outside]).mean() < 25
