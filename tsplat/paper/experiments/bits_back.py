"""What bits-back coding saves (equations 3 and 4), beside sorting and differences."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tsplat.choices import ENTROPIES
from tsplat.config import preset
from tsplat.encoding.clip import encode_clip
from tsplat.encoding.coder import Ways
from tsplat.paper.codec import codec
from tsplat.paper.experiments.result import Cell, Clip, Result, Table
from tsplat.splats import limits
from tsplat.stream import container, payload
from tsplat.stream.bits_back import (
    Column,
    Even,
    order_bits,
    pack,
    pack_list,
    pack_sorted,
    unpack,
)
from tsplat.stream.container import Packet
from tsplat.stream.entropy import Peak
from tsplat.stream.header import Header
from tsplat.stream.payload import State

_SPLATS = 1000
_FRAMES, _QUICK_FRAMES = 60, 12
_TITLE = "Bits-back coding of sets of splats"
_INTRA = "I-frame, selection {}"
_CHANGED = "changed in a P-frame, selection {}"
_ADDED = "added in a P-frame, selection {}"
_COLUMNS = [
    *("set", "frames", "splats a frame, K", "as a list, B", "log2 K!, B", "bits-back saves, B"),
    *("sorting saves, B", "list / bits-back / sorted, ms", "bits-back decoded, ms", "paper"),
]
_FILE_COLUMNS = ["selection", "P-frames", "in contexts, B", "by bits-back, B"]
_FILE_NOTE = (
    "Whole packets, models and heads included. A row of a set is a changed splat's number and its "
    "differences, each channel by one model a frame; adaptive are bits in contexts that know how a "
    "splat changed before, how far it was moved, and how large it is. With the paper's both "
    "hold the same pictures; with rate, the prices of bits are the adaptive ones."
)


@dataclass(frozen=True)
class _Coded:
    """A real encode: what its packets are read with, and they."""

    header: Header
    packets: list[Packet]

    @property
    def inter_bytes(self) -> int:
        return sum(p.size for p in self.packets if p.kind == container.INTER)


@dataclass(frozen=True)
class _Set:
    """Splats of one frame.

    Attributes
    ----------
    rows : (K, M) int
    columns : list of Column
        Their models, even ones first.
    """

    rows: np.ndarray
    columns: list[Column]

    def by_key(self) -> tuple[np.ndarray, np.ndarray, list[Peak]]:
        """Sorted by one number made of those of the even models; the others, and their models."""
        key = np.zeros(len(self.rows), np.int64)
        peaks = []
        for values, model in zip(self.rows.T, self.columns):
            if isinstance(model, Even):
                key = key * (model.span + 1) + values - model.low
            else:
                peaks.append(model)
        order = np.argsort(key, kind="stable")
        return key[order], self.rows[order][:, len(self.columns) - len(peaks) :], peaks


@dataclass(frozen=True)
class _Measured:
    """Bytes and milliseconds of one set, as a list, by bits-back, sorted; and of decoding."""

    count: int
    list_bytes: int
    bits_back_bytes: int
    sorted_bytes: int
    milliseconds: tuple[float, float, float]
    decode_ms: float


def bits_back(clip: Clip, quick: bool) -> Result:
    """Code each frame's set of splats, of the paper's P-frames and of this codec's."""
    if len(clip.frames) < 2:
        return Result("bits_back", _TITLE, not_run=f"{clip.name}: 1 frame")
    frames = clip.frames[: _QUICK_FRAMES if quick else _FRAMES]
    found: dict[str, list[_Measured]] = {}
    files: list[list[Cell]] = []
    for select in ("paper", "rate"):
        adaptive, as_sets = (_encoded(clip, frames, select, e) for e in ENTROPIES)
        for name, coded in _sets(adaptive, select):
            found.setdefault(name, []).append(_measured(coded))
        inter = sum(p.kind == container.INTER for p in adaptive.packets)
        files.append([select, inter, adaptive.inter_bytes, as_sets.inter_bytes])
    rows = [_row(name, measured) for name, measured in found.items()]
    paper = found.get(_CHANGED.format("paper"), [])
    bound = sum(order_bits(m.count) for m in paper) / 8
    saved = sum(m.list_bytes - m.bits_back_bytes for m in paper)
    note = (
        f"Bytes and splats are means over the frames, of {len(frames)} without interpolated ones. "
        "A changed splat is resent whole with its index, as in the paper; its place and index are "
        "taken as equally likely, and the models of the other numbers are in none of the sizes. "
        f"Equation 4, over the paper's P-frames of the clip: {bound:.0f} B, really saved {saved} B."
    )
    values = {
        name: {
            "splats": [m.count for m in measured],
            "list_bytes": [m.list_bytes for m in measured],
            "bits_back_bytes": [m.bits_back_bytes for m in measured],
            "sorted_bytes": [m.sorted_bytes for m in measured],
        }
        for name, measured in found.items()
    }
    tables = [
        Table(clip.name, _COLUMNS, rows, note),
        Table(f"{clip.name}: P-packets as they are in the file", _FILE_COLUMNS, files, _FILE_NOTE),
    ]
    return Result("bits_back", _TITLE, tables, values=values | {"p_packets": files})


