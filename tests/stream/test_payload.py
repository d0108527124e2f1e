"""I- and P-packets come back as they were, and a bad packet for every way to be wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stream.test_mask import KINDS, kinds
from tsplat.errors import BitstreamError
from tsplat.region import Region, grid
from tsplat.splats import CHANNELS, MAX_SPLATS, QuantizedSplats, Steps, limits
from tsplat.stream import delta, payload, varint
from tsplat.stream.entropy import Writer
from tsplat.stream.header import Header
from tsplat.stream.payload import State
from tsplat.stream.tally import Tally

WIDTH, HEIGHT = 70, 50
STEPS = Steps(128, 128, 786, 1050)
FINEST = Steps(1, 65, 9, 9)
"""Every channel of the widest picture still spans less than 65536 integers."""
PLAIN = Header(WIDTH, HEIGHT, Fraction(30), STEPS)
CELLS = replace(PLAIN, cell=4)
SETS = replace(PLAIN, bits_back=True)
GRID = grid(WIDTH, HEIGHT, 4)
WHOLE, EMPTY = Region(np.ones(GRID, bool)), Region(np.zeros(GRID, bool))


def splats(count: int, seed: int, spread: float = 1.0) -> QuantizedSplats:
    """Legal splats; small, so that they do not overlap too much."""
    rng = np.random.default_rng(seed)
    low, high = limits(WIDTH, HEIGHT, STEPS).T.astype(float) * spread
    high[2:5] = np.minimum(high[2:5], 12)
    low[3] = -6
    values = rng.integers(np.trunc(low), np.trunc(high) + 1, (count, 8)).astype(np.int32)
    return QuantizedSplats(values[payload.order(values, PLAIN)], STEPS)


def begun(count: int, seed: int = 0, header: Header = PLAIN, region: Region | None = None) -> State:
    """What an I-packet of some splats leaves."""
    return payload.encode_intra(splats(count, seed), region, header)[1]


def moved(before: State, values: np.ndarray, header: Header = PLAIN) -> tuple[bytes, State]:
    """P-packet in which all splats stay and none come."""
    stay = np.ones(len(before.splats), bool)
    return payload.encode_inter(before, stay, values, before.region, header)


def tallied(data: bytes, before: State) -> dict[str, float]:
    """Bits of a P-packet by kind; cells of four pixels."""
    tally = Tally(data)
    payload.decode_inter(tally, before, CELLS)
    return tally.spent


def same(one: State, other: State) -> bool:
    return (
        np.array_equal(one.splats.values, other.splats.values)
        and one.splats.steps == other.splats.steps
        and np.array_equal(one.history, other.history)
        and one.history.dtype == other.history.dtype == np.uint8
        and one.region == other.region
        and np.array_equal(one.model.modes, other.model.modes)
        and np.array_equal(one.model.contexts.counts, other.model.contexts.counts)
        and np.array_equal(one.contexts.counts, other.contexts.counts)
    )


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 60),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from(("none", *KINDS)),
)
def test_intra_packets_come_back(count, seed, spread, kind):
    original = splats(count, seed, spread)
    region = None if kind == "none" else kinds(GRID, kind, seed)
    header = PLAIN if region is None else CELLS
    data, left = payload.encode_intra(original, region, header)
    got = payload.decode_intra(data, header)
    assert same(got, left)
    assert np.array_equal(got.splats.values, original.values)
    assert got.region == region
    assert got.changed.all()
    assert got.contexts is delta.INITIAL


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(0, 10**6), st.floats(0, 1), st.sampled_from([PLAIN, SETS]))
def test_inter_packets_come_back(count, seed, share, header):
    rng = np.random.default_rng(seed)
    state, other = begun(count, seed), splats(count, seed + 1).values
    for _ in range(2):
        chosen = rng.random(count) < share
        values = np.where(chosen[:, None], other, state.splats.values)
        data, left = moved(state, values, header)
        got = payload.decode_inter(data, state, header)
        assert same(got, left)
        assert np.array_equal(got.splats.values, values)
        assert np.array_equal(got.changed, (values != state.splats.values).any(1))
        state = got


parts = st.sets(st.sampled_from(["region", "dropped", "changed", "added"]))


@settings(deadline=None, max_examples=120)
@given(
    st.integers(0, 40),
    st.integers(0, 10**6),
    st.sampled_from(KINDS),
    st.lists(st.tuples(parts, st.sampled_from(KINDS)), min_size=1, max_size=4),
    st.booleans(),
)
def test_p_packets_of_any_parts_come_back(count, seed, kind, packets, bits_back):
    """Regions, drops, changes and adds in any combination; both sides keep the same state."""
    rng, header = np.random.default_rng(seed), replace(CELLS, bits_back=bits_back)
    _, state = payload.encode_intra(splats(count, seed), kinds(GRID, kind, seed), CELLS)
    for k, (wanted, kind) in enumerate(packets):
        n = len(state.splats)
        region, stay = state.region, np.ones(n, bool)
        if "region" in wanted:
            region = kinds(GRID, kind, seed + k)
        if "dropped" in wanted:
            stay = rng.random(n) < rng.choice([0, 0.5, 0.9])
        values = state.splats.values[stay].copy()
        if "changed" in wanted:
            chosen = rng.random(len(values)) < rng.random()
            channels = rng.random(8) < 0.5
            values[np.ix_(chosen, channels)] += rng.integers(-2, 3, dtype=np.int32)
            values = np.clip(values, *limits(WIDTH, HEIGHT, STEPS).T)
        added = splats(int(rng.integers(1, 9)), seed + k).values
        if "added" not in wanted:
            added = added[:0]
        values = np.concatenate([values, added])
        data, left = payload.encode_inter(state, stay, values, region, header)
        got = payload.decode_inter(data, state, header)
        assert same(got, left)
        assert np.array_equal(got.splats.values, values)
        assert got.region == region
        kept = values[: stay.sum()]
        changes = (kept != state.splats.values[stay]).any(1)
        assert got.changed.tolist() == [*changes.tolist(), *[True] * len(added)]
        assert np.array_equal(got.history[: len(kept)] >> 1, state.history[stay] & 1)
        flags = region != state.region, not stay.all(), changes.any(), len(added) > 0
        assert data[0] == sum(bool(flag) << bit for bit, flag in enumerate(flags))
        assert any(flags) or data == b"\0"
        state = got


@pytest.mark.parametrize("count", [0, 1, 30])
@pytest.mark.parametrize("header", [PLAIN, CELLS])
def test_nothing_changed_is_one_zero_byte(count, header):
    state = begun(count, 0, header, WHOLE if header.cell else None)
    data, left = moved(state, state.splats.values, header)
    assert data == b"\0"
    got = payload.decode_inter(data, state, header)
    assert same(got, left)
    assert not got.changed.any()
    assert got.history.tolist() == [2] * count
    assert payload.decode_inter(data, got, header).history.tolist() == [0] * count


def test_a_region_that_moves_costs_a_few_bytes():
    cells = np.zeros(GRID, bool)
    cells[4:, 5:12] = True
    state = begun(20, 0, CELLS, Region(cells))
    cells = cells.copy()
    cells[3, 6:10] = True
    stay = np.ones(20, bool)
    for region in (Region(cells), WHOLE, EMPTY):
        data, _ = payload.encode_inter(state, stay, state.splats.values, region, CELLS)
        spent = tallied(data, state)
        assert spent["mask"] / 8 == pytest.approx(len(data) - 1, abs=4)
        assert spent["header"] == 8
        assert sum(spent.values()) == spent["mask"] + spent["header"]
        assert len(data) < 14


def test_dropping_everything_costs_a_few_bytes():
    state = begun(500, 0, CELLS, WHOLE)
    none = np.zeros(500, bool)
    data, left = payload.encode_inter(state, none, np.zeros((0, 8), np.int32), EMPTY, CELLS)
    assert len(data) < 8
    assert len(payload.decode_inter(data, state, CELLS).splats) == len(left.splats) == 0


def test_splats_come_back_after_all_were_dropped():
    state = begun(20)
    none = np.zeros(20, bool)
    _, bare = payload.encode_inter(state, none, np.zeros((0, 8), np.int32), None, PLAIN)
    again = splats(5, 3).values
    data, left = payload.encode_inter(bare, none[:0], again, None, PLAIN)
    assert same(payload.decode_inter(data, bare, PLAIN), left)
    assert np.array_equal(left.splats.values, again)


def test_splats_are_sorted_along_the_curve():
    values = splats(200, 1).values
    x, y = values[:, 0] + 128, values[:, 1] + 128
    code = [
        sum((a >> k & 1) << 2 * k | (b >> k & 1) << 2 * k + 1 for k in range(12))
        for a, b in zip(x.tolist(), y.tolist())
    ]
    assert code == sorted(code)


def test_a_set_of_places_costs_less_than_a_list():
    rng = np.random.default_rng(2)
    values = np.zeros((1000, 8), np.int32)
    values[:, 0], values[:, 1] = rng.integers(0, 2 * WIDTH, 1000), rng.integers(0, 2 * HEIGHT, 1000)
    values = values[payload.order(values, PLAIN)]
    bits = 8 * len(payload.encode_intra(QuantizedSplats(values, STEPS), None, PLAIN)[0])
    listed = 1000 * math.log2(4 * WIDTH * HEIGHT)
    assert bits < listed - 0.9 * math.lgamma(1001) / math.log(2)


def test_an_announced_crowd_without_data_is_quick_and_bounded():
    crowd = bytes([0xFF, 0xFF, 0x03, 0, 0, 0])
    decoded = payload.decode_intra(crowd, PLAIN)
    assert len(decoded.splats) == 65535


@pytest.mark.parametrize(("width", "height", "steps"), [(70, 50, STEPS), (8192, 2048, FINEST)])
@pytest.mark.parametrize("channel", range(8))
@pytest.mark.parametrize("end", [0, 1])
def test_every_channel_comes_back_at_its_limits(channel, end, width, height, steps):
    header = Header(width, height, Fraction(30), steps)
    values = np.zeros((3, 8), np.int32)
    values[end, channel] = limits(width, height, steps)[channel, end]
    values = values[payload.order(values, header)]
    data, state = payload.encode_intra(QuantizedSplats(values, steps), None, header)
    assert np.array_equal(payload.decode_intra(data, header).splats.values, values)
    data, left = payload.encode_inter(
        state, np.array([True, False, False]), values[[0, 1, 2]], None, header
    )
    assert same(payload.decode_inter(data, state, header), left)


def test_splats_at_one_place_come_back_in_their_order():
    values = np.zeros((600, 8), np.int32)
    values[:, 0] = np.random.default_rng(0).integers(0, 3, 600)
    values[:, 5] = np.arange(600) % 300
    order = payload.order(values, PLAIN)
    assert order.tolist() == sorted(range(600), key=lambda k: values[k, 0])
    data, _ = payload.encode_intra(QuantizedSplats(values[order], STEPS), None, PLAIN)
    assert np.array_equal(payload.decode_intra(data, PLAIN).splats.values, values[order])


def test_differences_come_back_across_a_whole_range():
    low, high = limits(WIDTH, HEIGHT, STEPS).T
    low, high = low.copy(), high.copy()
    low[2:5], high[2:5] = (0, -4, 0), 4
    first, second = (np.array([v], np.int32) for v in (low, high))
    _, state = payload.encode_intra(QuantizedSplats(first, STEPS), None, PLAIN)
    data, _ = moved(state, second)
    got = payload.decode_inter(data, state, PLAIN)
    assert np.array_equal(got.splats.values, second)
    assert got.changed.all()


def test_decoding_a_p_packet_leaves_its_reference_alone():
    state = begun(20, 0, CELLS, Region(WHOLE.cells.copy()))
    kept = [a.copy() for a in (state.splats.values, state.history, state.contexts.counts)]
    stay = np.arange(20) % 3 > 0
    values = splats(20, 1).values[stay]
    data, _ = payload.encode_inter(state, stay, values, EMPTY, CELLS)
    payload.decode_inter(data, state, CELLS)
    now = (state.splats.values, state.history, state.contexts.counts)
    assert all(np.array_equal(a, b) for a, b in zip(kept, now))
    assert state.region == WHOLE


def test_added_splats_may_lie_anywhere_legal():
    state = begun(10, 0, PLAIN)
    low, high = limits(WIDTH, HEIGHT, STEPS)[:2].T
    corners = np.repeat(state.splats.values[:1], 4, 0)
    corners[:, 0], corners[:, 1] = [low[0], high[0]] * 2, [low[1]] * 2 + [high[1]] * 2
    added = corners[payload.order(corners, PLAIN)]
    values = np.concatenate([state.splats.values, added])
    data, left = payload.encode_inter(state, np.ones(10, bool), values, None, PLAIN)
    assert same(payload.decode_inter(data, state, PLAIN), left)


def intra(*values: tuple[int, ...]) -> bytes:
    """I-packet, without cells, of splats that need not be legal."""
    rows = np.array(values, np.int32).reshape(-1, 8)
    rows = rows[payload.order(rows, PLAIN)]
    return payload.encode_intra(QuantizedSplats(rows, STEPS), None, PLAIN)[0]


@pytest.mark.parametrize(
    ("data", "header", "message"),
    [
        (b"", PLAIN, "ends inside an integer"),
        (b"", CELLS, "ends inside an integer"),
        (b"\x00\x00", CELLS, "kind of region: got 0, expected 1..3"),
        (b"\x04\x00", CELLS, "kind of region: got 4, at most 3"),
        (b"\x03", CELLS, "ends inside an integer"),
        (b"\x80\x80\x04" + bytes(40), PLAIN, "splats: got 65536, at most 65535"),
        (b"\x01\x80\x80\x04" + bytes(40), CELLS, "splats: got 65536, at most 65535"),
        (b"\x01", PLAIN, "ends inside an integer"),
        (b"\x01\x00\x00", PLAIN, "ends inside an integer"),
        (b"\x01\x00\x00" + varint.pack(varint.MOST), PLAIN, "does not fit in 32 bits"),
        (intra((383, 0, 1, 0, 1, 0, 0, 0)), PLAIN, "splat 0: x is 383, expected -128..268"),
        (intra((0, 0, 1, 0, 1, 0, 0, 0), (0, 2, 1, 0, 1, 0, 0, 0)), PLAIN, None),
        (intra((0, 0, 1, 0, 141, 0, 0, 0)), PLAIN, "splat 0: l22 is 141, expected 0..140"),
        (intra((0, 0, 1, 0, 1, 0, 0, 2**20)), PLAIN, "splat 0: cr is 1048576"),
        (intra(*[(0, 0, 60, 0, 60, 0, 0, 0)] * 9000), PLAIN, "splats overlap more than 512 times"),
    ],
)
def test_bad_i_packets_are_refused(data, header, message):
    if message is None:
        assert len(payload.decode_intra(data, header).splats) == 2
        return
    with pytest.raises(BitstreamError, match=message):
        payload.decode_intra(data, header)


def dropped(count: int, gaps: tuple[int, ...]) -> bytes:
    writer = Writer()
    writer.integer(2)
    writer.integer(count)
    writer.gamma(np.array(gaps, np.int64))
    return writer.finish()


def flat(count: int = 4) -> State:
    """Splats of one shape and one colour at one place."""
    return payload.decode_intra(intra(*[(0, 0, 1, 0, 1, 0, 0, 0)] * count), PLAIN)


def added(*values: tuple[int, ...]) -> bytes:
    """P-packet that adds splats to :func:`flat`; they need not be legal."""
    come = np.array(values, np.int32)
    values = np.concatenate([flat().splats.values, come[payload.order(come, PLAIN)]])
    return payload.encode_inter(flat(), np.ones(4, bool), values, None, PLAIN)[0]


def without_end() -> bytes:
    """P-packet with a difference whose unary part goes on and on."""
    writer = Writer()
    writer.integer(4)

    def ones(chances: np.ndarray, bits: np.ndarray | None, _: str) -> np.ndarray:
        return writer.bits(chances, np.ones(len(chances), bool))

    with pytest.raises(BitstreamError):
        delta.code(ones, delta.INITIAL, np.ones(4, np.uint8))
    return writer.finish()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends inside an integer"),
        (b"\x20", "parts: got 32, at most 31"),
        (b"\x21", "parts: got 33, at most 31"),
        (b"\x80\x01", "parts: got 128, at most 31"),
        (b"\x01\x01", "a region in a stream without cells"),
        (b"\x0f", "a region in a stream without cells"),
        (b"\x02", "ends inside an integer"),
        (b"\x02\x05", "dropped splats: got 5, at most 4"),
        (b"\x02\x01", "ends inside an integer"),
        (b"\x08", "ends inside an integer"),
        (b"\x08\x80\x80\x04", "splats: got 65540, at most 65535"),
        (dropped(1, (4,)), "a dropped splat is none of the 4"),
        (dropped(2, (2, 1)), "a dropped splat is none of the 4"),
        (dropped(4, (0, 0, 0, 1)), "a dropped splat is none of the 4"),
        (dropped(1, (2**47,)), "a dropped splat is none of the 4"),
        (dropped(3, (2**47,) * 3), "a dropped splat is none of the 4"),
        (b"\x08\x00", "added splats: none"),
        (b"\x08\xff\xff\x03", "splats: got 65539, at most 65535"),
        (added((0, 383, 1, 0, 1, 0, 0, 0)), "splat 4: y is 383, expected"),
        (without_end(), f"a difference is {delta.MOST} or more"),
    ],
)
def test_bad_p_packets_are_refused(data, message):
    state = flat()
    before = state.splats.values.copy()
    with pytest.raises(BitstreamError, match=message):
        payload.decode_inter(data, state, PLAIN)
    assert np.array_equal(state.splats.values, before)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x01", "ends inside an integer"),
        (b"\x01\x00", "kind of region: got 0, expected 1..3"),
        (b"\x01\x04", "kind of region: got 4, at most 3"),
        (b"\x01\x01", None),
        (b"\x03\x01\x15", "dropped splats: got 21, at most 20"),
    ],
)
def test_bad_regions_are_refused(data, message):
    state = begun(20, 0, CELLS, EMPTY)
    if message is None:
        assert payload.decode_inter(data, state, CELLS).region == WHOLE
        return
    with pytest.raises(BitstreamError, match=message):
        payload.decode_inter(data, state, CELLS)


def test_splats_can_be_added_where_there_are_none():
    come = splats(5, 3).values
    data, left = payload.encode_inter(begun(0), np.zeros(0, bool), come, None, PLAIN)
    assert same(payload.decode_inter(data, begun(0), PLAIN), left)
    assert np.array_equal(left.splats.values, come)


def test_what_an_i_packet_teaches_makes_added_splats_cheaper():
    values = np.tile(np.array([0, 0, 9, 4, 9, 70, -31, 44], np.int32), (201, 1))
    values[:, 0] = np.arange(201)
    values = values[payload.order(values, PLAIN)]
    alike = payload.encode_intra(QuantizedSplats(values[:200], STEPS), None, PLAIN)[1]
    sizes = [
        len(payload.encode_inter(s, np.zeros(len(s.splats), bool), values[200:], None, PLAIN)[0])
        for s in (alike, begun(200))
    ]
    assert sizes[0] < sizes[1]


def test_as_many_splats_as_may_be_can_be_added():
    state = payload.decode_inter(dropped(3, (0, 0, 0)), flat(3), PLAIN)
    data = b"\x08" + varint.pack(MAX_SPLATS)
    assert len(payload.decode_inter(data, state, PLAIN).splats) == MAX_SPLATS


@pytest.mark.parametrize("data", [b"\0\0", b"\0\0\0", b"\x04", b"\x02\x00", b"\x08\x00", b"\0\xff"])
def test_a_p_packet_that_says_nothing_at_length_is_read_or_refused(data):
    state = flat()
    try:
        got = payload.decode_inter(data, state, PLAIN)
    except BitstreamError:
        return
    assert np.array_equal(got.splats.values, state.splats.values)


def test_a_difference_that_leaves_the_limits_is_refused():
    low, high = limits(WIDTH, HEIGHT, STEPS).T
    zeros = QuantizedSplats(np.zeros((1, 8), np.int32), STEPS)
    _, state = payload.encode_intra(zeros, None, PLAIN)
    for channel, value in ((0, high[0] + 1), (2, -1), (7, low[7] - 1), (5, delta.MOST - 1)):
        target = np.zeros((1, 8), np.int32)
        target[0, channel] = value
        data, _ = moved(state, target)
        with pytest.raises(BitstreamError, match=f"splat 0: {CHANNELS[channel]} is {value}"):
            payload.decode_inter(data, state, PLAIN)


def test_a_dropped_splat_may_have_been_illegal_to_keep():
    """What goes is not checked, what stays is."""
    zeros = QuantizedSplats(np.zeros((2, 8), np.int32), STEPS)
    _, state = payload.encode_intra(zeros, None, PLAIN)
    writer = Writer()
    writer.integer(2 + 4)
    writer.integer(1)
    writer.gamma(np.array([0]))
    changes = np.zeros((2, 8), np.int64)
    changes[0, 2] = -1
    known = payload.known(state, state.splats.values, PLAIN)
    delta.code(writer.bits, state.contexts, known, changes)
    got = payload.decode_inter(writer.finish(), state, PLAIN)
    assert np.array_equal(got.splats.values, zeros.values[:1])
