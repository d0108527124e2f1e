"""What is inside an I- and a P-packet.

I-packet
    ===========  =====================================================================
    region       if the header has cells: 1 whole, 2 empty, 3 coded (one byte)
    count        number of splats, varint
    modes        of luma, cb and cr, signed varints; if there are splats
    places       a set, as :mod:`tsplat.stream.places` codes it; the splats are sorted
    channels     the others, as :mod:`tsplat.stream.intra` codes them
    ===========  =====================================================================

P-packet
    ===========  =====================================================================
    parts        byte: 1 region + 2 dropped + 4 changed + 8 added + 16 motion; the parts
                 follow
    region       as above; encoders leave it out where it is the one before
    motion       vectors that move all splats (:mod:`tsplat.motion`) before anything else
                 happens to them, coded as :func:`tsplat.stream.delta.code_motion` says
    dropped      number of splats that go, varint, not 0; ``gamma``: how many stay
                 before each of them
    changed      the splats' differences (:mod:`tsplat.stream.delta`), the dropped ones'
                 being none; in a stream of bits-back coding as a set
                 (:mod:`tsplat.stream.delta_set`)
    added        number of splats that come, varint, not 0; places and channels as above,
                 by what the last I-packet taught
    ===========  =====================================================================

docs/FORMAT.md has this in full. All models' parameters come first, then all symbols, in this order
(:mod:`tsplat.stream.entropy`); those of a coded region are as :mod:`tsplat.stream.mask` has them.
The splats that stay keep their order, the added ones come after them. A P-packet without changes is
one zero byte. The added splats could be a set, too; of the one or two that a frame has there would
be nothing to gain, and an I-packet's are sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from tsplat.errors import BitstreamError, Fault
from tsplat.motion import GRID, warp
from tsplat.region import Region, grid
from tsplat.splats import QuantizedSplats, check
from tsplat.splats import limits as bounds_of
from tsplat.stream import delta, delta_set, intra, mask, places, varint
from tsplat.stream.contexts import Contexts
from tsplat.stream.entropy import Reader, Writer
from tsplat.stream.header import Header
from tsplat.stream.limits import FORMAT, Limits

_WHOLE, _EMPTY, _CODED = 1, 2, 3
_REGION, _DROPPED, _CHANGED, _ADDED, _MOTION = 1, 2, 4, 8, 16


@dataclass(frozen=True)
class State:
    """What one packet hands to the next: integers, on both sides the same.

    Parameters
    ----------
    splats : QuantizedSplats
        N of them.
    history : (N,) uint8
        Bit 0: the packet changed or added this splat; bit 1: the one before did.
    region : Region or None
        None where the header has no cells.
    model : intra.Model
        Of the last I-packet.
    origin : (N,) int32
        Which splat of the state before each one was; -1 for one that the packet added.
    contexts : Contexts
        Of changes, after all P-packets since.
    motion : (GRID, GRID, 2) int
        The last motion's differences (:func:`tsplat.stream.delta.code_motion`).
    """

    splats: QuantizedSplats
    history: np.ndarray
    region: Region | None
    model: intra.Model
    origin: np.ndarray
    contexts: Contexts = delta.INITIAL
    motion: np.ndarray = field(default_factory=lambda: np.zeros((GRID, GRID, 2), np.int64))

    @property
    def changed(self) -> np.ndarray:
        """Which splats the packet changed or added, (N,) bool."""
        return (self.history & 1) > 0


def encode_intra(
    splats: QuantizedSplats, region: Region | None, header: Header
) -> tuple[bytes, State]:
    """I-packet of splats that are in :func:`order`, and the state that it leaves."""
    writer = Writer()
    if region is not None:
        _put_region_head(writer, region)
    writer.integer(len(splats))
    model = intra.Model.of(splats.values)
    for mode in model.modes.tolist() if len(splats) else ():
        writer.integer(varint.fold(mode))
    if region is not None:
        _put_cells(writer, region, None)
    codes = places.morton(splats.values[:, :2], header)
    where = places.code(writer.choices, header, len(splats), "position", codes)
    _, model = intra.code(writer.bits, model, where, splats.values)
    return writer.finish(), _begun(splats, region, model)


def decode_intra(data: bytes | Reader, header: Header, limits: Limits = FORMAT) -> State:
    """The inverse of :func:`encode_intra`; a reader of the bytes will do.

    Raises
    ------
    BitstreamError
        The packet is damaged, or names splats that :func:`~tsplat.splats.check` refuses, or more
        of them than a limit allows.
    """
    reader = data if isinstance(data, Reader) else Reader(data)
    take_region = _region_head(reader, None, header) if header.cell else None
    n = reader.integer(varint.MOST, "splats")
    _check_count(n, limits)
    modes = [_mode(reader) if n else 0 for _ in range(3)]
    reader.open()
    region = take_region() if take_region else None
    model = intra.Model(np.array(modes), intra.INITIAL)
    where = places.code(reader.choices, header, n, "position")
    values, model = intra.code(reader.bits, model, where)
    return _begun(_checked(values, header, limits), region, model)


def encode_inter(
    before: State,
    stay: np.ndarray,
    values: np.ndarray,
    region: Region | None,
    header: Header,
    vectors: np.ndarray | None = None,
) -> tuple[bytes, State]:
    """P-packet, and the state that it leaves.

    Parameters
    ----------
    before : State
        Of N splats.
    stay : (N,) bool
        Which of them stay; M of them.
    values : (M + K, 8) int32
        Integers of the M that stay, then of K added ones, in :func:`order` among themselves.
        Differences are smaller than :data:`tsplat.stream.delta.MOST`.
    region : Region or None
        As in ``before``, or another.
    header : Header
    vectors : (GRID, GRID, 2) int, optional
        Motion, half pixels.

    Raises
    ------
    BitstreamError
        Of a stream of bits-back coding: a channel's differences span more than 65536 values.
    """
    if vectors is not None and not vectors.any():
        vectors = None
    reference = before.splats.values
    if vectors is not None:
        reference = moved(before.splats, vectors, header)
    kept, added = np.split(values, [int(stay.sum())])
    difference = np.zeros_like(reference)
    difference[stay] = kept - reference[stay]
    changes = (difference != 0).any(1)
    parts = _REGION * (region != before.region) + _DROPPED * (not stay.all())
    parts += _CHANGED * bool(changes.any()) + _ADDED * bool(len(added))
    parts += 0 if vectors is None else _MOTION
    contexts, motion = before.contexts, before.motion
    writer = Writer()
    writer.integer(parts)
    if parts & _REGION and region is not None:
        _put_region_head(writer, region)
        _put_cells(writer, region, before.region)
    if parts & _MOTION:
        _, motion, contexts = delta.code_motion(writer.bits, contexts, motion, vectors)
    if parts & _DROPPED:
        gone = np.flatnonzero(~stay)
        writer.integer(len(gone))
        writer.gamma(np.diff(gone, prepend=-1) - 1)
    if parts & _CHANGED and header.bits_back:
        delta_set.encode(writer, difference)
    elif parts & _CHANGED:
        past = known(before, reference, header)
        _, contexts = delta.code(writer.bits, contexts, past, difference)
    if parts & _ADDED:
        writer.integer(len(added))
        codes = places.morton(added[:, :2], header)
        where = places.code(writer.choices, header, len(added), "added", codes)
        intra.code_added(writer.bits, before.model, where, added)
    splats = QuantizedSplats(values, header.steps)
    history = _later(before.history, changes, stay, len(added))
    origin = _origin(stay, len(added))
    return writer.finish(), State(splats, history, region, before.model, origin, contexts, motion)


def decode_inter(
    data: bytes | Reader, before: State, header: Header, limits: Limits = FORMAT
) -> State:
    """The inverse of :func:`encode_inter`; a reader of the bytes will do.

    Raises
    ------
    BitstreamError
        The packet is damaged, or names splats that :func:`~tsplat.splats.check` refuses, or more
        of them than a limit allows.
    """
    n, gone = len(before.splats), 0
    if data == b"\0":
        history = _later(before.history, np.zeros(n, bool))
        return replace(before, history=history, origin=np.arange(n, dtype=np.int32))
    reader = data if isinstance(data, Reader) else Reader(data)
    parts = reader.integer(31, "parts")
    region, contexts, motion = before.region, before.contexts, before.motion
    stay, changes = np.ones(n, bool), np.zeros(n, bool)
    values = before.splats.values.astype(np.int64)
    added = np.zeros((0, 8), np.int64)
    if parts & _REGION:
        if not header.cell:
            raise BitstreamError(Fault.PAYLOAD, "a region in a stream without cells")
        take_region = _region_head(reader, before.region, header)
    if parts & _DROPPED:
        gone = _some(reader, n, "dropped splats")
        take_gaps = reader.gamma(gone, "dropped")
    if parts & _CHANGED and header.bits_back:
        take_set = delta_set.decode(reader, n)
    if parts & _ADDED:
        more = _some(reader, varint.MOST, "added splats")
        _check_count(n - gone + more, limits)
    reader.open()
    if parts & _REGION:
        region = take_region()
    if parts & _MOTION:
        vectors, motion, contexts = delta.code_motion(reader.bits, contexts, motion)
        values = moved(before.splats, vectors, header).astype(np.int64)
    if parts & _DROPPED:
        stay = _staying(take_gaps(), n)
    if parts & _CHANGED:
        if header.bits_back:
            difference = take_set()
        else:
            past = known(before, values, header)
            difference, contexts = delta.code(reader.bits, contexts, past)
        values += difference
        changes = (difference != 0).any(1)
    if parts & _ADDED:
        where = places.code(reader.choices, header, more, "added")
        added = intra.code_added(reader.bits, before.model, where)
    splats = _checked(np.concatenate([values[stay], added]), header, limits)
    history = _later(before.history, changes, stay, len(added))
    origin = _origin(stay, len(added))
    return State(splats, history, region, before.model, origin, contexts, motion)


def known(before: State, moved: np.ndarray, header: Header) -> np.ndarray:
    """What both sides know of splats that a packet has moved, (N, 8) int, as
    :func:`tsplat.stream.delta.known` has it."""
    shift = moved[:, :2] - before.splats.values[:, :2]
    pixels = header.width * header.height
    return delta.known(before.history, shift, before.splats.values, header.steps, pixels)


def moved(splats: QuantizedSplats, vectors: np.ndarray, header: Header) -> np.ndarray:
    """Splats' integers, (N, 8) int32, moved along, their means at most at the margin."""
    values = warp(splats.values, vectors, splats.steps, header.width, header.height)
    bounds = bounds_of(header.width, header.height, splats.steps)
    values[:, :2] = np.clip(values[:, :2], bounds[:2, 0], bounds[:2, 1])
    return values


