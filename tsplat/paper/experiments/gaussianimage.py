"""GaussianImage's codec: its quantisers, their training, and its stream, of one picture.

Means are 16-bit floats before tanh; the Cholesky vector has 6 bits a number, with a scale and an
offset learned for each of the three (LSQ+); colours are two stages of vector quantisation with
eight entries each, learned by moving averages. All of it is trained by straight-through rounding.

References
----------
Zhang et al., GaussianImage, ECCV 2024, section 3.3, and its released code. Bhalgat et al., LSQ+,
CVPR workshops 2020. van den Oord et al., Neural Discrete Representation Learning, 2017.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import constriction
import numpy as np

from tsplat.bench.gaussianimage import BITS
from tsplat.errors import BitstreamError, Fault
from tsplat.kernels.adan import latents
from tsplat.kernels.canvas import Canvas
from tsplat.paper.adan import Adan, AdanConfig
from tsplat.paper.scatter import OFFSET
from tsplat.splats import Splats

LEVELS = 63
"""Largest number of 6 bits."""
STAGES, ENTRIES = 2, 8
TABLES = 32 * (6 + STAGES * ENTRIES * 3)
"""Bits of scales, offsets and codebooks, as its release counts them."""
_DECAY = 0.8
"""Of the codebooks' moving averages."""
_KMEANS = 5
_HEAD = struct.Struct("<HII")


@dataclass(frozen=True)
class Coded:
    """What is stored of a picture.

    Attributes
    ----------
    means : (N, 2) float16
        Before tanh.
    shapes : (N, 3) uint8
        0..63.
    scale, offset : (3,) float32
        Of the shapes.
    colours : (N, 2) uint8
        Entries of the codebooks.
    codebooks : (2, 8, 3) float32
    """

    means: np.ndarray
    shapes: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    colours: np.ndarray
    codebooks: np.ndarray

    @property
    def account(self) -> float:
        """Bytes as the release counts them without entropy coding."""
        return (BITS * len(self.means) + TABLES) / 8

    def splats(self, width: int, height: int) -> Splats:
        """The splats that a decoder shows."""
        means = (np.tanh(self.means.astype(np.float32)) + 1) / 2 * (width, height)
        shapes = self.shapes * self.scale + self.offset + OFFSET
        colours = sum(book[k] for book, k in zip(self.codebooks, self.colours.T))
        return Splats(np.concatenate([means, shapes, colours], 1).astype(np.float32))


class Quantisers:
    """Splats and quantisers, trained together.

    Parameters
    ----------
    splats : Splats
        Fitted ones, 8 or more.
    width, height : int
        Of the picture, pixels.
    seed : int
        Of the codebooks' first entries.
    """

    def __init__(self, splats: Splats, width: int, height: int, seed: int = 0):
        self._size = width, height
        start = latents(splats.params, width, height).astype(np.float64)
        start[:, 2:5] -= OFFSET
        low, high = start[:, 2:5].min(0), start[:, 2:5].max(0)
        self._latents = Adan(start)
        self._scale = Adan(np.maximum(high - low, 1e-6) / LEVELS)
        self._offset = Adan(low.copy())
        self._books: list[Codebook] = []
        rest = start[:, 5:]
        for stage in range(STAGES):
            self._books.append(Codebook(rest, seed + stage))
            rest = rest - self._books[-1].nearest(rest)[1]

    def coded(self) -> Coded:
        """What they are rounded to now."""
        z = self._latents.values
        rest, found = z[:, 5:], []
        for book in self._books:
            entries, shown = book.nearest(rest)
            found.append(entries)
            rest = rest - shown
        return Coded(
            z[:, :2].astype(np.float16),
            np.rint(self._levels()).astype(np.uint8),
            self._scale.values.astype(np.float32),
            self._offset.values.astype(np.float32),
            np.stack(found, 1).astype(np.uint8),
            np.stack([book.entries for book in self._books]).astype(np.float32),
        )

    def train(self, canvas: Canvas, iterations: int) -> None:
        """Lower the squared error of what a decoder shows against the canvas's target."""
        width, height = self._size
        mean = 2 / (3 * width * height)
        for _ in range(iterations):
            coded = self.coded()
            shown = coded.splats(width, height)
            canvas.load(shown.params)
            gradient = mean * canvas.clamped_gradient().astype(np.float64)
            self._step(coded, gradient)

    def _levels(self) -> np.ndarray:
        """The shapes in steps, (N, 3), before they are rounded."""
        exact = (self._latents.values[:, 2:5] - self._offset.values) / self._scale.values
        return np.clip(exact, 0, LEVELS)

    def _step(self, coded: Coded, gradient: np.ndarray) -> None:
        """Straight through what was rounded; gradient: (N, 8), in what a decoder shows."""
        z = self._latents.values
        gradient = gradient.copy()
        half = np.array(self._size) / 2
        gradient[:, :2] *= half * (1 - np.tanh(coded.means.astype(np.float64)) ** 2)
        exact = (z[:, 2:5] - self._offset.values) / self._scale.values
        inside = (exact >= 0) & (exact <= LEVELS)
        rounded = coded.shapes.astype(np.float64)
        by_scale = np.where(inside, rounded - exact, rounded)
        shape = gradient[:, 2:5].copy()
        gradient[:, 2:5] = np.where(inside, shape, 0)
        rest = z[:, 5:]
        # The commitment loss, of weight 1, pulls colours to their entries, stage by stage.
        for book, entries in zip(self._books, coded.colours.T):
            away = rest - book.entries[entries]
            gradient[:, 5:] += 2 * away / rest.size
            book.follow(rest, entries)
            rest = away
        rate = AdanConfig().rate
        self._latents.step(gradient, rate)
        self._scale.step((shape * by_scale).sum(0), rate)
        self._offset.step(np.where(inside, 0, shape).sum(0), rate)
        np.maximum(self._scale.values, 1e-6, out=self._scale.values)


