"""The region of interest from the command line: the real model on the portrait."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.cli.commands import fails, tsplat
from tests.clips import pictures, psnr, write_clip
from tsplat.stream import container, scan
from tsplat.stream.container import BACKGROUND

WIDTH, HEIGHT, FRAMES = 160, 90, 10
FEW = ("--set", "gaussians=120", "--arch", "cpu")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("person")
    return write_clip(folder / "talk.mp4", pictures(FRAMES, WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def rocks(tmp_path_factory) -> Path:
    """A clip without a person: noise in large blocks."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(60, 200, (5, 8, 3), np.uint8).repeat(18, 0).repeat(20, 1)
    folder = tmp_path_factory.mktemp("rocks")
    return write_clip(folder / "rocks.mp4", [np.roll(blocks, k, 1) for k in range(6)])


def encoded(clip: Path, out: Path, *words: object) -> dict:
    result = tsplat("encode", clip, out, "--json", *FEW, *words)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)


def decoded(stream: Path, *words: object, alpha: bool = False) -> np.ndarray:
    """Frames, (N, H, W, 3 or 4) uint8, by way of a folder of PNG."""
    folder = stream.with_name("frames")
    words = (*words, "--alpha") if alpha else words
    result = tsplat("decode", stream, folder, "--overwrite", "--arch", "cpu", *words)
    assert result.returncode == 0, result.stderr.decode()
    files = sorted(folder.iterdir())
    flag = cv2.IMREAD_UNCHANGED if alpha else cv2.IMREAD_COLOR
    order = [2, 1, 0, 3] if alpha else [2, 1, 0]
    return np.stack([cv2.imread(str(f), flag)[..., order] for f in files])


@pytest.fixture(scope="module")
def person(clip) -> Path:
    """The person alone."""
    out = clip.with_name("person.tsplat")
    encoded(clip, out, "--roi", "person", "--background", "none")
    return out


def test_auto_finds_the_person_and_says_so_in_one_line(clip, tmp_path):
    result = tsplat("encode", clip, tmp_path / "o.tsplat", *FEW)
    assert result.stderr.decode().count("roi: the person, from frame 0") == 1
    assert "region of interest:" in result.stdout.decode()


def test_auto_takes_the_whole_frame_where_there_is_nobody(rocks, tmp_path):
    result = encoded(rocks, tmp_path / "o.tsplat")
    assert (result["person_frames"], result["region_share"]) == (0, 1.0)
    assert result["psnr_region_db"] == pytest.approx(result["psnr_db"])


def test_the_person_alone_costs_less_and_eval_names_each_part(clip, person, tmp_path):
    whole = encoded(clip, tmp_path / "whole.tsplat", "--roi", "off", "--set", "gaussians=300")
    compared = json.loads(tsplat("eval", clip, person, "--json", "--arch", "cpu").stdout)
    assert compared["bytes"] < 0.7 * whole["bytes"]
    assert compared["psnr_region_db"] > 22
    assert compared["psnr_outside_db"] < 12
    assert compared["psnr_outside_db"] < compared["psnr_db"] < compared["psnr_region_db"]
    assert compared["ms_ssim_outside"] < compared["ms_ssim_region"] <= 1
    words = tsplat("eval", clip, person, "--arch", "cpu").stdout.decode()
    for part in ("whole frame", "inside region", "outside region"):
        assert part in words


def test_info_counts_masks_and_regions(person):
    info = json.loads(tsplat("info", person, "--frames", "--json").stdout)
    assert info["region"] == {"cell_px": 2, "outside": "colour"}
    assert 10 < info["region_bytes"] < 0.2 * info["bytes"]
    assert all(0.2 < f["region_share"] < 0.8 for f in info["frame_list"])
    assert "region of interest" in tsplat("info", person).stdout.decode()


