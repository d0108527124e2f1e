"""Backgrounds: each picture at once, cheap where nothing changes, and no bytes that do harm."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from tests.clips import pictures, psnr
from tsplat.errors import BitstreamError, ConfigError
from tsplat.media.background import (
    BACKGROUND_CODECS,
    BackgroundDecoder,
    BackgroundEncoder,
    coded_size,
)
from tsplat.media.fill import fill

WIDTH, HEIGHT = 160, 91
RATE = Fraction(5)
CODECS = sorted(BACKGROUND_CODECS)


@pytest.fixture(scope="module")
def room() -> np.ndarray:
    """A picture with neither noise nor fine detail, as a room out of focus."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / 20
    waves = [np.sin(x + y), np.cos(x - 0.5 * y), np.sin(0.7 * y) * np.cos(x)]
    return np.uint8(128 + 90 * np.stack(waves, -1))


@pytest.fixture(scope="module")
def keep() -> np.ndarray:
    """All but an ellipse in the middle."""
    return ellipse(WIDTH / 2)


def ellipse(middle: float) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((x - middle) / 30) ** 2 + ((y - 50) / 40) ** 2 > 1


def error(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """PSNR over some of the pixels."""
    return psnr(a[where], b[where])


@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_comes_back_at_once(codec, keep):
    clip = pictures(5, WIDTH, HEIGHT)
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, codec=codec)
    decoder = BackgroundDecoder(WIDTH, HEIGHT, codec)
    for picture in clip:
        got = decoder.decode(encoder.encode(picture, keep))
        assert got.shape == picture.shape
        assert got.dtype == np.uint8
        assert error(got, picture, keep) > 22


def test_pictures_of_h264_hold_no_messages(room, keep):
    """Every unit is a parameter set or a slice; x264's settings are 600 bytes of SEI."""
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, codec="h264")
    for keyframe in (True, False, True):
        units = encoder.encode(room, keep, keyframe).split(b"\0\0\1")[1:]
        assert {unit[0] & 31 for unit in units} == ({5, 7, 8} if keyframe else {1})


@pytest.mark.parametrize("codec", CODECS)
def test_colours_are_right(codec, room):
    everything = np.ones((HEIGHT, WIDTH), bool)
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, codec=codec)
    got = BackgroundDecoder(WIDTH, HEIGHT, codec).decode(encoder.encode(room, everything))
    assert psnr(got, room) > 30
    assert np.abs(got.mean((0, 1)) - room.mean((0, 1))).max() < 2


@pytest.mark.parametrize("codec", CODECS)
def test_what_stays_costs_nearly_nothing(codec, room, keep):
    """The person moves a little and flickers; the room has noise."""
    rng = np.random.default_rng(0)
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, codec=codec)
    sizes = []
    for _ in range(6):
        noisy = np.clip(room + rng.normal(0, 1.5, room.shape), 0, 255).astype(np.uint8)
        noisy[~keep] = rng.integers(0, 256, (int((~keep).sum()), 3))
        sizes.append(len(encoder.encode(noisy, keep)))
    assert sizes[0] < 3000
    assert max(sizes[1:]) < 150


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_can_be_joined_at(codec, keep):
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, codec=codec)
    clip = pictures(4, WIDTH, HEIGHT)
    data = [encoder.encode(p, keep, keyframe=k == 2) for k, p in enumerate(clip)]
    joined, whole = (BackgroundDecoder(WIDTH, HEIGHT, codec) for _ in range(2))
    with pytest.raises(BitstreamError):
        joined.decode(data[1])
    expected = [whole.decode(d) for d in data]
    assert np.array_equal(joined.decode(data[2]), expected[2])
    assert np.array_equal(joined.decode(data[3]), expected[3])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("wrong", ["empty", "noise", "cut", "two", "flipped"])
def test_wrong_bytes_are_errors_and_decoding_goes_on(codec, wrong, keep):
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, codec=codec)
    clip = pictures(3, WIDTH, HEIGHT)
    first, second, third = (encoder.encode(p, keep, keyframe=True) for p in clip)
    flipped = bytearray(second)
    flipped[2 : len(flipped) // 2] = bytes(b ^ 0xA5 for b in flipped[2 : len(flipped) // 2])
    bad = {
        "empty": b"",
        "noise": np.random.default_rng(1).bytes(500),
        "cut": second[:8],
        "two": second + third,
        "flipped": bytes(flipped),
    }[wrong]
    decoder = BackgroundDecoder(WIDTH, HEIGHT, codec)
    decoder.decode(first)
    with pytest.raises(BitstreamError, match="background"):
        decoder.decode(bad)
    assert error(decoder.decode(third), clip[2], keep) > 20


@pytest.mark.parametrize("codec", CODECS)
def test_mutations_give_a_picture_or_an_error(codec, keep):
    rng = np.random.default_rng(2)
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, codec=codec)
    data = [encoder.encode(p, keep) for p in pictures(3, WIDTH, HEIGHT)]
    decoder = BackgroundDecoder(WIDTH, HEIGHT, codec)
    refused = 0
    for _ in range(150):
        whole = bytearray(data[rng.integers(len(data))])
        for _ in range(rng.integers(1, 6)):
            whole[rng.integers(len(whole))] = rng.integers(256)
        try:
            assert decoder.decode(bytes(whole)).shape == (HEIGHT, WIDTH, 3)
        except BitstreamError:
            refused += 1
    assert refused