def _encoded(clip: Clip, frames: list[np.ndarray], select: str, entropy: str) -> _Coded:
    height, width = frames[0].shape[:2]
    count = min(_SPLATS, width * height // 16)
    settings = {"gaussians": count, "gop": len(frames)}
    if select == "paper":
        config, ways = codec(entropy=entropy, selection="growth", **settings)
    else:
        config, ways = preset("fast", **settings), Ways(bits_back=entropy == "bits-back")
    encoded = encode_clip(frames, config, clip.rate, ways=ways)
    packets = [
        container.unpack_packet(data, 0, number - 1)
        for number, data in enumerate(encoded.packets[:-1])
    ]
    return _Coded(Header.unpack(encoded.header), packets)


def _sets(coded: _Coded, select: str) -> Iterator[tuple[str, _Set]]:
    """The sets of an encode, by what they are."""
    header = coded.header
    before: State | None = None
    for packet in coded.packets:
        if before is None or packet.kind == container.INTRA:
            before = payload.decode_intra(packet.payload, header)
            yield _INTRA.format(select), _placed(before.splats.values, header)
            continue
        state = payload.decode_inter(packet.payload, before, header)
        changed = state.changed & (state.origin >= 0)
        if changed.any():
            yield _CHANGED.format(select), _indexed(before, state, changed)
        if (state.origin < 0).any():
            added = state.splats.values[state.origin < 0]
            yield _ADDED.format(select), _placed(added, header)
        before = state


def _indexed(before: State, state: State, changed: np.ndarray) -> _Set:
    """Changed splats whole, each with its number in the frame before."""
    values = state.splats.values[changed]
    rows = np.concatenate([state.origin[changed][:, None], values], 1)
    models = [Peak.of(values[:, k]) for k in range(8)]
    return _Set(rows, [Even(0, len(before.splats) - 1), *models])


def _placed(values: np.ndarray, header: Header) -> _Set:
    """Splats of which nothing is known, (K, 8): anywhere in the picture's legal range."""
    bounds = limits(header.width, header.height, header.steps)[:2].tolist()
    places = [Even(low, high - low) for low, high in bounds]
    distinct = np.unique(values, axis=0)
    return _Set(distinct, [*places, *(Peak.of(values[:, k]) for k in range(2, 8))])


def _measured(coded: _Set) -> _Measured:
    clocks = [time.perf_counter()]
    listed = pack_list(coded.rows, coded.columns)
    clocks.append(time.perf_counter())
    stacked = pack(coded.rows, coded.columns)
    clocks.append(time.perf_counter())
    in_order = pack_sorted(*coded.by_key())
    clocks.append(time.perf_counter())
    decoded = unpack(stacked, len(coded.rows), coded.columns)
    clocks.append(time.perf_counter())
    assert np.array_equal(decoded, np.unique(coded.rows, axis=0))
    spent = [1e3 * float(d) for d in np.diff(clocks)]
    sizes = (len(listed), len(stacked), len(in_order))
    return _Measured(len(coded.rows), *sizes, (spent[0], spent[1], spent[2]), spent[3])


def _row(name: str, measured: list[_Measured]) -> list[Cell]:
    def mean(values: Iterator[float]) -> float:
        return round(statistics.mean(values), 1)

    times = [f"{mean(m.milliseconds[k] for m in measured)}" for k in range(3)]
    return [
        name,
        len(measured),
        mean(m.count for m in measured),
        mean(m.list_bytes for m in measured),
        mean(order_bits(m.count) / 8 for m in measured),
        mean(m.list_bytes - m.bits_back_bytes for m in measured),
        mean(m.list_bytes - m.sorted_bytes for m in measured),
        " / ".join(times),
        mean(m.decode_ms for m in measured),
        "log2 K! bits" if name.startswith("changed") else "not used",
    ]
