"""Make the golden stream anew, when the format changes: ``python -m tests.golden.regenerate``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.code import container, payload
from tsplat.code.container import INTER, INTRA, Header
from tsplat.decoder import Decoder
from tsplat.kernels import runtime
from tsplat.splats import QuantizedSplats, Steps

FOLDER = Path(__file__).parent
HEADER = Header(48, 32, Fraction(30), Steps(128, 128, 786, 1050), Fraction(4, 3), (1, 13, 6))


def states() -> list[np.ndarray]:
    """Integers of three frames: twelve splats; some of them change; none does."""
    k = np.arange(12, dtype=np.int32)
    shape = [k % 5 + 6, k % 7 - 3, k % 4 + 8]
    first = np.stack([8 * k % 96, 20 * k % 64, *shape, 5 * k, k - 6, 4 - k], 1)
    first = first[payload.order(QuantizedSplats(first, HEADER.steps), 48, 32)]
    second = first.copy()
    second[::3] += np.array([2, -1, 0, 1, 0, 4, 0, -1], np.int32)
    return [first, second, second]


def encode() -> bytes:
    """The stream of :func:`states`; its last packet is timed."""
    one, two, three = (QuantizedSplats(v, HEADER.steps) for v in states())
    data = HEADER.pack()
    data += container.pack_packet(INTRA, 0, payload.encode_intra(one, 48, 32))
    inter, changed = payload.encode_inter(two, one, np.ones(12, bool))
    data += container.pack_packet(INTER, 1, inter)
    data += container.pack_packet(INTER, 2, payload.encode_inter(three, two, changed)[0], 2500)
    return data + container.pack_index(3, 1000, [(0, container.HEADER_BYTES)])


def main() -> None:
    data = encode()
    (FOLDER / "small.tsplat").write_bytes(data)
    runtime.start("cpu")
    decoder = Decoder(HEADER)
    packets = [p for p in container.packets(data) if p.kind in (INTRA, INTER)]
    np.save(FOLDER / "pictures.npy", np.stack([decoder.decode(p) for p in packets]))


if __name__ == "__main__":
    main()
