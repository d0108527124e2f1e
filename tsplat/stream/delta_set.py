"""The changes of a P-packet's splats as a set, by bits-back coding: the paper's way.

Streams of the feature (``Header.bits_back``) have it in place of :mod:`tsplat.stream.delta`'s bits
in contexts. A row is a changed splat's number and its eight differences. Their order says
nothing, and :mod:`tsplat.stream.bits_back` does not pay for it. Numbers are equally likely, each
column of differences has a ``peak`` model of its own. In the head stand the number of rows, the
eight models and the size of the set's bytes, which follow the head.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsplat.errors import BitstreamError, Fault
from tsplat.stream import delta
from tsplat.stream.bits_back import Column, Even, pack, unpack
from tsplat.stream.entropy import Reader, Writer

_KINDS = ("flags", *("position",) * 2, *("shape",) * 3, *("colour",) * 3)
"""What the bits of each column are spent on."""


def encode(writer: Writer, differences: np.ndarray) -> None:
    """Differences of all splats, (N, 8) int, of which some are not 0.

    Raises
    ------
    BitstreamError
        A channel's differences span more than 65536 values, or one is
        :data:`~tsplat.stream.delta.MOST` or more.
    """
    numbers = np.flatnonzero(differences.any(1))
    rows = differences[numbers].astype(np.int64)
    if np.abs(rows).max(initial=0) >= delta.MOST:
        raise BitstreamError(Fault.PAYLOAD, f"a difference is {delta.MOST} or more")
    writer.integer(len(rows))
    models = [writer.model(column) for column in rows.T]
    columns: list[Column] = [Even(0, len(differences) - 1), *models]
    writer.aside(pack(np.concatenate([numbers[:, None], rows], 1), columns))


def decode(reader: Reader, n: int) -> Callable[[], np.ndarray]:
    """The inverse of :func:`encode` for n splats: reads the head, and gives what gives the
    differences, (n, 8) int64, once the reader is open.

    Raises
    ------
    BitstreamError
        From both: a number or a model is out of range; the bytes are no set, or have a splat
        twice, or one that does not change, or a difference of :data:`~tsplat.stream.delta.MOST`
        or more.
    """
    count = reader.integer(n, "changed splats")
    if not count:
        raise BitstreamError(Fault.PAYLOAD, "changed splats: none, in a part of their own")
    columns: list[Column] = [Even(0, n - 1), *(reader.model(kind) for kind in _KINDS[1:])]
    take_bytes = reader.aside("bytes of a set")

    def take() -> np.ndarray:
        rows = unpack(take_bytes(), count, columns)
        numbers, differences = rows[:, 0], rows[:, 1:]
        if not np.diff(numbers).all():
            raise BitstreamError(Fault.PAYLOAD, "a splat changes twice")
        if not differences.any(1).all():
            raise BitstreamError(Fault.PAYLOAD, "a splat changes by nothing")
        if np.abs(differences).max() >= delta.MOST:
            raise BitstreamError(Fault.PAYLOAD, f"a difference is {delta.MOST} or more")
        reader.read_set(rows, columns, _KINDS)
        out = np.zeros((n, 8), np.int64)
        out[numbers] = differences
        return out

    return take
