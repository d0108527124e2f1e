"""The comparison with other codecs, on a tiny clip with the real encoders."""

from __future__ import annotations

import hashlib
import html.parser
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_cli import fails, tsplat
from tests.clips import pictures, psnr, write_clip
from tsplat.bench.measure import busiest, quality
from tsplat.bench.rd import CODINGS, compare
from tsplat.bench.sources import SOURCES, sha256_of
from tsplat.errors import MediaError, TsplatError

WORDS = ("--height", 54, "--frames", 6, "--crf", "10,20", "--preset", "fast")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", pictures(6))


def test_quality_is_of_all_frames_and_shimmer_of_what_is_still():
    frames = pictures(4)
    still = [frames[0]] * 4
    noise = np.random.default_rng(0).choice([-3, 3], (4, *frames[0].shape))
    noisy = [np.clip(f.astype(int) + n, 0, 255).astype(np.uint8) for f, n in zip(still, noise)]
    found = quality(iter(noisy), still)
    errors = [10 ** (-psnr(a, b) / 10) for a, b in zip(noisy, still)]
    assert found.psnr_db == pytest.approx(-10 * np.log10(np.mean(errors)))
    assert found.worst_db == pytest.approx(-10 * np.log10(max(errors)))
    assert found.shimmer == pytest.approx(18, rel=0.05)
    assert quality(iter(still), still).shimmer == 0
    assert found.shown is noisy[2]
    moving = [np.roll(f, 31 * k, 1) + np.uint8(40 * k) for k, f in enumerate(still)]
    assert quality(iter(moving), moving).shimmer is None


def test_planes_are_those_of_full_range_bt601():
    """Against Pillow's conversion, which rounds, on noise that is larger than that."""
    frame = pictures(1)[0]
    noise = np.random.default_rng(0).integers(-40, 41, frame.shape)
    picture = np.clip(frame.astype(int) + noise, 0, 255).astype(np.uint8)
    planes = [np.asarray(Image.fromarray(p).convert("YCbCr")) for p in (picture, frame)]
    y, cb, cr = (psnr(planes[0][..., k], planes[1][..., k]) for k in range(3))
    found = quality(iter([picture]), [frame])
    assert found.psnr_y_db == pytest.approx(y, abs=0.02)
    assert found.psnr_yuv_db == pytest.approx((6 * y + cb + cr) / 8, abs=0.02)


def test_inside_a_region_nothing_else_counts():
    frames = pictures(3)
    inside = [np.zeros(f.shape[:2], bool) for f in frames]
    for mask in inside:
        mask[10:40, 20:60] = True
    wrong = [np.where(mask[..., None], f, 0) for f, mask in zip(frames, inside)]
    found = quality(iter(wrong), frames, inside)
    assert found.psnr_db == found.psnr_y_db == found.psnr_yuv_db == found.worst_db == 100
    assert found.shimmer == pytest.approx(quality(iter(frames), frames, inside).shimmer)
    assert found.shimmer > 0
    with pytest.raises(MediaError, match="no pixel"):
        quality(iter(frames), frames, [np.zeros(f.shape[:2], bool) for f in frames])


@pytest.mark.parametrize("count", [2, 4])
def test_pictures_missing_or_too_many_are_an_error(count):
    with pytest.raises(MediaError, match="not 3"):
        quality(iter(pictures(4)[:count]), pictures(3))


def test_the_busiest_square_is_where_the_clip_changes():
    frames = [np.zeros((60, 90, 3), np.uint8) for _ in range(3)]
    frames[1][30:40, 50:60] = 200
    y, x = busiest(frames, 20)
    assert 20 <= y <= 30
    assert 40 <= x <= 50
    assert busiest(frames[:1], 100) == (0, 0)


