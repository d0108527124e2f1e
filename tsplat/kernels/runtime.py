"""The Taichi runtime: one per process, started in one place.

Taichi keeps global state. :func:`start` makes it once; asking again for the same
backend is free, asking for another one restarts Taichi and so invalidates every
:class:`~tsplat.kernels.canvas.Canvas` made before.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import taichi as ti
from taichi.lang import impl, kernel_impl
from taichi.lang._ndarray import ScalarNdarray
from taichi.lang.ast import ast_transformer_utils

from tsplat import home
from tsplat.errors import BackendError
from tsplat.kernels import arrays
from tsplat.kernels.cache import Cache

ti.set_logging_level(ti.ERROR)

ARCHES = ("auto", "cpu", "cuda", "vulkan", "metal")
_TAICHI_ARCH = {"cpu": ti.cpu, "cuda": ti.cuda, "vulkan": ti.vulkan, "metal": ti.metal}
_AUTO = ("cuda", "metal")
"""GPU backends that ``auto`` looks for."""
_lock = threading.Lock()
_launching = threading.RLock()
_catching = threading.Lock()
_current: Backend | None = None
_generation = 0
"""Of Taichi's programs in this process."""


@dataclass(frozen=True)
class Backend:
    """What kernels run on.

    Attributes
    ----------
    arch : str
        ``cpu``, ``cuda``, ``vulkan`` or ``metal``.
    threads : int
        CPU threads that a kernel uses; 1 on a GPU.
    serial : int
        Number of the runtime in this process; buffers belong to one serial.
    warnings : tuple of str
        What is wrong with the cache of compiled kernels.
    """

    arch: str
    threads: int
    serial: int
    warnings: tuple[str, ...] = ()

    @property
    def on_cpu(self) -> bool:
        return self.arch == "cpu"

    def suits(self, arch: str, threads: int) -> bool:
        """It is what these settings ask for."""
        return arch in ("auto", self.arch) and (self.threads == threads or not self.on_cpu)


def cache_folder() -> Path:
    """Folder of compiled kernels, in the user's cache folder."""
    return home.cache_folder("kernels")


def offers(arch: str) -> bool:
    """This build of Taichi finds the backend on this machine."""
    return _probe(arch)[0]


def _probe(arch: str) -> tuple[bool, list[str]]:
    """Whether the backend is there, and what drivers say of it."""
    probes = {"cuda": "with_cuda", "vulkan": "with_vulkan", "metal": "with_metal"}
    if arch not in probes:
        return arch == "cpu", []
    with _caught() as said:
        found = bool(getattr(ti._lib.core, probes[arch])())
    return found, said


def available() -> list[str]:
    """Names of all backends that this machine offers; every one is probed."""
    return [arch for arch in _TAICHI_ARCH if offers(arch)]


def current() -> Backend:
    """The running backend; starts the CPU one if there is none."""
    return _current if _current is not None else start("cpu")


def start(arch: str = "auto", threads: int | None = None) -> Backend:
    """Start Taichi, or return the running backend if it already fits.

    Parameters
    ----------
    arch : str
        One of :data:`ARCHES`. ``auto`` takes CUDA or Metal where there is one, else the CPU; no
        other backend is probed.
    threads : int, optional
        CPU threads, 1 or more; by default all that this process may use.

    Raises
    ------
    BackendError
        The name is unknown, this machine does not offer that backend, or this process was forked
        from one in which Taichi ran.
    """
    global _current
    if arch not in ARCHES:
        raise BackendError(f"arch: got {arch!r}, expected one of {', '.join(ARCHES)}")
    usable = _usable_cpus()
    threads = usable if threads is None else max(1, threads)
    _check_not_forked()
    with _lock:
        if _current is not None and _current.suits(arch, threads):
            return _current
        chosen = arch
        if arch == "auto":
            chosen = next((name for name in _AUTO if offers(name)), "cpu")
        else:
            there, said = _probe(chosen)
            if not there:
                raise BackendError(
                    f"arch: {chosen} is not available here{_in_brackets(said)}; "
                    f"available: {', '.join(available())}"
                )
        warnings, said = _init(chosen, threads)
        if ti.lang.impl.current_cfg().arch != _TAICHI_ARCH[chosen]:
            chosen = "cpu"
        _current = Backend(
            chosen,
            threads if chosen == "cpu" else 1,
            _current.serial + 1 if _current else 1,
            warnings,
        )
        if arch not in ("auto", chosen):
            raise BackendError(
                f"arch: {arch} could not be started{_in_brackets(said)}; available: cpu"
            )
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


