"""Image files: upright, of any kind, in order; masks of any kind."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.clips import pictures, write_clip
from tests.coding import encode
from tsplat.errors import MediaError
from tsplat.media.images import read_image
from tsplat.media.source import masks, open_source

PICTURE = pictures(1, 24, 16)[0]
ORIENTATION = 0x0112
UNDO = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: np.swapaxes(p, 0, 1),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: np.swapaxes(p[::-1, ::-1], 0, 1),
    8: lambda p: np.rot90(p, -1),
}
"""How a camera stored what is upright, by what its EXIF then says."""


def save(path: Path, picture: np.ndarray, **settings) -> Path:
    Image.fromarray(np.ascontiguousarray(picture)).save(path, **settings)
    return path


@pytest.mark.parametrize("number", UNDO)
def test_exif_turns_and_mirrors(tmp_path, number):
    exif = Image.Exif()
    exif[ORIENTATION] = number
    path = save(tmp_path / "a.png", UNDO[number](PICTURE), exif=exif)
    assert np.array_equal(read_image(path), PICTURE)
    with open_source(tmp_path) as source:
        assert np.array_equal(next(iter(source))[1], PICTURE)


def test_hidden_files_are_none_and_digits_are_those_of_numbers(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name in ("._1.png", ".hidden.png"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7 AppleDouble")
    for k, name in enumerate(("1.png", "1²3.png", "9.png", "10.png", "١٢.png")):
        save(tmp_path / name, np.full((4, 4, 3), 40 * k, np.uint8))
    with open_source(tmp_path) as source:
        levels = [int(p[0, 0, 0]) for _, p in source]
    assert sorted(levels) == [0, 40, 80, 120, 160]
    assert levels.index(80) < levels.index(120)


def test_kinds_of_images(tmp_path):
    grey = PICTURE[..., 1]
    alpha = np.dstack([PICTURE, grey // 128 * 255])
    palette = Image.fromarray(PICTURE).quantize(256)
    palette.save(tmp_path / "palette.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(PICTURE).convert("CMYK").save(tmp_path / "cmyk.tif")
    assert np.abs(read_image(tmp_path / "palette.png").astype(int) - PICTURE).mean() < 8
    assert np.array_equal(read_image(tmp_path / "deep.png"), np.dstack([grey] * 3))
    assert np.abs(read_image(tmp_path / "cmyk.tif").astype(int) - PICTURE).max() <= 2
    shown = read_image(save(tmp_path / "alpha.png", alpha))
    assert np.array_equal(shown, PICTURE * (alpha[..., 3:] > 0))


def test_tiled_tiffs_are_read_as_they_are(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    large = pictures(1, 96, 64)[0]
    tifffile.imwrite(tmp_path / "tiled.tif", large, tile=(16, 16), photometric="rgb")
    assert np.array_equal(read_image(tmp_path / "tiled.tif"), large)


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(MediaError, match=r"text\.png: not an image"):
        read_image(tmp_path / "text.png")
    whole = save(tmp_path / "cut.png", pictures(1, 200, 200)[0]).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=r"cut\.png: not an image"):
        read_image(tmp_path / "cut.png")
    huge = Image.new("1", (30_000, 30_000))
    huge.save(tmp_path / "huge.png")
    with pytest.raises(MediaError, match=r"huge\.png: not an image"):
        read_image(tmp_path / "huge.png")


def test_a_folder_of_videos_says_how_to_encode_them(tmp_path):
    for name in ("a.mp4", "b.MOV", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(MediaError, match=r"no images in this folder; its 2 videos .*for f in"):
        open_source(tmp_path)


def disc(full: int, kind: type = np.uint8) -> np.ndarray:
    y, x = np.mgrid[:54, :96]
    return ((np.hypot(y - 27, x - 40) < 18) * full).astype(kind)


def saved_mask(kind: str, path: Path) -> None:
    image = {
        "grey": lambda: Image.fromarray(disc(255)),
        "zeros and ones": lambda: Image.fromarray(disc(1)),
        "deep": lambda: Image.fromarray(disc(65535, np.uint16)),
        "labels of 16 bits": lambda: Image.fromarray(disc(1, np.uint16)),
        "one bit": lambda: Image.fromarray(disc(255)).convert("1"),
        "cut-out": lambda: Image.fromarray(
            np.dstack([np.full((54, 96, 3), 9, np.uint8), disc(255)])
        ),
        "colour": lambda: Image.fromarray(np.dstack([disc(255)] * 3)),
        "red": lambda: Image.fromarray(np.dstack([disc(255), disc(0), disc(0)])),
        "opaque": lambda: Image.fromarray(np.dstack([disc(255)] * 3 + [disc(0) + 255])),
    }.get(kind)
    if image:
        image().save(path)
        return
    palette = Image.fromarray(disc(1)).convert("P")
    palette.putpalette([0, 0, 0, 128, 0, 0])
    palette.save(path)


@pytest.mark.parametrize(
    "kind",
    [
        "grey",
        "zeros and ones",
        "deep",
        "labels of 16 bits",
        "one bit",
        "cut-out",
        "colour",
        "red",
        "opaque",
        "palette",
    ],
)
def test_masks_of_every_kind(tmp_path, kind):
    path = tmp_path / "mask.png"
    saved_mask(kind, path)
    assert np.array_equal(next(masks(path)), disc(255))


def test_a_folder_decides_what_its_masks_are(tmp_path):
    """Noise of 1 beside 255 is dark; what is opaque beside cut-outs is inside."""
    (tmp_path / "noise").mkdir()
    (tmp_path / "cut").mkdir()
    for k, full in enumerate((1, 255)):
        save(tmp_path / "noise" / f"{k}.png", disc(full))
        save(
            tmp_path / "cut" / f"{k}.png", np.dstack([disc(9)] * 3 + [disc(255) | (255 * (k < 1))])
        )
    dark, light = masks(tmp_path / "noise")
    assert (dark.max(), light.max()) == (1, 255)
    whole, part = masks(tmp_path / "cut")
    assert whole.min() == 255
    assert np.array_equal(part, disc(255))


@pytest.mark.parametrize("layout", ["bgra", "yuv420p"])
def test_masks_of_a_video_are_its_alpha_or_its_light(tmp_path, layout):
    grey = np.full((54, 96, 3), 90, np.uint8) if layout == "bgra" else np.dstack([disc(255)] * 3)
    picture = av.VideoFrame.from_ndarray(np.dstack([grey, disc(255)]), format="rgba")
    with av.open(str(tmp_path / "masks.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 54, layout
        container.mux(stream.encode(picture.reformat(format=layout)))
        container.mux(stream.encode(None))
    (mask,) = masks(tmp_path / "masks.mkv")
    assert np.array_equal(mask > 127, disc(255) > 0)
    with open_source(tmp_path / "masks.mkv") as source:
        assert next(iter(source))[1].shape == (54, 96, 3)


def test_masks_that_are_too_dark_say_so(tmp_path):
    clip = write_clip(tmp_path / "talk.mkv", pictures(2))
    folder = tmp_path / "masks"
    folder.mkdir()
    for k in range(2):
        Image.fromarray(disc(38)).save(folder / f"{k}.png")
    with pytest.raises(MediaError, match=r"all masks are empty.*their lightest pixel is 38"):
        encode(clip, tmp_path / "out.tsplat", roi=folder, gaussians=20)
    assert not (tmp_path / "out.tsplat").exists()
