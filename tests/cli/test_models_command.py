"""``tsplat models``, and what ``tsplat doctor`` says of matting."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Done, fails, tsplat
from tests.roi.test_models import CONTENT, serving
from tsplat.roi.models import manifest

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch) -> None:
    """An empty cache folder, and no way to the internet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, model in manifest().items():
        if model.source and not model.bundled:
            monkeypatch.setitem(manifest(), name, dataclasses.replace(model, source=NOWHERE))


def models(*words: str) -> Done[bytes]:
    return tsplat("models", *words)


def folder() -> Path:
    return Path(models("path").stdout.decode().strip())


def test_list_shows_every_model_and_its_licence():
    result = json.loads(models("list", "--json").stdout)
    rows = {row["name"]: row for row in result["models"]}
    assert result["folder"] == str(folder())
    assert rows["selfie-general"]["here"]
    assert rows["selfie-general"]["bytes"] == 232699
    assert not rows["modnet"]["here"]
    assert rows["rvm"]["licence"] == "GPL-3.0"
    text = models("list").stdout.decode()
    assert all(name in text for name in rows)


def test_a_listed_file_is_here_once_it_is_placed():
    path = Path(models("path", "pp-humanseg").stdout.decode().strip())
    assert path.parent == folder()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something")
    rows = json.loads(models("list", "--json").stdout)["models"]
    assert [r["name"] for r in rows if r["here"] and not r["bundled"]] == ["pp-humanseg"]


def test_verify_finds_the_shipped_models_right():
    result = json.loads(models("verify", "--json").stdout)
    assert {row["name"]: row["ok"] for row in result["models"]} == {
        "selfie-general": True,
        "selfie-landscape": True,
    }
    assert models("verify", "selfie-general").stdout == b"selfie-general: ok\n"


def test_verify_fails_on_a_wrong_file():
    path = folder() / "sghm.onnx"
    path.parent.mkdir(parents=True)
    Path(models("path", "modnet").stdout.decode().strip()).write_bytes(b"other")
    result = models("verify", "--json")
    assert result.returncode == 1
    rows = {row["name"]: row for row in json.loads(result.stdout)["models"]}
    assert not rows["modnet"]["ok"]
    assert "wrong checksum" in rows["modnet"]["error"]
    assert rows["selfie-general"]["ok"]
    assert result.stderr.decode() == "tsplat: not usable: modnet\n"


def test_verify_fails_on_a_missing_file():
    result = models("verify", "modnet")
    assert result.returncode == 1
    assert b"is missing; `tsplat models fetch modnet` gets it" in result.stdout


def test_fetch_says_why_it_cannot():
    fails(models("fetch", "nonsense"), 1, "no such matting model", "modnet")
    fails(models("fetch", "rvm"), 1, "GPL-3.0", "--accept-licence")
    fails(models("fetch", "sghm"), 1, "export it", "sghm.onnx")
    offline = models("fetch", "modnet")
    fails(offline, 1, "cannot be fetched", "by hand", str(folder()))
    accepted = models("fetch", "rvm", "--accept-licence")
    fails(accepted, 1, "cannot be fetched")


def test_fetch_brings_the_file(monkeypatch):
    with serving() as address:
        served = {
            "source": f"{address}/good",
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
        }
        model = dataclasses.replace(manifest()["modnet"], **served)
        monkeypatch.setitem(manifest(), "modnet", model)
        done = models("fetch", "modnet")
    path = Path(done.stdout.decode().strip())
    assert path.parent == folder()
    assert path.read_bytes() == CONTENT
    assert done.stderr.decode() == f"tsplat: fetch modnet: {len(CONTENT)} bytes\n"


def test_listing_loads_neither_numpy_nor_onnxruntime():
    program = (
        "import sys; from tsplat_cli.main import cli\n"
        "cli.main(['models', 'list'], standalone_mode=False)\n"
        "assert not {'numpy', 'onnxruntime', 'cv2', 'taichi'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def matting() -> dict:
    return json.loads(tsplat("doctor", "--json").stdout)["matting"]


def test_doctor_says_what_matting_runs_on():
    found = matting()
    assert found["provider"] in found["offered"]
    assert "CPU" in found["offered"]


def test_doctor_works_without_onnxruntime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "tsplat.roi.inference", raising=False)
    found = matting()
    assert (found["provider"], found["offered"]) == (None, [])
    assert "onnxruntime" in found["warning"]
