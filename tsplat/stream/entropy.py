"""Arrays of integers through a range coder (constriction), with models that fit in a few bytes.

Every array is coded with a model of its own, whose parameters travel in the packet's head as
varints and bytes; the symbols of all arrays share one range-coded tail. Model tables are made of
integers and float64 products alone (no exp, no log), so that every machine builds the same ones;
docs/FORMAT.md has the range coder's arithmetic, too.

Models
------
peak
    P(mode) = hit / 256; elsewhere in low..high P(v) is proportional to
    (rho / 256) ** abs(v - mode). Head: fold(low), high - low, and unless that is 0 (all values
    are the same): mode - low, and hit and rho as bytes (1..255).
bits
    Bernoulli with a probability for every bit, that both sides know. No head.
gamma
    Unsigned integers of any size: their bit lengths are ``peak``, the bits under the leading
    one uniform, class by class from the shortest, eight at a time from the lowest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import constriction
import numpy as np

from tsplat.errors import BitstreamError, Fault
from tsplat.stream import varint

_WIDEST = 1 << 16
"""Most values that a model may range over."""
_LONGEST = 48
"""Most bits of a ``gamma`` integer."""

Bits = Callable[[np.ndarray, "np.ndarray | None", str], np.ndarray]
"""``Writer.bits`` or ``Reader.bits``: codes booleans, (n,), given their probabilities of being
true, (n,) float64, when encoding, the booleans, and what they are spent on; returns them."""

Choices = Callable[[np.ndarray, int, "np.ndarray | None", str], np.ndarray]
"""``Writer.choices`` or ``Reader.choices``: codes n symbols, (n,) int, given the weights of all
there are, (m,) float64, n and, when encoding, the symbols, and what they are spent on; returns
them."""


@dataclass(frozen=True)
class Peak:
    """Parameters of a ``peak`` model; mode counts from low. hit and rho are 0 where span is."""

    low: int
    span: int
    mode: int = 0
    hit: int = 0
    rho: int = 0

    @classmethod
    def of(cls, values: np.ndarray) -> Peak:
        """The model that fits an array, (n,) int with n > 0; spans at most 65536 values."""
        low, high = int(values.min()), int(values.max())
        if high - low >= _WIDEST:
            raise BitstreamError(Fault.PAYLOAD, f"values span {high - low + 1}, at most {_WIDEST}")
        if low == high:
            return cls(low, 0)
        mode = int(np.median(values))
        distances = np.abs(values - mode)
        away = distances > 0
        hit = int(np.clip(round(256 * float(1 - away.mean())), 1, 255))
        # The mean of a geometric distribution that starts at 1 is 1 / (1 - r).
        rho = int(np.clip(round(256 * (1 - 1 / float(distances[away].mean()))), 1, 255))
        return cls(low, high - low, mode - low, hit, rho)

    def clip(self, values: np.ndarray) -> np.ndarray:
        """The nearest values that the model can code."""
        return np.clip(values, self.low, self.low + self.span)

    def bits(self, count: int) -> np.ndarray:
        """What values at distance 0 .. count - 1 from the mode cost, (count,) float64."""
        distances = np.arange(count)
        if not self.span:
            return np.where(distances > 0, 16.0, 0.0)
        rho, hit = self.rho / 256, self.hit / 256
        total = sum((1 - rho**n) * rho / (1 - rho) for n in (self.mode, self.span - self.mode) if n)
        chance = np.where(distances > 0, (1 - hit) * rho**distances / total, hit)
        return -np.log2(np.maximum(chance, 2.0**-24))

    def weights(self) -> np.ndarray:
        """What the values' probabilities are proportional to, (span + 1,) float64, span > 0."""
        span, mode = self.span, self.mode
        powers = np.full(max(mode, span - mode), self.rho / 256.0)
        powers[0] = 1.0
        powers = np.maximum(np.cumprod(powers), 2.0**-40)
        below, above = powers[:mode][::-1], powers[: span - mode]
        # cumsum, not sum: numpy's sum adds in an order that depends on the machine.
        total = np.cumsum(np.concatenate([below, above]))[-1]
        centre = total * self.hit / (256 - self.hit)
        return np.concatenate([below, [centre], above])

    def table(self):
        """As constriction takes it; only where span is not 0."""
        return _categorical(self.weights())


