"""Imports run downward only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tsplat

ROOT = Path(tsplat.__file__).parent
BELOW = {
    "errors": set(),
    "region": set(),
    "between": {"splats"},
    "motion": {"splats"},
    "splats": {"errors"},
    "inference": {"errors"},
    "config": {"errors", "splats"},
    "kernels": {"errors"},
    "frames": {"errors", "splats", "config", "background"},
    "init": {"errors", "inference", "splats", "config", "kernels"},
    "fit": {"errors", "splats", "config", "kernels"},
    "predict": {"errors", "splats", "config", "kernels", "motion"},
    "code": {"errors", "motion", "region", "splats", "config", "kernels"},
    "background": {"errors"},
    "roi": {"errors", "inference", "region"},
}
BELOW["modes"] = {"errors", "splats", "config", "kernels", "code", "fit", "predict"}
BELOW["outside"] = {"errors", "code", "background", "frames"}
BELOW["decoder"] = {"between", "errors", "region", "splats", "code", "kernels", "outside"}
BELOW["encoder"] = set(BELOW) - {"decoder", "outside", "background"}
BELOW["files"] = set(BELOW)
TOP = {"bench": {"bench", "reproduce"}, "reproduce": {"reproduce"}}
"""What only these import."""
ONLY_IMPORTER = {
    "av": {"frames"},
    "cv2": {
        "background",
        "bench",
        "files",
        "fit",
        "frames",
        "init",
        "predict",
        "reproduce",
        "roi",
    },
    "onnxruntime": {"inference"},
    "skimage": {"init", "bench"},
    "taichi": {"kernels", "bench"},
}


def imports(path: Path) -> set[str]:
    """Modules that a file names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_arrow_runs_up(path):
    here = part(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert here in ONLY_IMPORTER.get(top, {here}), f"{path} imports {top}"
        used = rest.split(".")[0]
        if top == "tsplat" and (ROOT / used).exists() | (ROOT / f"{used}.py").exists() and used:
            allowed = BELOW.get(here, {used}) | {here}
            assert used in allowed, f"{path} imports tsplat.{used}"
            assert used not in TOP or here in TOP[used]


def test_decoding_loads_no_encoding_part():
    program = (
        "import sys, tsplat.decoding.decoder, tsplat.files.decoding\n"
        "bad = {'onnxruntime', 'skimage', 'cv2', 'scipy', 'tsplat.encoding.encoder', 'tsplat.encoding.fit',"
        " 'tsplat.encoding.init', 'tsplat.encoding.predict', 'tsplat.roi', 'tsplat.kernels.canvas',"
        " 'tsplat.encoding.quantise'}\n"
        "assert not bad & set(sys.modules), bad & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("module", ["decoder", "encoder"])
def test_pixels_of_files_and_networks_are_loaded_when_they_are_needed(module):
    program = (
        f"import sys, tsplat.{module}\n"
        "bad = {'onnxruntime', 'av', 'tsplat.media', 'tsplat.roi.matting'}\n"
        "assert not bad & set(sys.modules), bad & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("module", ["decoder", "encoder", "kernels.canvas", "kernels.pixels"])
def test_importing_says_nothing(module):
    """Standard output may be a pipe of pictures."""
    command = [sys.executable, "-c", f"import tsplat.{module}"]
    result = subprocess.run(command, check=True, capture_output=True)
    assert (result.stdout, result.stderr) == (b"", b"")


def test_public_names_are_there():
    for name in tsplat.__all__:
        assert getattr(tsplat, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        tsplat.nonsense  # noqa: B018
