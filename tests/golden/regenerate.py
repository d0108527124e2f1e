"""Make the golden stream anew, when the format changes: ``python -m tests.golden.regenerate``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.packets import packed
from tsplat.code import container, payload
from tsplat.code.container import INTER, INTRA, Header, Packet
from tsplat.decoder import Decoder
from tsplat.kernels import runtime
from tsplat.region import Region, grid
from tsplat.splats import QuantizedSplats, Steps

FOLDER = Path(__file__).parent
HEADER = Header(
    48,
    32,
    Fraction(30),
    Steps(128, 128, 786, 1050),
    Fraction(4, 3),
    (1, 13, 6),
    cell=4,
    outside="colour",
    backdrop=(20, 200, 90),
)
TICKS = (1000, 1000, 2500, 1000, 1000, 1000)


def splats(count: int) -> np.ndarray:
    k = np.arange(count, dtype=np.int32)
    shape = [k % 5 + 6, k % 7 - 3, k % 4 + 8]
    values = np.stack([8 * k % 96, 20 * k % 64, *shape, 5 * k, k - 6, 4 - k], 1)
    return values[payload.order(values, HEADER)]


def frames() -> list[tuple[np.ndarray, np.ndarray, Region]]:
    """Which splats stay, integers, and region of each frame.

    Twelve splats in a region; some of them change; nothing does; the region moves, a splat goes
    and one comes; a splat changes and another goes, in the whole picture; all go, and the
    region.
    """
    shape = grid(HEADER.width, HEADER.height, HEADER.cell)
    y, x = np.indices(shape)
    left, right = (Region((y > 1) & (abs(x - centre) < 4)) for centre in (4, 6))
    all_ = np.ones(12, bool)
    first = splats(12)
    second = first.copy()
    second[::3] += np.array([2, -1, 0, 1, 0, 4, 0, -1], np.int32)
    without = np.arange(12) != 5
    came = np.array([[60, 40, 7, 1, 9, 30, 2, -3]], np.int32)
    third = np.concatenate([second[without], came])
    fourth = third[np.arange(12) != 11]
    fourth[2] += np.array([0, 0, 0, 0, 0, -1, 20, 0], np.int32)
    return [
        (all_, first, left),
        (all_, second, left),
        (all_, second, left),
        (without, third, right),
        (np.arange(12) != 11, fourth, Region(np.ones(shape, bool))),
        (np.zeros(11, bool), fourth[:0], Region(np.zeros(shape, bool))),
    ]


def encode() -> bytes:
    """The stream of :func:`frames`."""
    _, values, region = frames()[0]
    data, state = payload.encode_intra(QuantizedSplats(values, HEADER.steps), region, HEADER)
    stream = HEADER.pack() + container.pack_packet(INTRA, 0, data, TICKS[0])
    for number, (stay, values, region) in enumerate(frames()[1:], 1):
        data, state = payload.encode_inter(state, stay, values, region, HEADER)
        stream += packed(INTER, number, data, TICKS[number])
    return stream + container.pack_index(len(TICKS), 1000, [(0, container.HEADER_BYTES)])


def main() -> None:
    data = encode()
    (FOLDER / "small.tsplat").write_bytes(data)
    runtime.start("cpu")
    decoder = Decoder(HEADER)
    found = [p for p in container.packets(data) if isinstance(p, Packet)]
    packets = [p for p in found if p.kind in (INTRA, INTER)]
    np.save(FOLDER / "pictures.npy", np.stack([decoder.decode(p) for p in packets]))


if __name__ == "__main__":
    main()
