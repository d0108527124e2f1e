"""The golden streams: small files that between them have all that the format has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tsplat.media.background import BACKGROUND_CODECS, BackgroundEncoder
from tsplat.motion import GRID
from tsplat.region import Region, grid
from tsplat.splats import QuantizedSplats, Steps, limits
from tsplat.stream import container, payload, scan
from tsplat.stream.container import BACKGROUND, INTRA
from tsplat.stream.header import HEADER_BYTES, Header
from tsplat.stream.index import pack_index

STEPS = Steps(128, 128, 786, 1050)
VECTORS = np.stack(np.indices((GRID, GRID)) - 1, -1)


@dataclass(frozen=True)
class Coded:
    """A coded frame.

    Parameters
    ----------
    stay : (N,) bool or None
        Which splats of the frame before stay; None for an I-frame.
    values : (M, 8) int32
    region : Region or None
    ticks : tuple of int
        Of its frames, the interpolated ones among them.
    vectors : (GRID, GRID, 2) int, optional
        Motion.
    """

    stay: np.ndarray | None
    values: np.ndarray
    region: Region | None
    ticks: tuple[int, ...]
    vectors: np.ndarray | None = None


@dataclass(frozen=True)
class Stream:
    header: Header
    frames: list[Coded]
    foreign: int = 0
    """Packets before each frame of a feature that no reader knows, and may ignore."""

    def parts(self) -> Iterator[bytes]:
        """Bytes, by packet: the header, then background, feature and coded ones, the index."""
        yield self.header.pack()
        backdrop = _Backdrop(self.header) if self.header.codec else None
        intra, offset, number = [], HEADER_BYTES, -1
        for coded in self.frames:
            number += len(coded.ticks)
            ahead = [_foreign(number)] * self.foreign
            join = offset + sum(map(len, ahead))
            if backdrop:
                ahead.append(backdrop.packet(number, coded.stay is None))
            if coded.stay is None:
                intra.append((number, join))
                values = QuantizedSplats(coded.values, self.header.steps)
                data, state = payload.encode_intra(values, coded.region, self.header)
                packet = container.pack_packet(INTRA, number, data, coded.ticks[0])
            else:
                data, state = payload.encode_inter(
                    state, coded.stay, coded.values, coded.region, self.header, coded.vectors
                )
                packet = container.pack_inter(number, data, coded.ticks)
            for part in (*ahead, packet):
                offset += len(part)
                yield part
        yield pack_index(number + 1, 1000, intra)


class _Backdrop:
    """Coloured stripes that wander, as a video."""

    def __init__(self, header: Header):
        self._size = (header.height, header.width)
        codec = {number: name for name, number in BACKGROUND_CODECS.items()}[header.codec]
        self._encoder = BackgroundEncoder(header.width, header.height, header.rate, codec=codec)

    def packet(self, number: int, keyframe: bool) -> bytes:
        y, x = np.indices(self._size)
        picture = np.stack([(x + 4 * number) // 8 * 40 % 256, 3 * y, 255 - 2 * x], -1) % 256
        keep = np.ones(self._size, bool)
        data = self._encoder.encode(picture.astype(np.uint8), keep, keyframe)
        return container.pack_packet(BACKGROUND, number, bytes([keyframe]) + data)


def _foreign(number: int) -> bytes:
    """A packet of feature 3, with the bit that says it may be ignored."""
    return container.pack_packet(16 + 3 + 32, number, b"what this is nobody knows")


def small(blend: str = "normalised") -> Stream:
    """Every part of a P-packet, a region, a colour behind it, interpolated and timed frames.

    Twelve splats in a region; some of them change; nothing does; the region moves, a splat goes
    and one comes; a splat changes and another goes, in the whole picture; all move, and one
    changes; all go, and the region; the first again; some of them change.
    """
    header = Header(
        48,
        32,
        Fraction(30),
        STEPS,
        Fraction(4, 3),
        (1, 13, 6),
        cell=4,
        outside="colour",
        backdrop=(20, 200, 90),
        blend=blend,
    )
    left, right = _blob(header, 4), _blob(header, 6)
    whole, empty = _all(header, True), _all(header, False)
    everything = np.ones(12, bool)
    first = _splats(header, 12)
    second = first.copy()
    second[::3] += np.array([2, -1, 0, 1, 0, 4, 0, -1], np.int32)
    without = np.arange(12) != 5
    came = np.array([[60, 40, 7, 1, 9, 30, 2, -3]], np.int32)
    third = np.concatenate([second[without], came])
    last = np.arange(12) != 11
    fourth = third[last]
    fourth[2] += np.array([0, 0, 0, 0, 0, -1, 20, 0], np.int32)
    fifth = payload.moved(QuantizedSplats(fourth, STEPS), VECTORS, header)
    fifth[7, 5:] += np.array([3, 0, -2], np.int32)
    frames = [
        Coded(None, first, left, (1000,)),
        Coded(everything, second, left, (1000, 1000)),
        Coded(everything, second, left, (1000,)),
        Coded(without, third, right, (2500, 500)),
        Coded(last, fourth, whole, (1000, 1000)),
        Coded(np.ones(11, bool), fifth, whole, (1000, 1000, 1000), VECTORS),
        Coded(np.zeros(11, bool), fourth[:0], empty, (1000, 1000)),
        Coded(None, first, left, (1500,)),
        Coded(everything, second, left, (1000, 1000)),
    ]
    return Stream(header, frames)


def plain() -> Stream:
    """No region, every frame coded, fine steps: the extremes of counts and differences.

    Many splats, all at the limits of some channel; differences of every length, so many that
    the contexts forget; splats that come and go at once, in motion; none, and still none; one
    of them, and more that can only be like it.
    """
    header = Header(40, 24, Fraction(30000, 1001), Steps(1, 60, 300, 8))
    count = 90
    first = _splats(header, count)
    low, high = limits(40, 24, header.steps).T
    first[:, :2] = np.clip(first[:, :2] * 128 - 9000, low[:2], high[:2])
    first[0], first[1] = (
        [low[0], low[1], 0, 0, 0, -50, 0, 0],
        [high[0], high[1], 1, -1, 1, 90, 1, 1],
    )
    first = first[payload.order(first, header)]
    now, frames = first, [Coded(None, first, None, (1000,))]
    k = np.arange(count)
    for number in range(9):
        there = (k % (number + 2) == 0)[:, None] & (k[:, None] % 3 != np.arange(8) % 4)
        size = (1 << number) - 1 + k % 5
        sign = np.where((k + number) % 2, 1, -1)
        changed = now + there * (sign * size)[:, None] * np.array([9, 7, 0, 1, 0, 1, 300, 0])
        now = np.clip(changed, low, high).astype(np.int32)
        frames.append(Coded(np.ones(count, bool), now, None, (1000,)))
    stay = k % 4 > 0
    moved = payload.moved(QuantizedSplats(now, header.steps), 5 * VECTORS, header)
    came = first[::20]
    frames += [
        Coded(stay, np.concatenate([moved[stay], came]), None, (700,), 5 * VECTORS),
        Coded(None, first[:0], None, (1000,)),
        Coded(np.zeros(0, bool), first[:0], None, (1000,)),
        Coded(None, first[40:41], None, (1000,)),
    ]
    alike = np.repeat(first[40:41], 4, 0)
    alike[1:, 0] += np.array([-50, 10, 3000], np.int32)
    alike[1:] = alike[1:][payload.order(alike[1:], header)]
    frames.append(Coded(np.ones(1, bool), alike, None, (0,)))
    return Stream(header, frames)


def blur() -> Stream:
    """A region before itself out of focus: whole, empty, coded on its own and with its past;
    packets of an unknown feature; interpolated frames of unequal length; long spans."""
    header = Header(50, 34, Fraction(25), STEPS, cell=3, outside="blur")
    splats, k = _splats(header, 20), np.ones(20, bool)
    frames = [
        Coded(None, splats, _all(header, True), (1000,)),
        Coded(k, splats, _blob(header, 5), (1000, 1000, 1000)),
        Coded(k, splats, _blob(header, 7), (200, 1000, 3000)),
        Coded(None, splats, _all(header, False), (1000,)),
        Coded(k, splats, _blob(header, 7), (1000,) * 8),
        Coded(k, splats, _all(header, True), (1000,) * 8 + (400,)),
    ]
    return Stream(header, frames, foreign=1)


def video(codec: str, span: int = 1) -> Stream:
    """A person before a video, with two keyframes; with a span, the video's pictures change at
    the coded frames, not before."""
    header = Header(
        64,
        64,
        Fraction(30),
        STEPS,
        cell=4,
        outside="video",
        codec=BACKGROUND_CODECS[codec],
    )
    splats, region = _splats(header, 9), _blob(header, 8)
    follow = [Coded(np.ones(9, bool), splats, region, (1000,) * span)] * 2
    return Stream(header, [Coded(None, splats, region, (1000,)), *follow] * 2)


def bits_back() -> Stream:
    """Changes as sets: of all splats, by little and by much; of one; among all other parts of a
    P-packet; none; and of the only splat that is left, which takes no bytes."""
    header = Header(48, 32, Fraction(30), STEPS, cell=4, blend="sum", bits_back=True)
    left, right, k = _blob(header, 4), _blob(header, 6), np.arange(40)
    first = _splats(header, 40)
    small = np.stack([k % 3, 1 - k % 2, k % 2, 0 * k, k // 39, k % 5 - 2, -(k % 7), 1 + 0 * k], 1)
    large = (k % 10 == 0)[:, None] * np.array([0, 0, 1, 0, 0, 100, -200, 0])
    second = (first + small + large).astype(np.int32)
    third = second.copy()
    third[17, 5:] += np.array([-9, 0, 30], np.int32)
    moved = payload.moved(QuantizedSplats(third, STEPS), VECTORS, header)
    moved[::3] += np.array([-1, 0, 0, 0, 1, 0, 0, 2], np.int32)
    came = np.array([[60, 40, 7, 1, 9, 30, 2, -3]], np.int32)
    fourth = np.concatenate([moved[k % 8 > 0], came])
    only = np.arange(len(fourth)) == 20
    last = fourth[only] + np.array([2, 0, 0, 0, 0, -7, 0, 0], np.int32)
    stay = np.ones(len(fourth), bool)
    frames = [
        Coded(None, first, left, (1000,)),
        Coded(np.ones(40, bool), second, left, (1000,)),
        Coded(np.ones(40, bool), third, left, (1000,)),
        Coded(k % 8 > 0, fourth, right, (1000,), VECTORS),
        Coded(stay, fourth, right, (1000,)),
        Coded(only, fourth[only], right, (1000,)),
        Coded(np.ones(1, bool), last, right, (1000,)),
    ]
    return Stream(header, frames)


STREAMS: dict[str, Callable[[], Stream]] = {
    "small": small,
    "small_sum": lambda: small("sum"),
    "plain": plain,
    "blur": blur,
    "bits_back": bits_back,
    "av1": lambda: video("av1"),
    "av1_span": lambda: video("av1", 3),
    "h264": lambda: video("h264"),
}
"""By name of the file."""


def _splats(header: Header, count: int) -> np.ndarray:
    k = np.arange(count, dtype=np.int32)
    shape = [k % 5 + 6, k % 7 - 3, k % 4 + 8]
    values = np.stack([8 * k % 96, 20 * k % 64, *shape, 5 * k, k - 6, 4 - k], 1)
    return values[payload.order(values, header)]


def _blob(header: Header, centre: int) -> Region:
    y, x = np.indices(grid(header.width, header.height, header.cell))
    return Region((y > 1) & (abs(x - centre) < 4))


def _all(header: Header, on: bool) -> Region:
    return Region(np.full(grid(header.width, header.height, header.cell), on))


def without_backgrounds(data: bytes) -> list[bytes]:
    """A stream's packets but those of other codecs, whose bytes change with their versions."""
    found = scan.packets(data)
    kept = [p for p in found if isinstance(p, container.Packet) and p.kind != BACKGROUND]
    return [data[:HEADER_BYTES], *(data[p.offset : p.offset + p.size] for p in kept)]
