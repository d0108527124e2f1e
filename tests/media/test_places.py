"""Where bytes go: nothing of others is replaced, nothing half-written is left."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.golden.regenerate import FOLDER
from tsplat.errors import MediaError
from tsplat.files.decoding import decode
from tsplat.files.run import Run
from tsplat.media.places import replacing, replacing_folder, written

GOLDEN = FOLDER / "small.tsplat"
AGAIN = Run(overwrite=True)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("foreign", ["letter.txt", "0.png", "000009.png", "000001.PNG", "album/"])
def test_a_folder_with_anything_else_in_it_is_refused_by_name(tmp_path, foreign):
    (tmp_path / "000000.png").write_bytes(b"mine")
    if foreign.endswith("/"):
        (tmp_path / foreign).mkdir()
    else:
        (tmp_path / foreign).write_bytes(b"precious")
    before = names(tmp_path)
    with pytest.raises(
        MediaError, match=f"holds {foreign.rstrip('/')}, which was not written here"
    ):
        decode(GOLDEN, tmp_path, run=AGAIN)
    assert names(tmp_path) == before
    assert (tmp_path / "000000.png").read_bytes() == b"mine"


@pytest.mark.parametrize("where", [".", "..", "../inner", "link"])
def test_this_folder_and_its_parent_are_folders_like_others(tmp_path, monkeypatch, where):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link").symlink_to(tmp_path)
    monkeypatch.chdir(inner)
    with pytest.raises(MediaError, match="which was not written here"):
        decode(GOLDEN, where, run=AGAIN)
    assert names(tmp_path) == ["inner"]
    assert names(inner) == ["link"]


def test_an_empty_folder_is_used_and_its_pictures_are_replaced_if_that_is_asked(tmp_path):
    decode(GOLDEN, tmp_path, frames=5)
    assert len(names(tmp_path)) == 5
    with pytest.raises(MediaError, match="exists already"):
        decode(GOLDEN, tmp_path, frames=2)
    decode(GOLDEN, tmp_path, start=3, frames=2, run=AGAIN)
    assert names(tmp_path) == ["000000.png", "000001.png"]


def test_what_fails_leaves_the_pictures_that_were_there(tmp_path):
    decode(GOLDEN, tmp_path, frames=3)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(done: int, _: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(GOLDEN, tmp_path, run=Run(overwrite=True, progress=fail))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_name_with_a_dot_is_a_folder_if_it_is_one_or_says_so(tmp_path):
    (tmp_path / "frames.v2").mkdir()
    decode(GOLDEN, tmp_path / "frames.v2", frames=1)
    decode(GOLDEN, f"{tmp_path}/frames.v3/", frames=1)
    assert names(tmp_path / "frames.v2") == names(tmp_path / "frames.v3") == ["000000.png"]
    with pytest.raises(MediaError, match=r"cannot write \.v4; use .*frames\.v4/"):
        decode(GOLDEN, tmp_path / "frames.v4", frames=1)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX devices and links")
def test_devices_and_pipes_are_written_through_and_stay(tmp_path):
    with written(Path("/dev/null"), overwrite=False, following=False) as file:
        file.write(b"gone")
    with written("/dev/null", overwrite=True, following=True) as file:
        file.write(b"gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE)
    decode(GOLDEN, fifo, frames=2)
    got = reader.communicate(timeout=60)[0]
    assert got.startswith(b"YUV4MPEG2")
    assert fifo.is_fifo()
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="cannot be written to a pipe"):
        decode(GOLDEN, tmp_path / "pipe.mp4")


def test_links_are_followed_and_stay(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    for text in (b"one", b"two"):
        with replacing(link, overwrite=True) as beside:
            beside.write_bytes(text)
        assert link.is_symlink()
        assert target.read_bytes() == text
    assert names(tmp_path) == ["link", "target"]


def test_left_overs_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    out = tmp_path / "out.bin"
    program = (
        "import os, sys; from pathlib import Path; from tsplat.media.places import replacing\n"
        f"with replacing(Path({str(out)!r}), False) as beside:\n"
        "    beside.write_bytes(b'half'); os.kill(os.getpid(), 9)\n"
    )
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert len(names(tmp_path)) == 1
    mine, other = ".tsplat-0123456789ab-1.partial", ".out.bin.1.partial"
    for name in (mine, other):
        (tmp_path / name).touch()
    with replacing(out, False) as beside:
        beside.write_bytes(b"whole")
    assert names(tmp_path) == sorted(["out.bin", mine, other])


@pytest.mark.parametrize("length", [200, 249, 255])
def test_names_of_any_length(tmp_path, length):
    out = tmp_path / ("n" * (length - 4) + ".rgb")
    decode(GOLDEN, out, frames=1)
    assert out.stat().st_size == 48 * 32 * 3


def test_a_file_that_grows_has_its_name_from_its_first_bytes_on(tmp_path):
    out = tmp_path / "out"
    out.write_bytes(b"before")
    with pytest.raises(RuntimeError), written(out, True, following=True):
        raise RuntimeError
    assert out.read_bytes() == b"before"
    with written(out, True, following=True) as file:
        file.write(b"one")
        file.flush()
        assert out.read_bytes() == b"one"
    assert out.read_bytes() == b"one"


def test_what_cannot_be_written_is_named(tmp_path):
    for where in ("/proc/no.rgb", tmp_path / "no" / "out.rgb"):
        with pytest.raises(MediaError, match=f"{Path(where).parent}"):
            decode(GOLDEN, where)
    (tmp_path / "file").touch()
    with (
        pytest.raises(MediaError, match="is not a folder"),
        replacing_folder(tmp_path / "file", True, lambda names: None),
    ):
        pass


@pytest.mark.parametrize("name", ["10:30.mp4", "a%03d.mp4", "-.mkv", "http:x.mp4", "pipe:1.mkv"])
def test_names_that_look_like_something_else_are_names(tmp_path, monkeypatch, name):
    from tsplat.media.source import open_source

    monkeypatch.chdir(tmp_path)
    decode(GOLDEN, name, frames=2)
    assert names(tmp_path) == [name]
    with open_source(name) as source:
        assert np.stack([p for _, p in source]).shape == (2, 32, 48, 3)
