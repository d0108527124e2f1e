"""tsplat encode --live, as a process: pipes that are slow, stall, close; an end at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.commands import TSPLAT, fails, tsplat
from tests.cli.test_cli import SMALL, wait_for
from tests.clips import HEIGHT, WIDTH, pictures, write_clip
from tests.pipes import piped
from tsplat.files.reader import Reader

FRAMES = 40
_HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420jpeg\n".encode()
_FRAME = b"FRAME\n" + bytes(WIDTH * HEIGHT * 3 // 2)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and signals")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", pictures(FRAMES))


@pytest.fixture(scope="module")
def y4m(clip) -> bytes:
    words = ["ffmpeg", "-v", "error", "-i", str(clip), "-f", "yuv4mpegpipe", "-"]
    try:
        return subprocess.run(words, check=True, capture_output=True).stdout
    except FileNotFoundError:
        return _HEADER + _FRAME * FRAMES


@contextmanager
def start(*words: object, **pipes):
    process = subprocess.Popen(
        [TSPLAT, "encode", *map(str, words), "--live", *SMALL],
        stderr=subprocess.PIPE,
        **({"stdout": subprocess.PIPE} | pipes),
    )
    try:
        yield process
    finally:
        process.kill()
        with suppress(BrokenPipeError):
            process.communicate()


def send(process: subprocess.Popen[bytes], data: bytes) -> None:
    process.stdin.write(data)
    process.stdin.flush()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Exit code, output and messages of a process that ends although its input does not."""
    code = process.wait(60)
    out = process.stdout.read() if process.stdout else b""
    return code, out, process.stderr.read()


def partial(folder: Path) -> int:
    """Bytes in the file that is being written, under its own name; 0 if there is none."""
    return sum(p.stat().st_size for p in folder.glob("*.tsplat"))


def listens(process: subprocess.Popen[bytes]) -> bool:
    """It has said what is to be done on a signal, SIGHUP among them."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & 1)


def check(file: Path, frames: int) -> None:
    """The file is whole, up to its index."""
    reader = Reader(file)
    assert len(reader) == frames
    assert not reader.truncated
    assert sum(1 for _ in reader) == frames


def test_a_file_comes_at_its_times_and_every_frame_is_coded_or_counted(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    answer = json.loads(tsplat("encode", clip, out, "--live", "--json", *SMALL).stdout)
    assert answer["frames"] + answer["dropped_frames"] == FRAMES
    assert answer["b_frames"] == 0
    assert 0 < answer["latency_median_ms"] <= answer["latency_worst_ms"]
    assert answer["seconds"]["total"] > 1.0
    check(out, answer["frames"])
    lines = tsplat("encode", clip, out, "--live", "--overwrite", *SMALL).stdout.decode()
    assert "frames dropped" in lines


def test_time_that_was_dropped_is_in_the_ticks(y4m, tmp_path):
    out = tmp_path / "out.tsplat"
    words = ("--live", "--json", *SMALL)
    with piped(y4m) as pipe:
        answer = json.loads(tsplat("encode", pipe, out, *words).stdout)
    # The pipe is faster than any encoder; its last frame is the newest one, and is coded.
    assert answer["frames"] + answer["dropped_frames"] == FRAMES
    assert answer["dropped_frames"] > 0
    shown = round(answer["duration_s"] * 30)
    assert answer["frames"] <= shown <= FRAMES
    assert shown > answer["frames"] or answer["frames"] == 1


def test_a_slow_pipe_gets_its_packets_at_once(tmp_path):
    with start("-", "-", stdin=subprocess.PIPE) as process:
        got = bytearray()

        def read() -> None:
            while data := os.read(process.stdout.fileno(), 999):
                got.extend(data)

        reading = threading.Thread(target=read)
        reading.start()
        send(process, _HEADER)
        for _ in range(6):
            before = max(56, len(got))
            send(process, _FRAME * 3)
            # They can be read before the next frame is even there.
            wait_for(lambda before=before: len(got) > before)
        process.stdin.close()
        reading.join(60)
        assert process.wait(60) == 0, process.stderr.read()
        process.stdin = None
    out = tmp_path / "out.tsplat"
    out.write_bytes(got)
    reader = Reader(out)
    assert 6 <= len(reader) <= 18
    assert not reader.truncated


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_stalled_pipe_with_the_file_whole(tmp_path, number):
    out = tmp_path / "out.tsplat"
    with start("-", out, "--json", stdin=subprocess.PIPE) as process:
        send(process, _HEADER + _FRAME * 5)
        wait_for(lambda: partial(tmp_path) > 56)
        first = partial(tmp_path)
        # A packet is there a moment before the encoder knows that it may end; not so the first
        # one, once another is there.
        send(process, _FRAME)
        wait_for(lambda: partial(tmp_path) > first)
        process.send_signal(number)
        code, answer, message = ended(process)
    assert (code, message) == (0, b"")
    assert [p.name for p in tmp_path.iterdir()] == ["out.tsplat"]
    check(out, json.loads(answer)["frames"])


def test_a_signal_before_the_first_frame_leaves_nothing(tmp_path):
    with start("-", tmp_path / "out.tsplat", stdin=subprocess.PIPE) as process:
        send(process, _HEADER)
        wait_for(lambda: listens(process))
        process.send_signal(signal.SIGINT)
        code, _, message = ended(process)
    assert (code, message.decode().strip()) == (130, "tsplat: interrupted")
    assert not any(tmp_path.iterdir())


def test_a_pipe_that_breaks_off_within_a_frame_keeps_what_came(tmp_path):
    out = tmp_path / "out.tsplat"
    data = _HEADER + _FRAME * 4 + _FRAME[:500]
    with piped(data) as pipe:
        result = tsplat("encode", pipe, out, "--live", "--json", *SMALL)
    assert result.returncode == 0
    check(out, json.loads(result.stdout)["frames"])


def test_a_named_pipe_is_written_to_as_it_is(clip, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with start(clip, fifo, "--frames", 3) as process:
        data = fifo.read_bytes()
        code, _, message = ended(process)
    assert code == 0, message
    assert fifo.is_fifo()
    out = tmp_path / "out.tsplat"
    out.write_bytes(data)
    check(out, len(Reader(out)))
    assert 1 <= len(Reader(out)) <= 3


def test_a_reader_that_goes_away_ends_it(tmp_path):
    read, write = os.pipe()
    with start("-", "-", stdin=subprocess.PIPE, stdout=write) as process:
        os.close(write)
        send(process, _HEADER + _FRAME * 2)
        assert os.read(read, 100)
        os.close(read)
        send(process, _FRAME * 3)
        code, _, message = ended(process)
    assert code == 1
    assert b"Traceback" not in message


def test_what_cannot_be_live_is_refused_in_one_line(clip, tmp_path):
    out = tmp_path / "out.tsplat"
    fails(tsplat("encode", clip, out, "--live", "--roi", clip), 2, "masks", "live")
    fails(tsplat("encode", clip, out, "--live", "--preset", "paper"), 2, "heed no clock")
    assert tsplat("encode", clip, "-", "--live", "--json").returncode == 2
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(Path("/dev/video9").exists(), reason="there is a camera")
def test_no_camera_is_one_line(tmp_path):
    fails(tsplat("encode", "camera:9", tmp_path / "out.tsplat"), 1, "camera:9", "no camera")
    assert not any(tmp_path.iterdir())
