"""Any value of any option gets an answer in a line, and nothing is lost."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import click
import pytest
from tsplat_cli.console import guarded, progress

from tests.cli.commands import TSPLAT, process, signals_kept, tsplat
from tests.clips import pictures, write_clip

QUICK = ("--preset", "realtime", "--set", "gaussians=20", "--arch", "cpu", "--roi", "off")
NASTY = [
    *("nan", "inf", "-inf", "-1", "0", "1e308", "99999999999999999999", "1/0", "0/1"),
    *("", " ", "x", "\udcff", "a\nb", "\x1b[31m", "0x0", "1x-1", "100000x100000", "nanxnan"),
    *("-", "--", ".", "..", "n" * 300, "/dev/null", "nanx", "1e9x", "none", ",", "=", "a=b"),
]
ENCODE = (
    *("--crf", "--bitrate", "--psnr", "--gop", "--height", "--frames", "--roi", "--preset"),
    *("--matting-model", "--background", "--threads", "--jobs", "--arch", "--set"),
)
DECODE = ("--start", "--frames", "--size", "--rate", "--background", "--threads", "--arch")
OTHERS = (
    ("info",),
    ("eval", "clip.mkv"),
    ("eval", "clip.mkv", "clip.tsplat", "--masks"),
    ("models", "fetch"),
    ("models", "path"),
    ("bench", "rd", "none.mkv", "--crf"),
    ("bench", "rd", "none.mkv", "--height"),
    ("bench", "rd", "none.mkv", "--peers"),
    ("bench", "speed", "none.mkv", "--presets"),
    ("bench", "speed", "none.mkv", "--frames"),
    ("reproduce", "none.mkv", "--out"),
)
FILES = ["clip.mkv", "clip.tsplat"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("options")
    clip = write_clip(folder / "clip.mkv", pictures(2, 32, 24))
    assert tsplat("encode", clip, folder / "clip.tsplat", *QUICK).returncode == 0
    return folder


@pytest.fixture
def here(folder, tmp_path, monkeypatch) -> Path:
    """A working folder with a clip and its stream."""
    for name in FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answered(done: subprocess.CompletedProcess[bytes]) -> None:
    """It worked, or one line of printable characters says why not."""
    if done.returncode == 0:
        return
    message = done.stderr.decode()
    assert done.returncode in (1, 2), message
    assert done.stdout == b""
    assert message.startswith("tsplat: ")
    assert message.count("\n") == 1
    assert all(c.isprintable() for c in message[:-1])


@pytest.mark.parametrize("option", ENCODE)
def test_encode(here, option):
    for value in NASTY:
        answered(tsplat("encode", "none.mkv", "o.tsplat", *QUICK, option, value))
        assert sorted(os.listdir(here)) == FILES


@pytest.mark.parametrize("option", DECODE)
def test_decode(here, option):
    for value in NASTY:
        done = tsplat("decode", "clip.tsplat", "o.rgb", option, value)
        answered(done)
        assert (here / "o.rgb").exists() == (done.returncode == 0)
        (here / "o.rgb").unlink(missing_ok=True)


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_others(here, words):
    for value in NASTY:
        if words == ("info",) and value in ("-", "--"):
            continue
        answered(tsplat(*words, value))
        assert sorted(os.listdir(here)) == FILES


@pytest.mark.parametrize("value", NASTY)
def test_names_of_files(here, value):
    if value in ("-", "--", "/dev/null", ".", ".."):
        return
    for words in (("encode", value, "o.tsplat", *QUICK), ("decode", value, "o.rgb")):
        answered(tsplat(*words))
    assert sorted(os.listdir(here)) == FILES


def test_a_failure_with_json_is_an_object(here):
    for words, kind, code in (
        (("encode", "none.mkv", "o.tsplat"), "MediaError", 1),
        (("encode", "clip.mkv", "o.tsplat", "--crf", "70"), "ConfigError", 2),
        (("encode", "clip.mkv"), "MissingParameter", 2),
        (("decode", "clip.mkv", "o.rgb"), "BitstreamError", 1),
    ):
        done = tsplat(*words, "--json")
        found = json.loads(done.stdout)
        assert (found["kind"], found["exit_code"], done.returncode) == (kind, code, code)
        assert done.stderr.decode() == f"tsplat: {found['error']}\n"


def test_many_clips_and_folders_of_them_are_told_of_the_loop(here):
    for words in (("clip.mkv", "clip.mkv", "out/"), (".", "o.tsplat")):
        message = tsplat("encode", *words).stderr.decode()
        assert 'do tsplat encode "$f"' in message
        assert message.count("\n") == 1


def test_a_folder_gets_a_file_of_the_clip_s_name(here):
    (here / "out").mkdir()
    assert tsplat("encode", "clip.mkv", "out", *QUICK).returncode == 0
    assert os.listdir(here / "out") == ["clip.tsplat"]


def test_packets_go_to_standard_output_and_the_summary_does_not(here):
    done = process("encode", "clip.mkv", "-", *QUICK)
    assert done.stdout == (here / "clip.tsplat").read_bytes()
    assert done.stderr.startswith(b"-: 2 frames of 32x24")
    assert sorted(os.listdir(here)) == FILES


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(here, closed):
    words = f"'{TSPLAT}' decode clip.tsplat o.rgb {closed}"
    done = subprocess.run(["sh", "-c", words], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert (here / "o.rgb").stat().st_size == 2 * 32 * 24 * 3


def test_messages_stand_above_the_bar(here):
    """On a terminal a note is a line of its own."""
    broken = write_clip(here / "long.mkv", pictures(12, 32, 24))
    broken.write_bytes(broken.read_bytes()[:-700])
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [TSPLAT, "encode", "long.mkv", "o.tsplat", "--preset", "realtime", "--arch", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=end,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    ) as running:
        os.close(end)
        said = b""
        while select.select([terminal], [], [], 60)[0]:
            try:
                said += os.read(terminal, 4096)
            except OSError:
                break
    assert running.returncode == 0, said
    os.close(terminal)
    lines = said.decode().replace("\r", "\n").splitlines()
    assert any(line.lstrip("\x1b[2K").startswith("tsplat: ") for line in lines), said
    assert b"encode" in said


@pytest.mark.parametrize("instead", [ImportError("cannot initialise module"), None])
def test_an_interrupt_is_one_whatever_a_library_makes_of_it(capsys, instead):
    """As modules do that are being loaded: an error of their own, or nothing."""

    @click.command()
    def loading() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if instead:
                raise instead from None
        with progress("load", quiet=False) as update:
            update(1, None)

    with signals_kept(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["tsplat"])
        assert guarded(loading) == 130
    assert capsys.readouterr().err.strip() == "tsplat: interrupted"