class Writer:
    """Collects arrays; :meth:`finish` gives the packet's bytes."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._aside = b""
        self._tail = constriction.stream.queue.RangeEncoder()

    def integer(self, value: int) -> None:
        """A single unsigned integer, in the head."""
        self._head += varint.pack(value)

    def peak(self, values: np.ndarray) -> Peak | None:
        """An array with a peak, (n,) int; spans at most 65536 values. Returns its model."""
        if not len(values):
            return None
        model = self.model(values)
        self.known_peak(values, model)
        return model

    def model(self, values: np.ndarray) -> Peak:
        """Only the model of such an array, which is not empty."""
        model = Peak.of(values)
        self.integer(varint.fold(model.low))
        self.integer(model.span)
        if model.span:
            self.integer(model.mode)
            self._head += bytes((model.hit, model.rho))
        return model

    def known_peak(self, values: np.ndarray, model: Peak) -> None:
        """An array, (n,) int, with a model that the reader has; no head."""
        if model.span and len(values):
            self._tail.encode(_symbols(values - model.low), model.table())

    def bits(self, chances: np.ndarray, values: np.ndarray | None, kind: str = "") -> np.ndarray:
        """Booleans, (n,), each with its probability of being true, (n,) float64; returns them."""
        assert values is not None
        if len(values):
            self._tail.encode(_symbols(values), _BERNOULLI, chances)
        return values

    def choices(
        self, weights: np.ndarray, n: int, values: np.ndarray | None, kind: str = ""
    ) -> np.ndarray:
        """Symbols, (n,) int, of a model of so many weights; returns them."""
        assert values is not None
        self._tail.encode(_symbols(values), _categorical(weights))
        return values

    def gamma(self, values: np.ndarray) -> None:
        """Unsigned integers of any size, (n,) int64, below 2**48."""
        lengths = bit_lengths(values)
        self.peak(lengths)
        for length in range(2, _LONGEST + 1):
            chosen = values[lengths == length]
            for shift in range(0, length - 1 if len(chosen) else 0, 8):
                bits = min(8, length - 1 - shift)
                part = chosen >> shift & (1 << bits) - 1
                self._tail.encode(_symbols(part), _uniform_model(bits))

    def aside(self, data: bytes) -> None:
        """Bytes between the head and the range coder's words, once in a packet."""
        self.integer(len(data))
        self._aside = data

    def finish(self) -> bytes:
        """Head, bytes aside, then the range coder's words, without the zeros at their end."""
        words = self._tail.get_compressed().astype("<u4").tobytes()
        return bytes(self._head) + self._aside + words.rstrip(b"\0")


