"""What the GPU kernels become on CUDA, on a machine without a GPU.

::

    python -m tsplat.bench.cuda

Taichi runs with ``arch=cuda`` over a driver of our own that has no device (``cuda_driver.c``,
compiled here: this needs a C compiler). Every kernel is launched once, and so translated to PTX;
``ptxas`` (``pip install 'tsplat[cuda-check]'``) assembles that for each architecture. An error or
a register spilled to memory is a failure. This proves that the kernels are valid machine code and
what they take, not that they are right, nor that they were ever run.

Taichi makes PTX for the compute capability that the driver names, and 8.6 for any newer one, which
the driver of a newer GPU then compiles: it runs once for each of :data:`TARGETS`, and what it makes
is assembled for the GPUs that would be given it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsplat.errors import BackendError

TARGETS = {75: (75,), 80: (80,), 86: (86, 89, 90, 120)}
"""Architecture that PTX is made for: those that it is assembled for."""
_LOOPS = {
    "render": ("bounds", "prepare", "bands", "tiles"),
    "gradient": ("bounds", "splats"),
    "iterate": ("bounds", "prepare", "bands", "tiles", "splats"),
}
"""What the loops of a kernel of :mod:`tsplat.kernels.gpu` are."""
_OF_TAICHI = ("runtime_", "fill_ndarray", "ext_arr_to_ndarray", "ndarray_to_ext_arr")


@dataclass(frozen=True)
class Usage:
    """What a launch takes of an architecture.

    Attributes
    ----------
    kernel : str
        Name of the Taichi kernel.
    loop : int
        Which of its loops, each of which is one launch.
    architecture : int
        75 for sm_75.
    registers : int
        A thread.
    shared : int
        Bytes of shared memory a block.
    spilled : int
        Bytes of registers stored to memory and read back, and of stack.
    """

    kernel: str
    loop: int
    architecture: int
    registers: int
    shared: int
    spilled: int

    @property
    def name(self) -> str:
        loops = _LOOPS.get(self.kernel, ())
        return f"{self.kernel}: {loops[self.loop] if self.loop < len(loops) else self.loop}"


def compiler() -> str:
    """The C compiler.

    Raises
    ------
    BackendError
        There is none.
    """
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    raise BackendError("the CUDA check needs a C compiler: cc, gcc, clang or $CC")


def assembler() -> str:
    """The path of ptxas: that of the package nvidia-cuda-nvcc-cu12, or one on the PATH.

    Raises
    ------
    BackendError
        There is none.
    """
    spec = importlib.util.find_spec("nvidia") and importlib.util.find_spec("nvidia.cuda_nvcc")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / "bin" / "ptxas").exists():
            return str(path)
    if found := shutil.which("ptxas"):
        return found
    raise BackendError("the CUDA check needs ptxas: pip install 'tsplat[cuda-check]'")


def check(targets: dict[int, tuple[int, ...]] = TARGETS) -> list[Usage]:
    """Translate and assemble every kernel.

    Raises
    ------
    BackendError
        There is no compiler or no ptxas; Taichi failed; or ptxas refused what it made.
    """
    ptxas = assembler()
    usages: list[Usage] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_driver(folder)
        for target, architectures in targets.items():
            made = translate(folder, target)
            for architecture in architectures:
                for path in made:
                    usages += assemble(ptxas, path, architecture)
    return usages


def build_driver(folder: Path) -> None:
    """Compile the driver that has no device to ``folder/libcuda.so``."""
    source = Path(__file__).with_name("cuda_driver.c")
    command = [compiler(), "-shared", "-fPIC", "-o", str(folder / "libcuda.so"), str(source)]
    _run(command)


def translate(folder: Path, capability: int) -> list[Path]:
    """PTX of every kernel for one compute capability; the driver is in ``folder``."""
    made = folder / f"sm_{capability}"
    made.mkdir()
    environment = dict(
        os.environ,
        LD_LIBRARY_PATH=str(folder),
        TSPLAT_PTX=str(made),
        TSPLAT_SM=str(capability),
        XDG_CACHE_HOME=str(made / "cache"),
    )
    _run([sys.executable, "-c", "from tsplat.bench.cuda import launch; launch()"], environment)
    return sorted(made.glob("*.ptx"))


def launch() -> None:
    """Launch every kernel that runs on a GPU once, those of both blends twice; results are
    nonsense under our driver."""
    from tsplat.kernels import runtime
    from tsplat.kernels.canvas import Canvas
    from tsplat.kernels.descent import Turns
    from tsplat.kernels.rates import RATES

    splats = np.ones((30, 8), np.float32)
    integers = np.ones((30, 8), np.int32)
    bounds = np.tile(np.array([-99, 99], np.int32), (8, 1))
    contexts = np.zeros(30, np.int32)
    steps, rates = np.ones(8, np.float32), np.ones(RATES, np.float32)
    order, none = np.arange(30, dtype=np.int32), np.zeros(0, np.int32)
    backend = runtime.start("cuda")
    for normalised in (True, False):
        canvas = Canvas(40, 24, backend, normalised)
        canvas.set_target(np.zeros((24, 40, 3), np.uint8))
        canvas.begin()
        canvas.load(splats)
        canvas.iterate(0.1, 0.1, 1)
        canvas.gradient()
        canvas.picture(splats)
        down = canvas.descending(integers, splats)
        down.set(integers, integers, contexts, steps, rates, bounds)
        down.step(Turns(order, [(0, 30)], none, none, none, 0), False, 1.0, 0.0, 1.0)
    canvas.changed(splats, 0.1)
    canvas.settle(splats)
    canvas.quantise(splats, steps, integers, 0.5)


def assemble(ptxas: str, path: Path, architecture: int) -> list[Usage]:
    """Assemble a file of PTX; what those of its kernels take that are not Taichi's own."""
    command = [ptxas, "-v", "--gpu-name", f"sm_{architecture}", "-o", os.devnull, str(path)]
    return list(usages_in(_run(command), architecture))


