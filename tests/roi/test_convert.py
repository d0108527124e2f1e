"""What the converter makes of the mediapipe wheel is what is shipped."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import skimage.data
from onnx import numpy_helper
from tsplat_models import convert

from tsplat.roi.models import manifest

_VERSION = "mediapipe==0.10.21"
_PLATFORM = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")


@pytest.fixture(scope="module")
def wheel(request) -> Path:
    """The wheel, downloaded once and kept in pytest's cache."""
    folder = Path(request.config.cache.mkdir("mediapipe"))
    found = list(folder.glob("mediapipe-0.10.21-*.whl"))
    if not found:
        pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:")
        done = subprocess.run(
            [*pip, *_PLATFORM, "--dest", str(folder), _VERSION], capture_output=True, check=False
        )
        found = list(folder.glob("mediapipe-0.10.21-*.whl"))
        if done.returncode or not found:
            reason = f"{_VERSION} cannot be had: {done.stderr.decode()[-300:]}"
            if os.environ.get("TSPLAT_REQUIRE_CONVERTER_TEST"):
                pytest.fail(reason)
            pytest.skip(reason)
    return found[0]


@pytest.fixture(scope="module")
def converted(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    words = [sys.executable, "-m", "tsplat_models.convert", str(wheel), str(folder)]
    subprocess.run(words, check=True, capture_output=True)
    return folder


def shipped(file: str) -> Path:
    return next(m.path for m in manifest().values() if m.bundled and m.file == file)


def picture(path: Path) -> np.ndarray:
    """The astronaut as the network's input."""
    height, width = onnxruntime.InferenceSession(path).get_inputs()[0].shape[2:]
    small = cv2.resize(skimage.data.astronaut(), (width, height), interpolation=cv2.INTER_AREA)
    return small.transpose(2, 0, 1)[None].astype(np.float32) / 255


@pytest.mark.parametrize("file", list(convert.SOURCES))
def test_the_weights_are_the_same(converted, file):
    made, kept = (
        [numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer]
        for path in (converted / file, shipped(file))
    )
    assert len(made) == len(kept) > 100
    for a, b in zip(made, kept):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("file", list(convert.SOURCES))
def test_the_mattes_are_the_same(converted, file):
    image = picture(shipped(file))
    made, kept = (
        onnxruntime.InferenceSession(path).run(["alpha"], {"image": image})[0]
        for path in (converted / file, shipped(file))
    )
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_allclose(made, kept, rtol=0, atol=1e-5)


def failing(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tsplat_models.convert", *map(str, words)],
        capture_output=True,
        check=False,
    )
    message = done.stderr.decode().strip()
    assert done.returncode == 1
    assert len(message.splitlines()) == 1, message
    return message


def test_what_is_no_wheel_is_refused(tmp_path):
    path = tmp_path / "text.whl"
    path.write_text("no archive")
    assert "text.whl: not a wheel" in failing(path, tmp_path / "out")
    assert "nothing.whl" in failing(tmp_path / "nothing.whl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_wheels_are_refused(tmp_path):
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mediapipe/__init__.py", "")
    assert "mediapipe 0.10.21 has" in failing(path, tmp_path)
    with zipfile.ZipFile(path, "w") as archive:
        for member, _ in convert.SOURCES.values():
            archive.writestr(member, b"another network")
    assert "is not that of mediapipe 0.10.21" in failing(path, tmp_path)


def test_operators_that_are_not_known_are_refused(wheel):
    member, _ = convert.SOURCES["selfie_general_256.onnx"]
    with zipfile.ZipFile(wheel) as archive:
        network = archive.read(member)
    strange = network.replace(b"Convolution2DTransposeBias", b"Convolution3DTransposeBias")
    with pytest.raises(convert.ConversionError, match="operator Convolution3DTransposeBias"):
        convert.convert(strange)