def _one_at_a_time() -> None:
    """Taichi traces a kernel when it is first called, into state that all threads share, and its
    threads of a launch are a pool for all: launches of several threads wait for one another. That
    a thread traces concerns no other one."""
    call = kernel_impl.Kernel.__call__

    @functools.wraps(call)
    def launch(self, *arguments, **named):
        _check_not_forked()
        if arrays.CHECKED:
            parameters = {a.name: a.annotation for a in self.arguments}
            arrays.check(self.func.__name__, parameters, arguments)
        with _launching:
            return call(self, *arguments, **named)

    scope = threading.local()
    impl.PyTaichi.inside_kernel = property(
        lambda _: getattr(scope, "traces", False),
        lambda _, traces: setattr(scope, "traces", traces),
    )
    kernel_impl.Kernel.__call__ = launch


_free = ScalarNdarray.__del__


def _own_buffers_alone() -> None:
    """Taichi frees a buffer in whatever program runs when it is collected: one of a program that is
    gone may have the address of a new one, which then would be freed under its owner."""
    made = ScalarNdarray.__init__

    @functools.wraps(made)
    def make(self, *arguments, **named) -> None:
        made(self, *arguments, **named)
        self.generation = _generation

    def free(self) -> None:
        if getattr(self, "generation", None) == _generation:
            _free(self)

    ScalarNdarray.__init__, ScalarNdarray.__del__ = make, free


_one_at_a_time()
_own_buffers_alone()
_forked = False


def _mark_forked() -> None:
    """In the child: refuse what would wait for ever for threads that are not there."""
    global _forked, _lock, _catching
    _lock, _catching = threading.Lock(), threading.Lock()
    program = impl.get_runtime().prog
    _forked = program is not None
    if _forked:
        # The end of a program waits for its threads: this one never ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(program))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)


def _check_not_forked() -> None:
    if _forked:
        raise BackendError(
            "this process was forked after kernels had run: their threads are not in it, and a "
            "launch would wait for ever; start processes by spawn or forkserver, or use tsplat "
            "only after the fork"
        )


def _init(arch: str, threads: int) -> tuple[tuple[str, ...], list[str]]:
    """Warnings, and what drivers say of it."""
    global _generation
    _generation += 1
    cache = Cache.open(cache_folder())
    nothing: list[str] = []
    drivers = contextlib.nullcontext(nothing) if arch == "cpu" else _caught()
    # Taichi announces itself on stdout, which may be a pipe of pictures.
    with drivers as said, contextlib.redirect_stdout(io.StringIO()):
        ti.init(
            arch=_TAICHI_ARCH[arch],
            cpu_max_num_threads=threads,
            default_fp=ti.f32,
            default_ip=ti.i32,
            fast_math=True,
            # Vectors of pixels stay vectors, in AVX registers; scalars, LLVM would have to put
            # together again, which it rarely does. GPUs want scalars.
            real_matrix_scalarize=arch != "cpu",
            log_level=ti.ERROR,
            **cache.options(),
        )
        # In the thread that started it: Taichi would do it at the first launch, and insists on it.
        impl.get_runtime().materialize()
    return cache.warnings, said


@contextlib.contextmanager
def _caught() -> Iterator[list[str]]:
    """The lines that native libraries write to stderr meanwhile; they are there afterwards."""
    said: list[str] = []
    with _catching, _scratch() as scratch:
        try:
            kept = os.dup(2)
        except OSError:
            # It is closed.
            yield said
            return
        os.dup2(scratch.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            scratch.seek(0)
            text = scratch.read().decode(errors="replace")
            said += [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _scratch() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


def _in_brackets(said: list[str]) -> str:
    """The last thing that was said, for a message."""
    return f" ({said[-1][:200]})" if said else ""