@pytest.mark.parametrize("codec", CODECS)
def test_oversize_pictures_are_refused(codec, monkeypatch):
    monkeypatch.setattr("tsplat.media.background._MOST_SIDE", 1300)
    picture = np.zeros((128, 1280, 3), np.uint8)
    encoder = BackgroundEncoder(1280, 128, RATE, codec=codec)
    data = encoder.encode(picture, np.ones((128, 1280), bool))
    with pytest.raises(BitstreamError):
        BackgroundDecoder(64, 64, codec).decode(data)


def test_a_picture_shown_again_and_again_is_refused(keep):
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE)
    picture = pictures(1, WIDTH, HEIGHT)[0]
    decoder = BackgroundDecoder(WIDTH, HEIGHT, "av1")
    decoder.decode(encoder.encode(picture, keep))
    show_existing = bytes([0x1A, 1, 0x88])
    with pytest.raises(BitstreamError, match="100000 pictures"):
        decoder.decode(show_existing * 100_000)


def test_a_bit_rate_is_kept():
    rng = np.random.default_rng(3)
    everything = np.ones((HEIGHT, WIDTH), bool)
    encoder = BackgroundEncoder(WIDTH, HEIGHT, RATE, kbps=4)
    free = BackgroundEncoder(WIDTH, HEIGHT, RATE)
    clip = [
        rng.integers(0, 256, (HEIGHT // 8 + 1, WIDTH // 8, 3), np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)[:HEIGHT]
        for _ in range(40)
    ]
    bits = 8 * sum(len(encoder.encode(p, everything)) for p in clip)
    seconds = len(clip) / RATE
    largest = 8 * 3000
    assert bits < 4000 * (seconds + 4) + largest
    assert 8 * sum(len(free.encode(p, everything)) for p in clip[:20]) > 4000 * (seconds + 4)


def test_gaps_are_filled_from_around_then_from_what_was_seen(room):
    size = coded_size(WIDTH, HEIGHT)
    left, right = ellipse(50), ellipse(110)
    first = fill(room, left, size)
    assert first.min() >= 0
    assert first.max() <= 255
    assert not np.isnan(first).any()
    dark = room // 2
    second = fill(dark, right, size, first)
    columns = {"left": slice(45, 55), "right": slice(105, 115)}
    inside = {k: second[40:60, v] for k, v in columns.items()}
    assert np.array_equal(inside["right"], first[40:60, columns["right"]])
    assert np.abs(inside["left"] - dark[40:60, columns["left"]]).mean() < 6


def test_a_flat_room_is_filled_flat_and_nothing_seen_is_grey(keep):
    size = coded_size(WIDTH, HEIGHT)
    flat = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    assert np.abs(fill(flat, keep, size) - (200, 100, 50)).max() < 0.01
    assert np.all(fill(flat, np.zeros_like(keep), size) == 128)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 300), (65, 63), (1921, 1081)])
def test_any_size(width, height):
    picture = np.full((height, width, 3), (40, 90, 200), np.uint8)
    encoder = BackgroundEncoder(width, height, RATE)
    data = encoder.encode(picture, np.ones((height, width), bool))
    got = BackgroundDecoder(width, height, "av1").decode(data)
    assert got.shape == picture.shape
    assert np.abs(got.astype(int) - picture).max() < 8


def test_settings_out_of_range_are_refused(room, keep):
    for arguments in ((0, 9, RATE), (9, 9000, RATE), (9, 9, Fraction(0))):
        with pytest.raises(ConfigError):
            BackgroundEncoder(*arguments)
    with pytest.raises(ConfigError, match="kbps"):
        BackgroundEncoder(64, 64, RATE, kbps=0)
    with pytest.raises(ConfigError, match="av1 or h264"):
        BackgroundDecoder(64, 64, "vp9")
    with pytest.raises(ConfigError, match="expected"):
        BackgroundEncoder(WIDTH, HEIGHT, RATE).encode(room, keep[1:])


def test_decoding_needs_no_opencv_and_encoding_prints_nothing():
    program = (
        "import sys, fractions, numpy as np\n"
        "from tsplat.media.background import BackgroundDecoder, BackgroundEncoder\n"
        "BackgroundDecoder(64, 64, 'av1')\n"
        "assert 'cv2' not in sys.modules\n"
        "encoder = BackgroundEncoder(64, 64, fractions.Fraction(5))\n"
        "encoder.encode(np.zeros((64, 64, 3), np.uint8), np.ones((64, 64), bool))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stderr == b""
