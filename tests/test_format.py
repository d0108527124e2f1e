"""docs/FORMAT.md says what the codec does: a decoder written from it reads the same."""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from tests import independent
from tests.clips import pictures, write_clip
from tests.coding import encode
from tests.golden.regenerate import FOLDER
from tsplat.choices import BLENDS
from tsplat.decoding.decoder import Decoder
from tsplat.files.reader import Reader
from tsplat.kernels.blend import EMPTY
from tsplat.media.background import BACKGROUND_CODECS, BackgroundDecoder
from tsplat.stream import bits_back, container, delta, entropy, header, intra, mask
from tsplat.stream.header import VERSION

SPECIFICATION = independent.SPECIFICATION.read_text()
SETTINGS = {
    "crf 20": {"crf": 20, "gop": 7},
    "low delay": {"crf": 30, "max_span": 1, "background": "#204060", "roi": "masks"},
    "paper": {"preset": "paper", "gaussians": 120, "gop": 9},
    "bits-back": {"preset": "paper", "gaussians": 120, "gop": 9, "entropy": "bits-back"},
}


@pytest.fixture(
    scope="module", params=[*sorted(p.name for p in FOLDER.glob("*.tsplat")), *SETTINGS]
)
def stream(request, tmp_path_factory) -> Path:
    """Golden streams, and real clips encoded in several ways."""
    if request.param not in SETTINGS:
        return FOLDER / request.param
    folder = tmp_path_factory.mktemp("format")
    frames = pictures(14, 128, 72)
    settings = dict(SETTINGS[request.param])
    if settings.get("roi") == "masks":
        y, x = np.mgrid[:72, :128]
        discs = [((y - 40) ** 2 + (x - 50 - 2 * k) ** 2 < 900) * np.uint8(255) for k in range(14)]
        masks = [np.dstack([disc] * 3) for disc in discs]
        settings["roi"] = write_clip(folder / "masks.mkv", masks, codec="ffv1", pix_fmt="bgr0")
    clip = write_clip(folder / "talk.mkv", frames)
    encode(clip, folder / "out.tsplat", **settings)
    return folder / "out.tsplat"


def test_the_independent_decoder_gets_identical_integers(stream):
    reader = Reader(stream)
    decoder = Decoder(reader.header)
    coded = [p for p in reader.packets() if p.kind != container.BACKGROUND]
    _, states = independent.decode(stream.read_bytes())
    assert len(states) == len(coded) > 1
    for packet, (found, state) in zip(coded, states):
        decoder.advance(packet)
        assert (found.frame, tuple(found.ticks)) == (packet.frame, packet.ticks)
        assert np.array_equal(state.values, decoder.splats.values)
        assert state.history == decoder.state.history.tolist()
        assert state.origin == decoder.state.origin.tolist()
        assert state.contexts == decoder.state.contexts.counts.tolist()
        cells = None if decoder.region is None else decoder.region.cells
        assert np.array_equal(state.region, cells)


def test_the_independent_decoder_s_pictures_are_a_grey_level_away(stream):
    reader = Reader(stream)
    own = reader.header
    if own.outside == "blur":
        pytest.skip("pictures that are not specified to the grey level")
    codec = None
    if own.codec:
        names = {number: name for name, number in BACKGROUND_CODECS.items()}
        codec = BackgroundDecoder(own.width, own.height, names[own.codec]).decode
    count = 0
    for shown, other in zip(reader, independent.pictures(stream.read_bytes(), codec), strict=True):
        assert np.abs(shown.astype(int) - other).max() <= 1
        count += 1
    assert count > 1


def test_the_independent_decoder_imports_nothing_of_the_codec():
    tree = ast.parse(Path(independent.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
            assert not any("tsplat" in name or "constriction" in name for name in names)


@pytest.mark.parametrize("seed", range(5))
def test_parts_of_the_range_coder_are_as_specified(seed):
    """Any words, any models: also chances and shapes that no encoder makes."""
    rng = np.random.default_rng(seed)
    data = rng.bytes(4000)
    chances = rng.uniform(0, 1, 400) ** rng.integers(1, 12, 400)
    head = entropy.Reader(data)
    head.open()
    coder = independent.RangeDecoder(data)
    assert head.bits(chances).tolist() == [coder.bit(p) for p in chances]
    for _ in range(40):
        span = int(rng.integers(1, 400))
        mode, hit, rho = int(rng.integers(0, span + 1)), *map(int, rng.integers(1, 256, 2))
        theirs = head.known_peak(9, entropy.Peak(-7, span, mode, hit, rho))
        assert theirs.tolist() == independent.Peak(-7, span, mode, hit, rho).take(coder, 9)


@pytest.mark.parametrize("size", [0, 1, 4, 7, 400])
def test_the_stack_is_as_specified(size):
    """Pops and pushes by any models, beyond the end of the words, too."""
    rng = np.random.default_rng(size)
    data = rng.integers(1, 256, size, np.uint8).tobytes()
    words = np.frombuffer(data + bytes(-size % 4), "<u4").astype(np.uint32)
    theirs = bits_back.Stack(words) if size else bits_back.Stack()
    own = independent.Stack(data)
    for _ in range(200):
        count = int(rng.integers(2, 400))
        mode, hit, rho = int(rng.integers(0, count)), *map(int, rng.integers(1, 256, 2))
        peak = (-7, count - 1, mode, hit, rho)
        for table, starts in (
            (entropy.Peak(*peak).table(), independent.Peak(*peak).starts()),
            (bits_back.Even(3, count - 1).table(), independent.even(count)),
        ):
            assert own.pop(starts) == theirs.decode(table)
            if rng.random() < 0.5:
                symbol = int(rng.integers(0, count))
                own.push(symbol, starts)
                theirs.encode_reverse(symbol, table)
    left = [*own.words, *(own.state >> 32 * k & 0xFFFFFFFF for k in (0, 1))]
    while left and not left[-1]:
        left.pop()
    assert left == theirs.get_compressed().tolist()


def test_a_bad_file_is_refused():
    data = (FOLDER / "small.tsplat").read_bytes()
    for at in (8, 20, 53, 60, 100, 160):
        wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(independent.Refused):
            independent.decode(wrong)


def test_the_specification_s_header_is_the_codec_s():
    rows = re.findall(r"^\| (\d+) \| (\d+) \| ([^|]+) \| ([^|]*)\|", SPECIFICATION, re.MULTILINE)
    said = [(int(at), int(size), name, range_.strip()) for at, size, name, range_ in rows]
    assert said == [
        (
            header.OFFSETS[field.name],
            struct.calcsize(field.code),
            field.name,
            "..".join(str(n) for n in sorted(set(field.range or ()))),
        )
        for field in header.FIELDS
    ]
    assert f"### 1.1 Header, {header.HEADER_BYTES} bytes\n" in SPECIFICATION


def test_the_specification_s_tables_are_the_codec_s():
    assert np.array_equal(independent.MASK_CHANCES, mask.CHANCES)
    assert np.array_equal(independent.INTRA_CHANCES, intra.CHANCES)
    fresh = np.array(independent.fresh_contexts())
    assert np.array_equal(fresh, delta.INITIAL.counts)
    assert f"format, version {VERSION}\n" in SPECIFICATION


def test_the_specification_s_blends_are_the_codec_s():
    assert all(f"blend {number}, {name}\n" in SPECIFICATION for number, name in enumerate(BLENDS))
    assert f"1/{1 / EMPTY:.0f} is the weight of black" in SPECIFICATION