def order(values: np.ndarray, header: Header) -> np.ndarray:
    """Permutation that sorts splats by the Morton code of their place, (N,)."""
    return np.argsort(places.morton(values[:, :2], header), kind="stable")


def _begun(splats: QuantizedSplats, region: Region | None, model: intra.Model) -> State:
    """The state that an I-packet leaves."""
    n = len(splats)
    return State(splats, np.ones(n, np.uint8), region, model, np.full(n, -1, np.int32))


def _later(
    history: np.ndarray, changes: np.ndarray, stay: np.ndarray | None = None, added: int = 0
) -> np.ndarray:
    """The history after a packet."""
    now = (history << 1 & 2 | changes).astype(np.uint8)
    return np.concatenate([now if stay is None else now[stay], np.ones(added, np.uint8)])


def _origin(stay: np.ndarray, added: int) -> np.ndarray:
    return np.append(np.flatnonzero(stay), np.full(added, -1)).astype(np.int32)


def _put_region_head(writer: Writer, region: Region) -> None:
    writer.integer(_WHOLE if region.whole else _EMPTY if region.empty else _CODED)


def _put_cells(writer: Writer, region: Region, past: Region | None) -> None:
    if not (region.whole or region.empty):
        mask.code(writer.bits, region.cells.shape, past, region)


