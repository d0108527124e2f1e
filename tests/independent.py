"""A decoder of ``.tsplat`` written from docs/FORMAT.md alone: it shares no code with the codec.

Slow, and plain where the codec is fast: one symbol at a time, one splat at a time. It reads the
tables of chances out of the specification. For background video it is given the codec; it knows
no blur.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SPECIFICATION = Path(__file__).parent.parent / "docs" / "FORMAT.md"
STEP_OF_CHANNEL = (0, 0, 1, 1, 1, 2, 3, 3)


class Refused(Exception):
    """A stream that a decoder must refuse."""


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(reason)


def table(name: str) -> list[int]:
    """The numbers of one of the specification's tables: a fenced block that bears its name."""
    found = re.search(rf"```text {name}\n(.*?)```", SPECIFICATION.read_text(), re.DOTALL)
    assert found, name
    return [int(n) for n in re.findall(r"\d+", re.sub(r"#.*", "", found[1]))]


MASK_CHANCES = np.array(table("mask-chances")).reshape(9, 5, 5)
CHANGE_CHANCES = table("change-chances")
INTRA_CHANCES = table("intra-chances")
LAYOUT = [(1, 0, 1), (1, 0, 1), (1, 0, 1), (2, 0, 1), (2, 0, 1), (1, 0, 3), (2, 3, 3), (2, 3, 3)]
LAYOUT += [(3, 0, 1), (3, 0, 1)]
"""Of channel 0..7 and both of motion: how many contexts for not being 0, for the sign, and how many
times six for the size."""


# --- Bytes ------------------------------------------------------------------------------------


