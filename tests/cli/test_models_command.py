"""``tsplat models`` and what ``tsplat doctor`` says of matting, as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import TSPLAT, fails
from tests.roi.test_models import CONTENT, serving

PATCHED = """
import dataclasses, hashlib, sys
from tsplat.roi.models import manifest
sys.argv = ["tsplat", *sys.argv[2:]]
known, content = manifest(), open({content!r}, "rb").read()
known["modnet"] = dataclasses.replace(
    known["modnet"], source={source!r}, bytes=len(content),
    sha256=hashlib.sha256(content).hexdigest(),
)
from tsplat_cli.main import main
main()
"""


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """An empty cache folder, and no way to the internet."""
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    return {**os.environ, **proxies, "XDG_CACHE_HOME": str(tmp_path / "cache")}


def models(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [TSPLAT, "models", *words], env=environment, capture_output=True, timeout=60, check=False
    )


def folder(environment: dict[str, str]) -> Path:
    return Path(models(environment, "path").stdout.decode().strip())


def test_list_shows_every_model_and_its_licence(environment):
    result = json.loads(models(environment, "list", "--json").stdout)
    rows = {row["name"]: row for row in result["models"]}
    assert result["folder"] == str(folder(environment))
    assert rows["selfie-general"]["here"]
    assert rows["selfie-general"]["bytes"] == 232699
    assert not rows["modnet"]["here"]
    assert rows["rvm"]["licence"] == "GPL-3.0"
    text = models(environment, "list").stdout.decode()
    assert all(name in text for name in rows)


def test_a_listed_file_is_here_once_it_is_placed(environment):
    path = Path(models(environment, "path", "pp-humanseg").stdout.decode().strip())
    assert path.parent == folder(environment)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something")
    rows = json.loads(models(environment, "list", "--json").stdout)["models"]
    assert [r["name"] for r in rows if r["here"] and not r["bundled"]] == ["pp-humanseg"]


def test_verify_finds_the_shipped_models_right(environment):
    result = json.loads(models(environment, "verify", "--json").stdout)
    assert {row["name"]: row["ok"] for row in result["models"]} == {
        "selfie-general": True,
        "selfie-landscape": True,
    }
    assert models(environment, "verify", "selfie-general").stdout == b"selfie-general: ok\n"


def test_verify_fails_on_a_wrong_file(environment):
    path = folder(environment) / "sghm.onnx"
    path.parent.mkdir(parents=True)
    Path(models(environment, "path", "modnet").stdout.decode().strip()).write_bytes(b"other")
    result = models(environment, "verify", "--json")
    assert result.returncode == 1
    rows = {row["name"]: row for row in json.loads(result.stdout)["models"]}
    assert not rows["modnet"]["ok"]
    assert "wrong checksum" in rows["modnet"]["error"]
    assert rows["selfie-general"]["ok"]
    assert result.stderr.decode() == "tsplat: not usable: modnet\n"


def test_verify_fails_on_a_missing_file(environment):
    result = models(environment, "verify", "modnet")
    assert result.returncode == 1
    assert b"is missing; `tsplat models fetch modnet` gets it" in result.stdout


def test_fetch_says_why_it_cannot(environment):
    fails(models(environment, "fetch", "nonsense"), 1, "no such matting model", "modnet")
    fails(models(environment, "fetch", "rvm"), 1, "GPL-3.0", "--accept-licence")
    fails(models(environment, "fetch", "sghm"), 1, "export it", "sghm.onnx")
    offline = models(environment, "fetch", "modnet")
    fails(offline, 1, "cannot be fetched", "by hand", str(folder(environment)))
    accepted = models(environment, "fetch", "rvm", "--accept-licence")
    fails(accepted, 1, "cannot be fetched")


def test_fetch_brings_the_file(environment, tmp_path):
    content = tmp_path / "content"
    content.write_bytes(CONTENT)
    with serving() as address:
        program = PATCHED.format(content=str(content), source=f"{address}/good")
        words = [sys.executable, "-c", program, "tsplat", "models", "fetch", "modnet"]
        done = subprocess.run(words, env=environment, capture_output=True, check=True)
    path = Path(done.stdout.decode().strip())
    assert path.parent == folder(environment)
    assert path.read_bytes() == CONTENT
    assert done.stderr.decode() == f"tsplat: fetch modnet: {len(CONTENT)} bytes\n"


def test_listing_loads_neither_numpy_nor_onnxruntime():
    program = (
        "import sys; from tsplat_cli.main import cli\n"
        "cli.main(['models', 'list'], standalone_mode=False)\n"
        "assert not {'numpy', 'onnxruntime', 'cv2', 'taichi'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_doctor_says_what_matting_runs_on():
    doctor = subprocess.run([TSPLAT, "doctor", "--json"], capture_output=True, check=True)
    matting = json.loads(doctor.stdout)["matting"]
    assert matting["provider"] in matting["offered"]
    assert "CPU" in matting["offered"]


def test_doctor_works_without_onnxruntime():
    program = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "sys.argv = ['tsplat', 'doctor', '--json']\n"
        "from tsplat_cli.main import main; main()\n"
    )
    doctor = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    matting = json.loads(doctor.stdout)["matting"]
    assert (matting["provider"], matting["offered"]) == (None, [])
    assert "onnxruntime" in matting["warning"]