class Codebook:
    """Entries that follow the vectors nearest to them, as in vector-quantised autoencoders.

    Parameters
    ----------
    vectors : (N, 3) float
        To begin with.
    seed : int

    Attributes
    ----------
    entries : (8, 3) float
    """

    def __init__(self, vectors: np.ndarray, seed: int):
        rng = np.random.default_rng(seed)
        self.entries = vectors[rng.choice(len(vectors), ENTRIES, len(vectors) < ENTRIES)]
        for _ in range(_KMEANS):
            sums, counts = self._sums(vectors, self.nearest(vectors)[0])
            used = counts > 0
            self.entries[used] = sums[used] / counts[used, None]
        self._sum, self._count = self._sums(vectors, self.nearest(vectors)[0])

    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers, (N,), and values, (N, 3), of the entries nearest to vectors."""
        distances = ((vectors[:, None] - self.entries) ** 2).sum(2)
        numbers = distances.argmin(1)
        return numbers, self.entries[numbers]

    def follow(self, vectors: np.ndarray, numbers: np.ndarray) -> None:
        """Move towards the vectors that were given these entries."""
        sums, counts = self._sums(vectors, numbers)
        self._sum += (1 - _DECAY) * (sums - self._sum)
        self._count += (1 - _DECAY) * (counts - self._count)
        used = self._count > 1e-3
        self.entries = self.entries.copy()
        self.entries[used] = self._sum[used] / self._count[used, None]

    def _sums(self, vectors: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = np.stack([np.bincount(numbers, v, ENTRIES) for v in vectors.T], 1)
        return sums, np.bincount(numbers, minlength=ENTRIES).astype(float)


def pack(coded: Coded) -> bytes:
    """A picture's stream: head, means and tables as they are, then shapes and colours in a range
    coder, by their frequencies, as the release has it with a stack coder."""
    tables, symbols = b"", constriction.stream.queue.RangeEncoder()
    for column, levels in _columns(coded):
        counts = np.bincount(column, minlength=levels)
        tables += counts.astype("<u2").tobytes()
        model = _model(counts)
        if model is not None:
            symbols.encode(column.astype(np.int32), model)
    words = symbols.get_compressed().astype("<u4").tobytes()
    head = _HEAD.pack(len(coded.means), len(tables), len(words))
    floats = (coded.scale, coded.offset, coded.codebooks)
    raw = b"".join(np.ascontiguousarray(part, "<f4").tobytes() for part in floats)
    return head + coded.means.astype("<f2").tobytes() + raw + tables + words


def unpack(data: bytes) -> Coded:
    """What :func:`pack` was given.

    Raises
    ------
    BitstreamError
        The stream is shorter or longer than it says.
    """
    if len(data) < _HEAD.size:
        raise BitstreamError(Fault.CUT_OFF, "GaussianImage stream ends in its head")
    n, table_bytes, word_bytes = _HEAD.unpack_from(data)
    sizes = (4 * n, 12, 12, 4 * STAGES * ENTRIES * 3, table_bytes, word_bytes)
    if len(data) != _HEAD.size + sum(sizes):
        raise BitstreamError(
            Fault.PAYLOAD, f"GaussianImage stream: got {len(data)} bytes, not what its head says"
        )
    parts, at = [], _HEAD.size
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    symbols = constriction.stream.queue.RangeDecoder(np.frombuffer(parts[5], "<u4").astype("u4"))
    counts, columns, at = np.frombuffer(parts[4], "<u2").astype(int), [], 0
    for levels in _LEVELS_OF:
        some = counts[at : at + levels]
        at += levels
        model = _model(some)
        only = np.full(n, int(some.argmax()))
        columns.append(only if model is None else symbols.decode(model, n))
    found = np.stack(columns, 1).astype(np.uint8)
    return Coded(
        np.frombuffer(parts[0], "<f2").reshape(n, 2),
        found[:, :3],
        np.frombuffer(parts[1], "<f4"),
        np.frombuffer(parts[2], "<f4"),
        found[:, 3:],
        np.frombuffer(parts[3], "<f4").reshape(STAGES, ENTRIES, 3),
    )


_LEVELS_OF = (LEVELS + 1,) * 3 + (ENTRIES,) * STAGES


def _columns(coded: Coded):
    values = np.concatenate([coded.shapes, coded.colours], 1)
    return zip(values.T, _LEVELS_OF)


def _model(counts: np.ndarray):
    """None where only one value occurs, which takes no bits."""
    if (counts > 0).sum() < 2:
        return None
    return constriction.stream.model.Categorical(counts / counts.sum(), perfect=False)
