"""Make the golden stream anew, when the format changes: ``python -m tests.golden.regenerate``."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.code import container, payload
from tsplat.code.container import INTRA, Header, Packet
from tsplat.decoder import Decoder
from tsplat.kernels import runtime
from tsplat.motion import GRID
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
    span=2,
)
TICKS = (
    (1000,),
    (1000, 1000),
    (1000,),
    (2500, 500),
    (1000, 1000),
    (1000, 1000, 1000),
    (1000, 1000),
    (1500,),
    (1000, 1000),
)
"""Of each coded frame: what the header says, one frame, timed, and three."""
VECTORS = np.stack(np.indices((GRID, GRID)) - 1, -1)


def splats(count: int) -> np.ndarray:
    k = np.arange(count, dtype=np.int32)
    shape = [k % 5 + 6, k % 7 - 3, k % 4 + 8]
    values = np.stack([8 * k % 96, 20 * k % 64, *shape, 5 * k, k - 6, 4 - k], 1)
    return values[payload.order(values, HEADER)]


@dataclass(frozen=True)
class Coded:
    """A coded frame: which splats stay, integers, region, and vectors that move all."""

    stay: np.ndarray | None
    values: np.ndarray
    region: Region
    vectors: np.ndarray | None = None


def frames() -> list[Coded]:
    """Coded frames; the first and the last but one, which have nothing to stay, are I-frames.

    Twelve splats in a region; some of them change; nothing does; the region moves, a splat goes
    and one comes; a splat changes and another goes, in the whole picture; all move, and one
    changes; all go, and the region; the first again; some of them change.
    """
    shape = grid(HEADER.width, HEADER.height, HEADER.cell)
    y, x = np.indices(shape)
    left, right = (Region((y > 1) & (abs(x - centre) < 4)) for centre in (4, 6))
    whole = Region(np.ones(shape, bool))
    all_ = np.ones(12, bool)
    first = splats(12)
    second = first.copy()
    second[::3] += np.array([2, -1, 0, 1, 0, 4, 0, -1], np.int32)
    without = np.arange(12) != 5
    came = np.array([[60, 40, 7, 1, 9, 30, 2, -3]], np.int32)
    third = np.concatenate([second[without], came])
    last = np.arange(12) != 11
    fourth = third[last]
    fourth[2] += np.array([0, 0, 0, 0, 0, -1, 20, 0], np.int32)
    fifth = payload.moved(QuantizedSplats(fourth, HEADER.steps), VECTORS, HEADER)
    fifth[7, 5:] += np.array([3, 0, -2], np.int32)
    return [
        Coded(None, first, left),
        Coded(all_, second, left),
        Coded(all_, second, left),
        Coded(without, third, right),
        Coded(last, fourth, whole),
        Coded(np.ones(11, bool), fifth, whole, VECTORS),
        Coded(np.zeros(11, bool), fourth[:0], Region(np.zeros(shape, bool))),
        Coded(None, first, left),
        Coded(all_, second, left),
    ]


def encode() -> bytes:
    """The stream of :func:`frames`."""
    stream, intra, number = HEADER.pack(), [], -1
    for coded, ticks in zip(frames(), TICKS, strict=True):
        number += len(ticks)
        if coded.stay is None:
            intra.append((number, len(stream)))
            values = QuantizedSplats(coded.values, HEADER.steps)
            data, state = payload.encode_intra(values, coded.region, HEADER)
            stream += container.pack_packet(INTRA, number, data, ticks[0])
        else:
            data, state = payload.encode_inter(
                state, coded.stay, coded.values, coded.region, HEADER, coded.vectors
            )
            stream += container.pack_inter(number, data, ticks, HEADER.span)
    return stream + container.pack_index(number + 1, 1000, intra)


def main() -> None:
    data = encode()
    (FOLDER / "small.tsplat").write_bytes(data)
    runtime.start("cpu")
    decoder = Decoder(HEADER)
    found = container.packets(data, span=HEADER.span)
    packets = [p for p in found if isinstance(p, Packet) and p.kind != container.INDEX]
    shown = [picture for p in packets for picture in decoder.pictures(p)]
    np.save(FOLDER / "pictures.npy", np.stack(shown))


if __name__ == "__main__":
    main()
