"""Any bytes give a frame or a BitstreamError."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from tests.code.test_payload import HEIGHT, STEPS, WIDTH, splats
from tsplat.code import container, payload, varint
from tsplat.code.container import INTER, INTRA, Header, Packet
from tsplat.code.entropy import Writer
from tsplat.decoder import Decoder
from tsplat.errors import BitstreamError
from tsplat.splats import MAX_SPLATS, QuantizedSplats, Steps


@pytest.fixture(scope="module")
def packets() -> tuple[Header, list[bytes]]:
    first, second = splats(60, 0, 0.5), splats(60, 1, 0.5)
    moved = np.random.default_rng(0).random(60) < 0.5
    target = QuantizedSplats(np.where(moved[:, None], second.values, first.values), STEPS)
    intra = payload.encode_intra(first, WIDTH, HEIGHT)
    inter, _ = payload.encode_inter(target, first, np.ones(60, bool))
    return Header(WIDTH, HEIGHT, 30, STEPS), [intra, inter]


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
        decoder.advance(Packet(INTRA, 0, 1000, intra))
        kind, source = ((INTRA, intra), (INTER, inter))[case % 2]
        try:
            decoder.advance(Packet(kind, 1, 1000, mutated(rng, source)))
            decoded += 1
            if decoded % 40 == 0:
                assert decoder.picture().shape == (HEIGHT, WIDTH, 3)
        except BitstreamError:
            refused += 1
    assert decoded > 50
    assert refused > 50


def test_hostile_files(packets):
    header, (intra, inter) = packets
    data = header.pack() + container.pack_packet(INTRA, 0, intra)
    data += container.pack_packet(INTER, 1, inter) + container.pack_index(2, 1000, [(0, 48)])
    rng = np.random.default_rng(2)
    for _ in range(500):
        hostile = mutated(rng, data)
        try:
            decoder = Decoder(Header.unpack(hostile))
        except BitstreamError:
            continue
        container.read_index(hostile)
        for item in container.packets(hostile):
            if isinstance(item, Packet) and item.kind in (INTRA, INTER):
                try:
                    decoder.advance(item)
                except BitstreamError:
                    break


def survives(decoder: Decoder, kind: int, payload: bytes) -> bool:
    """Whether a payload decodes; any error but a BitstreamError goes through."""
    try:
        decoder.advance(Packet(kind, decoder._frame + 1, 1000, payload))
    except BitstreamError:
        return False
    return True


@pytest.mark.parametrize("kind", [INTRA, INTER])
@pytest.mark.parametrize("count", [0, 4])
def test_every_short_payload(count, kind):
    start = payload.encode_intra(splats(count, 0), WIDTH, HEIGHT)
    for length in range(5):
        for data in itertools.product(b"\x00\x01\x04\x7f\x80\xff", repeat=length):
            decoder = Decoder(Header(WIDTH, HEIGHT, 30, STEPS))
            decoder.advance(Packet(INTRA, 0, 1000, start))
            survives(decoder, kind, bytes(data))


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
    for _ in range(700):
        decoder.advance(Packet(INTRA, 0, 1000, intra))
        head = b"".join(number(rng) for _ in range(rng.integers(1, 40)))
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
        decoder.advance(Packet(INTRA, 0, 1000, bodies[0]))
        kept = int(rng.integers(len(body) // 2, len(body))) if case % 2 else len(body) - 8
        if survives(decoder, kind, body[:kept] + rng.bytes(len(body) - kept)) and drawn < 25:
            assert decoder.picture().shape == (HEIGHT, WIDTH, 3)
            drawn += 1
    assert drawn == 25


def test_hostile_packets_one_by_one(packets):
    """What a socket delivers: one packet, cut or changed, checksum and all."""
    header, (intra, inter) = packets
    whole = [container.pack_packet(INTRA, 0, intra), container.pack_packet(INTER, 1, inter)]
    rng = np.random.default_rng(5)
    decoder = Decoder(header)
    for case in range(600):
        decoder.advance(whole[0])
        hostile = whole[1][:case] if case < len(whole[1]) else mutated(rng, whole[case % 2])
        if hostile not in whole:
            with pytest.raises(BitstreamError):
                decoder.advance(hostile)
            assert np.array_equal(
                decoder.splats.values, payload.decode_intra(intra, STEPS, WIDTH, HEIGHT).values
            )


def test_a_crowd_in_few_bytes_takes_bounded_memory():
    """65535 splats, every channel with the widest model and one symbol far from its mode."""
    writer = Writer()
    writer.integer(MAX_SPLATS)
    writer.gamma(np.zeros(MAX_SPLATS, int))
    channel = np.zeros(MAX_SPLATS, int)
    channel[-1] = 65_535
    for _ in range(6):
        writer.peak(channel)
    crowd = writer.finish()
    assert len(crowd) < 1000
    tracemalloc.start()
    with pytest.raises(BitstreamError, match="splat 65534: l11 is 65535"):
        payload.decode_intra(crowd, Steps(128, 128, 786, 1050), WIDTH, HEIGHT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_a_crowd_without_data_is_refused_before_memory_is_taken():
    tracemalloc.start()
    with pytest.raises(BitstreamError, match="ends inside"):
        payload.decode_intra(varint.pack(MAX_SPLATS) + b"\0\0", STEPS, WIDTH, HEIGHT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 16
