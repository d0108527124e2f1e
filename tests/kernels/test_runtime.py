"""One runtime a process; it says what it cannot do, and nothing else."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.golden.regenerate import FOLDER
from tsplat.errors import BackendError
from tsplat.kernels import runtime
from tsplat.kernels.cache import Cache, locked
from tsplat.kernels.screen import Screen


def test_unknown_backends_are_refused():
    with pytest.raises(BackendError, match="expected one of auto, cpu"):
        runtime.start("abacus")


def test_missing_backends_name_the_ones_there_are():
    missing = next(a for a in ("metal", "cuda") if a not in runtime.available())
    with pytest.raises(BackendError, match=f"{missing} is not available here; available: cpu"):
        runtime.start(missing)
    assert runtime.current().arch == "cpu"


def test_a_failed_start_is_a_new_runtime(monkeypatch):
    """It has restarted Taichi on the CPU: what was made before is lost, and so must its serial."""
    missing = next(a for a in ("metal", "cuda") if a not in runtime.available())
    before = runtime.start("cpu")
    monkeypatch.setattr(runtime, "_probe", lambda arch: (True, []))
    with pytest.raises(BackendError, match=f"{missing} could not be started"):
        runtime.start(missing)
    assert runtime.start("cpu").serial > before.serial


def test_starting_again_is_free_and_other_threads_restart():
    first = runtime.start("cpu", 1)
    assert runtime.start("cpu", 1) is first
    assert runtime.start("cpu", 2).serial == first.serial + 1


def test_starting_prints_nothing():
    program = "from tsplat.kernels import runtime; runtime.start('auto')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program in a new process, with these variables besides; an empty one is taken away."""
    there = {k: v for k, v in (os.environ | environment).items() if v}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, capture_output=True, text=True, env=there, timeout=120, check=False
    )


DECODE = f"""
from tsplat.files.reader import Reader
pictures = list(Reader({str(FOLDER / "small.tsplat")!r}))
"""
WARNINGS = "from tsplat.kernels import runtime\nprint(runtime.current().warnings)\n"


def test_a_backend_that_nobody_asked_for_is_not_probed():
    """Where there is a loader and no driver, probing Vulkan writes to stderr."""
    nothing = {"VK_DRIVER_FILES": "/nonexistent", "VK_ICD_FILENAMES": "/nonexistent"}
    done = run(DECODE, **nothing)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    asked = run(
        "from tsplat.kernels import runtime\n"
        "print(runtime.offers('vulkan'), *runtime.available())\n",
        **nothing,
    )
    assert asked.stdout.startswith("False cpu")
    assert asked.stderr == ""


def test_what_a_driver_says_is_in_the_message_and_nowhere_else(monkeypatch, capfd):
    def probe() -> bool:
        os.write(2, b"loader: trying\n\nno  driver\n")
        return False

    monkeypatch.setattr(runtime.ti._lib.core, "with_vulkan", probe)
    with pytest.raises(BackendError, match=r"^arch: vulkan is not available here \(no driver\); "):
        runtime.start("vulkan")
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX homes")
@pytest.mark.parametrize(
    "environment",
    [
        {"XDG_CACHE_HOME": "/proc/nope", "HOME": "/nonexistent"},
        {"XDG_CACHE_HOME": "/proc/nope", "HOME": ""},
        {"XDG_CACHE_HOME": "/proc/nope", "HOME": "neither/here/nor/there"},
        {"XDG_CACHE_HOME": "/proc/nope", "TMPDIR": "/proc/nope"},
    ],
)
def test_without_a_cache_folder_all_works_and_is_warned_of(environment, tmp_path):
    """And nothing is left of it elsewhere."""
    done = run(DECODE + WARNINGS, **{"TMPDIR": str(tmp_path)} | environment)
    assert not list(tmp_path.iterdir())
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "/proc/nope/tsplat/kernels: no cache can be kept there" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX folders")
def test_without_a_temporary_folder_either():
    """As in a sealed container: Taichi asks for one when imported, and for its cache at the end."""
    sealed = (
        "import tempfile\n"
        "def none(*_): raise FileNotFoundError(2, 'No usable temporary directory found')\n"
        "tempfile._get_default_tempdir = none\n"
    )
    done = run(sealed + DECODE + WARNINGS, XDG_CACHE_HOME="/proc/nope")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no cache can be kept there" in done.stdout


