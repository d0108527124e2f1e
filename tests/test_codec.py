"""Encoder and decoder together: what one writes the other shows."""

from __future__ import annotations

import random

import numpy as np
import pytest

import tsplat
from tests.clips import HEIGHT, WIDTH, pictures, psnr, write_clip
from tsplat.code import container
from tsplat.errors import BitstreamError, ConfigError
from tsplat.kernels import runtime

CONFIG = tsplat.preset("fast", gaussians=100, gop=5)


@pytest.fixture(scope="module")
def encoded():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
    frames = pictures(12)
    packets, states = [], []
    for frame in frames:
        packets.append(encoder.encode(frame))
        states.append(encoder.splats.values)
    return encoder, frames, packets, states


@pytest.fixture
def path(encoded, tmp_path):
    encoder, _, packets, _ = encoded
    out = tmp_path / "clip.tsplat"
    out.write_bytes(encoder.header + b"".join(packets) + encoder.finish())
    return out


def test_the_decoder_has_the_encoders_integers(encoded):
    encoder, frames, packets, states = encoded
    decoder = tsplat.Decoder(encoder.header)
    for frame, packet, state in zip(frames, packets, states):
        assert psnr(decoder.decode(packet), frame) > 19
        assert np.array_equal(decoder.splats.values, state)
    assert (encoder.statistics.i_frames, encoder.statistics.p_frames) == (3, 9)


def test_p_frames_cost_less_and_keep_most_splats_exact(encoded):
    _, _, packets, states = encoded
    sizes = [len(p) for p in packets]
    assert np.mean(sizes[1:5]) < 0.7 * sizes[0]
    assert (states[1] == states[0]).all(1).any()


def test_a_still_picture_costs_a_few_bytes():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
    frame = pictures(1)[0]
    encoder.encode(frame)
    assert len(encoder.encode(frame)) < 12


def test_a_scene_cut_and_a_wish_make_i_frames():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, tsplat.preset("fast", gaussians=60))
    frame = pictures(1)[0]
    for picture, wish in ((frame, False), (255 - frame, False), (255 - frame, True)):
        packet = container.unpack_packet(encoder.encode(picture, keyframe=wish))
        assert packet.kind == container.INTRA


def test_streams_do_not_depend_on_threads():
    frames = pictures(4)
    streams = []
    for threads in (1, 2):
        runtime.start("cpu", threads)
        encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
        streams.append(b"".join(encoder.encode(f) for f in frames))
    assert streams[0] == streams[1]


def test_any_frame_can_be_asked_for(encoded, path):
    reader = tsplat.Reader(path)
    whole = list(reader)
    assert len(reader) == len(whole) == 12
    order = [*range(12), -1, 11, 3, 4, 0]
    random.Random(0).shuffle(order)
    for k in order:
        assert np.array_equal(reader[k], whole[k])
    with pytest.raises(IndexError):
        reader[12]


def test_without_its_index_a_file_is_whole(encoded, path):
    encoder, _, packets, _ = encoded
    whole = list(tsplat.Reader(path))
    path.write_bytes(encoder.header + b"".join(packets))
    reader = tsplat.Reader(path)
    assert len(reader) == 12
    assert all(np.array_equal(a, b) for a, b in zip(reader, whole))
    assert np.array_equal(reader[7], whole[7])
    assert reader.truncated


def test_p_frames_without_their_reference_are_refused(encoded):
    encoder, _, packets, _ = encoded
    decoder = tsplat.Decoder(encoder.header)
    with pytest.raises(BitstreamError, match="waiting for an I-frame"):
        decoder.decode(packets[1])
    picture = decoder.decode(packets[0])
    with pytest.raises(BitstreamError, match="frame before is missing"):
        decoder.decode(packets[2])
    assert np.array_equal(decoder.picture(), picture)


def test_another_size_is_rendered(encoded):
    encoder, frames, packets, _ = encoded
    large = tsplat.Decoder(encoder.header, (2 * WIDTH, 2 * HEIGHT)).decode(packets[0])
    assert large.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    small = large.reshape(HEIGHT, 2, WIDTH, 2, 3).mean((1, 3))
    assert psnr(small, frames[0]) > 19
    with pytest.raises(ConfigError, match="size"):
        tsplat.Decoder(encoder.header, (9000, 10))


def test_frames_must_fit_the_encoder():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG)
    with pytest.raises(ConfigError, match="frame: got"):
        encoder.encode(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(ConfigError, match="weight"):
        tsplat.Encoder(WIDTH, HEIGHT, 30, CONFIG, weight=np.ones((3, 3), np.float32))


@pytest.mark.parametrize("picture", [0, 255])
@pytest.mark.parametrize("size", [(16, 16), (1, 1), (9, 300)])
def test_flat_and_tiny_pictures_work(size, picture):
    width, height = size
    encoder = tsplat.Encoder(width, height, 30, tsplat.preset("fast"))
    frame = np.full((height, width, 3), picture, np.uint8)
    decoder = tsplat.Decoder(encoder.header)
    assert psnr(decoder.decode(encoder.encode(frame)), frame) > 25


def test_files_go_round_from_python(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", pictures(3))
    out = tmp_path / "clip.tsplat"
    result = tsplat.encode(clip, out, gaussians=80, psnr=20.0, arch="cpu")
    assert result["psnr_db"] > 19.5
    assert tsplat.evaluate(clip, out, arch="cpu")["psnr_db"] == pytest.approx(result["psnr_db"])
    assert tsplat.decode(out, tmp_path / "frames", arch="cpu", scale=0.5)["frames"] == 3