def usages_in(report: str, architecture: int) -> Iterator[Usage]:
    """Read what ``ptxas -v`` prints.

    >>> report = '''ptxas info : Compiling entry function 'render_c92_0_kernel_3_range_for' for 'x'
    ...     8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads
    ... ptxas info : Used 64 registers, used 1 barriers, 8224 bytes smem'''
    >>> list(usages_in(report, 75))
    [Usage(kernel='render', loop=3, architecture=75, registers=64, shared=8224, spilled=16)]
    """
    for part in re.split(r"Compiling entry function '", report)[1:]:
        entry = part.partition("'")[0]
        named = re.match(r"(\w+)_c\d+_\d+_kernel_(\d+)_", entry)
        if not named or entry.startswith(_OF_TAICHI):
            continue
        spilled = re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", part)
        registers = re.search(r"Used (\d+) registers", part)
        shared = re.search(r"(\d+) bytes smem", part)
        yield Usage(
            named[1],
            int(named[2]),
            architecture,
            int(registers[1]) if registers else 0,
            int(shared[1]) if shared else 0,
            sum(map(int, spilled)),
        )


def table(usages: list[Usage]) -> list[str]:
    """Lines of a table in Markdown: a row a launch, with the most that one of the blends takes."""
    architectures = sorted({u.architecture for u in usages})
    rows: dict[str, list[Usage]] = defaultdict(list)
    for usage in usages:
        rows[usage.name].append(usage)
    heads = ["kernel: loop", *(f"sm_{a}" for a in architectures), "shared memory", "spilled"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, found in rows.items():
        registers = [
            str(max((u.registers for u in found if u.architecture == a), default=""))
            for a in architectures
        ]
        shared, spilled = max(u.shared for u in found), max(u.spilled for u in found)
        lines.append(f"| {name} | {' | '.join(registers)} | {shared} B | {spilled} B |")
    return lines


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Output of a command, of both its streams."""
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        name = Path(command[0]).name
        raise BackendError(f"{name} failed ({done.returncode}): {done.stdout[-2000:].strip()}")
    return done.stdout


def main() -> None:
    try:
        usages = check()
    except BackendError as error:
        raise SystemExit(str(error)) from None
    print("\n".join(["registers a thread:", "", *table(usages)]))
    if spilling := sorted({u.name for u in usages if u.spilled}):
        raise SystemExit(f"registers are spilled by {', '.join(spilling)}")


if __name__ == "__main__":
    main()
