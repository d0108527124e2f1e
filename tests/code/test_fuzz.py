"""Any bytes give a frame or a BitstreamError."""

from __future__ import annotations

import numpy as np
import pytest

from tests.code.test_payload import HEIGHT, STEPS, WIDTH, splats
from tsplat.code import container, payload
from tsplat.code.container import INTER, INTRA, Header, Packet
from tsplat.decoder import Decoder
from tsplat.errors import BitstreamError
from tsplat.splats import QuantizedSplats


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
