"""The command, as a process, on real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import TSPLAT, fails, process, tsplat
from tests.clips import HEIGHT, WIDTH, pictures, psnr, write_clip
from tests.pipes import piped
from tsplat.stream.header import HEADER_BYTES

SMALL = ("--set", "gaussians=80", "--arch", "cpu", "--roi", "off")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", pictures(8))


@pytest.fixture(scope="module")
def stream(clip) -> Path:
    out = clip.with_suffix(".tsplat")
    assert tsplat("encode", clip, out, "--gop", 4, "--low-delay", *SMALL).returncode == 0
    return out


def test_help_and_version_do_not_load_taichi():
    program = (
        "import sys; from tsplat_cli.main import cli\n"
        "for words in (['--help'], ['--version'], ['encode', '--help']):\n"
        "    cli.main(words, standalone_mode=False)\n"
        "assert not {'taichi', 'skimage', 'cv2', 'av', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_encode_reports_the_file_and_eval_agrees(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    result = json.loads(tsplat("encode", clip, out, "--json", *SMALL).stdout)
    assert result["bytes"] == out.stat().st_size
    kinds = [result[f"{kind}_frames"] for kind in "ipb"]
    assert result["frames"] == sum(kinds) == 8
    assert kinds == [1, 2, 5]
    assert result["bpp"] == pytest.approx(out.stat().st_size * 8 / (WIDTH * HEIGHT * 8))
    assert result["kbit_s"] == pytest.approx(out.stat().st_size * 8 / (8 / 30) / 1000)
    assert result["encode_frames_per_s"] > 0
    assert result["psnr_db"] > 20
    assert {"intra", "inter", "read", "total"} <= set(result["seconds"])
    compared = json.loads(tsplat("eval", clip, out, "--json", "--arch", "cpu").stdout)
    assert compared["psnr_db"] == pytest.approx(result["psnr_db"], abs=1e-9)
    assert compared["frames"] == 8


def test_info_counts_every_byte(stream):
    info = json.loads(tsplat("info", stream, "--frames", "--json").stdout)
    assert (info["width"], info["height"], info["rate"]) == (WIDTH, HEIGHT, "30")
    assert [f["type"] for f in info["frame_list"]] == list("IPPPIPPP")
    index = info["bytes"] - 56 - info["i_bytes"] - info["p_bytes"]
    assert 0 < index < 40
    assert "IPPP" not in tsplat("info", stream).stdout.decode()


def test_interpolated_frames_are_counted_shown_and_rendered_at_any_rate(clip, tmp_path):
    out, raw = tmp_path / "out.tsplat", tmp_path / "out.rgb"
    assert tsplat("encode", clip, out, *SMALL).returncode == 0
    info = json.loads(tsplat("info", out, "--frames", "--json").stdout)
    assert (info["frames"], info["b_frames"], info["longest_span"]) == (8, 5, 4)
    assert [f["span"] for f in info["frame_list"]] == [1, 4, 3]
    assert tsplat("decode", out, raw, "--arch", "cpu").returncode == 0
    frames = np.fromfile(raw, np.uint8).reshape(8, HEIGHT, WIDTH, 3)
    originals = pictures(8)
    assert all(psnr(a, b) > 18 for a, b in zip(frames, originals))
    for rate, count in (("60", 16), ("15", 4), ("30000/1001", 8)):
        words = ("--rate", rate, "--overwrite", "--json", "--arch", "cpu")
        answer = json.loads(tsplat("decode", out, raw, *words).stdout)
        assert (answer["frames"], answer["rate"]) == (count, rate)
        again = np.fromfile(raw, np.uint8).reshape(count, HEIGHT, WIDTH, 3)
        if rate == "60":
            assert np.array_equal(again[::2], frames)
            between = (frames[3].astype(int) + frames[4]) / 2
            assert np.abs(again[7] - between).mean() < 2
    assert tsplat("decode", out, raw, "--rate", "fast").returncode == 2


def test_qualities_and_psnr_are_kept_to(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    sizes = {}
    shared = ("--json", "--overwrite", "--arch", "cpu", "--roi", "off")
    for words in (("--crf", 18), ("--crf", 36), ("--psnr", 23)):
        result = json.loads(tsplat("encode", clip, out, *shared, *words).stdout)
        sizes[words] = (result["bytes"], result["psnr_db"])
    assert sizes["--crf", 18][0] > 2 * sizes["--crf", 36][0]
    assert sizes["--crf", 18][1] > sizes["--crf", 36][1] + 2
    assert 22.5 < sizes["--psnr", 23][1] < 26
    fails(tsplat("encode", clip, out, "--crf", 70, "--overwrite"), 2, "crf", "0..63")
    fails(tsplat("encode", clip, out, "--crf", 20, "--psnr", 30, "--overwrite"), 2, "exclude")
    assert tsplat("encode", clip, out, "--bitrate", "fast").returncode == 2


@pytest.mark.parametrize(("words", "rate"), [("10k", 10), ("0.02M", 20)])
def test_a_bit_rate_is_kept_to(tmp_path, words, rate):
    clip, out = write_clip(tmp_path / "long.mp4", pictures(75)), tmp_path / "out.tsplat"
    settings = ("--preset", "realtime", "--arch", "cpu", "--roi", "off", "--json")
    result = json.loads(tsplat("encode", clip, out, "--bitrate", words, *settings).stdout)
    assert result["kbit_s"] == pytest.approx(rate, rel=0.1)
    assert result["kbit_s"] == pytest.approx(out.stat().st_size * 8 / 2.5 / 1000)
    assert result["warnings"] == []


def test_decode_writes_every_kind_of_output(stream, tmp_path):
    for name in ("out.mp4", "out.mkv", "out.y4m", "out.rgb", "out"):
        assert tsplat("decode", stream, tmp_path / name, "--arch", "cpu").returncode == 0
    raw = np.fromfile(tmp_path / "out.rgb", np.uint8).reshape(8, HEIGHT, WIDTH, 3)
    assert psnr(raw[0], pictures(1)[0]) > 18
    assert len(list((tmp_path / "out").iterdir())) == 8
    piped = tsplat("decode", stream, "-", "--arch", "cpu").stdout
    assert piped == (tmp_path / "out.y4m").read_bytes()


def test_decode_a_range_and_another_size(stream, tmp_path):
    whole, part, large = (tmp_path / n for n in ("whole.rgb", "part.rgb", "large.rgb"))
    tsplat("decode", stream, whole, "--arch", "cpu")
    tsplat("decode", stream, part, "--start", 5, "--frames", 2, "--arch", "cpu")
    size = WIDTH * HEIGHT * 3
    assert part.read_bytes() == whole.read_bytes()[5 * size : 7 * size]
    result = tsplat("decode", stream, large, "--size", "200x100", "--json", "--arch", "cpu")
    assert (json.loads(result.stdout)["width"], large.stat().st_size) == (200, 8 * 200 * 100 * 3)


def test_y4m_through_pipes(stream, tmp_path):
    with piped(tsplat("decode", stream, "-", "--arch", "cpu").stdout) as pipe:
        result = tsplat("encode", pipe, tmp_path / "again.tsplat", "--json", *SMALL)
    assert json.loads(result.stdout)["frames"] == 8


def test_presets_and_options_are_heard(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    words = ("--preset", "slow", "--gop", 2, "--frames", 3, "--height", 27, "--psnr", 15)
    result = json.loads(tsplat("encode", clip, out, "--json", *words, *SMALL).stdout)
    assert (result["frames"], result["i_frames"], result["height"]) == (3, 2, 27)
    assert result["gaussians"] == 80


def test_a_command_says_nothing_that_was_not_asked(clip, tmp_path):
    """A backend that is not there is no news; and who is quiet gets no summary."""
    out = tmp_path / "out.tsplat"
    words = ("--set", "gaussians=20", "--frames", 1, "--quiet")
    quiet = process("encode", clip, out, *words)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, b"", b"")
    answer = tsplat("encode", clip, out, *words, "--json", "--overwrite", "--arch", "cpu")
    assert (json.loads(answer.stdout)["frames"], answer.stderr) == (1, b"")
    loud = process("decode", out, tmp_path / "out.rgb")
    assert loud.stderr == b""
    assert b"1 frames" in loud.stdout


def test_bad_input_gets_one_line(clip, tmp_path):
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("hello")
    out = tmp_path / "out.tsplat"
    fails(tsplat("encode", empty, out), 1, "empty.mp4", "empty")
    fails(tsplat("encode", text, out), 1, "text.mp4", "not a video")
    fails(tsplat("encode", tmp_path / "no.mp4", out), 1, "no such file")
    fails(tsplat("encode", clip, clip, "--overwrite"), 1, "same file")
    taken = tmp_path / "taken.tsplat"
    taken.touch()
    fails(tsplat("encode", clip, taken), 1, "exists already")
    fails(tsplat("encode", clip, text, "--overwrite"), 2, "is a .tsplat file", "decode writes")
    fails(tsplat("decode", text, tmp_path / "o.mp4"), 1, "not a .tsplat file")
    fails(tsplat("decode", tmp_path / "no.tsplat", tmp_path / "o.mp4"), 1, "cannot be read")
    fails(tsplat("info", text), 1, "not a .tsplat file")
    fails(tsplat("encode", clip, out, "--arch", "metal"), 1, "metal", "available: cpu")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.mp4", "taken.tsplat", "text.mp4"]


def test_wrong_usage_exits_with_2(clip, stream, tmp_path):
    out = tmp_path / "out.tsplat"
    fails(tsplat("encode", clip, out, "--gop", 0, "--arch", "cpu"), 2, "gop", "1..65535")
    fails(tsplat("encode", clip, out, "--set", "gaussians=70000", "--arch", "cpu"), 2, "gaussians")
    fails(tsplat("encode", clip, out, "--psnr", "nan", "--arch", "cpu"), 2, "psnr")
    fails(
        tsplat("decode", stream, tmp_path / "o.rgb", "--start", 9, "--arch", "cpu"), 2, "8 frames"
    )
    assert tsplat("encode", clip).returncode == 2
    assert tsplat("decode", stream, out, "--size", "big").returncode == 2
    assert tsplat("nonsense").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_stream_cut_off_anywhere_decodes_up_to_there(stream, tmp_path):
    data = stream.read_bytes()
    frames = json.loads(tsplat("info", stream, "--frames", "--json").stdout)["frame_list"]
    cut, out = tmp_path / "cut.tsplat", tmp_path / "out.rgb"
    at = frames[5]["offset"] + frames[5]["bytes"] - 1
    cut.write_bytes(data[:at])
    result = tsplat("decode", cut, out, "--json", "--arch", "cpu")
    assert result.returncode == 0
    answer = json.loads(result.stdout)
    assert (answer["frames"], answer["truncated"]) == (5, True)
    assert b"cut off" in result.stderr
    assert out.stat().st_size == 5 * WIDTH * HEIGHT * 3


def test_a_flipped_byte_names_the_packet_and_decoding_goes_on(stream, tmp_path):
    data = bytearray(stream.read_bytes())
    frames = json.loads(tsplat("info", stream, "--frames", "--json").stdout)["frame_list"]
    data[frames[2]["offset"] + 6] ^= 1
    bad = tmp_path / "bad.tsplat"
    bad.write_bytes(data)
    result = tsplat("decode", bad, tmp_path / "out.rgb", "--json", "--arch", "cpu")
    assert result.returncode == 0
    answer = json.loads(result.stdout)
    assert answer["frames"] == 2 + 4
    assert "frame 2" in answer["damage"][0]
    assert str(frames[2]["offset"]) in answer["damage"][0]


def test_nothing_decodable_is_an_error(stream, tmp_path):
    bad = tmp_path / "bad.tsplat"
    bad.write_bytes(stream.read_bytes()[:60])
    fails(tsplat("decode", bad, tmp_path / "o.rgb", "--arch", "cpu"), 1, "no frame", "cut off")
    assert not (tmp_path / "o.rgb").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_command_leaves_nothing(tmp_path, number):
    clip = write_clip(tmp_path / "long.mp4", pictures(40))
    out = tmp_path / "out.tsplat"
    process = subprocess.Popen(
        [TSPLAT, "encode", str(clip), str(out), *SMALL, "--preset", "slow"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    wait_for(lambda: any(tmp_path.glob(".tsplat-*")))
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert message.decode().strip().splitlines()[-1] == "tsplat: interrupted"
    assert b"Traceback" not in message
    assert [p.name for p in tmp_path.iterdir()] == ["long.mp4"]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
@pytest.mark.parametrize("when", ["loading", "encoding"])
def test_ctrl_c_ends_all_processes_in_a_line(tmp_path, when):
    """A terminal sends it to each of them, whatever they are at."""
    clip = write_clip(tmp_path / "long.mp4", pictures(40))
    words = ("--preset", "realtime", "--jobs", "2", "--gop", "2", "--quiet")
    process = subprocess.Popen(
        [TSPLAT, "encode", str(clip), str(tmp_path / "out.tsplat"), *SMALL, *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )

    def loading() -> bool:
        return any("numpy" in (folder / "maps").read_text() for folder in children(process.pid))

    def encoding() -> bool:
        return any(part.stat().st_size > HEADER_BYTES for part in tmp_path.glob(".tsplat-*"))

    wait_for({"loading": loading, "encoding": encoding}[when])
    started = children(process.pid)
    assert len(started) >= 2
    os.killpg(process.pid, signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert (process.returncode, message.decode().strip()) == (130, "tsplat: interrupted")
    assert [p.name for p in tmp_path.iterdir()] == ["long.mp4"]
    wait_for(lambda: not any(folder.exists() for folder in started))


def children(number: int) -> list[Path]:
    """Folders in /proc of the processes that a process has started."""
    found = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    return [Path("/proc", child) for child in found]


def wait_for(condition) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited for a minute")


def test_a_closed_pipe_ends_quietly(stream):
    read, write = os.pipe()
    process = subprocess.Popen(
        [TSPLAT, "decode", str(stream), "-", "--arch", "cpu", "--size", "8x"],
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    os.read(read, 100)
    os.close(read)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert message == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(stream):
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [TSPLAT, "decode", str(stream), "-", "--arch", "cpu", "--size", "8x"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr.decode().strip() == "tsplat: No space left on device"


def test_doctor_names_backends_and_cache():
    answer = json.loads(tsplat("doctor", "--json").stdout)
    assert "cpu" in answer["backends"]
    assert answer["packages"]["taichi"]
    assert b"cache" in tsplat("doctor").stdout


def test_the_selftest_compares_and_times_every_backend(monkeypatch):
    # Set when this process loaded Taichi: without it Taichi announces itself on stdout.
    monkeypatch.delenv("ENABLE_TAICHI_HEADER_PRINT", raising=False)
    result = tsplat("doctor", "--selftest", "--json")
    assert result.returncode == 0, result.stderr
    cpu, *gpus = json.loads(result.stdout)["backends"]
    assert cpu["arch"] == "cpu"
    assert cpu["render_ms"] > 0
    for gpu in gpus:
        assert gpu["problem"] is None
        assert set(gpu["differences"]) == {"picture", "gradient", "fit"}


def test_a_failed_selftest_shows_its_table_and_exits_with_1(monkeypatch, capsys):
    from tsplat_cli import doctor_command
    from tsplat_cli.console import guarded

    from tsplat.kernels import selftest

    found = selftest.selftest([])
    bad = {"arch": "metal", "render_ms": 1.0, "iteration_ms": None, "problem": "differs"}
    bad["differences"] = {"picture": 2.0, "gradient": 0.5, "fit": 0.0}
    monkeypatch.setattr(selftest, "selftest", lambda: found | {"passed": False, "backends": [bad]})
    monkeypatch.setattr(sys, "argv", ["tsplat", "--selftest"])
    assert guarded(doctor_command.command) == 1
    out, err = capsys.readouterr()
    assert "metal" in out
    assert "differs" in out
    assert "metal" in err


def test_the_papers_codec_can_be_asked_for(clip, tmp_path):
    out = tmp_path / "sets.tsplat"
    words = ("--preset", "paper", "--set", "entropy=bits-back", "--set", "init=lsc")
    result = tsplat("encode", clip, out, *words, *SMALL)
    assert result.returncode == 0, result.stderr
    assert out.read_bytes()[36] == 1
    assert tsplat("decode", out, tmp_path / "sets.rgb").returncode == 0
    assert tsplat("info", out).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "gausians=3"), "no setting gausians; did you mean gaussians"),
        (("--set", "gaussians"), "expected KEY=VALUE"),
        (("--set", "gaussians=many"), "expected a whole number"),
        (("--set", "motion=up"), "expected one of flow, grid, none"),
        (("--set", "init=lsc"), "init goes with --preset paper alone"),
        (("--gaussians", "100"), "--gaussians is gone: use --set gaussians=N"),
        (("--select", "paper"), "--select is gone: use --preset paper"),
        (("--background-kbps", 40), "use --background video:K"),
        (("--background", "video:fast"), "such as video:40k"),
        (("--presett", "fast"), "No such option"),
    ],
)
def test_settings_that_are_not_there_are_named(clip, tmp_path, words, message):
    fails(tsplat("encode", clip, tmp_path / "out.tsplat", *words), 2, message)


def test_settings_are_listed(capsys):
    listed = tsplat("encode", "--set", "help").stdout.decode()
    for key in ("gaussians=int", "motion=flow|grid|none", "threshold=float"):
        assert key in listed


def test_help_has_groups():
    text = tsplat("encode", "--help").stdout.decode()
    heads = ("Quality:", "Pictures:", "Person:", "Stream:", "Machine:", "Output:")
    assert [text.index(head) for head in heads] == sorted(text.index(head) for head in heads)
    assert "--gaussians" not in text