def test_a_colour_may_be_chosen_when_encoding_and_again_when_decoding(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    encoded(clip, out, "--background", "#204060")
    assert (decoded(out)[:, 4, -4] == (0x20, 0x40, 0x60)).all()
    assert (decoded(out, "--background", "white")[:, 4, -4] == 255).all()
    assert (decoded(out, "--background", "none")[:, 4, -4] == 0).all()


def test_a_picture_is_put_behind_the_person(person, tmp_path):
    image = np.zeros((50, 40, 3), np.uint8)
    image[:, :20] = (200, 10, 10)
    cv2.imwrite(str(tmp_path / "behind.png"), image[..., ::-1])
    frames = decoded(person, "--background", tmp_path / "behind.png")
    assert (frames[:, 3, 3] == (200, 10, 10)).all()
    assert (frames[:, 3, -3] == 0).all()
    plain = decoded(person)
    middle = np.s_[:, 45:85, 60:90]
    assert (frames[middle] == plain[middle]).mean() > 0.95


def test_blur_keeps_the_person_and_softens_the_room(clip, tmp_path):
    sharp, soft = tmp_path / "sharp.tsplat", tmp_path / "soft.tsplat"
    encoded(clip, sharp)
    encoded(clip, soft, "--background", "blur")
    room = np.s_[:, :, 110:]
    for frames in (decoded(sharp, "--background", "blur"), decoded(soft)):
        steps = np.abs(np.diff(frames[room].astype(int), axis=2)).mean()
        assert steps < 0.7 * np.abs(np.diff(decoded(sharp)[room].astype(int), axis=2)).mean()
        assert psnr(frames[0][45:60, 65:85], pictures(1, WIDTH, HEIGHT)[0][45:60, 65:85]) > 17


def test_a_background_of_video_counts_and_decodes(clip, tmp_path):
    out = tmp_path / "film.tsplat"
    result = encoded(clip, out, "--background", "video")
    info = json.loads(tsplat("info", out, "--json").stdout)
    assert 0 < result["background_bytes"] == info["background_bytes"] < info["bytes"]
    frames = decoded(out)
    original = pictures(FRAMES, WIDTH, HEIGHT)
    assert psnr(frames[0][:60, 110:], original[0][:60, 110:]) > 22
    assert result["psnr_db"] > 20
    assert (decoded(out, "--background", "green")[:, 4, -4] == (0, 0xB1, 0x40)).all()


def test_a_damaged_background_leaves_the_person(clip, tmp_path):
    out = tmp_path / "film.tsplat"
    encoded(clip, out, "--background", "video")
    data = out.read_bytes()
    film = [p for p in scan.packets(data) if p.kind == BACKGROUND]
    assert film[0].frame == 0
    bad = bytearray(data)
    payload = bytes([1]) + bytes(len(film[0].payload) - 1)
    packet = container.pack_packet(BACKGROUND, 0, payload)
    bad[film[0].offset : film[0].offset + film[0].size] = packet
    hurt = tmp_path / "hurt.tsplat"
    hurt.write_bytes(bad)
    result = tsplat("decode", hurt, tmp_path / "o.rgb", "--json", "--arch", "cpu")
    assert result.returncode == 0
    assert json.loads(result.stdout)["frames"] == FRAMES
    assert json.loads(result.stdout)["damage"]
    middle = np.s_[:, 60:, 65:85]
    assert psnr(decoded(hurt)[middle], decoded(out)[middle]) > 30


@pytest.mark.parametrize("name", ["o.webm", "o.mov", "o"])
def test_alpha_is_straight_and_where_the_person_is(person, tmp_path, name):
    out = tmp_path / name
    assert tsplat("decode", person, out, "--alpha", "--arch", "cpu").returncode == 0
    if name == "o":
        first = cv2.imread(str(out / "000000.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    else:
        with av.open(str(out)) as container_:
            stream = container_.streams.video[0]
            codec = av.CodecContext.create(
                "libvpx-vp9" if name.endswith("webm") else stream.codec_context.name, "r"
            )
            codec.extradata = stream.codec_context.extradata
            packets = container_.demux(stream)
            first = next(f for p in packets for f in codec.decode(p)).to_ndarray(format="rgba")
    assert first.shape == (HEIGHT, WIDTH, 4)
    assert first[60:, 65:85, 3].min() > 240
    assert first[:10, -20:, 3].max() < 15
    opaque = first[..., 3] == 255
    plain = decoded(person)[0]
    assert psnr(first[opaque][:, :3], plain[opaque]) > 28


def test_masks_of_the_users_own(clip, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:70, 40:120] = 255
    for k in range(FRAMES):
        cv2.imwrite(str(folder / f"{k}.png"), mask if k != 4 else 0 * mask)
    out = tmp_path / "out.tsplat"
    result = tsplat("encode", clip, out, "--roi", folder, "--background", "none", "--json", *FEW)
    assert json.loads(result.stdout)["person_frames"] == FRAMES - 1
    assert "empty masks in frames 4" in result.stderr.decode()
    alpha = decoded(out, alpha=True)[..., 3]
    assert (alpha[0] == 255).sum() == pytest.approx((mask > 0).sum(), rel=0.06)
    assert not alpha[4].any()
    given = json.loads(
        tsplat("eval", clip, out, "--masks", folder, "--json", "--arch", "cpu").stdout
    )
    assert given["psnr_region_db"] > 15


def test_bad_masks_get_one_line(clip, tmp_path):
    out = tmp_path / "out.tsplat"

    def masks(count: int, level: int, shape=(HEIGHT, WIDTH)) -> Path:
        folder = tmp_path / f"{count}-{level}-{shape[0]}"
        folder.mkdir()
        for k in range(count):
            cv2.imwrite(str(folder / f"{k}.png"), np.full(shape, level, np.uint8))
        return folder

    for folder, words in (
        (masks(FRAMES - 2, 255), ("8 masks", "more frames")),
        (masks(FRAMES + 2, 255), ("more masks than the 10 frames",)),
        (masks(FRAMES, 0), ("all masks are empty",)),
        (masks(FRAMES, 255, (40, 50)), ("50x40", "160x90")),
    ):
        fails(tsplat("encode", clip, out, "--roi", folder, *FEW), 1, str(folder), *words)
    fails(tsplat("encode", clip, out, "--roi", tmp_path / "none"), 2, "roi", "masks")
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))


def test_a_person_who_is_not_there_is_missed(clip, rocks, tmp_path):
    out = tmp_path / "out.tsplat"
    fails(tsplat("encode", rocks, out, "--roi", "person", *FEW), 1, "rocks.mp4", "no person")
    assert not out.exists()
    both = tmp_path / "both.mp4"
    blank = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    write_clip(both, pictures(4, WIDTH, HEIGHT) + [blank] * 6)
    result = tsplat("encode", both, out, "--roi", "person", "--background", "none", *FEW)
    assert result.returncode == 0
    assert "no person found in frames" in result.stderr.decode()
    frames = json.loads(tsplat("info", out, "--frames", "--json").stdout)["frame_list"]
    assert frames[-1]["splats"] == 0
    assert frames[-1]["bytes"] < 16


def test_bad_models_and_backgrounds_get_one_line(clip, person, tmp_path):
    out, text = tmp_path / "out.tsplat", tmp_path / "model.onnx"
    text.write_text("hello")
    fails(tsplat("encode", clip, out, "--matting-model", "nobody", *FEW), 1, "nobody", "known")
    fails(tsplat("encode", clip, out, "--matting-model", text, *FEW), 1, "model.onnx")
    fails(tsplat("encode", clip, out, "--background", "beach", *FEW), 2, "beach", "colour")
    fails(tsplat("encode", clip, out, "--background", "blur", "--roi", "off", *FEW), 2, "region")
    fails(tsplat("encode", clip, out, "--background", "video:0", *FEW), 2, "background-kbps")
    fails(tsplat("decode", person, tmp_path / "o", "--background", "beach"), 2, "beach")
    fails(tsplat("decode", person, tmp_path / "o", "--background", text), 1, "not an image")
    fails(tsplat("decode", person, tmp_path / "o", "--background", "blur"), 2, "none in this")
    fails(tsplat("decode", person, tmp_path / "o.mp4", "--alpha"), 1, ".webm")
    whole = tmp_path / "whole.tsplat"
    encoded(clip, whole, "--roi", "off", "--frames", 1)
    fails(tsplat("decode", whole, tmp_path / "o", "--alpha"), 2, "no region of interest")
    fails(tsplat("decode", whole, tmp_path / "o", "--background", "red"), 2, "no region")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "whole.tsplat"]