def _region_head(reader: Reader, past: Region | None, header: Header) -> Callable[[], Region]:
    kind = reader.integer(_CODED, "kind of region", "mask")
    shape = grid(header.width, header.height, header.cell)
    if kind == _CODED:
        return lambda: mask.code(reader.bits, shape, past)
    if kind not in (_WHOLE, _EMPTY):
        raise BitstreamError(Fault.PAYLOAD, f"kind of region: got {kind}, expected 1..3")
    return lambda: Region(np.full(shape, kind == _WHOLE))


def _mode(reader: Reader) -> int:
    return varint.unfold(reader.integer(varint.MOST, "mode", "colour"))


def _some(reader: Reader, most: int, name: str) -> int:
    """A number of splats in a part that is there only if it is not 0."""
    number = reader.integer(most, name)
    if not number:
        raise BitstreamError(Fault.PAYLOAD, f"{name}: none, in a part of their own")
    return number


def _staying(gaps: np.ndarray, n: int) -> np.ndarray:
    if gaps.sum(dtype=np.float64) + len(gaps) > n:
        raise BitstreamError(Fault.PAYLOAD, f"a dropped splat is none of the {n}")
    stay = np.ones(n, bool)
    stay[np.cumsum(gaps + 1) - 1] = False
    return stay


def _check_count(splats: int, limits: Limits) -> None:
    """Before there are any."""
    if splats > limits.splats:
        message = f"splats: got {splats}, at most {limits.splats}"
        raise BitstreamError(Fault.LIMIT, message, field="splats")


def _checked(values: np.ndarray, header: Header, limits: Limits) -> QuantizedSplats:
    if len(values) and np.abs(values).max() > 2**31 - 1:
        raise BitstreamError(Fault.PAYLOAD, "a splat's value does not fit in 32 bits")
    splats = QuantizedSplats(values.astype(np.int32), header.steps)
    check(splats, header.width, header.height, limits.overlap)
    return splats