@pytest.mark.skipif(
    not hasattr(os, "setresuid") or os.getuid() != 0, reason="only root can be another user"
)
def test_who_has_neither_a_home_nor_a_name_has_folders():
    """Those that libraries name: nothing can be kept there, and none gives up."""
    program = (
        "import os, platformdirs, pathlib\n"
        "os.setresuid(54321, 0, 0)\n"
        "from tsplat import home\n"
        "print(home.cache_folder('kernels'), pathlib.Path.home(), os.environ['HOME'])\n"
    )
    for unknown in ({"HOME": ""}, {"HOME": "relative"}):
        done = run(program, XDG_CACHE_HOME="", **unknown)
        assert (done.returncode, done.stderr) == (0, "")
        here = "/nonexistent"
        assert done.stdout.split() == [f"{here}/.cache/tsplat/kernels", here, here]


def test_the_lock_of_a_dead_process_goes_and_that_of_a_living_one_stays(tmp_path):
    lock = tmp_path / "ticache.lock"
    program = (
        "import sys, time; from pathlib import Path; from tsplat.kernels.cache import Cache\n"
        f"Cache.open(Path({str(tmp_path)!r})); print('open', flush=True); sys.stdin.read()\n"
    )
    lock.touch()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"open\n"
        assert not lock.exists()
        lock.touch()
        Cache.open(tmp_path)
        assert lock.exists()
        assert locked(tmp_path)
        other.communicate(b"")
    assert lock.exists()


def test_no_file_is_left_but_kernels(tmp_path):
    """Neither a version check of Taichi's nor telemetry of ONNX Runtime's."""
    program = (
        "import numpy as np; import tsplat.roi\n"
        "tsplat.roi.Matting()(np.zeros((64, 64, 3), np.uint8))\n"
    )
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": "", "ORT_DISABLE_TELEMETRY": ""}
    done = run(DECODE + program, **environment, TI_SKIP_VERSION_CHECK="")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [".cache"]
    assert [p.name for p in (tmp_path / ".cache").iterdir()] == ["tsplat"]


def test_threads_that_start_at_once_take_turns():
    program = (
        "import threading\n"
        "from tsplat.files.reader import Reader\n"
        "found = []\n"
        f"def work(): found.append(list(Reader({str(FOLDER / 'plain.tsplat')!r})))\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "same = all((a == b).all() for f in found[1:] for a, b in zip(found[0], f))\n"
        "print(len(found), same)\n"
    )
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 True\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_after_use_says_so_instead_of_hanging():
    program = DECODE + (
        "import os, sys\n"
        "from tsplat.errors import BackendError\n"
        "if os.fork() == 0:\n"
        f"    try: list(Reader({str(FOLDER / 'small.tsplat')!r}))\n"
        "    except BackendError as error: print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        f"print(len(list(Reader({str(FOLDER / 'small.tsplat')!r}))))\n"
    )
    done = run(program)
    child, parent = done.stdout.splitlines()
    assert child.startswith("this process was forked after kernels had run")
    assert parent == "16"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_ends_as_any_other():
    """Taichi would wait for threads that are not in it, once the interpreter is taken down."""
    program = DECODE + (
        "import os, sys\n"
        "if (child := os.fork()) == 0: sys.exit(3)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_before_use_works():
    program = (
        "import os, sys, tsplat.kernels.screen\n"
        "if os.fork() == 0:\n"
        f"    {DECODE.strip().splitlines()[0]}\n"
        f"    print(len(list(Reader({str(FOLDER / 'small.tsplat')!r}))), flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    assert run(program).stdout == "16\n"


def test_buffers_of_a_runtime_that_is_gone_free_nothing_of_the_next_one(monkeypatch):
    """A new buffer may have the address of an old one, which is collected later."""
    freed: list[int] = []
    real = runtime._free
    monkeypatch.setattr(runtime, "_free", lambda buffer: (freed.append(1), real(buffer)))
    old = Screen(48, 40, runtime.start("cpu", 1))
    new = Screen(48, 40, runtime.start("cpu", 2))
    gc.collect()
    freed.clear()
    del old
    gc.collect()
    assert not freed
    splats = np.array([[20, 20, 9, 0, 9, 0.5, 0.4, 0.3]], np.float32)
    assert new.picture(splats).max() > 100
    del new
    gc.collect()
    assert freed