class Bytes:
    """Reads integers from the front."""

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        require(self.at + count <= len(self.data), "cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def u(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        value = 0
        for k in range(5):
            byte = self.u(1)
            value |= (byte & 127) << 7 * k
            if byte < 128:
                require(byte > 0 or k == 0, "varint of more bytes than it needs")
                return value
        raise Refused("varint of more than five bytes")

    def signed(self) -> int:
        value = self.varint()
        return -(value + 1) // 2 if value % 2 else value // 2


def crc32(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# --- Header and packets -----------------------------------------------------------------------


@dataclass
class Header:
    width: int
    height: int
    rate: tuple[int, int]
    aspect: tuple[int, int]
    steps: list[int]
    cell: int
    outside: int
    backdrop: list[int]
    codec: int
    normalised: bool
    bits_back: bool

    @classmethod
    def read(cls, data: bytes) -> Header:
        b = Bytes(data)
        require(b.take(8) == bytes.fromhex("895453504C0D0A1A"), "magic")
        require(b.u(1) == 5, "version")
        require(crc32(data[:52]) == Bytes(data, 52).u(4), "checksum of the header")
        b.take(3)
        width, height = b.u(2), b.u(2)
        rate, aspect = (b.u(4), b.u(4)), (b.u(2), b.u(2))
        steps = [b.u(2) for _ in range(4)]
        required, _ = b.u(4), b.u(4)
        cell, outside, backdrop, codec, blend = b.u(1), b.u(1), list(b.take(3)), b.u(1), b.u(1)
        require(required <= 1, "a feature that is not known")
        require(1 <= width <= 8192 and 1 <= height <= 8192, "size")
        require(width * height <= 1 << 24, "pixels")
        require(all(1 <= v < 1 << 31 for v in rate) and all(aspect), "rate or aspect")
        require(all(steps) and blend <= 1, "step or blend")
        behind = (cell, outside, backdrop, codec)
        header = cls(width, height, rate, aspect, steps, *behind, blend == 1, required == 1)
        rows, columns = header.grid() if cell else (0, 0)
        require(cell != 1 and rows * columns <= 1 << 16, "cells")
        require(outside <= 3 and codec <= 2 and (outside == 3) == (codec > 0), "background")
        require(bool(cell) or outside == 0, "a background without a region")
        return header

    def grid(self) -> tuple[int, int]:
        return -(-self.height // self.cell), -(-self.width // self.cell)

    def step(self, channel: int) -> float:
        return self.steps[STEP_OF_CHANNEL[channel]] / (256 if channel < 5 else 65536)

    def limits(self) -> list[tuple[int, int]]:
        reach = max(self.width, self.height)
        bounds = [(-64, self.width + 64), (-64, self.height + 64), (0, reach), (-reach, reach)]
        bounds += [(0, reach)] + [(-4, 4)] * 3
        steps = [self.step(k) for k in range(8)]
        return [(int(low / s), int(high / s)) for (low, high), s in zip(bounds, steps)]


@dataclass
class Packet:
    kind: int
    frame: int
    ticks: list[int]
    payload: bytes


def packets(data: bytes) -> Iterator[Packet]:
    """Packets of an undamaged file, the index left out."""
    at, before = 56, None
    while at < len(data):
        b = Bytes(data, at)
        kind = b.u(1)
        if kind & 128:
            size, span, timed = b.varint(), kind & 7, 0
            if span == 0:
                more = b.varint()
                span, timed = more // 2 + 1, more % 2
            require(span <= 255, "span")
            ticks = [b.varint() if timed else 1000 for _ in range(span)]
            require(before is not None, "the frame before is missing")
            frame = before + span
            require(frame % 16 == kind >> 3 & 15, "the frame before is missing")
            payload = b.take(size)
            check = crc32(data[at : b.at] + frame.to_bytes(4, "little")) & 0xFFFF
            require(check == b.u(2), "checksum")
            kind = 2
        else:
            require(kind & 31 != 1 or b.take(3) == b"TSI", "sync")
            frame = b.varint()
            ticks = [b.varint() if kind & 64 else 1000]
            payload = b.take(b.varint())
            require(crc32(data[at : b.at]) == b.u(4), "checksum")
            ignorable, kind = kind & 32, kind & 31
            require(kind in (1, 3, 4) or (ignorable > 0 and kind != 2), "kind of packet")
        at = b.at
        if kind == 3:
            return
        if kind in (1, 2):
            before = frame
        if kind in (1, 2, 4):
            yield Packet(kind, frame, ticks, payload)


# --- Range decoder ----------------------------------------------------------------------------


class RangeDecoder:
    """Words of 32 bits, a state of 64, probabilities of 24."""

    def __init__(self, data: bytes):
        data += bytes(-len(data) % 4)
        self.words = [int.from_bytes(data[k : k + 4], "little") for k in range(0, len(data), 4)]
        self.at = 0
        self.low, self.range = 0, 2**64 - 1
        self.point = self._word() << 32
        self.point |= self._word()

    def _word(self) -> int:
        self.at += 1
        return self.words[self.at - 1] if self.at <= len(self.words) else 0

    def symbol(self, starts: list[int]) -> int:
        """A symbol; starts: where each one's part of 0..2**24 begins, and 2**24."""
        scale = self.range >> 24
        quantile = (self.point - self.low) % 2**64 // scale
        require(quantile < 2**24, "range coder")
        symbol = int(np.searchsorted(starts, quantile, "right")) - 1
        self.low = (self.low + scale * starts[symbol]) % 2**64
        self.range = scale * (starts[symbol + 1] - starts[symbol])
        if self.range < 2**32:
            self.low, self.range = (self.low << 32) % 2**64, self.range << 32
            self.point = (self.point << 32) % 2**64 | self._word()
        return symbol

    def bit(self, chance: float) -> int:
        return self.symbol(starts_of([1.0 - chance, chance]))

    def uniform(self, bits: int) -> int:
        return self.symbol([k << 24 - bits for k in range((1 << bits) + 1)])


def starts_of(weights: list[float]) -> list[int]:
    """Where each symbol's part of 0..2**24 begins; sums and products in float64, in order."""
    total = 0.0
    for weight in weights:
        total += weight
    scale = (2**24 - len(weights)) / total
    starts, passed = [], 0.0
    for k, weight in enumerate(weights):
        starts.append(int(passed * scale) + k)
        passed += weight
    return [*starts, 2**24]


@dataclass
class Peak:
    low: int
    span: int
    mode: int = 0
    hit: int = 0
    rho: int = 0

    @classmethod
    def read(cls, head: Bytes) -> Peak:
        low, span = head.signed(), head.varint()
        require(span < 65536, "span of values")
        require(low >= -(2**31) and low + span < 2**31, "lowest value")
        if not span:
            return cls(low, 0)
        mode, hit, rho = head.varint(), head.u(1), head.u(1)
        require(mode <= span and hit > 0 and rho > 0, "model")
        return cls(low, span, mode, hit, rho)

    def take(self, coder: RangeDecoder, count: int) -> list[int]:
        if not self.span:
            return [self.low] * count
        starts = self.starts()
        return [self.low + coder.symbol(starts) for _ in range(count)]

    def starts(self) -> list[int]:
        powers = [1.0]
        for _ in range(max(self.mode, self.span - self.mode) - 1):
            powers.append(powers[-1] * (self.rho / 256.0))
        powers = [max(p, 2.0**-40) for p in powers]
        below, above = powers[: self.mode][::-1], powers[: self.span - self.mode]
        total = 0.0
        for weight in below + above:
            total += weight
        return starts_of([*below, total * self.hit / (256 - self.hit), *above])


@dataclass
class Gamma:
    count: int
    lengths: Peak

    @classmethod
    def read(cls, head: Bytes, count: int) -> Gamma:
        return cls(count, Peak.read(head) if count else Peak(0, 0))

    def take(self, coder: RangeDecoder) -> list[int]:
        lengths = self.lengths.take(coder, self.count)
        require(all(0 <= n <= 48 for n in lengths), "length of an integer")
        values = [1 << n - 1 if n else 0 for n in lengths]
        for length in range(2, 49):
            members = [i for i, n in enumerate(lengths) if n == length]
            for shift in range(0, length - 1, 8):
                for i in members:
                    values[i] |= coder.uniform(min(8, length - 1 - shift)) << shift
        return values


# --- Sets -------------------------------------------------------------------------------------


class Stack:
    """The other coder: words of 32 bits, a state of 64, probabilities of 24."""

    def __init__(self, data: bytes):
        require(not data.endswith(b"\0"), "a set's last byte")
        data += bytes(-len(data) % 4)
        self.words = [int.from_bytes(data[k : k + 4], "little") for k in range(0, len(data), 4)]
        self.state = 0
        self._refill()
        self._refill()

    def _refill(self) -> None:
        if self.words:
            self.state = self.state << 32 | self.words.pop()

    def pop(self, starts: list[int]) -> int:
        quantile = self.state % 2**24
        symbol = int(np.searchsorted(starts, quantile, "right")) - 1
        width = starts[symbol + 1] - starts[symbol]
        self.state = (self.state >> 24) * width + quantile - starts[symbol]
        if self.state < 2**32:
            self._refill()
        return symbol

    def push(self, symbol: int, starts: list[int]) -> None:
        width = starts[symbol + 1] - starts[symbol]
        if self.state >> 40 >= width:
            self.words.append(self.state % 2**32)
            self.state >>= 32
        self.state = self.state // width << 24 | starts[symbol] + self.state % width


def even(count: int) -> list[int]:
    return [s * (2**24 // count) for s in range(count)] + [2**24]


def changed_set(data: bytes, count: int, models: list[Peak], splats: int) -> np.ndarray:
    """Differences of all splats, (splats, 8)."""
    stack, numbers = Stack(data), list[int]()
    tables = [model.starts() if model.span else None for model in models]
    out = np.zeros((splats, 8), np.int64)
    for _ in range(count):
        number = stack.pop(even(splats)) if splats > 1 else 0
        require(number not in numbers, "a splat comes twice")
        for k, (model, starts) in enumerate(zip(models, tables)):
            out[number, k] = model.low + (stack.pop(starts) if starts else 0)
        require(out[number].any() and abs(out[number]).max() < 1 << 20, "differences")
        numbers.append(number)
        if len(numbers) > 1:
            stack.push(sum(other < number for other in numbers), even(len(numbers)))
    require(stack.state == 0 and not stack.words, "bits left over behind a set")
    return out


# --- The region -------------------------------------------------------------------------------


def mask(coder: RangeDecoder, shape: tuple[int, int], past: np.ndarray | None) -> np.ndarray:
    rows, columns = shape
    cells = np.zeros(shape, bool)

    def on(y: int, x: int) -> bool:
        return 0 <= y < rows and 0 <= x < columns and bool(cells[y, x])

    def inside(y: int, x: int) -> bool:
        return 0 <= y < rows and 0 <= x < columns

    def decode(y: int, x: int, row: int, directions: list[tuple[int, int]]) -> None:
        count = 0
        for v, u in directions:
            # What lies outside is replaced by what lies opposite, along each axis on its own.
            ny = y + v if 0 <= y + v < rows else y - v
            nx = x + u if 0 <= x + u < columns else x - u
            count += on(ny, nx)
        state = 0
        if past is not None:
            own = past[y, x]
            near = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            same = all(past[at] == own for at in near if inside(*at))
            state = (4 if same else 3) if own else (1 if same else 2)
        cells[y, x] = coder.bit(MASK_CHANCES[row, count, state] / 65536.0)

    for y in range(0, rows, 16):
        for x in range(0, columns, 16):
            decode(y, x, 0, [])
    row = 1
    for s in (8, 4, 2, 1):
        diagonal = [(-s, -s), (-s, s), (s, -s), (s, s)]
        axes = [(-s, 0), (s, 0), (0, -s), (0, s)]
        for odd, directions in ((2, diagonal), (1, axes)):
            for y in range(0, rows, s):
                for x in range(0, columns, s):
                    if y // s % 2 + x // s % 2 == odd:
                        decode(y, x, row, directions)
            row += 1
    return cells


# --- Changes ----------------------------------------------------------------------------------


def fresh(chances: list[int], weight: int) -> list[list[int]]:
    ones = [max(1, chance * weight // 256) for chance in chances]
    return [[max(1, weight - n), n] for n in ones]


def fresh_contexts() -> list[list[int]]:
    return fresh(CHANGE_CHANCES, 60)


FRESH = (
    (2, 0, 132, 0),
    (4, 144, 276, 0),
    (3, 288, 408, 420),
    (5, 425, 437, 449),
    (6, 450, 558, 570),
    (7, 575, 683, 695),
)
"""Channels of splats that come, in their order: where contexts of lengths, of the bits below the
leading ones, and of signs begin; 0: it has no sign."""


class Adaptive:
    """Bits in contexts; the contexts learn when all of a part's bits are there."""

    def __init__(self, coder: RangeDecoder, contexts: list[list[int]]):
        self.coder, self.contexts = coder, contexts
        self.seen: list[tuple[int, int]] = []

    def bit(self, context: int) -> int:
        zeros, ones = self.contexts[context]
        bit = self.coder.bit(ones / (zeros + ones))
        self.seen.append((context, bit))
        return bit

    def even(self) -> int:
        return self.coder.bit(0.5)

    def learned(self) -> list[list[int]]:
        out = [list(pair) for pair in self.contexts]
        for context, bit in self.seen:
            out[context][bit] += 1
        for pair in out:
            while sum(pair) > 320:
                pair[:] = [(n + 1) // 2 for n in pair]
        return out

    def values(
        self,
        channel: int,
        looks: list[int],
        forced: list[bool],
        before: list[int],
        areas: list[int],
    ) -> list[int]:
        """Differences of one channel, step by step: each for all before the next."""
        first, negatives, sizes = LAYOUT[channel]
        base = 19 + sum(a + b + 6 * c for a, b, c in LAYOUT[:channel])
        count = len(looks)
        flags = [
            1 if forced[i] else self.bit(base + (looks[i] if first > 1 else 0))
            for i in range(count)
        ]
        there = [i for i, flag in enumerate(flags) if flag]
        sign = base + first
        negative = {
            i: self.bit(sign + 1 + (before[i] > 0) - (before[i] < 0)) if negatives else self.even()
            for i in there
        }
        size = dict.fromkeys(there, 1)
        live = there
        unary = {i: sign + negatives + (6 * areas[i] if sizes > 1 else 0) for i in there}
        for j in range(14):
            live = [i for i in live if self.bit(unary[i] + min(j, 5))]
            for i in live:
                size[i] += 1
        lengths = dict.fromkeys(live, 0)
        growing = live
        while growing:
            require(lengths[growing[0]] < 20, "difference")
            growing = [i for i in growing if self.even()]
            for i in growing:
                lengths[i] += 1
        rest = dict.fromkeys(live, 1)
        for shift in range(max(lengths.values(), default=0)):
            for i in live:
                if lengths[i] > shift:
                    rest[i] = 2 * rest[i] + self.even()
        for i in live:
            size[i] += rest[i] - 1
        out = [0] * count
        for i in there:
            out[i] = -size[i] if negative[i] else size[i]
        return out


def changes(coder: Adaptive, known: list[tuple[int, int, int]]) -> np.ndarray:
    """known: of each splat its history, and the classes of its motion and of its area."""
    out = np.zeros((len(known), 8), np.int64)
    flags = [coder.bit(history + 4 * motion) for history, motion, _ in known]
    rows = [i for i, flag in enumerate(flags) if flag]
    place = [coder.bit(12) for _ in rows]
    shape = [coder.bit(13 + p) for p in place]
    colour = [coder.bit(15 + p + 2 * s) if p or s else 1 for p, s in zip(place, shape)]
    for channels, chosen in (((0, 1), place), ((2, 3, 4), shape), ((5, 6, 7), colour)):
        members = [i for i, flag in zip(rows, chosen) if flag]
        areas = [known[i][2] for i in members]
        for k in channels:
            before = [int(out[i, k - 1]) if k > channels[0] else 0 for i in members]
            nothing = [not out[i, channels[0] : k].any() for i in members]
            forced = [k == channels[-1] and none for none in nothing]
            looks = [int(d != 0) for d in before]
            out[members, k] = coder.values(k, looks, forced, before, areas)
    return out


def surprise_class(difference: int) -> int:
    return (difference != 0) + (abs(difference) > 2)


def vectors(coder: Adaptive, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y of each node, half pixels, and their differences, (6, 6, 2) both."""
    out, differences = np.zeros((6, 6, 2), np.int64), np.zeros((6, 6, 2), np.int64)
    for axis in (0, 1):
        looks = [surprise_class(int(d)) for d in last[..., axis].ravel()]
        none = [0] * 36
        found = iter(coder.values(8 + axis, looks, [False] * 36, none, none))
        for row in range(6):
            for column in range(6):
                here = out[..., axis]
                expected = 0
                if row and column:
                    left, above = int(here[row, column - 1]), int(here[row - 1, column])
                    plane = left + above - int(here[row - 1, column - 1])
                    expected = sorted((left, above, plane))[1]
                elif row:
                    expected = int(here[row - 1, 0])
                elif column:
                    expected = int(here[0, column - 1])
                differences[row, column, axis] = next(found)
                here[row, column] = expected + differences[row, column, axis]
    require(int(np.abs(out).max()) <= 255, "motion vector")
    return out, differences


def warp(values: np.ndarray, nodes: np.ndarray, header: Header) -> np.ndarray:
    out = values.copy()
    step, limits = header.steps[0], header.limits()

    def cell(place: int, length: int) -> tuple[int, int]:
        exact = min(max(place * 5 // length, 0), 256 * 5 - 1)
        return exact >> 8, exact & 255

    for splat in out:
        column, across = cell(int(splat[0]) * step, header.width)
        row, down = cell(int(splat[1]) * step, header.height)
        for axis in (0, 1):
            a, b = (int(nodes[row, column + k, axis]) for k in (0, 1))
            c, d = (int(nodes[row + 1, column + k, axis]) for k in (0, 1))
            upper, lower = (256 - across) * a + across * b, (256 - across) * c + across * d
            moved = ((256 - down) * upper + down * lower) * 128 >> 16
            place = int(splat[axis]) + (2 * moved + step) // (2 * step)
            splat[axis] = min(max(place, limits[axis][0]), limits[axis][1])
    return out


# --- Payloads ---------------------------------------------------------------------------------


@dataclass
class State:
    values: np.ndarray
    """(N, 8) int64: x, y, l11, l21, l22, Y, Cb, Cr, in steps."""
    region: np.ndarray | None
    history: list[int]
    modes: list[int]
    taught: list[list[int]]
    """Contexts of shapes and colours, as the last I-packet left them."""
    origin: list[int]
    """Which splat of the state before each one was; -1 for none."""
    contexts: list[list[int]] = field(default_factory=fresh_contexts)
    motion: np.ndarray = field(default_factory=lambda: np.zeros((6, 6, 2), np.int64))
    """Differences of the last motion."""


def region_of(
    kind: int, coder: RangeDecoder, header: Header, past: np.ndarray | None
) -> np.ndarray:
    require(1 <= kind <= 3, "kind of region")
    if kind == 3:
        return mask(coder, header.grid(), past)
    return np.full(header.grid(), kind == 1)


def places(coder: RangeDecoder, count: int, header: Header) -> list[tuple[int, int]]:
    """x and y, in the order of their Morton codes."""
    limits, sides = header.limits()[:2], (header.width, header.height)
    spans = [most - least for least, most in limits]
    levels = max(2 * spans[0].bit_length() - 1, 2 * spans[1].bit_length())

    def expected(first: int, size: int, axis: int) -> int:
        least = limits[axis][0]
        inside = sides[axis] * 256 // header.steps[0] - least
        legal = max(0, min(first + size, spans[axis] + 1) - first)
        return 1 + legal + 7 * max(0, min(first + size, inside) - max(first, -least))

    beginnings = {0: count} if count else {}
    for bit in reversed(range(levels)):
        k, axis = bit >> 1, bit & 1
        keys = []
        for beginning, m in beginnings.items():
            first = pick(beginning << bit + 1, axis)
            lower, upper = expected(first, 1 << k, axis), expected(first + (1 << k), 1 << k, axis)
            keys.append((m, min(max(256 * upper // (lower + upper), 1), 255), beginning))
        after = {}
        for m, share, beginning in sorted(keys):
            one, zero = 12.0 * share / 256, 12.0 * (256 - share) / 256
            weights = [1.0]
            for n in range(m):
                step = (m - n) * (n + one) / ((n + 1) * (m - 1 - n + zero))
                weights.append(weights[-1] * step)
            ones = coder.symbol(starts_of(weights))
            after[2 * beginning], after[2 * beginning + 1] = m - ones, ones
        beginnings = {code: m for code, m in sorted(after.items()) if m}
    return [
        (pick(code, 0) + limits[0][0], pick(code, 1) + limits[1][0])
        for code, m in beginnings.items()
        for _ in range(m)
    ]


def pick(code: int, axis: int) -> int:
    """Every second bit."""
    return sum((code >> 2 * k + axis & 1) << k for k in range(22))


def near(twice: int, step: int) -> int:
    return min(max((twice + step) // (2 * step), -2), 2) + 2


def come(
    coder: RangeDecoder,
    where: list[tuple[int, int]],
    modes: list[int],
    contexts: list[list[int]],
    added: bool,
) -> tuple[np.ndarray, list[list[int]]]:
    """Splats at places, (n, 8), and the contexts after them."""
    n = len(where)
    out = [[x, y, 0, 0, 0, 0, 0, 0] for x, y in where]

    def distance(i: int, j: int) -> int:
        return abs(where[i][0] - where[j][0]) + abs(where[i][1] - where[j][1])

    apart = []
    for i in range(n):
        there = [j for j in range(i - 4, i + 5) if j != i]
        apart.append(sorted(distance(i, j) if 0 <= j < n else 1 << 20 for j in there)[3])

    def twice(i: int, values: list[int], near_by: list[int]) -> int:
        weights = [(1 << 24) // (1 + distance(i, j)) for j in near_by]
        total = sum(w * v for w, v in zip(weights, values))
        return 2 * total // sum(weights) if weights else 0

    waves = [(list(range(n)), 0)] if added else [(list(range(0, n, 16)), 0)]
    waves += [] if added else [(list(range(s, n, 2 * s)), s) for s in (8, 4, 2, 1)]
    for rows, s in waves:
        adaptive = Adaptive(coder, contexts)
        around = {
            i: [j for j in (i + k * s for k in (-5, -3, -1, 1, 3, 5)) if s and 0 <= j < n]
            for i in rows
        }
        for channel, first, second, sign in FRESH:
            classes, signs = dict.fromkeys(rows, 0), dict.fromkeys(rows, 0)
            for i in rows:
                cb, values = out[i][6], [out[j][channel] for j in around[i]]
                mean, activity = (
                    twice(i, v, around[i]) for v in (values, [abs(v) for v in values])
                )
                if channel in (2, 4):
                    product = apart[i] * mean
                    classes[i] = min(max(product.bit_length() - 4, 1), 10) if around[i] else 0
                elif channel == 3:
                    classes[i] = min((out[i][2] * out[i][4]).bit_length(), 9)
                    signs[i] = near(mean, 4)
                elif channel > 5:
                    size = activity + (2 * abs(cb) if channel == 7 else 0)
                    classes[i] = 1 + min(size.bit_length(), 7) if around[i] else 0
                    signs[i] = near(mean, 1)
                    signs[i] += 5 * (1 + (cb > 0) - (cb < 0)) if channel == 7 else 0
            lengths = dict.fromkeys(rows, 0)
            live = rows
            for j in range(24):
                going = []
                for i in live:
                    context = first + min(j, 11)
                    bit = adaptive.bit(context + 12 * classes[i])
                    if classes[i]:
                        adaptive.seen.append((context, bit))
                    if bit:
                        lengths[i] += 1
                        going.append(i)
                live = going
            sizes = {i: min(1, lengths[i]) for i in rows}
            for i in rows:
                if lengths[i] > 1:
                    sizes[i] = 2 + adaptive.bit(second + min(lengths[i], 12) - 1)
            for i in rows:
                for _ in range(lengths[i] - 2):
                    sizes[i] = 2 * sizes[i] + adaptive.even()
            for i in rows:
                negative = sign and sizes[i] and adaptive.bit(sign + signs[i])
                out[i][channel] = -sizes[i] if negative else sizes[i]
        contexts = contexts if added else adaptive.learned()
    values = np.array(out, np.int64).reshape(n, 8)
    values[:, 5:] += modes
    return values, contexts


def checked(values: np.ndarray, header: Header) -> np.ndarray:
    require(len(values) <= 65535, "number of splats")
    for k, (low, high) in enumerate(header.limits()):
        require(bool(((values[:, k] >= low) & (values[:, k] <= high)).all()), f"channel {k}")
    a, b, c = (values[:, k] * header.step(k) for k in (2, 3, 4))
    ex, ey = 3 * np.sqrt(a**2 + 0.5), 3 * np.sqrt(b**2 + c**2 + 0.5)
    boxes = np.minimum(2 * ex, header.width) * np.minimum(2 * ey, header.height)
    require(boxes.sum() <= 512 * header.width * header.height, "overlap")
    return values


def intra(data: bytes, header: Header) -> State:
    head = Bytes(data)
    kind = head.u(1) if header.cell else 0
    count = head.varint()
    require(count <= 65535, "number of splats")
    modes = [head.signed() if count else 0 for _ in range(3)]
    coder = RangeDecoder(data[head.at :])
    region = region_of(kind, coder, header, None) if header.cell else None
    where = places(coder, count, header)
    values, taught = come(coder, where, modes, fresh(INTRA_CHANCES, 30), False)
    return State(checked(values, header), region, [1] * count, modes, taught, [-1] * count)


def inter(data: bytes, before: State, header: Header) -> State:
    head = Bytes(data)
    parts = head.varint()
    require(parts < 32, "parts")
    has_region, has_dropped, has_changed, has_added, has_motion = (parts >> k & 1 for k in range(5))
    count = len(before.values)
    require(not has_region or header.cell > 0, "a region without cells")
    kind = head.u(1) if has_region else 0
    dropped = head.varint() if has_dropped else 0
    require(dropped <= count and (dropped > 0 or not has_dropped), "dropped splats")
    gaps = Gamma.read(head, dropped)
    in_set = has_changed and header.bits_back
    rows = head.varint() if in_set else 0
    require(1 <= rows <= count or not in_set, "changed splats")
    models = [Peak.read(head) for _ in range(8)] if in_set else []
    size = head.varint() if in_set else 0
    added = head.varint() if has_added else 0
    require(added <= 65535 and (added > 0 or not has_added), "added splats")

    set_bytes = head.take(size)
    coder = RangeDecoder(data[head.at :])
    region, contexts, values = before.region, before.contexts, before.values
    motion = before.motion
    difference = np.zeros((count, 8), np.int64)
    if has_region:
        region = region_of(kind, coder, header, before.region)
    if has_motion:
        adaptive = Adaptive(coder, contexts)
        nodes, motion = vectors(adaptive, motion)
        values = warp(values, nodes, header)
        contexts = adaptive.learned()
    stays, at = [True] * count, -1
    for gap in gaps.take(coder):
        at += gap + 1
        require(at < count, "a dropped splat")
        stays[at] = False
    if in_set:
        difference = changed_set(set_bytes, rows, models, count)
    elif has_changed:
        adaptive = Adaptive(coder, contexts)
        difference = changes(adaptive, known(before, values, header))
        contexts = adaptive.learned()
    where = places(coder, added, header)
    new, _ = come(coder, where, before.modes, before.taught, True)

    kept = [i for i in range(count) if stays[i]]
    changed = difference.any(1)
    history = [before.history[i] << 1 & 2 | int(changed[i]) for i in kept] + [1] * added
    values = checked(np.concatenate([(values + difference)[kept], new]), header)
    origin = kept + [-1] * added
    return State(values, region, history, before.modes, before.taught, origin, contexts, motion)


def known(before: State, moved: np.ndarray, header: Header) -> list[tuple[int, int, int]]:
    """Of each splat its history, and the classes of its motion and of its area."""
    out, pixels = [], header.width * header.height
    for history, old, new in zip(before.history, before.values, moved):
        far = max(abs(int(new[k]) - int(old[k])) for k in (0, 1))
        area = int(old[2]) * int(old[4]) * header.steps[1] ** 2
        size = (area >= 4 * pixels) + (area >= 32 * pixels)
        out.append((history, (far > 0) + (far > 2), size))
    return out


# --- Pictures ---------------------------------------------------------------------------------


def dequantised(values: np.ndarray, header: Header) -> np.ndarray:
    """(N, 8) float64: x, y, l11, l21, l22, pixels; r, g, b, full scale 1."""
    out = values * np.array([header.step(k) for k in range(8)])
    y, cb, cr = out[:, 5:].T.copy()
    out[:, 5] = y + 1.402 * cr
    out[:, 6] = y - 0.344136 * cb - 0.714136 * cr
    out[:, 7] = y + 1.772 * cb
    return out


def mixed(
    before: np.ndarray, now: np.ndarray, origin: list[int], share: float
) -> tuple[np.ndarray, list[float]]:
    """Splats of an interpolated frame, and their weights."""
    out = now.copy()
    for i, j in enumerate(origin):
        if j >= 0:
            out[i] = (1 - share) * before[j] + share * now[i]
    going = before[[j for j in range(len(before)) if j not in set(origin)]]
    weights = [1.0 if j >= 0 else share for j in origin] + [1 - share] * len(going)
    return np.concatenate([out, going]), weights


def rendered(splats: np.ndarray, weights: list[float], header: Header) -> np.ndarray:
    """(H, W, 3) uint8, before anything is put behind the region."""
    colours = np.zeros((header.height, header.width, 3))
    falloffs = np.zeros((header.height, header.width, 1))
    ys, xs = np.arange(header.height) + 0.5, np.arange(header.width) + 0.5
    for (mx, my, a, b, c, *colour), weight in zip(splats, weights):
        sxx, sxy, syy = a * a + 0.5, a * b, b * b + c * c + 0.5
        ex, ey = 3 * sxx**0.5, 3 * syy**0.5
        rows, columns = np.abs(ys - my) <= ey, np.abs(xs - mx) <= ex
        dx, dy = xs[columns] - mx, ys[rows, None] - my
        q = (syy * dx**2 - 2 * sxy * dx * dy + sxx * dy**2) / (sxx * syy - sxy**2)
        falloff = weight * np.maximum(np.exp(-q / 2) - np.exp(-4.5), 0)[..., None]
        colours[np.ix_(rows, columns)] += falloff * colour
        falloffs[np.ix_(rows, columns)] += falloff
    out = colours / (1 / 1000 + falloffs) if header.normalised else colours
    return np.clip(255 * out + 0.5, 0, 255).astype(np.uint8)


def opacity(cells: np.ndarray, header: Header) -> np.ndarray:
    """(H, W), 0..255."""
    padded = np.pad(cells, 1, mode="edge").astype(float)
    across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    soft = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16

    def between(length: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = (np.arange(length) + 0.5) / header.cell - 0.5
        first = np.floor(place).astype(int)
        low, high = np.clip(first, 0, count - 1), np.clip(first + 1, 0, count - 1)
        return low, high, place - first

    top, below, down = between(header.height, len(soft))
    left, right, along = between(header.width, soft.shape[1])
    lines = soft[top] * (1 - down)[:, None] + soft[below] * down[:, None]
    edge = lines[:, left] * (1 - along) + lines[:, right] * along
    return (255 * np.clip(4 * edge - 1, 0, 1) + 0.5).astype(np.uint8)


def shown(
    picture: np.ndarray, alpha: np.ndarray, header: Header, film: np.ndarray | None
) -> np.ndarray:
    """Before the header's colour, or the film's picture, (H, W, 3), if it has one."""
    if header.outside not in (1, 3):
        return picture
    behind = np.array(header.backdrop) if header.outside == 1 else film
    part = alpha[..., None].astype(int)
    return ((picture * part + behind * (255 - part) + 127) // 255).astype(np.uint8)


# --- Files ------------------------------------------------------------------------------------


def decode(data: bytes) -> tuple[Header, list[tuple[Packet, State]]]:
    """All coded frames of an undamaged file."""
    header = Header.read(data)
    states: list[tuple[Packet, State]] = []
    for packet in packets(data):
        if packet.kind == 1:
            states.append((packet, intra(packet.payload, header)))
        elif packet.kind == 2:
            states.append((packet, inter(packet.payload, states[-1][1], header)))
    return header, states


def pictures(
    data: bytes, codec: Callable[[bytes], np.ndarray] | None = None
) -> Iterator[np.ndarray]:
    """All pictures, interpolated ones among them; codec: shows the background packets' pictures."""
    header, states = decode(data)
    films = [(p.frame, codec(p.payload[1:])) for p in packets(data) if p.kind == 4 and codec]
    before: State | None = None
    for packet, now in states:
        last = before if before is not None and packet.kind == 2 else now
        splats = dequantised(now.values, header)
        ticks = packet.ticks if any(packet.ticks) else [1] * len(packet.ticks)
        for k in range(len(ticks)):
            share = sum(ticks[: k + 1]) / sum(ticks)
            mix, weights = splats, [1.0] * len(splats)
            if share < 1 and packet.kind == 2:
                old = dequantised(last.values, header)
                mix, weights = mixed(old, splats, now.origin, share)
            picture = rendered(mix, weights, header)
            if now.region is not None:
                one, other = opacity(last.region, header), opacity(now.region, header)
                alpha = (one * (1 - share) + other * share + 0.5).astype(np.uint8)
                number = packet.frame - len(ticks) + 1 + k
                behind = [film for frame, film in films if frame <= number]
                picture = shown(picture, alpha, header, behind[-1] if behind else None)
            yield picture
        before = now
