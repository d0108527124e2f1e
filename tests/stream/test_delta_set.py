"""Changes as sets: what goes in comes out, and a bad packet for every way to be wrong."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from tests.stream.test_fuzz import mutated, number, peak_memory
from tests.stream.test_payload import SETS, flat, moved, same, splats
from tsplat.errors import BitstreamError
from tsplat.splats import MAX_SPLATS, QuantizedSplats
from tsplat.stream import delta, delta_set, payload, varint
from tsplat.stream.bits_back import Even, pack, pack_list
from tsplat.stream.entropy import Peak, Writer
from tsplat.stream.payload import State

RANGES = ((0, 1),) * 8


def packet(rows, ranges=RANGES, coded: bytes | None = None) -> bytes:
    """P-packet that changes the four splats of :func:`flat` by any rows, legal or not; each
    channel's model is of two values."""
    writer = Writer()
    writer.integer(4)
    writer.integer(len(rows))
    models = [writer.model(np.array(values)) for values in ranges]
    if coded is None:
        coded = pack(np.array(rows), [Even(0, 3), *models])
    writer.aside(coded)
    return writer.finish()


def row(number: int, *differences: int) -> tuple[int, ...]:
    return (number, *differences, *[0] * (8 - len(differences)))


FIRST, SECOND = row(1, 1, 1), row(2, 0, 1)
HEAD = packet([FIRST], coded=b"")[:-1]
"""All but the size of the set's bytes."""


def test_rows_name_splats_and_their_differences():
    got = payload.decode_inter(packet([SECOND, FIRST]), flat(), SETS)
    difference = got.splats.values - flat().splats.values
    assert difference.tolist() == [[0] * 8, list(FIRST[1:]), list(SECOND[1:]), [0] * 8]
    assert got.history.tolist() == [2, 3, 3, 2]
    assert got.contexts is delta.INITIAL


@pytest.mark.parametrize("count", [1, 2, 300])
def test_a_single_row_and_all_of_them_come_back(count):
    state = payload.encode_intra(splats(count, 0, 0.5), None, SETS)[1]
    for chosen in (np.arange(count) == count - 1, np.ones(count, bool)):
        values = state.splats.values + chosen[:, None] * np.array([3, 0, 0, 0, 0, -9, 0, 1])
        data, left = moved(state, values.astype(np.int32), SETS)
        assert same(payload.decode_inter(data, state, SETS), left)


def test_the_only_splat_changed_takes_no_bytes_but_the_head():
    data, _ = moved(flat(1), flat(1).splats.values + np.int32(1), SETS)
    assert data == b"\x04\x01" + b"\x02\x00" * 8 + b"\x00"


def test_the_order_of_many_is_not_paid_for():
    state = payload.encode_intra(splats(1000, 0, 0.5), None, SETS)[1]
    rng = np.random.default_rng(0)
    differences = rng.integers(-1, 2, (1000, 8))
    data, _ = moved(state, (state.splats.values + differences).astype(np.int32), SETS)
    changed = differences.any(1)
    rows = np.concatenate([np.flatnonzero(changed)[:, None], differences[changed]], 1)
    ranges = [differences[changed, k] for k in range(8)]
    listed = pack_list(rows, [Even(0, 999), *map(Peak.of, ranges)])
    assert len(data) < len(listed) - 1000


