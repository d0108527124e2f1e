"""Colours go out and come in as they were, through every kind of video."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.clips import psnr
from tsplat.media.clip import Clip
from tsplat.media.sink import open_sink
from tsplat.media.source import open_source

SIZES = {"SD": (96, 64), "HD": (96, 720)}
P3_PQ = (12, 13)
"""Primaries and transfer that are not a height's usual ones: P3, sRGB."""


def ramp(width: int, height: int) -> np.ndarray:
    """Every colour in smooth steps, (H, W, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    x, y = x / (width - 1), y / (height - 1)
    return np.rint(255 * np.dstack([x, y, 1 - (x + y) / 2])).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".mov", ".y4m"])
def test_what_was_written_is_read(tmp_path, ending, size):
    width, height = SIZES[size]
    picture = ramp(width, height)
    path = tmp_path / f"out{ending}"
    clip = Clip(width, height, Fraction(25), colour=(*P3_PQ, 1))
    with open_sink(str(path), clip) as sink:
        for k in range(3):
            sink.write(picture, Fraction(k, 25))
        sink.close(Fraction(3, 25))
    with open_source(path) as source:
        shown = [p for _, p in source]
        colour = source.clip.colour
    assert len(shown) == 3
    assert min(psnr(p, picture) for p in shown) > (33 if ending == ".webm" else 36)
    # A matrix taken for another one would shift whole planes.
    assert np.abs((shown[1].astype(float) - picture).mean((0, 1))).max() < 1.5
    if ending != ".y4m":
        assert colour[:2] == P3_PQ
        assert colour[2] in ((1,) if size == "HD" else (5, 6))


@pytest.mark.parametrize(("word", "level"), [("FULL", 16), ("LIMITED", 0)])
def test_a_range_that_y4m_names_is_heard(tmp_path, word, level):
    head = f"YUV4MPEG2 W16 H16 F25:1 C444 XCOLORRANGE={word}\n".encode()
    planes = np.concatenate([np.full(256, 16, np.uint8), np.full(512, 128, np.uint8)])
    (tmp_path / "grey.y4m").write_bytes(head + b"FRAME\n" + planes.tobytes())
    with open_source(tmp_path / "grey.y4m") as source:
        assert (next(iter(source))[1] == level).all()


def test_hdr_is_no_longer_tagged_as_such(tmp_path):
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.options = {
            "x265-params": "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
        }
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9
        for k in range(2):
            frame = av.VideoFrame.from_ndarray(ramp(64, 48), format="rgb24").reformat(
                format="yuv420p10le"
            )
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_source(path) as source:
        assert len(list(source)) == 2
    assert source.clip.colour == (1, 1, 1)
    assert source.notes == [f"{path}: HDR (PQ), was tone-mapped to SDR BT.709"]