class Reader:
    """Reads what :class:`Writer` wrote, in two passes.

    All models' parameters come first in a packet, so arrays are first announced (``peak``,
    ``gamma`` in the writer's order, which read the head) and then taken: each call
    returns a function that decodes the symbols once :meth:`open` was called. ``bits`` and
    ``known_peak`` have no head and take at once. ``kind`` says what is read, to
    :class:`tsplat.stream.tally.Tally`; here it means nothing.

    Raises
    ------
    BitstreamError
        From every method: the head ends early or a parameter is out of range.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._at = 0
        self._aside = 0

    def integer(self, most: int, name: str, kind: str = "") -> int:
        value, self._at = varint.unpack(self._data, self._at)
        if value > most:
            raise BitstreamError(Fault.PAYLOAD, f"{name}: got {value}, at most {most}", field=name)
        return value

    def model(self, kind: str = "") -> Peak:
        """Parameters of a ``peak`` array that is not empty."""
        low = varint.unfold(self.integer((1 << 32) - 1, "lowest value", kind))
        span = self.integer(_WIDEST - 1, "span of values", kind)
        if low + span >= 1 << 31:
            raise BitstreamError(
                Fault.PAYLOAD, f"highest value: got {low + span}, at most {(1 << 31) - 1}"
            )
        if not span:
            return Peak(low, 0)
        mode = self.integer(span, "mode", kind)
        hit, rho = self._byte(kind), self._byte(kind)
        if not (hit and rho):
            raise BitstreamError(Fault.PAYLOAD, "a model's probability is zero")
        return Peak(low, span, mode, hit, rho)

    def peak(self, n: int, kind: str = ""):
        model = self.model(kind) if n else Peak(0, 0)
        return lambda: self.known_peak(n, model, kind)

    def known_peak(self, n: int, model: Peak, kind: str = "") -> np.ndarray:
        if not (n and model.span):
            return np.full(n, model.low, np.int64)
        return self._take(n, model.table()) + model.low

    def bits(
        self, chances: np.ndarray, values: np.ndarray | None = None, kind: str = ""
    ) -> np.ndarray:
        if not len(chances):
            return np.zeros(0, bool)
        return self._decode(_BERNOULLI, chances) > 0

    def choices(
        self, weights: np.ndarray, n: int, values: np.ndarray | None = None, kind: str = ""
    ) -> np.ndarray:
        return self._take(n, _categorical(weights))

    def gamma(self, n: int, kind: str = ""):
        take_lengths = self.peak(n, kind)

        def take() -> np.ndarray:
            lengths = take_lengths()
            if len(lengths) and not 0 <= lengths.min() <= lengths.max() <= _LONGEST:
                raise BitstreamError(Fault.PAYLOAD, f"an integer is longer than {_LONGEST} bits")
            out = np.where(lengths > 0, 1 << np.maximum(lengths - 1, 0), 0)
            for length in range(2, _LONGEST + 1):
                chosen = np.flatnonzero(lengths == length)
                for shift in range(0, length - 1 if len(chosen) else 0, 8):
                    bits = min(8, length - 1 - shift)
                    out[chosen] |= self._even(len(chosen), bits, kind) << shift
            return out

        return take

    def aside(self, name: str) -> Callable[[], bytes]:
        """Bytes between the head and the range coder's words."""
        self._aside = self.integer(len(self._data), name)
        return lambda: self._data[self._at : self._at + self._aside]

    def read_set(self, rows: np.ndarray, columns: Sequence, kinds: Sequence[str]) -> None:
        """What the bytes aside held, rows, (K, M) int, by M models
        (:mod:`tsplat.stream.bits_back`), as ``kinds`` for each: to be told once decoded."""

    def open(self) -> None:
        """The head is read: what follows are the bytes aside and the range coder's words."""
        if self._at + self._aside > len(self._data):
            raise BitstreamError(Fault.PAYLOAD, "packet ends inside its bytes aside")
        tail = self._data[self._at + self._aside :]
        tail += b"\0" * (-len(tail) % 4)
        words = np.frombuffer(tail, "<u4").astype(np.uint32)
        self._tail = constriction.stream.queue.RangeDecoder(words)

    def _even(self, n: int, bits: int, kind: str) -> np.ndarray:
        """Integers of so many bits, (n,) int64, all equally probable."""
        return self._take(n, _uniform_model(bits))

    def _byte(self, kind: str) -> int:
        if self._at >= len(self._data):
            raise BitstreamError(Fault.PAYLOAD, "packet ends inside a model's parameters")
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, n: int, model) -> np.ndarray:
        return self._decode(model, n) if n else np.zeros(0, np.int64)

    def _decode(self, model, argument: int | np.ndarray) -> np.ndarray:
        try:
            return self._tail.decode(model, argument).astype(np.int64)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise BitstreamError(Fault.PAYLOAD, "range-coded symbols do not decode") from error


_BERNOULLI = constriction.stream.model.Bernoulli(perfect=False)


def bit_lengths(values: np.ndarray) -> np.ndarray:
    """0 for 0, 1 for 1, 2 for 2 and 3, ...; frexp is exact below 2**53."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _categorical(weights: np.ndarray):
    return constriction.stream.model.Categorical(weights, perfect=False)


def _symbols(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.int32)


def _uniform_model(bits: int):
    return constriction.stream.model.Uniform(1 << bits)