def test_the_command_compares(clip):
    result = tsplat("bench", "rd", clip, clip, "--peers", "x264", *WORDS, "--json")
    answer = json.loads(result.stdout)
    first = answer["clips"][0]
    assert (first["frames"], first["width"], first["height"]) == (6, 96, 54)
    ours = [p for p in first["points"] if p["codec"] == "tsplat"]
    assert [p["crf"] for p in ours] == [20, 10]
    assert ours[0]["bytes"] < ours[1]["bytes"]
    assert ours[0]["psnr_db"] < ours[1]["psnr_db"]
    assert all(0 < p["ms_ssim"] <= 1 for p in first["points"])
    assert np.isfinite([p["psnr_db"] for p in first["points"]]).all()
    assert {p["shrink"] for p in first["points"] if p["codec"] == "x264"} == {1, 2}
    assert len(result.stderr.decode().splitlines()) == 2 * (1 + len(first["points"]))
    assert first["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    for p in first["points"]:
        assert p["worst_below_db"] == pytest.approx(p["psnr_db"] - p["worst_db"], abs=1e-3)
        assert p["worst_db"] <= p["psnr_db"] + 1e-3
    shared = first["bd_rate"]["x264"]["best_size"]["shared"]
    assert shared["from_db"] < shared["to_db"]
    mean = answer["mean_bd_rate"]["x264"]["best_size"]["shared"]
    # x264 itself may code so small a clip differently the second time.
    changes = [c["bd_rate"]["x264"]["best_size"]["shared"]["change"] for c in answer["clips"]]
    assert mean == {"change": pytest.approx(np.mean(changes)), "clips": 2}


def test_the_command_prints_tables(clip):
    result = tsplat("bench", "rd", clip, clip, "--peers", "x264", *WORDS, "--quiet")
    shown = result.stdout.decode()
    for words in (
        "PSNR, 26 to 32 dB",
        "PSNR of Y",
        f"sha256 {sha256_of(clip)}: none of the clips",
        "x264, best size",
        "shimmer at equal PSNR",
        "mean over 2 clips",
    ):
        assert words in shown
    assert "GaussianImage" not in shown
    assert result.stderr == b""


@pytest.mark.slow
def test_a_page_is_whole_and_names_no_folder(clip, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "page"
    result = tsplat(
        "bench", "rd", clip, "--peers", "x264,gaussianimage", *WORDS, "--out", out, "--json"
    )
    answer = json.loads(result.stdout)
    assert json.loads((out / "rd.json").read_text()) == answer
    page = (out / "index.html").read_text()
    assert str(tmp_path) not in page + json.dumps(answer)
    assert str(clip.parent) not in page + json.dumps(answer)
    links: list[str] = []

    class Links(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            links.extend(v for k, v in attributes if k in ("src", "srcset", "href"))

    Links().feed(page)
    assert len(links) >= 5
    assert {f.name for f in out.iterdir()} == {*links, "index.html", "rd.json"}
    rows = answer["clips"][0]["gaussianimage"]
    assert [row["crf"] for row in rows] == [20, 10]
    assert f"{rows[0]['tsplat_bytes']:,}" in page


def test_without_matplotlib_it_says_so_before_anything_is_encoded(monkeypatch):
    from tsplat.bench.page import require_matplotlib

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TsplatError, match=r"tsplat\[bench\]"):
        require_matplotlib()


def test_inside_the_person_everybody_is_measured_in_the_same_part(clip, monkeypatch):
    """With mattes of its own, as a tiny portrait is no person to the model."""
    seen = []

    def measure(decoded, frames, inside=None):
        seen.append(inside)
        return quality(decoded, frames, inside)

    def left(frame):
        return (np.arange(frame.shape[1]) < 48).astype(np.float32)[None].repeat(len(frame), 0)

    monkeypatch.setattr("tsplat.bench.rd.quality", measure)
    monkeypatch.setattr("tsplat.bench.peers.quality", measure)
    monkeypatch.setattr("tsplat.roi.matting.Matting", lambda name: left)
    found = compare(
        clip, names=("x264",), height=54, frames=3, crfs=(20, 10), preset="fast", roi="person"
    )
    assert len(seen) == len(found.points)
    assert {point.codec for point in found.points} == {"tsplat", "x264"}
    for inside in seen:
        assert len(inside) == 3
        for part in inside:
            assert part[:, :40].all()
            assert not part[:, 56:].any()


@pytest.mark.parametrize("coding", ["low-delay", "intra"])
def test_other_codings_have_peers_of_their_own(clip, coding):
    found = compare(clip, coding=coding, height=54, frames=4, crfs=(20,), preset="fast")
    assert found.names == CODINGS[coding]
    assert found.frames == (1 if coding == "intra" else 4)
    ours, *theirs = found.points
    assert ours.codec == "tsplat"
    assert {p.codec for p in theirs} <= set(found.names)


def test_a_dataset_is_compared_clip_by_clip_and_says_what_was_used(tmp_path):
    for name in ("Johnny", "FourPeople"):
        planes = np.full((2, 1280 * 720 * 3 // 2), 128, np.uint8)
        planes[:, :640] = np.random.default_rng(0).integers(0, 256, (2, 640))
        planes.tofile(tmp_path / f"{name}_1280x720_60.yuv")
    words = ("--height", 54, "--frames", 2, "--crf", "30", "--preset", "realtime", "--json")
    result = tsplat("bench", "rd", "--dataset", tmp_path, "--peers", "x264", *words)
    answer = json.loads(result.stdout)
    assert answer["dataset"] == "Class E, 2 of 3 clips, as .yuv"
    assert [c["clip"] for c in answer["clips"]] == [
        "FourPeople_1280x720_60.yuv",
        "Johnny_1280x720_60.yuv",
    ]
    assert answer["clips"][0]["rate"] == "60"
    assert answer["dataset"] in result.stderr.decode()


def test_low_delay_codes_every_frame(clip):
    sizes = [
        compare(clip, coding=coding, names=(), height=54, frames=6, crfs=(10,), preset="fast")
        .points[0]
        .bytes
        for coding in ("default", "low-delay")
    ]
    assert sizes[0] != sizes[1]


def test_a_known_clip_says_whether_it_was_tuned_on(clip, monkeypatch):
    known = replace(SOURCES[0], sha256=sha256_of(clip))
    monkeypatch.setattr("tsplat.bench.sources.SOURCES", (known,))
    lines: list[str] = []
    found = compare(clip, names=(), height=54, frames=2, crfs=(30,), tell=lines.append)
    assert found.result()["source"]["tuned"] is True
    assert lines[0] == f"sha256 {known.sha256}: lp_d3 of KwaiVGI/LivePortrait, tuned on"


def test_sources_are_told_apart():
    assert len({s.sha256 for s in SOURCES}) == len({s.name for s in SOURCES}) == len(SOURCES)
    assert {s.name for s in SOURCES if s.tuned} == {
        "lp_d3", "intel_book", "pyfeat_single_face", "ls_demo2", "nvmax_webcam", "sadtalker_wda1",
        "vol_doctor",
    }  # fmt: skip
    assert all(re.fullmatch("[0-9a-f]{64}", s.sha256) for s in SOURCES)


def test_what_cannot_be_compared_is_one_line(tmp_path):
    for words in (("--peers", "vhs"), ("--crf", "a"), ("--crf", "99")):
        assert tsplat("bench", "rd", tmp_path / "a.mp4", *words).returncode == 2
    fails(tsplat("bench", "rd", tmp_path / "a.mp4"), 1, "no such file")
    fails(tsplat("bench", "rd", "-"), 2, "standard input")
    fails(tsplat("bench", "rd"), 2, "--dataset")
    fails(tsplat("bench", "rd", "--intra", "--low-delay"), 2, "one frame")
    fails(tsplat("bench", "rd", "--dataset", tmp_path), 2, "no clip")
