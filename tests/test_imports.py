"""Imports run one way: the house as the README draws it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tsplat

ROOT = Path(tsplat.__file__).parent
SIDES = {"cli": ROOT.parent / "cli", "models": ROOT.parent / "models"}
NAMES_PAPER = {"encode_command", "reproduce_command", "fits", "train"}
"""Who may name the paper's rooms: what encodes in its ways, reports on them, trains for them."""
BELOW: dict[str, set[str]] = {
    "errors": set(),
    "home": set(),
    "choices": {"errors"},
    "region": set(),
    "splats": {"errors"},
    "between": {"splats"},
    "motion": {"splats"},
    "config": {"choices", "errors", "splats"},
    "kernels": {"errors", "home"},
    "stream": {"choices", "errors", "motion", "region", "splats"},
    "media": {"errors"},
    "roi": {"errors", "home", "region"},
    "encoding": {
        "between",
        "config",
        "errors",
        "kernels",
        "media",
        "motion",
        "region",
        "splats",
        "stream",
    },
    "decoding": {"between", "errors", "kernels", "media", "region", "splats", "stream"},
}
"""What each room of the product may import besides itself."""
BELOW["files"] = set(BELOW)
BELOW["paper"] = {*BELOW, "bench"}
BELOW["bench"] = {*BELOW} - {"paper"}
ONLY_IMPORTER = {
    "av": {"media", "bench"},
    "PIL": {"media"},
    "cv2": {"encoding", "media", "files", "roi", "bench", "paper"},
    "onnxruntime": {"roi"},
    "skimage": {"encoding", "bench", "paper"},
    "taichi": {"kernels", "bench"},
    "constriction": {"stream", "paper"},
    "click": {"cli"},
}


def imports(path: Path) -> set[str]:
    """Modules that a file names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_arrow_runs_up(path):
    here = room(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert here in ONLY_IMPORTER.get(top, {here}), f"{path} imports {top}"
        used = rest.split(".")[0]
        if top == "tsplat" and used and ((ROOT / used).exists() or (ROOT / f"{used}.py").exists()):
            allowed = BELOW.get(here, {used}) | {here}
            assert used in allowed, f"{path} imports tsplat.{used}"


@pytest.mark.parametrize("side", SIDES)
def test_what_lies_beside_the_house(side):
    for path in SIDES[side].rglob("*.py"):
        for name in imports(path):
            top = name.partition(".")[0]
            if side == "cli":
                assert top not in {"taichi", "av", "cv2", "onnxruntime", "skimage", "numpy"}, path
            else:
                assert top not in {"taichi", "click"}, path
            if name.startswith("tsplat.paper"):
                assert path.stem in NAMES_PAPER, path


def loaded_by(module: str) -> set[str]:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_decoding_loads_no_encoding_part():
    found = loaded_by("tsplat.decoding.decoder, tsplat.files.decoding, tsplat.files.reader")
    bad = {"onnxruntime", "skimage", "cv2", "scipy", "tsplat.encoding", "tsplat.roi"}
    assert not (bad | {"tsplat.kernels.canvas", "tsplat.paper"}) & found


@pytest.mark.parametrize("module", ["decoding.decoder", "encoding.encoder"])
def test_pixels_of_files_and_networks_are_loaded_when_they_are_needed(module):
    bad = {"onnxruntime", "av", "tsplat.media", "tsplat.roi.matting", "tsplat.paper"}
    assert not bad & loaded_by(f"tsplat.{module}")


def test_the_product_stands_without_the_laboratory():
    found = loaded_by("tsplat.files.session, tsplat.files.decoding, tsplat.files.evaluate")
    assert not {name for name in found if name.startswith(("tsplat.bench", "tsplat.paper"))}


@pytest.mark.parametrize("module", ["decoding.decoder", "encoding.encoder", "kernels.canvas"])
def test_importing_says_nothing(module):
    """Standard output may be a pipe of pictures."""
    command = [sys.executable, "-c", f"import tsplat.{module}"]
    result = subprocess.run(command, check=True, capture_output=True)
    assert (result.stdout, result.stderr) == (b"", b"")


def test_public_names_are_there():
    for name in tsplat.__all__:
        assert getattr(tsplat, name) is not None
    assert set(tsplat.__all__) <= set(dir(tsplat))
    with pytest.raises(AttributeError, match="nonsense"):
        tsplat.nonsense  # noqa: B018


def test_every_room_is_installed():
    """What lies in the house and is named nowhere would be missing from a wheel."""
    listed = (ROOT.parent / "pyproject.toml").read_text()
    for package in (*ROOT.rglob("__init__.py"), *(SIDES["cli"].glob("__init__.py"))):
        name = ".".join(package.parent.relative_to(ROOT.parent).parts)
        name = {"cli": "tsplat_cli"}.get(name, name)
        assert f'  "{name}",\n' in listed, name
