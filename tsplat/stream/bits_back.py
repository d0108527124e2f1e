"""Sets of integer rows through an ANS coder that gives their order's bits back.

A set of K rows says log2 K! bits less than a list of them. An encoder with a stack of bits takes
these from it: before each row it decodes, uniformly, which of the rows that are left comes next,
and then encodes that one. The decoder meets the rows last to first, finds each one's number among
those it has, and encodes it back onto the stack, which then is as the encoder found it.

An empty stack is as good as one of zeros without end: decoding a zero from it leaves it empty.
The first rows save nothing then: those are the initial bits.

References
----------
The paper, section 3.3 B, equations 3 and 4: log2 K! bits for each P-frame. Townsend, Bird and
Barber, Practical lossless compression with latent variables using bits back coding, ICLR 2019;
with sets by sampling without replacement, Severo et al., Compressing multisets with large
alphabets, 2021.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import constriction
import numpy as np

from tsplat.errors import BitstreamError, Fault
from tsplat.stream.entropy import Peak, Writer

Stack: TypeAlias = constriction.stream.stack.AnsCoder
Row = tuple[int, ...]


@dataclass(frozen=True)
class Even:
    """A model by which all of low..low + span are as likely."""

    low: int
    span: int

    def table(self):
        """As constriction takes it; only where span is not 0."""
        return constriction.stream.model.Uniform(self.span + 1)


Column = Peak | Even


class Rows:
    """Codes one row at a time.

    Parameters
    ----------
    columns : sequence of Column
        Model of each number of a row.
    """

    def __init__(self, columns: Sequence[Column]):
        self._columns = [(c.low, c.table() if c.span else None) for c in columns]

    def push(self, stack: Stack, row: Row) -> None:
        """Encode a row; it is decoded from its first number on."""
        for value, (low, table) in zip(reversed(row), reversed(self._columns)):
            if table is not None:
                stack.encode_reverse(value - low, table)

    def pop(self, stack: Stack) -> Row:
        """Decode a row."""
        return tuple(
            low if table is None else low + int(stack.decode(table)) for low, table in self._columns
        )


def encode(stack: Stack, rows: np.ndarray, columns: Sequence[Column]) -> None:
    """Put a set onto a stack.

    Parameters
    ----------
    stack : Stack
        Of constriction; what is on it comes back when the set is decoded.
    rows : (K, M) int
        Distinct, each number in the range of its model; their order is not kept.
    columns : sequence of Column
        M models.
    """
    coder, left = Rows(columns), sorted(map(tuple, rows.tolist()))
    while left:
        coder.push(stack, left.pop(_pop_number(stack, len(left))))


def decode(stack: Stack, count: int, columns: Sequence[Column]) -> np.ndarray:
    """Take a set of so many rows off a stack, (count, M) int64, sorted.

    Raises
    ------
    BitstreamError
        A row comes twice.
    """
    coder, found = Rows(columns), list[Row]()
    for _ in range(count):
        row = coder.pop(stack)
        number = bisect_left(found, row)
        if found[number : number + 1] == [row]:
            raise BitstreamError(Fault.PAYLOAD, "a set has the same row twice")
        found.insert(number, row)
        _push_number(stack, number, len(found))
    return np.array(found, np.int64).reshape(count, len(columns))


def pack(rows: np.ndarray, columns: Sequence[Column]) -> bytes:
    """A set alone, as bytes; parameters as for :func:`encode`."""
    stack = Stack()
    encode(stack, rows, columns)
    return _bytes(stack)


def unpack(data: bytes, count: int, columns: Sequence[Column]) -> np.ndarray:
    """The inverse of :func:`pack`, (count, M) int64, sorted.

    Raises
    ------
    BitstreamError
        The bytes are not those of a set of so many rows.
    """
    if data.endswith(b"\0"):
        raise BitstreamError(Fault.PAYLOAD, "a set's bytes end in a zero")
    words = np.frombuffer(data + b"\0" * (-len(data) % 4), "<u4").astype(np.uint32)
    stack = Stack(words) if len(words) else Stack()
    rows = decode(stack, count, columns)
    if not stack.is_empty():
        raise BitstreamError(Fault.PAYLOAD, "bits are left over behind a set")
    return rows


def pack_list(rows: np.ndarray, columns: Sequence[Column]) -> bytes:
    """The rows in their order, (K, M) int, by the same models: what :func:`pack` saves from."""
    stack, coder = Stack(), Rows(columns)
    for row in reversed(rows.tolist()):
        coder.push(stack, tuple(row))
    return _bytes(stack)


def pack_sorted(keys: np.ndarray, rows: np.ndarray, columns: Sequence[Peak]) -> bytes:
    """The same saving without a stack: sort the rows and code differences of what they are
    sorted by, as packets do.

    Parameters
    ----------
    keys : (K,) int64
        Not negative, in ascending order.
    rows : (K, M) int
        The other numbers of each row.
    columns : sequence of Peak
        Their M models.
    """
    writer = Writer()
    writer.gamma(np.diff(keys, prepend=0))
    for values, model in zip(rows.T, columns):
        writer.known_peak(values, model)
    return writer.finish()


def order_bits(count: int) -> float:
    """What the order of so many rows says: log2 of the factorial, equation 3.

    >>> round(order_bits(100))
    525
    """
    return math.lgamma(count + 1) / math.log(2)


def _pop_number(stack: Stack, count: int) -> int:
    return int(stack.decode(constriction.stream.model.Uniform(count))) if count > 1 else 0


def _push_number(stack: Stack, number: int, count: int) -> None:
    if count > 1:
        stack.encode_reverse(number, constriction.stream.model.Uniform(count))


def _bytes(stack: Stack) -> bytes:
    return stack.get_compressed().astype("<u4").tobytes().rstrip(b"\0")