def test_differences_of_more_values_than_a_model_has_are_refused():
    differences = np.zeros((2, 8), np.int64)
    differences[:, 0] = -40_000, 40_000
    with pytest.raises(BitstreamError, match="values span 80001, at most 65536"):
        delta_set.encode(Writer(), differences)
    differences[:, 0] = delta.MOST
    with pytest.raises(BitstreamError, match=f"a difference is {delta.MOST} or more"):
        delta_set.encode(Writer(), differences)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x04", "ends inside an integer"),
        (b"\x04\x00", "changed splats: none"),
        (b"\x04\x05", "changed splats: got 5, at most 4"),
        (b"\x04\x01", "ends inside an integer"),
        (b"\x04\x01\x00\x02", "ends inside an integer"),
        (b"\x04\x01\x00\x02\x01\x00\x09", "a model's probability is zero"),
        (HEAD, "ends inside an integer"),
        (HEAD + b"\x01", "ends inside its bytes aside"),
        (HEAD + b"\xff\x7f", "bytes of a set: got 16383, at most"),
        (HEAD + b"\x01\x00", "bytes end in a zero"),
        (packet([FIRST, FIRST], coded=b""), "a set has the same row twice"),
        (packet([FIRST, row(1, 0, 0, 1)]), "a splat changes twice"),
        (packet([FIRST, row(3)]), "a splat changes by nothing"),
        (packet([FIRST], coded=b"\1" * 9), "bits are left over behind a set"),
        (packet([row(0, 2**20)], ((2**20, 2**20), *RANGES[1:])), "a difference is 1048576 or more"),
        (packet([row(0, -(2**20))], ((-(2**20), 1 - 2**20), *RANGES[1:])), "a difference is"),
        (packet([row(0, 2**20 - 1)], ((2**20 - 1, 2**20), *RANGES[1:])), "splat 0: x is"),
        (
            packet([row(0, 0, 0, 0, 0, 0, 0, 0, 250)], (*RANGES[1:], (249, 250))),
            "splat 0: cr is 250",
        ),
    ],
)
def test_bad_sets_are_refused(data, message):
    state = flat()
    before = state.splats.values.copy()
    with pytest.raises(BitstreamError, match=message):
        payload.decode_inter(data, state, SETS)
    assert np.array_equal(state.splats.values, before)


def test_no_splats_cannot_change():
    bare = payload.encode_intra(QuantizedSplats(np.zeros((0, 8), np.int32), SETS.steps), None, SETS)
    for count, message in ((0, "none"), (1, "got 1, at most 0")):
        with pytest.raises(BitstreamError, match=message):
            payload.decode_inter(b"\x04" + varint.pack(count) + bytes(40), bare[1], SETS)


@pytest.fixture(scope="module")
def hostile() -> tuple[State, bytes]:
    state = payload.encode_intra(splats(60, 0, 0.3), None, SETS)[1]
    differences = (
        np.random.default_rng(0).integers(-1, 2, (60, 8)) * (np.arange(60) % 3 > 0)[:, None]
    )
    return state, moved(state, (state.splats.values + differences).astype(np.int32), SETS)[0]


def decodes(data: bytes, state: State) -> bool:
    """Any error but a BitstreamError goes through."""
    with suppress(BitstreamError):
        payload.decode_inter(data, state, SETS)
        return True
    return False


def test_changed_packets_are_decoded_or_refused(hostile):
    state, data = hostile
    rng = np.random.default_rng(1)
    decoded = sum(decodes(mutated(rng, data), state) for _ in range(1000))
    assert 0 < decoded < 900


def test_heads_of_any_numbers_before_any_bytes(hostile):
    state, _ = hostile
    rng = np.random.default_rng(2)
    for case in range(600):
        head = b"\x04" + varint.pack(case % 60 + 1 if case % 2 else 2)
        head += b"".join(number(rng) for _ in range(rng.integers(1, 40)))
        decodes(head + rng.bytes(int(rng.integers(0, 200))), state)


def test_a_crowd_s_changes_take_bounded_memory():
    """The most that a set can hold, in few bytes."""
    state = payload.decode_intra(varint.pack(MAX_SPLATS) + b"\0" * 14, SETS)
    brighter = np.array([0, 0, 0, 0, 0, 1, 0, 0], np.int32)
    data, left = moved(state, state.splats.values + brighter, SETS)
    assert len(data) < 1.5 * MAX_SPLATS / 8 + 40

    def decoded() -> None:
        assert same(payload.decode_inter(data, state, SETS), left)

    assert peak_memory(decoded) < 64 << 20
