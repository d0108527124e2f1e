"""The Taichi runtime: one per process, started in one place.

Taichi keeps global state. :func:`start` makes it once; asking again for the same
backend is free, asking for another one restarts Taichi and so invalidates every
:class:`~tsplat.kernels.canvas.Canvas` made before.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import taichi as ti
from taichi.lang.ast import ast_transformer_utils

from tsplat.errors import BackendError

ti.set_logging_level(ti.ERROR)

ARCHES = ("auto", "cpu", "cuda", "vulkan", "metal")
_TAICHI_ARCH = {"cpu": ti.cpu, "cuda": ti.cuda, "vulkan": ti.vulkan, "metal": ti.metal}
_lock = threading.Lock()
_current: Backend | None = None


@dataclass(frozen=True)
class Backend:
    """What kernels run on.

    Attributes
    ----------
    arch : str
        ``cpu``, ``cuda``, ``vulkan`` or ``metal``.
    threads : int
        CPU threads that a kernel uses; 1 on a GPU.
    fallback : bool
        ``auto`` found no GPU and took the CPU.
    serial : int
        Number of the runtime in this process; buffers belong to one serial.
    """

    arch: str
    threads: int
    fallback: bool
    serial: int

    @property
    def on_cpu(self) -> bool:
        return self.arch == "cpu"

    def suits(self, arch: str, threads: int) -> bool:
        """It is what these settings ask for."""
        return arch in ("auto", self.arch) and (self.threads == threads or not self.on_cpu)


def cache_folder() -> Path:
    """Folder of compiled kernels, in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("tsplat")) / "kernels"


def available() -> list[str]:
    """Names of the backends that this build of Taichi finds on this machine."""
    core = ti._lib.core
    probes = {"cuda": core.with_cuda, "vulkan": core.with_vulkan, "metal": core.with_metal}
    return ["cpu", *(name for name, probe in probes.items() if probe())]


def current() -> Backend:
    """The running backend; starts the CPU one if there is none."""
    return _current if _current is not None else start("cpu")


def start(arch: str = "auto", threads: int | None = None) -> Backend:
    """Start Taichi, or return the running backend if it already fits.

    Parameters
    ----------
    arch : str
        One of :data:`ARCHES`. ``auto`` takes CUDA or Metal where there is one, else the CPU.
    threads : int, optional
        CPU threads, 1 or more; by default all that this process may use.

    Raises
    ------
    BackendError
        The name is unknown, or this machine does not offer that backend.
    """
    global _current
    if arch not in ARCHES:
        raise BackendError(f"arch: got {arch!r}, expected one of {', '.join(ARCHES)}")
    usable = _usable_cpus()
    threads = usable if threads is None else max(1, threads)
    with _lock:
        if _current is not None and _current.suits(arch, threads):
            return _current
        offered = available()
        chosen = arch
        if arch == "auto":
            chosen = next((name for name in ("cuda", "metal") if name in offered), "cpu")
        if chosen not in offered:
            raise BackendError(
                f"arch: {chosen} is not available here; available: {', '.join(offered)}"
            )
        _init(chosen, threads)
        running = ti.lang.impl.current_cfg().arch
        wanted = chosen
        if running != _TAICHI_ARCH[chosen]:
            chosen = "cpu"
        _current = Backend(
            chosen,
            threads if chosen == "cpu" else 1,
            arch == "auto" and chosen == "cpu",
            _current.serial + 1 if _current else 1,
        )
        if arch not in ("auto", chosen):
            raise BackendError(f"arch: {wanted} could not be started; available: cpu")
        return _current


def sync() -> None:
    """Wait for the kernels that were launched."""
    ti.sync()


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _short_positions() -> None:
    """Have Taichi name the lines of kernels' statements, not draw them: it makes the drawing for
    every one, should there be an error, in half of the time that kernels take to load."""
    context = getattr(ast_transformer_utils, "ASTTransformerContext", None)
    if context is None or not hasattr(context, "get_pos_info"):
        return

    def get_pos_info(self, node) -> str:
        return f'File "{self.file}", line {node.lineno + self.lineno_offset}:\n'

    context.get_pos_info = get_pos_info


_short_positions()


def _init(arch: str, threads: int) -> None:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        cached = os.access(folder, os.W_OK)
    except OSError:
        cached = False
    # Taichi announces itself on stdout, which may be a pipe of pictures.
    with contextlib.redirect_stdout(io.StringIO()):
        _init_taichi(arch, threads, folder, cached)


def _init_taichi(arch: str, threads: int, folder: Path, cached: bool) -> None:
    ti.init(
        arch=_TAICHI_ARCH[arch],
        cpu_max_num_threads=threads,
        default_fp=ti.f32,
        default_ip=ti.i32,
        fast_math=True,
        # Vectors of pixels stay vectors, in AVX registers; scalars, LLVM would have to put
        # together again, which it rarely does. GPUs want scalars.
        real_matrix_scalarize=arch != "cpu",
        offline_cache=cached,
        offline_cache_file_path=str(folder),
        log_level=ti.ERROR,
    )
