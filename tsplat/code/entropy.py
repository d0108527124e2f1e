"""Arrays of integers through a range coder (constriction), with models that fit in two bytes.

Every array is coded with a model of its own, whose parameters travel in the packet's head as
varints; the symbols of all arrays share one range-coded tail. Model tables are made of integers
and float64 products alone (no exp, no log), so that every machine builds the same ones.

Models
------
peak
    P(mode) = hit / 256; elsewhere in low..high P(v) is proportional to
    (rho / 256) ** abs(v - mode). Head: fold(low), high - low, and unless that is 0 (all values
    are the same): mode - low, hit (1..255), rho (1..255).
flags
    Bernoulli for each of two contexts. Head: p0, p1; P(1 | context k) = p_k / 256.
gamma
    Unsigned integers of any size: their bit lengths are ``peak``, the bits under the leading
    one uniform, class by class from the shortest, eight at a time from the lowest.
"""

from __future__ import annotations

import constriction
import numpy as np

from tsplat.code import varint
from tsplat.errors import BitstreamError

_WIDEST = 1 << 16
"""Most values that a model may range over."""
_LONGEST = 48
"""Most bits of a ``gamma`` integer."""


class Writer:
    """Collects arrays; :meth:`finish` gives the packet's bytes."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = constriction.stream.queue.RangeEncoder()

    def integer(self, value: int) -> None:
        """A single unsigned integer, in the head."""
        self._head += varint.pack(value)

    def peak(self, values: np.ndarray) -> None:
        """An array with a peak, (n,) int; spans at most 65536 values."""
        if not len(values):
            return
        low, high = int(values.min()), int(values.max())
        if high - low >= _WIDEST:
            raise BitstreamError(f"values span {high - low + 1}, at most {_WIDEST}")
        self.integer(varint.fold(low))
        self.integer(high - low)
        if low == high:
            return
        mode = int(np.median(values))
        distances = np.abs(values - mode)
        away = distances > 0
        hit = int(np.clip(round(256 * float(1 - away.mean())), 1, 255))
        # The mean of a geometric distribution that starts at 1 is 1 / (1 - r).
        rho = int(np.clip(round(256 * (1 - 1 / float(distances[away].mean()))), 1, 255))
        for field in (mode - low, hit, rho):
            self.integer(field)
        self._tail.encode(_symbols(values - low), _peak_model(high - low, mode - low, hit, rho))

    def flags(self, values: np.ndarray, contexts: np.ndarray) -> None:
        """Booleans, (n,), each in context 0 or 1."""
        for k in (0, 1):
            chosen = values[contexts == k]
            p = 0
            if chosen.any():
                p = int(np.clip(round(256 * float(chosen.mean())), 1, 255))
            self.integer(p)
            if p:
                self._tail.encode(_symbols(chosen), _flag_model(p))

    def gamma(self, values: np.ndarray) -> None:
        """Unsigned integers of any size, (n,) int64, below 2**48."""
        lengths = _bit_lengths(values)
        self.peak(lengths)
        for length in range(2, _LONGEST + 1):
            chosen = values[lengths == length]
            for shift in range(0, length - 1 if len(chosen) else 0, 8):
                bits = min(8, length - 1 - shift)
                part = chosen >> shift & (1 << bits) - 1
                self._tail.encode(_symbols(part), _uniform_model(bits))

    def finish(self) -> bytes:
        """Head, then the range coder's words, without the zeros at the end."""
        words = self._tail.get_compressed().astype("<u4").tobytes()
        return bytes(self._head) + words.rstrip(b"\0")


class Reader:
    """Reads what :class:`Writer` wrote, in two passes.

    All models' parameters come first in a packet, so arrays are first announced (``peak``,
    ``flags``, ``gamma`` in the writer's order, which read the head) and then taken: each call
    returns a function that decodes the symbols once :meth:`open` was called.

    Raises
    ------
    BitstreamError
        From every method: the head ends early or a parameter is out of range.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    def integer(self, most: int, name: str) -> int:
        value, self._at = varint.unpack(self._data, self._at)
        if value > most:
            raise BitstreamError(f"{name}: got {value}, at most {most}")
        return value

    def peak(self, n: int):
        if not n:
            return lambda: np.zeros(0, np.int64)
        low = varint.unfold(self.integer((1 << 32) - 1, "lowest value"))
        span = self.integer(_WIDEST - 1, "span of values")
        if not span:
            return lambda: np.full(n, low, np.int64)
        mode = self.integer(span, "mode")
        hit = self.integer(255, "probability")
        rho = self.integer(255, "rho")
        if not (hit and rho):
            raise BitstreamError("a model's probability is zero")
        return lambda: self._take(_peak_model(span, mode, hit, rho), n) + low

    def flags(self, contexts: np.ndarray):
        chances = [self.integer(255, "probability") for _ in (0, 1)]

        def take() -> np.ndarray:
            out = np.zeros(len(contexts), bool)
            for k in (0, 1):
                chosen = contexts == k
                if chances[k]:
                    out[chosen] = self._take(_flag_model(chances[k]), int(chosen.sum())) > 0
            return out

        return take

    def gamma(self, n: int):
        take_lengths = self.peak(n)

        def take() -> np.ndarray:
            lengths = take_lengths()
            if len(lengths) and not 0 <= lengths.min() <= lengths.max() <= _LONGEST:
                raise BitstreamError(f"an integer is longer than {_LONGEST} bits")
            out = np.where(lengths > 0, 1 << np.maximum(lengths - 1, 0), 0)
            for length in range(2, _LONGEST + 1):
                chosen = np.flatnonzero(lengths == length)
                for shift in range(0, length - 1 if len(chosen) else 0, 8):
                    bits = min(8, length - 1 - shift)
                    out[chosen] |= self._take(_uniform_model(bits), len(chosen)) << shift
            return out

        return take

    def open(self) -> None:
        """The head is read: what follows are the range coder's words."""
        tail = self._data[self._at :]
        tail += b"\0" * (-len(tail) % 4)
        words = np.frombuffer(tail, "<u4").astype(np.uint32)
        self._tail = constriction.stream.queue.RangeDecoder(words)

    def _take(self, model, n: int) -> np.ndarray:
        if not n:
            return np.zeros(0, np.int64)
        try:
            return self._tail.decode(model, n).astype(np.int64)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise BitstreamError("range-coded symbols do not decode") from error


def _bit_lengths(values: np.ndarray) -> np.ndarray:
    """0 for 0, 1 for 1, 2 for 2 and 3, ...; frexp is exact below 2**53."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _symbols(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.int32)


def _peak_model(span: int, mode: int, hit: int, rho: int):
    powers = np.full(max(mode, span - mode), rho / 256.0)
    powers[0] = 1.0
    powers = np.maximum(np.cumprod(powers), 2.0**-40)
    below, above = powers[:mode][::-1], powers[: span - mode]
    # cumsum, not sum: numpy's sum adds in an order that depends on the machine.
    total = np.cumsum(np.concatenate([below, above]))[-1]
    centre = total * hit / (256 - hit)
    table = np.concatenate([below, [centre], above])
    return constriction.stream.model.Categorical(table, perfect=False)


def _flag_model(p: int):
    return constriction.stream.model.Categorical(np.array([256.0 - p, float(p)]), perfect=False)


def _uniform_model(bits: int):
    return constriction.stream.model.Uniform(1 << bits)
