"""HDR and wide gamut come out as SDR, BT.709."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tsplat.media.hdr import BT2020, HLG, PQ, pq_code, pq_light, tone_mapped
from tsplat.media.source import open_source

SIDE = 16
BT2020_10 = 14


def write(path: Path, colours: np.ndarray, transfer: int, primaries: int = BT2020) -> Path:
    """A lossless video of 10 bits, BT.2020, of squares of colour; (N, 3) codes 0..1."""
    r, g, b = colours.T
    y = 0.2627 * r + 0.678 * g + 0.0593 * b
    yuv = [y * 876 + 64, (b - y) / 1.8814 * 896 + 512, (r - y) / 1.4746 * 896 + 512]
    frame = av.VideoFrame(SIDE * len(colours), SIDE, "yuv444p10le")
    for plane, values in zip(frame.planes, yuv):
        row = np.rint(values).astype(np.uint16).repeat(SIDE)
        padded = np.zeros((SIDE, plane.line_size // 2), np.uint16)
        padded[:, : len(row)] = row
        plane.update(padded.tobytes())
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv444p10le"
        context = stream.codec_context
        context.color_range, context.colorspace = 1, 9
        context.color_primaries, context.color_trc = primaries, transfer
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path: Path):
    """The clip, its notes, and the (N, 3) colours in the middles of its squares."""
    with open_source(path) as source:
        _, picture = next(iter(source))
    return source, picture[SIDE // 2, SIDE // 2 :: SIDE].astype(int)


def shown(light: np.ndarray) -> np.ndarray:
    """Codes of SDR for light of a display as in ITU-R BT.1886."""
    return 255 * np.clip(light, 0, 1) ** (1 / 2.4)


def grey(codes: np.ndarray) -> np.ndarray:
    return np.repeat(codes[:, None], 3, axis=1)


def test_pq_is_tone_mapped(tmp_path):
    nits = np.array([0, 0.1, 1, 10, 26, 50, 80, 150, 203, 400, 600, 1000, 4000, 10000])
    source, got = read(write(tmp_path / "pq.mkv", grey(pq_code(nits / 203)), PQ))
    assert np.ptp(got, axis=1).max() <= 1
    # Below the knee, 92 cd/m2, light is what it was, with 203 cd/m2 as white.
    assert got[:7, 1] == pytest.approx(shown(nits[:7] / 203), abs=1.5)
    assert got[:, 1] == pytest.approx(shown(tone_mapped(nits / 203)), abs=2)
    assert (np.diff(got[:12, 1]) > 0).all()
    assert got[-3:].tolist() == [[255] * 3] * 3
    assert source.clip.colour == (1, 1, 1)
    assert source.notes == [f"{tmp_path / 'pq.mkv'}: HDR (PQ), was tone-mapped to SDR BT.709"]


def test_hlg_is_tone_mapped(tmp_path):
    # ITU-R BT.2408, table 1: codes of grey of 18 % and of white, and their light in cd/m2.
    codes, nits = np.array([0, 0.38, 0.75, 1]), np.array([0, 26, 203, 1000])
    source, got = read(write(tmp_path / "hlg.mkv", grey(codes), HLG))
    assert np.ptp(got, axis=1).max() <= 1
    assert got[:, 1] == pytest.approx(shown(tone_mapped(nits / 203)), abs=3)
    assert source.clip.colour == (1, 1, 1)
    assert "HDR (HLG)" in source.notes[0]


@pytest.mark.parametrize("transfer", [PQ, BT2020_10])
def test_colours_of_bt709_are_themselves(tmp_path, transfer):
    """ITU-R BT.2087: linear BT.709 to linear BT.2020."""
    linear = np.array([[0.3, 0.05, 0.05], [0.05, 0.3, 0.05], [0.1, 0.1, 0.3], [0.2, 0.15, 0.1]])
    matrix = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    wide = linear @ np.array(matrix).T
    codes = pq_code(wide) if transfer == PQ else wide ** (1 / 2.4)
    source, got = read(write(tmp_path / "wide.mkv", codes, transfer))
    assert np.abs(got - shown(linear)).max() <= 3
    assert source.clip.colour == (1, 1, 1)
    assert len(source.notes) == 1


def test_sdr_of_10_bits_stays_as_it_is(tmp_path):
    codes = np.array([0, 0.1, 0.25, 0.5, 0.75, 1])
    source, got = read(write(tmp_path / "sdr.mkv", grey(codes), 1, primaries=1))
    assert got[:, 1] == pytest.approx(codes * 255, abs=1)
    assert (source.clip.colour, source.notes) == ((1, 1, 9), [])


def test_pq_both_ways():
    light = np.geomspace(1e-4, 49, 50)
    assert pq_light(pq_code(light)) == pytest.approx(light, rel=1e-9)
