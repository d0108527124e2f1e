"""Where the room is not to be seen, nothing of it is in the file."""

from __future__ import annotations

import numpy as np
import pytest

import tsplat
from tests.clips import HEIGHT, WIDTH, pictures, write_clip
from tests.coding import encode
from tsplat.config import EncoderConfig
from tsplat.errors import ConfigError, MediaError
from tsplat.files.reader import Reader
from tsplat.stream.container import BACKGROUND

ROOM = (20, 220, 40)
"""Green: nobody is."""
LEAVES, FRAMES = 6, 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A person before a green wall, who leaves for good."""
    frames = []
    for k, picture in enumerate(pictures(FRAMES)):
        frame = np.full_like(picture, ROOM)
        frame[:: 7 + k % 2] = (0, 160, 90)
        if k < LEAVES:
            frame[_person()] = np.maximum(picture, 60)[_person()] // (1, 3, 1)
        frames.append(frame)
    return write_clip(tmp_path_factory.mktemp("room") / "talk.mkv", frames, options={"crf": "4"})


def _person() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(y - 30, x - 48) < 20


def matte(frame: np.ndarray) -> np.ndarray:
    """Opacity of what is not green."""
    green = (frame[..., 1].astype(int) - frame[..., 0] > 60) & (frame[..., 1] > 120)
    return (~green & _person()).astype(np.float32)


def nobody(frame: np.ndarray) -> np.ndarray:
    return np.zeros(frame.shape[:2], np.float32)


@pytest.mark.parametrize("span", [1, 3])
@pytest.mark.parametrize("background", ["none", "#204060"])
def test_a_person_who_leaves_does_not_uncover_the_room(clip, tmp_path, background, span):
    out = tmp_path / "out.tsplat"
    result = encode(
        clip, out, roi="auto", matting=matte, background=background, gaussians=60, max_span=span
    )
    assert result["person_frames"] < 2 * LEAVES
    assert f"no person found in frames {result['person_frames']}-{FRAMES - 1}" in str(
        result["warnings"]
    )
    reader = Reader(out)
    colour = np.array(reader.header.backdrop)
    for picture in reader.frames():
        if picture.frame >= LEAVES + 2 * span:
            assert picture.alpha.max() == 0
            assert (picture.pixels == colour).all()
    # Nor behind the mask: there is no splat in the packets, and no cell.
    decoder = tsplat.Decoder(reader.header)
    for packet in reader.packets():
        decoder.advance(packet)
        params = decoder.splats.dequantise().params
        if packet.frame >= LEAVES + 2 * span:
            assert len(params) == 0
            assert not decoder.region.cells.any()


def test_blur_keeps_to_the_person_too(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    encode(clip, out, roi="auto", matting=matte, background="blur", gaussians=60)
    assert Reader(out)[-1].shape == (HEIGHT, WIDTH, 3)
    decoder = tsplat.Decoder(Reader(out).header)
    for packet in Reader(out).packets():
        decoder.advance(packet)
    assert decoder.region.empty


@pytest.mark.parametrize("background", ["none", "blur", "white", "video"])
def test_a_clip_without_anybody_is_refused(clip, tmp_path, background):
    with pytest.raises(MediaError, match="no person found in any of 5 frames"):
        encode(
            clip,
            tmp_path / "out.tsplat",
            roi="auto",
            matting=nobody,
            background=background,
            frames=5,
            gaussians=20,
        )
    assert not list(tmp_path.iterdir())


def test_a_background_without_a_region_is_refused(clip, tmp_path):
    with pytest.raises(ConfigError, match="needs a region of interest, not --roi off"):
        encode(clip, tmp_path / "out.tsplat", background="none")
    with pytest.raises(ConfigError, match="needs a region"):
        tsplat.Encoder(WIDTH, HEIGHT, 30, EncoderConfig(background="none"))


def test_packets_of_a_background_are_not_there_without_one(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    encode(clip, out, roi="auto", matting=matte, background="none", frames=8, gaussians=40)
    assert all(packet.kind != BACKGROUND for packet in Reader(out).packets())
